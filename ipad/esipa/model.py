"""What passes between IPA and eIM over ESipa (SGP.32 6), as frozen values."""

from dataclasses import dataclass, field
from typing import Literal

from ipad.server_answers import AuthenticateClientOkDp as AuthenticateClientOkDp
from ipad.server_answers import GetBoundProfilePackageOk as GetBoundProfilePackageOk
from ipad.server_answers import InitiateAuthenticationOk as InitiateAuthenticationOk


@dataclass(frozen=True, slots=True)
class Operation:
    """One PSMO or eCO of a package: its name in the standard, and the profile that it names."""

    name: str
    """"enable", "disable", "delete", "listProfileInfo", …, "addEim", …; "unknown" for another's."""
    iccid: str | None = None
    """Digits; None if the operation names no profile."""
    rollback: bool = False
    """rollbackFlag of an enable."""


@dataclass(frozen=True, slots=True)
class EuiccPackage:
    """EuiccPackageRequest (SGP.32 2.11.1.1.3): signed by the eIM for the card, passed on as it is."""

    der: bytes
    eim_id: str
    counter: int
    transaction_id: bytes | None = None
    operations: tuple[Operation, ...] = ()

    @property
    def enables(self) -> str | None:
        """ICCID of the profile that it would enable."""
        return next((o.iccid for o in self.operations if o.name == "enable"), None)

    @property
    def rollback(self) -> bool:
        """An enable with rollbackFlag is in it."""
        return any(o.rollback for o in self.operations)

    @property
    def may_switch(self) -> bool:
        """An enable or disable is in it, or something that this agent does not know."""
        return any(o.name in ("enable", "disable", "unknown") for o in self.operations)

    @property
    def only_asks(self) -> bool:
        """Nothing that the agent knows of the card changes by it."""
        return all(o.name in ("listProfileInfo", "getRAT", "listEim") for o in self.operations)


@dataclass(frozen=True, slots=True)
class DataRequest:
    """IpaEuiccDataRequest (SGP.32 2.11.1.2): the eIM wants data of the eUICC or the IPA."""

    der: bytes
    tags: tuple[int, ...]
    """Tags of the members of IpaEuiccData that are asked for (0x81, 0xBF20, …); none: no such list."""
    transaction_id: bytes | None = None
    ci_pk_id: bytes | None = None
    notification_seq: int | None = None
    notification_event: str | None = None
    """Search criteria for notifications: one number, or "install", "enable", "disable", "delete"."""
    result_seq: int | None = None
    """Search criterion for package results: one number."""


@dataclass(frozen=True, slots=True)
class DownloadTrigger:
    """ProfileDownloadTriggerRequest (SGP.32 2.11.1.3): the eIM has a profile to be downloaded."""

    der: bytes = field(repr=False)
    transaction_id: bytes | None = None
    kind: Literal["activationCode", "defaultSmdp", "smds", "eim"] = "eim"
    """Where from; "eim": no data, the eIM has them (indirect download)."""
    address: str | None = field(default=None, repr=False)
    """The activation code, or the SM-DS's address."""


@dataclass(frozen=True, slots=True)
class NoPackage:
    """eimPackageError noEimPackageAvailable(1): nothing more for this eUICC."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A package that can't be worked on; to be answered with `arms.response_error(...)`."""

    reason: str
    """A sentence for the log."""
    code: Literal["invalidPackageFormat", "unknownPackage", "undefinedError"]
    transaction_id: bytes | None = None
    """eimTransactionId where it could be read."""


EimPackage = EuiccPackage | DataRequest | DownloadTrigger | NoPackage | Malformed


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """eimAcknowledgements (SGP.32 6.3.2.7): the numbers that the eIM has taken, its own choice of them."""

    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EmptyResponse:
    """emptyResponse: the eIM has taken what was sent and acknowledges no numbers."""


@dataclass(frozen=True, slots=True)
class AuthenticateClientOkDs:
    """AuthenticateClientOkDSEsipa (SGP.32 6.3.2.2): what the SM-DS had for this card."""

    transaction_id: bytes
    trigger: DownloadTrigger | None = None
    """Where to download from; None: there was nothing."""


AuthenticateClientOk = AuthenticateClientOkDp | AuthenticateClientOkDs

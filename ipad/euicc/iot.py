"""What an IoT eUICC does for its eIMs, and a consumer eUICC does not (SGP.32 5.9).

The procedures work with `IotFunctions`. An IoT card has them itself (`OnCard`); for a consumer card somebody
stands in. Whatever both kinds of card have (notifications, profiles, downloads) is in `es10b` and `es10c`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ipad import asn1
from ipad.euicc import es10b, es10c
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import EimConfiguration, PackageResult, ProfileInfo
from modem.errors import CardRefused

Kind = Literal["iot", "consumer"]
"""An SGP.32 eUICC, or an SGP.22 one."""

_UNKNOWN_FUNCTION = frozenset({0x6700, 0x6A80, 0x6A81, 0x6A86, 0x6A88, 0x6D00, 0x6E00})
"""Status words of cards that do not know a function; none of them is about the moment."""


def on_card(isdr: Isdr) -> "OnCard | None":
    """An IoT card's own functions; None for a consumer card. The answer to BF55 tells which it is.

    An IoT card answers GetEimConfigurationData with BF55, perhaps empty; a consumer card rejects it, and
    its EUICCInfo2 has no iotSpecificInfo either. Raises what the way to the card raises: what may be
    otherwise in a moment says nothing about the card.
    """
    request = asn1.encode("GetEimConfigurationDataRequest", {})
    try:
        answer = isdr.store_data("GetEimConfigurationData", request)
    except CardRefused as refused:
        if refused.sw not in _UNKNOWN_FUNCTION:
            raise
    else:
        if answer.startswith(b"\xbf\x55"):
            return OnCard(isdr, answer)
    return OnCard(isdr) if es10b.info2(isdr).iot_versions else None


def stands_in(unavailable: Sequence[str]) -> str:
    """What a person has to know of a consumer card in the place of an IoT one."""
    lacks = f"; not available: {', '.join(unavailable)}" if unavailable else ""
    return (
        "consumer (SGP.22): the agent stands in; only an eIM that was given its device key "
        f"(ipad info --device-key) accepts results{lacks}"
    )


class IotFunctions(Protocol):
    """The functions of ES10b that are about eIMs, packages, rollback and fallback; see `es10b` for each.

    They raise what those raise: EuiccRefused with the standard's names, DecodeError, ModemErrors.
    """

    @property
    def kind(self) -> Kind: ...

    @property
    def unavailable(self) -> tuple[str, ...]:
        """What can't be done with this card, as phrases for a person."""
        ...

    def profiles(self) -> tuple[ProfileInfo, ...]:
        """All profiles; the one that a fallback enables has `fallback` set."""
        ...

    def eim_configurations(self) -> tuple[EimConfiguration, ...]: ...

    def add_initial_eim(self, configurations: Sequence[bytes]) -> tuple[int | None, ...]: ...

    def load_euicc_package(self, package: bytes) -> PackageResult: ...

    def package_results(self, seq: int | None = None) -> tuple[PackageResult, ...]: ...

    def remove_result(self, seq: int) -> bool: ...

    def profile_rollback(self) -> PackageResult | None: ...

    def execute_fallback(self) -> None: ...

    def return_from_fallback(self) -> None: ...


@dataclass(slots=True)
class OnCard:
    """An IoT card's own."""

    isdr: Isdr
    told: bytes | None = None
    """The answer to GetEimConfigurationData by which the card was known: it is not asked twice for it."""
    kind: Kind = "iot"
    unavailable: tuple[str, ...] = ()

    def profiles(self) -> tuple[ProfileInfo, ...]:
        return es10c.profiles(self.isdr)

    def eim_configurations(self) -> tuple[EimConfiguration, ...]:
        told, self.told = self.told, None
        return es10b.eim_configurations(self.isdr) if told is None else es10b.told_eims(told)

    def add_initial_eim(self, configurations: Sequence[bytes]) -> tuple[int | None, ...]:
        self.told = None
        return es10b.add_initial_eim(self.isdr, configurations)

    def load_euicc_package(self, package: bytes) -> PackageResult:
        self.told = None  # an eCO may be in it
        return es10b.load_euicc_package(self.isdr, package)

    def package_results(self, seq: int | None = None) -> tuple[PackageResult, ...]:
        return es10b.package_results(self.isdr, seq=seq)

    def remove_result(self, seq: int) -> bool:
        return es10b.remove_notification(self.isdr, seq)

    def profile_rollback(self) -> PackageResult | None:
        return es10b.profile_rollback(self.isdr)

    def execute_fallback(self) -> None:
        es10b.execute_fallback(self.isdr)

    def return_from_fallback(self) -> None:
        es10b.return_from_fallback(self.isdr)

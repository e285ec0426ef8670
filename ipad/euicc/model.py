"""What the eUICC says about itself, as frozen values. Octets that somebody signed are kept as they came."""

from dataclasses import dataclass
from typing import Literal

from ipad.eim import EimConfiguration as EimConfiguration
from ipad.eim import TlsAnchor as TlsAnchor


@dataclass(frozen=True, slots=True)
class ProfileInfo:
    """One profile on the card (ProfileInfo, SGP.32 5.9.13)."""

    iccid: str
    """ICCID as digits, without padding; "" if the card did not tell it."""
    aid: bytes | None
    """AID of the ISD-P."""
    enabled: bool
    profile_class: str | None = None
    """"test", "provisioning" or "operational"."""
    nickname: str | None = None
    provider: str | None = None
    name: str | None = None
    fallback: bool = False
    """fallbackAttribute (9F26): this is the Fallback Profile."""
    fallback_allowed: bool | None = None
    """fallbackAllowed (9F67): it may become the Fallback Profile. None: the card did not tell."""
    ecall: bool | None = None
    """ecallIndication (9F7B): this is the Emergency Profile. None: the card did not tell."""
    policy: tuple[str, ...] = ()
    """Profile policy rules that are set: "ppr1" (no disable), "ppr2" (no delete)."""


@dataclass(frozen=True, slots=True)
class EuiccInfo:
    """EUICCInfo2 (SGP.32 5.9.2), the part that a person or the agent asks for."""

    profile_version: str
    svn: str
    firmware: str
    protection_profile: str
    sas_number: str
    ts102241: str | None = None
    globalplatform: str | None = None
    ipa_mode: str | None = None
    """"ipad" or "ipae"; None: the card did not tell."""
    iot_versions: tuple[str, ...] = ()
    """iotVersion; empty: a consumer card, or one that did not tell."""
    fallback_supported: bool = False
    ecall_supported: bool = False
    free_memory: int | None = None
    """Octets of free non-volatile memory (extCardResource, TS 102 226 8.2.1.7.2)."""
    ci_pk_ids_verification: tuple[bytes, ...] = ()
    ci_pk_ids_signing: tuple[bytes, ...] = ()
    der: bytes = b""
    """EUICCInfo2 (BF22…) as the card gave it."""


@dataclass(frozen=True, slots=True)
class NotificationMetadata:
    """What a notification is about (NotificationMetadata, SGP.22 5.7.9)."""

    seq: int
    event: str
    """"install", "enable", "disable" or "delete"; "+" between them if the card names several."""
    address: str
    """Whom it is for: a server's FQDN; "" in a compact one, which does not say."""
    iccid: str | None = None


@dataclass(frozen=True, slots=True)
class Notification(NotificationMetadata):
    """A notification that waits on the card to be delivered."""

    der: bytes = b""
    """The PendingNotification as the card signed it."""


Value = str | int | bytes | tuple[ProfileInfo, ...] | tuple[str, ...]
"""Outcome of one operation: the standard's name of the code ("ok", …), or what a listing returned."""


@dataclass(frozen=True, slots=True)
class PackageResult:
    """EuiccPackageResult (SGP.32 2.11.2.1): what the card made of an eUICC Package.

    kind: "result": executed (up to the first failing operation), signed, kept by the card under `seq`
    until removed. "error": refused, signed; "unsigned": refused, unknown eIM or signature. The last two
    are not kept by the card.
    """

    kind: Literal["result", "error", "unsigned"]
    eim_id: str
    counter: int | None = None
    transaction_id: bytes | None = None
    seq: int | None = None
    results: tuple[tuple[str, Value], ...] = ()
    """Pairs of the standard's member name ("enableResult", …) and its value."""
    error: str | None = None
    """Name of euiccPackageErrorCode ("replayError", …); "unsigned" errors have no code."""
    association_token: int | None = None
    der: bytes = b""
    """EuiccPackageResult (BF51…) in the standard's form; what was signed in it is as the card signed it."""

    @property
    def switched(self) -> bool:
        """True if this package (or the rollback it tells of) changed which profile is enabled."""
        return any(name in _SWITCHES and value == "ok" for name, value in self.results)

    @property
    def failed(self) -> str | None:
        """The first thing that went wrong, as "deleteResult: disallowedByPolicy"; None if all is well."""
        if self.kind != "result":
            return self.error or "not signed as the card expects it of this eIM: its key or association token"
        for name, value in self.results:
            if isinstance(value, str) and value not in _WELL:
                return f"{name}: {value}"
        return None


_SWITCHES = frozenset({"enableResult", "disableResult", "rollbackResult"})
_WELL = frozenset({"ok", "addOk", "lastEimDeleted"})


@dataclass(frozen=True, slots=True)
class Addresses:
    """EuiccConfiguredAddresses (SGP.22 5.7.3)."""

    default_smdp: str | None
    root_smds: str


@dataclass(frozen=True, slots=True)
class InstallationResult:
    """ProfileInstallationResult (SGP.22 2.5.6): how a download ended, as the card signed it.

    The card keeps it as a notification, under `seq`, until removed.
    """

    transaction_id: bytes
    seq: int
    address: str
    """The SM-DP+'s, whom the notification is for."""
    iccid: str | None = None
    aid: bytes | None = None
    """ISD-P AID of the new profile; None if there is none."""
    error: str | None = None
    """Name of the errorReason ("pprNotAllowed", …); None: the profile is installed."""
    command: str | None = None
    """Name of the bppCommandId where it went wrong ("storeMetadata", …)."""
    der: bytes = b""
    """ProfileInstallationResult (BF37…) as the card signed it."""


@dataclass(frozen=True, slots=True)
class MemoryReset:
    """EuiccMemoryResetResponse (SGP.32 5.9.5): what was reset, each by the standard's name ("ok", …)."""

    profiles: str
    """resetResult: profiles and default SM-DP+ address."""
    eims: str | None = None
    """resetEimResult; None: the card did not tell."""
    immediate_enable: str | None = None
    """resetImmediateEnableConfigResult; None: the card did not tell."""

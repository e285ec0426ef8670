"""What the card keeps in its non-volatile memory, and how: one JSON file, replaced as a whole.

The file is written, synced and renamed before the answer to a command leaves the card. Whoever kills the
process finds either the state before the command or the one after it, never a mixture.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ipad.errors import ConfigError

FILE_NAME = "euicc.json"
FORMAT = 1

TEST_CLASS, PROVISIONING_CLASS, OPERATIONAL_CLASS = 0, 1, 2
"""ProfileClass (SGP.22 4.4)."""

MEMORY = 512 * 1024
"""Octets that an empty card has for profiles: extCardResource (ETSI TS 102 226)."""

INSTALL, ENABLE, DISABLE, DELETE = range(4)
"""Bits of NotificationEvent (SGP.22 4.3)."""


@dataclass
class Notify:
    """One entry of notificationConfigurationInfo: which events are told to which address."""

    events: list[int]
    address: str


@dataclass
class Profile:
    """A profile with its metadata (SGP.22 4.4, SGP.32 2.11.1.1) and what its files show."""

    iccid: str
    imsi: str | None
    aid: str
    """ISD-P AID, hexadecimal."""
    name: str
    provider: str
    nickname: str = ""
    profile_class: int = OPERATIONAL_CLASS
    enabled: bool = False
    owner: str | None = None
    """MCC and MNC of profileOwner, digits."""
    policy_rules: list[int] = field(default_factory=list)
    """Numbers of the PPRs that are set: 1 disabling is not allowed, 2 deletion is not allowed."""
    notify: list[Notify] = field(default_factory=list)
    fallback_attribute: bool = False
    fallback_allowed: bool = False
    ecall: bool = False
    """ecallIndication: this is the Emergency Profile."""
    preloaded: bool = False
    """It came with the card."""
    http_params: str = ""
    """httpParams of its connectivity parameters, hexadecimal; empty: it brings none."""
    size: int = 0
    """Octets that it takes of the card's memory; those that came with the card take none of what is left."""


@dataclass
class Eim:
    """An associated eIM (SGP.32 2.11.1)."""

    eim_id: str
    counter: int
    token: int | None
    members: dict[str, str]
    """The other members of its EimConfigurationData, by tag: whole TLVs as they came, hexadecimal."""


@dataclass
class Notification:
    """A pending notification: what is searched for, and the signed octets."""

    seq: int
    event: int
    iccid: str
    metadata: str
    octets: str


@dataclass
class Result:
    """A pending eUICC package result, and what a rollback needs to sign it anew."""

    seq: int
    eim_id: str
    octets: str


@dataclass
class Rollback:
    """What ProfileRollback would do, and whose package's result it would replace (SGP.32 5.9.16)."""

    iccid: str
    eim_id: str
    counter: int
    transaction: str | None
    token: int | None
    results: str
    """The EuiccResultData of the package, concatenated, hexadecimal."""
    result_seq: int


@dataclass
class OneTimeKey:
    """otPK and otSK that PrepareDownload made and no package has used yet (SGP.22 5.7.5: bppEuiccOtpk)."""

    public: str
    private: str
    """PKCS#8, hexadecimal."""
    smdp_oid: str


@dataclass
class ImmediateEnable:
    """Configuration of immediate profile enabling (SGP.32 5.9.17); all absent: not configured."""

    flag: bool = False
    smdp_oid: str | None = None
    smdp_address: str | None = None


@dataclass
class State:
    """The card's non-volatile memory."""

    eid: str
    profiles: list[Profile]
    eims: list[Eim] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    next_seq: int = 1
    """Shared by notifications and package results."""
    next_token: int = 1
    rollback: Rollback | None = None
    fallback_origin: str | None = None
    """ICCID that ReturnFromFallback goes back to, while the Fallback Profile is enabled by a fallback."""
    emergency_origin: str | None = None
    """ICCID that DisableEmergencyProfile goes back to, while the Emergency Profile is enabled."""
    immediate_enable: ImmediateEnable = field(default_factory=ImmediateEnable)
    eim_reset_supported: bool = True
    immediate_enable_reset_supported: bool = True
    """Whether EuiccMemoryReset can do this on this card."""
    one_time_key: OneTimeKey | None = None
    default_dp_address: str = ""
    root_ds_address: str = "smds.testbed.example"
    kind: str = "iot"
    """"iot" (SGP.32) or "consumer" (SGP.22)."""

    def enabled(self) -> Profile | None:
        """The enabled profile; None if none is."""
        return next((p for p in self.profiles if p.enabled), None)

    def profile(self, iccid: str) -> Profile | None:
        """The profile with this ICCID (digits)."""
        return next((p for p in self.profiles if p.iccid == iccid), None)

    def fallback_profile(self) -> Profile | None:
        """The profile that has the Fallback Attribute."""
        return next((p for p in self.profiles if p.fallback_attribute), None)

    def ecall_active(self) -> bool:
        """Whether the Emergency Profile is enabled: packages and downloads have to wait."""
        enabled = self.enabled()
        return enabled is not None and enabled.ecall

    def eim(self, eim_id: str) -> Eim | None:
        """The associated eIM with this identifier."""
        return next((e for e in self.eims if e.eim_id == eim_id), None)

    def free_memory(self) -> int:
        """Octets that are left for profiles."""
        return max(0, MEMORY - sum(profile.size for profile in self.profiles))

    def take_seq(self) -> int:
        """The next sequence number of notifications and package results."""
        self.next_seq += 1
        return self.next_seq - 1


def exists(directory: Path) -> bool:
    """Whether a card has been made in `directory`."""
    return (directory / FILE_NAME).exists()


def load(directory: Path) -> State:
    """Reads the card's memory; ConfigError if it is not there or not this format."""
    path = directory / FILE_NAME
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw.pop("format") != FORMAT:
            raise ConfigError(f"{path}: another format of card state; make a new card")
        return _from_json(raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{path}: no readable card state: {error!r}") from error


def store(directory: Path, state: State) -> None:
    """Writes the card's memory, durably, whole or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    temporary = directory / f".{FILE_NAME}.new"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, **asdict(state)}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(directory / FILE_NAME)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _from_json(raw: dict[str, Any]) -> State:
    profiles = [
        Profile(**{**profile, "notify": [Notify(**n) for n in profile["notify"]]})
        for profile in raw.pop("profiles")
    ]
    rollback = raw.pop("rollback")
    one_time_key = raw.pop("one_time_key", None)
    return State(
        profiles=profiles,
        eims=[Eim(**eim) for eim in raw.pop("eims")],
        notifications=[Notification(**n) for n in raw.pop("notifications")],
        results=[Result(**r) for r in raw.pop("results")],
        rollback=Rollback(**rollback) if rollback else None,
        immediate_enable=ImmediateEnable(**raw.pop("immediate_enable")),
        one_time_key=OneTimeKey(**one_time_key) if one_time_key else None,
        **raw,
    )

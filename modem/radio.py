"""The cellular side of a modem, as the agent sees it: who it is, how it is, what to do about it."""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Protocol


class Sim(Enum):
    """+CPIN (TS 27.007 8.3), in the words that matter here."""

    READY = "ready"
    NOT_READY = "not ready"
    LOCKED = "locked"
    ABSENT = "absent"


class Registration(IntEnum):
    """<stat> of +CREG, +CGREG, +CEREG, +C5GREG (TS 27.007 7.2, 10.1.20, 10.1.22, 10.1.47)."""

    NOT_REGISTERED = 0
    HOME = 1
    SEARCHING = 2
    DENIED = 3
    UNKNOWN = 4
    ROAMING = 5


@dataclass(frozen=True, slots=True)
class Identity:
    """+CGMI, +CGMM, +CGMR, +CGSN, +WS46."""

    manufacturer: str
    model: str
    revision: str
    imei: str
    technologies: frozenset[str] = frozenset()
    """What it can use, as far as it tells: "GSM", "UTRAN", "E-UTRAN", "NR"."""


@dataclass(frozen=True, slots=True)
class RadioStatus:
    """How the modem is now. What it did not tell is None."""

    sim: Sim
    registration: Registration
    cause: int | None = None
    """Reject cause of a denied registration (TS 24.301 annex A)."""
    plmn: str | None = None
    """MCC and MNC as digits, "00101"."""
    tech: str | None = None
    """"GSM", "UTRAN", "E-UTRAN", "NR" (<AcT> of +COPS)."""
    signal: int | None = None
    """Received signal in dBm."""
    iccid: str | None = None
    """The ICCID the modem itself reads: the profile that it really uses."""
    address: str | None = None
    """The bearer's IP address; None without a bearer."""


@dataclass(frozen=True, slots=True)
class Apn:
    """A context's parameters."""

    name: str = ""
    """The APN; empty: the operator's choice."""
    type: str = "IP"
    """<PDP_type>: "IP", "IPV6", "IPV4V6"."""
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Apn({self.name!r}, {self.type!r})"  # no password in any log


class Remedy(Enum):
    """What can be done to a modem that has lost its network, cheapest first."""

    REATTACH = "re-attach"
    BEARER = "new bearer"
    RADIO_CYCLE = "radio off and on"
    RESET = "modem reset"


class Radio(Protocol):
    """A modem's cellular side. Every method may raise ModemError."""

    def identity(self) -> Identity: ...

    def status(self) -> RadioStatus: ...

    def apply(self, remedy: Remedy) -> None: ...

    def take_profile(self, iccid: str | None) -> bool:
        """Makes the modem use what the card now has enabled; True once it reads `iccid`.

        Waits for the REFRESH first, and resets the modem if none comes. None: no profile is enabled,
        wait only until the card is back. False: the modem never read it; the card still answers, so that
        another profile can be enabled.
        """
        ...

    def bring_apn(self, iccid: str, apn: Apn) -> None:
        """The profile in use brings an APN; the modem attaches with it, unless the user says otherwise."""
        ...

    def fileno(self) -> int:
        """Readable when the modem has said something by itself."""
        ...

    def pump(self) -> bool:
        """Reads what the modem said by itself; True if the status may have changed."""
        ...

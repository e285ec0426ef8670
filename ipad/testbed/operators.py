"""The operators' radio networks: who may register where, and whether traffic passes there. Pure rules."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from modem.radio import Registration

PLMN_NOT_ALLOWED = 11
"""EMM cause of a refused registration (TS 24.301 annex A)."""
E_UTRAN = 7
"""<AcT> of +COPS (TS 27.007 7.3)."""


class OperatorState(Enum):
    """How an operator's network is."""

    ON = "on"
    DARK = "dark"
    """No radio: nobody registers there."""
    SILENT = "silent"
    """Registered as usual, and no packet comes through."""
    REFUSING = "refusing"
    """Registration is denied."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator's network."""

    plmn: str
    """MCC and MNC, five or six digits."""
    name: str
    state: OperatorState = OperatorState.ON
    rssi: int = -71
    """Received signal in dBm while there is radio."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """What a modem with a certain SIM gets from the radio networks."""

    registration: Registration
    plmn: str | None = None
    cause: int | None = None
    tech: int | None = None
    rssi: int | None = None
    address: str | None = None
    """The bearer's IPv4 address: the same one for the same IMSI on the same network."""
    traffic: bool = False
    """Whether packets pass; a modem is not told, it can only find out."""


@dataclass(frozen=True, slots=True)
class Radio:
    """All operators, in the order in which a roaming SIM tries them."""

    operators: Mapping[str, Operator] = field(
        default_factory=lambda: {
            "00101": Operator("00101", "Nord"),
            "00102": Operator("00102", "Sued", rssi=-83),
        }
    )
    last_roamed: str | None = None
    """The PLMN where a roaming SIM was registered last."""

    def switched(self, plmn: str, state: OperatorState) -> "Radio":
        """The same with one operator in another state. KeyError: no such operator."""
        operator = replace(self.operators[plmn], state=state)
        return replace(self, operators={**self.operators, plmn: operator})


def attach(radio: Radio, imsi: str | None) -> Attachment:
    """Where a SIM registers. None: no SIM, or the radio is off.

    The home network is the one whose PLMN the IMSI starts with; a SIM with a home network here does not
    roam. One without roams where the radio works best: where packets pass, the last one used first.
    """
    if imsi is None:
        return Attachment(Registration.NOT_REGISTERED)
    home = next((operator for plmn, operator in radio.operators.items() if imsi.startswith(plmn)), None)
    if home is not None:
        return _at(radio, home, imsi, Registration.HOME)
    offers = [_at(radio, operator, imsi, Registration.ROAMING) for operator in radio.operators.values()]
    offers.sort(key=lambda offer: (_merit(offer), offer.plmn == radio.last_roamed), reverse=True)
    return offers[0] if offers else Attachment(Registration.SEARCHING)


def _merit(offer: Attachment) -> int:
    if offer.traffic:
        return 3
    return {Registration.ROAMING: 2, Registration.DENIED: 1}.get(offer.registration, 0)


def _at(radio: Radio, operator: Operator, imsi: str, registered: Registration) -> Attachment:
    match operator.state:
        case OperatorState.DARK:
            return Attachment(Registration.SEARCHING)
        case OperatorState.REFUSING:
            return Attachment(Registration.DENIED, cause=PLMN_NOT_ALLOWED, rssi=operator.rssi)
        case OperatorState.ON | OperatorState.SILENT:
            return Attachment(
                registered,
                plmn=operator.plmn,
                tech=E_UTRAN,
                rssi=operator.rssi,
                address=_address(list(radio.operators).index(operator.plmn), imsi),
                traffic=operator.state is OperatorState.ON,
            )


def _address(network: int, imsi: str) -> str:
    host = 2 + zlib.crc32(imsi.encode()) % 65_000
    return f"10.{64 + network % 64}.{host >> 8}.{host & 0xFF}"

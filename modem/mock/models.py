"""What is fixed for a model of the mock modem, and how long things take."""

from dataclasses import dataclass, field, fields, replace
from typing import Self

from modem import bcd


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long things take, in seconds."""

    command: float = 0.0
    """A command that is not for the card."""
    apdu: float = 0.004
    """One C-APDU and its R-APDU."""
    refresh: float = 0.3
    """From 91xx until the card is reset."""
    sim: float = 0.6
    """From the card's reset until the SIM is ready."""
    going_down: float = 0.2
    """From +CFUN=1,1 until the modem is gone."""
    boot: float = 2.5
    """From a reset of the modem until it takes commands."""
    registration: float = 1.2
    """From SIM ready until the network has taken the modem."""
    noise: float = 0.002
    """Between two pieces of an answer, where the modem talks in between."""
    chatter: float = 5.0
    """Between two things that it says by itself, where a model talks much."""
    close: float = 10.0
    """AT+CCHC, with the fault slow-close."""
    busy: float = 5.0
    """How long the card is busy, with the fault busy."""
    late: float = 300.0
    """A late answer: longer than the host waits for anything."""
    slow: float = 40.0
    """A slow one: longer than most wait, and still right."""

    def scaled(self, factor: float) -> Self:
        return replace(self, **{f.name: getattr(self, f.name) * factor for f in fields(self)})


@dataclass(frozen=True, slots=True)
class IccidAnswer:
    """How a model tells the ICCID."""

    command: str
    """As it is sent, without AT: "+QCCID", "^ICCID?"."""
    prefix: str
    """What comes before the digits: "+QCCID: ", or nothing."""
    filler: bool = False
    """19 digits are filled up to 20 with an F, as in the file."""
    swapped: bool = False
    """The octets as they are in the file, with their halves swapped."""

    def line(self, iccid: str) -> str:
        digits = iccid.ljust(20, "F") if self.filler or self.swapped else iccid
        if self.swapped:
            digits = "".join(digits[i + 1] + digits[i] for i in range(0, 20, 2))
        return self.prefix + digits


@dataclass(frozen=True, slots=True)
class Model:
    """What is fixed for a model."""

    manufacturer: str
    """+CGMI."""
    name: str
    """+CGMM."""
    revision: str
    """+CGMR."""
    iccid: IccidAnswer
    tac: str = "00101700"
    """The first eight digits of the IMEI."""
    information: tuple[str, ...] = ("{manufacturer}", "{name}", "Revision: {revision}")
    """ATI's lines."""
    prefixed: bool = False
    """+CGMR answers with its own prefix, which TS 27.007 5.4 has not."""
    reenumerates: bool = False
    """On USB: a reset makes the tty vanish and come back under another number."""
    networks: str = "12,22,25,28,29"
    """What AT+WS46=? lists (TS 27.007 5.9)."""
    new_radio: bool = False
    """It has +C5GREG (TS 27.007 10.1.47)."""
    carrier_command: str = ""
    """What selects the carrier configuration: "+QMBNCFG"."""
    starting: tuple[str, ...] = ("RDY", "+CFUN: 1")
    """Said at each start."""
    sim_ready: tuple[str, ...] = ("+CPIN: READY",)
    sim_gone: tuple[str, ...] = ("+CPIN: NOT READY",)
    """Said when the card is reset."""
    chatter: tuple[str, ...] = ()
    """Said at any moment."""
    faults: frozenset[str] = frozenset()
    """Keys of faults.LASTING."""
    latencies: Latencies = field(default_factory=Latencies)

    @property
    def imei(self) -> str:
        """With a right check digit (TS 23.003 6.2.1)."""
        body = self.tac + "000001"
        return body + bcd.luhn_digit(body)

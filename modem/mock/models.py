"""Which modems the mock can be, and what can be wrong with them: tables."""

from dataclasses import dataclass, fields, replace
from typing import Self

from modem import bcd


@dataclass(frozen=True, slots=True)
class Model:
    """What is fixed for a model."""

    manufacturer: str
    name: str
    revision: str
    tac: str
    """The first eight digits of the IMEI."""
    iccid_command: str
    """The vendor's command for the ICCID: "+CCID", "+ICCID", "+QCCID"."""
    reenumerates: bool = False
    """On USB: a reset makes the tty vanish and come back under another number."""
    networks: str = "12,22,25,28,29"
    """What AT+WS46=? lists (TS 27.007 5.9)."""
    faults: frozenset[str] = frozenset()

    @property
    def imei(self) -> str:
        """With a right check digit (TS 23.003 6.2.1)."""
        body = self.tac + "000001"
        return body + bcd.luhn_digit(body)


MODELS = {
    "generic": Model("Testbed", "UART-1", "1.0", "00101700", "+CCID"),
    "generic-usb": Model("Testbed", "USB-1", "1.0", "00101701", "+QCCID", reenumerates=True, networks="28"),
}

FAULTS = {
    "ignore-refresh": "does not act on REFRESH: only a reset makes it take another profile",
    "no-csim": "has no AT+CSIM",
    "no-ccho": "has no AT+CCHO, CGLA, CCHC",
    "no-cchc": "has no AT+CCHC: a channel once opened can't be closed",
    "session-handles": "AT+CCHO returns a handle like 0385A7CF, no channel number",
    "bare-ccho": "AT+CCHO answers without `+CCHO:`",
    "ccho-fails": "AT+CCHO always fails with SIM failure",
    "ccho-cme13": "AT+CCHO says SIM failure where the application is not there",
    "cgla-store-data": "AT+CGLA says ERROR to STORE DATA in mid download",
    "noise": "says things by itself between a command and its result",
}


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long things take, in seconds."""

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

    def scaled(self, factor: float) -> Self:
        return replace(self, **{f.name: getattr(self, f.name) * factor for f in fields(self)})

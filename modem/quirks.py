"""How modems differ from TS 27.007 and from one another: data, not ifs.

A row of `modem.models.ROWS` says by regular expressions on +CGMI, +CGMM and +CGMR which modems it holds for,
what is different there, and where that is known from. All rows that fit are laid over one another in their
order; the user's, from /etc/ipad/modems.d/*.toml, come last.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

Way = Literal["csim", "cgla"]
"""A way to the card: AT+CSIM, or AT+CCHO, CGLA and CCHC."""
Rung = Literal["refresh", "cfun", "sim", "reset"]
"""What makes a modem use what the card has enabled: wait until it acts on the REFRESH; +CFUN=0 and 1; the
SIM's power off and on by `sim_power`; a restart of the modem by `reset`."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """What holds for a model. The defaults are what most do."""

    hex_case: Literal["upper", "lower"] = "upper"
    """Of the APDUs in AT+CSIM and CGLA."""
    ways: tuple[Way, ...] = ("csim", "cgla")
    """The ways to the card, in the order to try."""
    block: int = 255
    """The most octets of data in one C-APDU that are tried, 1 to 255."""
    cchc: bool = True
    """AT+CCHC is there, and may be sent."""
    test_commands: bool = True
    """Test commands (`=?`) are answered."""
    patience: float = 1.0
    """Factor of the deadlines for what makes the modem work, and of the time that it takes to start."""
    init: tuple[str, ...] = ()
    """Sent after each start of the modem; what it refuses is skipped."""
    iccid_commands: tuple[str, ...] = (
        "AT+CCID",
        "AT+ICCID",
        "AT+QCCID",
        "AT+CCID?",
        "AT+ICCID?",
        "AT^ICCID?",
        "AT+CRSM=176,12258,0,0,10",
    )
    """What reads the ICCID, by vendor, in the order to try. TS 27.007 has only READ BINARY of EF ICCID."""
    take: tuple[Rung, ...] = ("refresh", "reset")
    """How the modem is made to use a new profile: one after the other, until it reads its ICCID."""
    reset: tuple[str, ...] = ("AT+CFUN=1,1",)
    """What restarts the modem."""
    sim_power: tuple[str, ...] = ()
    """What takes the SIM's power away and gives it back."""
    carrier: tuple[str, ...] = ()
    """What makes the modem choose its carrier configuration by the new SIM. Sent before a reset, if the modem
    does not register with a new profile."""
    rebooted: re.Pattern[str] = re.compile(r"RDY$|\^SYSSTART|\+SYSSTART|\*ATREADY: *1$")
    """The first thing a modem says after it started. Not ^BOOT: Huawei repeats that one."""
    card_gone: re.Pattern[str] = re.compile(r"\+CPIN:(?! *READY)|\+QUSIM: *0|\^SIMST: *(0|255)\b")
    """Said when the card was reset or taken out: all its logical channels are closed."""


DEFAULT = Quirks()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table. The expressions are searched for, in any case; "" fits all."""

    source: str
    """Where this is known from."""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What differs from the rows before: names of Quirks, and their values."""

    def fits(self, manufacturer: str, model: str, firmware: str) -> bool:
        """Whether this row holds for the modem that says this of itself."""
        wanted = ((self.manufacturer, manufacturer), (self.model, model), (self.firmware, firmware))
        return all(re.search(pattern, said, re.IGNORECASE) for pattern, said in wanted)


def of(manufacturer: str, model: str, firmware: str, further: Iterable[Row] = ()) -> Quirks:
    """What holds for the modem that answers +CGMI, +CGMM and +CGMR so. further: the user's rows."""
    found, _ = explained(manufacturer, model, firmware, further)
    return found


def explained(
    manufacturer: str, model: str, firmware: str, further: Iterable[Row] = ()
) -> tuple[Quirks, tuple[Row, ...]]:
    """The same, and the rows that it comes from."""
    from modem.models import ROWS  # the table is needed once, when the modem is met

    rows = tuple(row for row in (*ROWS, *further) if row.fits(manufacturer, model, firmware))
    changes: dict[str, Any] = {}
    for row in rows:
        changes.update(row.changes)
    return replace(DEFAULT, **changes), rows


NAMES = frozenset(f.name for f in fields(Quirks))
"""What a row may change."""

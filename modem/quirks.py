"""How modems differ from TS 27.007 and from one another: data, not ifs."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quirks:
    """One row: what holds for a model. The defaults are what most do."""

    iccid_commands: tuple[str, ...] = (
        "AT+CCID",
        "AT+ICCID",
        "AT+QCCID",
        "AT+CCID?",
        "AT+ICCID?",
        "AT^ICCID?",
    )
    """What reads the ICCID, by vendor, in the order to try. TS 27.007 has no command for it."""
    rebooted: re.Pattern[str] = re.compile(r"RDY$|\^SYSSTART|\+SYSSTART|\*ATREADY: *1$")
    """The first thing a modem says after it started. Not ^BOOT: Huawei repeats that one."""
    card_gone: re.Pattern[str] = re.compile(r"\+CPIN:(?! *READY)|\+QUSIM: *0|\^SIMST: *(0|255)\b")
    """Said when the card was reset or taken out: all its logical channels are closed."""


DEFAULT = Quirks()

"""What can be wrong with a modem: a table of lasting faults, one of momentary ones, and when these strike."""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

LASTING = {
    "apn-sticks": "keeps the first profile's APN in its attach profile; another operator gives it no bearer",
    "bare-ccho": "AT+CCHO answers without `+CCHO:`",
    "carrier-stuck": "keeps the first operator's carrier configuration, and never registers with another one",
    "cat-busy": "leaves the card's first proactive command without an answer until it is reset",
    "ccho-cme13": "AT+CCHO says SIM failure where the application is not there",
    "ccho-fails": "AT+CCHO always fails with SIM failure",
    "cfun-keeps-card": "AT+CFUN=0 does not take the card's power away",
    "cgla-store-data": "AT+CGLA says ERROR to STORE DATA in mid download",
    "csim-basic-only": "AT+CSIM can't open a logical channel",
    "csim-channel": "AT+CSIM opens a logical channel, and says ERROR to all commands on it",
    "deaf-at-first": "does not hear the first two command lines after a start",
    "fetches-answers": "fetches the answer itself: data and 9000 in place of 61xx",
    "iccid-sticks": "goes on telling the first profile's ICCID, whatever is done",
    "ignore-refresh": "does not act on REFRESH: only a reset makes it take another profile",
    "lower-case": "answers in lower-case hexadecimal",
    "no-ccho": "has no AT+CCHO, CGLA, CCHC",
    "no-cchc": "has no AT+CCHC: a channel once opened can't be closed",
    "no-csim": "has no AT+CSIM",
    "no-tests": "refuses AT+CSIM=?, CCHO=?, CGLA=?, CCHC=? though it has the commands",
    "noise": "says things by itself between a command and its result",
    "old-iccid": "goes on telling the former profile's ICCID until it is reset",
    "other-user": "has another program on the same port, whose answers come in between",
    "quiet": "does not say that it starts, or that the card was reset",
    "session-handles": "AT+CCHO returns a handle like 0385A7CF, no channel number",
    "short-blocks": "says ERROR to an APDU with more than 120 octets of data",
    "silent-tests": "gives no answer at all to AT+CSIM=?, CCHO=?, CGLA=?, CCHC=?",
    "sim-failure": "can't start the SIM of any profile but the first: SIM failure",
    "slow-close": "takes its time for AT+CCHC",
    "stale-channels": "has all channels open that the card has: a program that crashed left them",
    "upper-case": "says ERROR to lower-case hexadecimal",
}
"""How a model is, or what `--fault NAME` makes of it."""

MOMENTARY = {
    "busy": "the card is busy for a while: +CME ERROR: 14",
    "cme": "refuses with a cause, SIM failure if none is given: cme:N",
    "echo": "switches its echo on again",
    "error": "refuses with ERROR",
    "garbage": "octets that mean nothing come before the answer",
    "half-line": "the answer ends in the middle of its first line",
    "late": "the answer comes when nobody waits any more",
    "no-answer": "does it, and does not answer",
    "reboot": "does it, and restarts without an answer",
    "silence": "hears nothing",
    "slow": "takes 40 s",
    "unplug": "is pulled out before it has heard anything, and comes back under another name",
}
"""What happens at one exchange: `--fault NAME[:VALUE][@WHEN]`."""

FAULTS = LASTING | MOMENTARY

WHEN = "N: the Nth command line; COMMAND[#N]: the (Nth) line with this command, like +CSIM; random[:SEED]"
_DRAWN_FROM = 100
_SYNTAX = re.compile(r"([a-z0-9-]+)(?::(\d+))?(?:@(.+))?")
_AT_COMMAND = re.compile(r"(\D[^#]*)(?:#(\d+))?")


class BadFault(ValueError):
    """Not a fault that there is."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and when it strikes."""

    name: str
    value: int | None = None
    """cme: the cause (TS 27.007 9.2)."""
    command: str = ""
    """Only lines with this in them count."""
    number: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of NAME[:VALUE][@WHEN]; without @WHEN a momentary fault strikes at random. BadFault."""
        match = _SYNTAX.fullmatch(text)
        name, value, when = match.groups() if match else ("", None, None)
        if name not in FAULTS:
            raise BadFault(f"no fault {text!r}; there are {', '.join(sorted(FAULTS))}")
        if name in LASTING and when is not None:
            raise BadFault(f"{text}: {name} is there all the time, so it takes no @")
        if value is not None and name != "cme":
            raise BadFault(f"{text}: {name} takes no value")
        command, number = ("", 1) if name in LASTING else _when(text, when or "random")
        return cls(name, None if value is None else int(value), command, number)

    @property
    def lasts(self) -> bool:
        return self.name in LASTING


def _when(text: str, when: str) -> tuple[str, int]:
    if when.isascii() and when.isdigit() and int(when) > 0:
        return "", int(when)
    kind, _, seed = when.partition(":")
    if kind == "random" and (not seed or seed.isdigit()):
        return "", random.Random(seed or None).randint(1, _DRAWN_FROM)
    at_command = _AT_COMMAND.fullmatch(when)
    if at_command is None or at_command[2] == "0":
        raise BadFault(f"{text}: when? {WHEN}")
    return at_command[1].upper(), int(at_command[2] or 1)


class Strikes:
    """The momentary faults that are still to come."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._coming = [[fault, fault.number] for fault in faults if not fault.lasts]

    def due(self, line: str) -> Fault | None:
        """The one that strikes at this command line. Every one that waits for it counts it."""
        struck: Fault | None = None
        for entry in list(self._coming):
            fault, left = entry
            assert isinstance(fault, Fault)
            assert isinstance(left, int)
            if fault.command not in line.upper():
                continue
            if left > 1 or struck is not None:
                entry[1] = max(1, left - 1)
                continue
            struck = fault
            self._coming.remove(entry)
        return struck

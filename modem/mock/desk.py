"""What an AT command of the mock modem works on, and the forms it comes in (TS 27.007 4.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from modem.mock.baseband import Baseband
from modem.mock.cme import INCORRECT_PARAMETERS, NOT_SUPPORTED, CmeError
from modem.mock.models import Model
from modem.mock.settings import Settings


class Kind(Enum):
    """The forms of an extended command (TS 27.007 4.1)."""

    RUN = ""
    READ = "?"
    SET = "="
    TEST = "=?"


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command works on."""

    model: Model
    settings: Settings
    faults: frozenset[str]
    baseband: Baseband
    restart: Callable[[], None]
    """+CFUN=1,1: restarts the modem, a moment after its OK."""


Handler = Callable[[Desk, Kind, str], list[str]]
"""Desk, form, and what follows it; returns the information lines. Raises CmeError, PlainError, NoAnswer."""


class NoAnswer(Exception):
    """A command that is never answered."""


def only(kind: Kind, *kinds: Kind) -> None:
    """CmeError for another form."""
    if kind not in kinds:
        raise CmeError(NOT_SUPPORTED)


def choice(text: str, *allowed: int) -> int:
    """A number out of these; else CmeError."""
    value = int(text) if text.isascii() and text.isdigit() else None
    if value is None or value not in allowed:
        raise CmeError(INCORRECT_PARAMETERS)
    return value

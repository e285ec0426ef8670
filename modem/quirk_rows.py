"""A row for the table of models, from what somebody wrote into a file."""

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from modem.quirks import NAMES, Row, Rung, Way

_MOST_PATIENCE = 20.0
_COMMAND = re.compile(r"AT[ -~]{0,200}", re.IGNORECASE)


def row(table: Mapping[str, Any], source: str) -> Row:
    """The row that `table` describes. source: where it is from, if it does not say. ValueError."""
    given = dict(table)
    patterns = {name: _pattern(name, given.pop(name, "")) for name in ("manufacturer", "model", "firmware")}
    said = given.pop("source", source)
    if not isinstance(said, str):
        raise ValueError(f"source: expected a text, not {said!r}")
    unknown = sorted(given.keys() - NAMES)
    if unknown:
        raise ValueError(f"{unknown[0]}: no such key; known here: {', '.join(sorted(NAMES))}")
    if not any(pattern.pattern for pattern in patterns.values()):
        raise ValueError("a [[model]] needs one of manufacturer, model, firmware")
    changes = {name: _CHECKS[name](name, value) for name, value in given.items()}
    return Row(said, **{name: pattern.pattern for name, pattern in patterns.items()}, changes=changes)


def _pattern(name: str, value: object) -> re.Pattern[str]:
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected a regular expression, not {value!r}")
    try:
        return re.compile(value)
    except (re.error, RecursionError) as error:
        raise ValueError(f"{name}: {value!r} is no regular expression: {error}") from error


def _yes_or_no(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected true or false, not {value!r}")
    return value


def _block(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 255:
        raise ValueError(f"{name}: expected 1 to 255 octets, not {value!r}")
    return value


def _patience(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 1 <= value <= _MOST_PATIENCE:
        raise ValueError(f"{name}: expected a factor of 1 to {_MOST_PATIENCE:g}, not {value!r}")
    return float(value)


def _hex_case(name: str, value: object) -> str:
    if value not in ("upper", "lower"):
        raise ValueError(f'{name}: expected "upper" or "lower", not {value!r}')
    return str(value)


def _commands(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) and _COMMAND.fullmatch(v) for v in value):
        raise ValueError(f'{name}: expected a list of AT commands like "AT+CCID", not {value!r}')
    return tuple(value)


def _some_of(kind: object) -> Callable[[str, object], tuple[str, ...]]:
    known = get_args(kind)

    def check(name: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(v in known for v in value):
            raise ValueError(f"{name}: expected some of {', '.join(known)}, not {value!r}")
        return tuple(value)

    return check


_CHECKS: dict[str, Callable[[str, object], Any]] = {
    "hex_case": _hex_case,
    "ways": _some_of(Way),
    "block": _block,
    "cchc": _yes_or_no,
    "test_commands": _yes_or_no,
    "patience": _patience,
    "init": _commands,
    "iccid_commands": _commands,
    "take": _some_of(Rung),
    "reset": _commands,
    "sim_power": _commands,
    "carrier": _commands,
    "rebooted": _pattern,
    "card_gone": _pattern,
}

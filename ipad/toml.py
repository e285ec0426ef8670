"""TOML from outside: tomllib, with bounds on what a file may cost."""

import tomllib
from typing import Any

MOST_DOTS = 100
"""In one line. tomllib takes memory by the square of a dotted key's length, gigabytes for 40 KB of dots."""


def parse(octets: bytes) -> dict[str, Any]:
    """The table in `octets`. Raises ValueError, with the reason."""
    text = octets.decode()
    for number, line in enumerate(text.splitlines(), 1):
        if line.count(".") > MOST_DOTS:
            raise ValueError(f"line {number} has more than {MOST_DOTS} dots; put long lists on several lines")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None

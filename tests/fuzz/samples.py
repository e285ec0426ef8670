"""Good messages to spoil: the values of an independent ASN.1 compiler."""

import json
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parents[1] / "data" / "sgp32-v1.2.json"


@cache
def _by_type() -> dict[str, tuple[bytes, ...]]:
    found: dict[str, tuple[bytes, ...]] = {}
    for vector in json.loads(_FILE.read_text("utf-8")):
        prefix = "sgp22:" if vector["module"] == "RSPDefinitions" else ""
        found[prefix + vector["type"]] = (
            *found.get(prefix + vector["type"], ()),
            bytes.fromhex(vector["der"]),
        )
    return found


def vectors(type_name: str) -> tuple[bytes, ...]:
    """The values of this type, smallest first."""
    return tuple(sorted(_by_type()[type_name], key=len))

"""`ipad config check` and `ipad config show`: what the configuration is, and which file says so."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ipad import config
from ipad.config import Config, Loaded


def check(file: Path | None) -> dict[str, Any]:
    """Reads all there is. ConfigError says what is wrong."""
    loaded = config.read(file)
    return {"files": [str(read) for read in loaded.files], "set": sorted(loaded.sources)}


def show(file: Path | None) -> dict[str, Any]:
    """Every key's value, and the file that it is from; null for a default."""
    loaded = config.read(file)
    return {
        "files": [str(read) for read in loaded.files],
        "keys": {
            name: {"value": value, "from": str(loaded.sources[name]) if name in loaded.sources else None}
            for name, value in _values(loaded)
        },
    }


def checked(answer: dict[str, Any]) -> list[str]:
    if not answer["files"]:
        return [f"{config.DEFAULT_PATH} is not there: all keys have their defaults"]
    lines = [f"{file}: all well" for file in answer["files"]]
    return [*lines, f"set: {', '.join(answer['set']) or 'nothing, all keys have their defaults'}"]


def shown(answer: dict[str, Any]) -> list[str]:
    """As a file that says the same; what is no default has a comment that says where it is from."""
    lines: list[str] = []
    table = None
    for name, key in answer["keys"].items():
        owner, _, word = name.rpartition(".")
        if owner != table:
            lines += ["", f"[{owner}]"] if lines else [f"[{owner}]"]
            table = owner
        line = f"{word} = {toml_value(key['value'])}"
        lines.append(f"{line:<40} # {key['from']}" if key["from"] else line)
    return lines


def toml_value(value: Any) -> str:
    """As TOML writes it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    # JSON's strings, numbers, booleans and lists are TOML's.
    return json.dumps(value, ensure_ascii=False)


def _values(loaded: Loaded) -> list[tuple[str, Any]]:
    """Every key by its full name; of an eIM with a table of its own, those that differ from [esipa]."""
    values = []
    for table in fields(Config):
        if table.name != "eim":
            settings = asdict(getattr(loaded.config, table.name))
            values += [(f"{table.name}.{key}", _plain(value)) for key, value in settings.items()]
    for eim_id, of_eim in loaded.config.eim.items():
        own = [(f'eim."{eim_id}".{key}', _plain(value)) for key, value in asdict(of_eim).items()]
        values += [(name, value) for name, value in own if name in loaded.sources]
    return values


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

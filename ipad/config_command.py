"""`ipad config check` and `ipad config show`: what the configuration is, and which file says so."""

import json
from collections.abc import Mapping
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
            for name, value in values(loaded)
        },
    }


_SECRET = ("password",)


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


def values(loaded: Loaded) -> list[tuple[str, Any]]:
    """Every key by its full name; of a table that is there for each eIM, say, those that are set."""
    values = []
    for table in fields(Config):
        settings = getattr(loaded.config, table.name)
        if isinstance(settings, Mapping):
            for name, own in settings.items():
                keys = [(f'{table.name}."{name}".{key}', value) for key, value in asdict(own).items()]
                values += [(full, value) for full, value in keys if full in loaded.sources]
        else:
            values += [(f"{table.name}.{key}", value) for key, value in asdict(settings).items()]
    return [(name, _shown(name, value)) for name, value in values]


def _shown(name: str, value: Any) -> Any:
    if name.endswith(_SECRET) and value:
        return "(set, and not shown)"
    return list(value) if isinstance(value, tuple) else value

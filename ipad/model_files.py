"""/etc/ipad/modems.d/*.toml: what a user knows about modems, as rows for modem.quirks.

[[model]]
source = "seen on our gateways"
manufacturer = "acme"            # regular expressions, in any case, on +CGMI, +CGMM, +CGMR
model = "^M4"
block = 120                      # and what is different: the fields of modem.quirks.Quirks
"""

from pathlib import Path

from ipad import toml
from ipad.errors import ConfigError
from modem.quirks import Row

_FILE_LIMIT = 64 * 1024
_MOST_FILES = 100


def load(directory: Path) -> tuple[Row, ...]:
    """The rows of all files, in the order of their names; none if there is no directory. ConfigError."""
    try:
        files = sorted(directory.glob("*.toml")) if directory.is_dir() else []
    except OSError as error:
        raise ConfigError(f"{directory}: {error.strerror}") from error
    if len(files) > _MOST_FILES:
        raise ConfigError(f"{directory}: more than {_MOST_FILES} files")
    return tuple(row for file in files for row in _rows(file))


def _rows(file: Path) -> list[Row]:
    from modem.quirk_rows import row  # only where there is something to check

    try:
        with file.open("rb") as opened:
            octets = opened.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    if len(octets) > _FILE_LIMIT:
        raise ConfigError(f"{file}: more than {_FILE_LIMIT} octets")
    try:
        table = toml.parse(octets)
    except ValueError as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error
    models = table.pop("model", [])
    if table or not isinstance(models, list) or not all(isinstance(model, dict) for model in models):
        raise ConfigError(f"{file}: expected tables [[model]] and nothing else")
    try:
        return [row(model, str(file)) for model in models]
    except ValueError as error:
        raise ConfigError(f"{file}: {error}") from error

"""State as JSON files that are whole at every moment, however the process ends."""

import json
import os
from pathlib import Path
from typing import Any

from ipad.errors import ConfigError

SIZE_LIMIT = 16 * 1024 * 1024


def write_json(path: Path, content: Any) -> None:
    """Replaces the file's content: a reader finds the old or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def read_json(path: Path) -> Any:
    """The file's content, None if there is no file; ConfigError if it is not JSON."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.loads(file.read(SIZE_LIMIT))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from error

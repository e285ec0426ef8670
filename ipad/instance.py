"""One instance on a gateway: its directories, and the lock that says who owns modem and card."""

import fcntl
from pathlib import Path
from typing import IO

from ipad.config import Config
from ipad.errors import IpadError


def lock(runtime_dir: Path) -> IO[str]:
    """One instance only: holds runtime_dir/ipad.lock until closed. IpadError if another has it."""
    path = runtime_dir / "ipad.lock"
    try:
        file = path.open("a+", encoding="ascii")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise IpadError(f"another ipad is running (it holds {path}); `ipad status` asks it") from error
    except OSError as error:
        raise IpadError(f"opening the lock {path}: {error.strerror}") from error
    return file


def make_directories(settings: Config) -> tuple[Path, Path]:
    """state_dir and runtime_dir, made if they are not there."""
    made = []
    for name in (settings.agent.state_dir, settings.agent.runtime_dir):
        path = Path(name)
        try:
            path.mkdir(mode=0o750, parents=True, exist_ok=True)
        except OSError as error:
            raise IpadError(f"making the directory {path}: {error.strerror}") from error
        made.append(path)
    return made[0], made[1]

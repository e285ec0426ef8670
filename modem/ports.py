"""Opening the modem's tty for this process alone, and saying who holds it when that fails."""

import errno
import fcntl
import os
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any

import serial

from modem.errors import ModemError, PortGone

LOCKS = Path("/run/lock")
"""Where programs that use ttys leave word for one another (FHS 3.0 5.9)."""

_WRITE_TIMEOUT = 5.0
_PTY_MAJORS = range(136, 144)  # Unix98 pty slaves, Linux Documentation/admin-guide/devices.txt
_MOST_PROCESSES = 100_000

_ADVICE = {
    errno.EACCES: "no permission: the user must be in the tty's group, usually dialout",
    errno.ENOTTY: "this is no tty",
}
_HELD = (errno.EBUSY, errno.EAGAIN)
_MISSING = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO)
LEAVE_IT = (
    "stop it; ModemManager leaves the port alone with udev/79-ipad-modemmanager.rules in /etc/udev/rules.d, "
    "or with a rule of your own that sets ID_MM_PORT_IGNORE=1"
)


class LockedSerial(serial.Serial):
    """A tty with its lock file, which goes when it is closed."""

    lock: Path | None = None

    def close(self) -> None:
        """Closes the tty; the lock file goes with it."""
        lock, self.lock = self.lock, None
        if lock is not None:
            with suppress(OSError):
                lock.unlink()
        super().close()


def open_port(path: str, baudrate: int = 115200, rtscts: bool = False, locks: Path = LOCKS) -> serial.Serial:
    """Opens the tty at `path`, for this process alone. PortGone if it is not there, else ModemError.

    baudrate and rtscts matter on a UART, and not on USB. locks: the directory of lock files.
    """
    doing = f"opening {path}"
    try:
        # A pty is left unlocked: TIOCEXCL would outlive us there.
        exclusive = not _is_pty(path)
        lock = _lock(path, doing, locks) if exclusive else None
    except OSError as error:
        raise PortGone(doing, "there is no such port", "is the modem plugged in and powered?") from error
    port = LockedSerial()
    port.lock = lock
    try:
        port.port = path
        port.baudrate = baudrate
        port.rtscts = rtscts
        port.timeout = 0
        port.write_timeout = _WRITE_TIMEOUT
        port.exclusive = exclusive or None
        port.open()
        if exclusive:
            _exclude(port)
    except (OSError, termios.error, ValueError) as error:
        port.close()
        number: Any = error.args[0] if error.args else None
        if number in _MISSING:
            raise PortGone(doing, "there is no such port", "is the modem plugged in and powered?") from error
        if number in _HELD:
            raise ModemError(doing, f"{holder(path) or 'somebody else'} holds it", LEAVE_IT) from error
        raise ModemError(doing, str(error), _ADVICE.get(number, "")) from error
    return port


def holder(path: str, proc: Path = Path("/proc")) -> str:
    """Who else has the tty open, as far as this user may see: "ModemManager (512)"; empty: nobody."""
    try:
        wanted = _device(os.stat(path))
    except OSError:
        return ""
    found = []
    for process in sorted(proc.glob("[0-9]*"))[:_MOST_PROCESSES]:
        if process.name != str(os.getpid()) and _has_open(process, wanted):
            found.append(f"{_name(process)} ({process.name})")
    return ", ".join(found)


def lock_file(path: str, locks: Path = LOCKS) -> Path:
    """Where the lock of this tty is, whatever link it is named by."""
    return locks / f"LCK..{Path(path).resolve().name}"


def _device(found: os.stat_result) -> tuple[int, int]:
    """Which tty it is. Each container has ptys of its own, with the same numbers."""
    return found.st_rdev, found.st_dev if os.major(found.st_rdev) in _PTY_MAJORS else 0


def _is_pty(path: str) -> bool:
    return os.major(os.stat(path).st_rdev) in _PTY_MAJORS


def _exclude(port: serial.Serial) -> None:
    """TIOCEXCL: from now on only root can open it too."""
    fcntl.ioctl(port.fileno(), termios.TIOCEXCL)


def _lock(path: str, doing: str, locks: Path) -> Path | None:
    """Takes the lock file; None if this user may not. ModemError if a process that lives has it."""
    file = lock_file(path, locks)
    for _ in range(2):
        try:
            made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            owner = _owner(file)
            if owner is not None:
                name = _name(Path("/proc") / str(owner))
                raise ModemError(doing, f"{name} ({owner}) holds it, says {file}", LEAVE_IT) from None
            with suppress(OSError):
                file.unlink()  # of a process that is no more
        except OSError:
            return None
        else:
            with os.fdopen(made, "w") as opened:
                opened.write(f"{os.getpid():10}\n")
            return file
    return None


def _owner(file: Path) -> int | None:
    """The process that holds the lock; None if it is no more, or is this one."""
    try:
        with file.open("rb") as opened:
            pid = int(opened.read(64).split()[0])
        os.kill(pid, 0)
    except PermissionError:
        return pid
    except (OSError, ValueError, IndexError, OverflowError):
        return None
    return pid if pid > 0 and pid != os.getpid() else None


def _has_open(process: Path, device: tuple[int, int]) -> bool:
    try:
        for fd in (process / "fd").iterdir():
            with suppress(OSError):
                if _device(fd.stat()) == device:
                    return True
    except OSError:
        return False
    return False


def _name(process: Path) -> str:
    try:
        with (process / "comm").open("rb") as opened:
            return opened.read(64).decode("utf-8", "replace").strip()
    except OSError:
        return "a process"

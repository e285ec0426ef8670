"""Opening the modem's tty, and saying who may hold it when that fails."""

import errno
import os
import termios
from typing import Any

import serial

from modem.errors import ModemError, PortGone

_WRITE_TIMEOUT = 5.0
_PTY_MAJORS = range(136, 144)  # Unix98 pty slaves, Linux Documentation/admin-guide/devices.txt

_ADVICE = {
    errno.EACCES: "no permission: the user must be in the tty's group, usually dialout",
    errno.EBUSY: "somebody else holds it, ModemManager perhaps: let a udev rule set ID_MM_DEVICE_IGNORE",
    errno.EAGAIN: "another program has locked it: `fuser -v` on the port says which",
    errno.ENOTTY: "this is no tty",
}
_MISSING = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO)


def open_port(path: str, baudrate: int = 115200, rtscts: bool = False) -> serial.Serial:
    """Opens the tty at `path`, for this process alone. PortGone if it is not there, else ModemError.

    baudrate and rtscts matter on a UART, and not on USB.
    """
    doing = f"opening {path}"
    try:
        # A pty is left unlocked: a lock on it would outlive us there.
        exclusive = None if _is_pty(path) else True
        return serial.Serial(
            path,
            baudrate=baudrate,
            rtscts=rtscts,
            timeout=0,
            write_timeout=_WRITE_TIMEOUT,
            exclusive=exclusive,
        )
    except (OSError, termios.error, ValueError) as error:
        number: Any = error.args[0] if error.args else None
        if number in _MISSING:
            raise PortGone(doing, "there is no such port", "is the modem plugged in and powered?") from error
        raise ModemError(doing, str(error), _ADVICE.get(number, "")) from error


def _is_pty(path: str) -> bool:
    return os.major(os.stat(path).st_rdev) in _PTY_MAJORS

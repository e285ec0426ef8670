"""Finding the modem's AT port, and finding it again when it comes back under another name.

`modem.port` is a path (`/dev/ttyAMA0`, `/dev/serial/by-id/...`), "auto" for the first modem that the table of
models knows, or "usb:VVVV:PPPP" or "usb:VVVV:PPPP:II": USB ids, and the number of the interface.
"""

import re
from collections.abc import Callable
from pathlib import Path

import serial

from modem import ports
from modem.errors import ModemError, PortGone
from modem.sysfs import DEV, SYS, Tty, usb_ttys

WANTED = re.compile(r"auto|/.*|usb:[0-9a-f]{4}:[0-9a-f]{4}(:[0-9a-f]{2})?")
AUTO = "auto"


class Finder:
    """Opens the AT port that `wanted` names.

    Where there are several candidates, the next one is tried after one was rejected. sys, dev: where the
    kernel describes the ttys, and where they are. opener: opens a path.
    """

    def __init__(
        self,
        wanted: str,
        baudrate: int = 115200,
        rtscts: bool = False,
        *,
        sys: Path = SYS,
        dev: Path = DEV,
        opener: Callable[[str, int, bool], serial.Serial] = ports.open_port,
    ) -> None:
        self._wanted = wanted
        self._baudrate = baudrate
        self._rtscts = rtscts
        self._sys = sys
        self._dev = dev
        self._opener = opener
        self._rejected: set[str] = set()
        self._known: Tty | None = None
        """The USB tty that was opened last: where to look when its path is gone."""
        self.path = ""
        """What was opened last."""

    def open(self) -> serial.Serial:
        """Opens the best candidate. PortGone if there is none; else what opening raises."""
        candidates = self.candidates()
        left = [path for path in candidates if path not in self._rejected]
        if not left:
            self._rejected.clear()
            left = candidates
        if not left:
            raise PortGone(
                f"looking for the modem ({self._wanted})",
                "no such modem is plugged in",
                "`ipad doctor` lists the ports; set modem.port",
            )
        for path in left[:-1]:
            try:
                return self._opened(path)
            except ModemError:
                continue
        return self._opened(left[-1])

    def reject(self) -> None:
        """What was opened last is not the modem's AT port, or is another modem's."""
        self._rejected.add(self.path)

    def accept(self) -> None:
        """What was opened last is the right one."""
        self._rejected.clear()
        path = Path(self.path).resolve()
        ttys = usb_ttys(self._sys, self._dev)
        self._known = next((tty for tty in ttys if tty.path.resolve() == path), None)

    def _opened(self, path: str) -> serial.Serial:
        self.path = path
        return self._opener(path, self._baudrate, self._rtscts)

    def candidates(self) -> list[str]:
        """Paths, the best first."""
        if self._wanted.startswith("/"):
            moved = (
                [] if Path(self._wanted).exists() and self._wanted not in self._rejected else self._moved()
            )
            return [self._wanted, *moved]
        if self._known is not None and self._known.path.exists() and self._moved():
            return self._moved()
        return [str(tty.path) for tty in _fitting(self._wanted, usb_ttys(self._sys, self._dev))]

    def _moved(self) -> list[str]:
        """Where the port that was known may be now: the same kind of modem, the same place first."""
        known = self._known
        if known is None:
            return []
        same = [
            tty
            for tty in usb_ttys(self._sys, self._dev)
            if (tty.usb, tty.interface) == (known.usb, known.interface)
        ]
        same.sort(key=lambda tty: (tty.serial != known.serial, tty.place != known.place))
        return [str(tty.path) for tty in same]


def _fitting(wanted: str, ttys: tuple[Tty, ...]) -> list[Tty]:
    from modem.models import AT_INTERFACES

    if wanted == AUTO:
        return [tty for tty in ttys if AT_INTERFACES.get(tty.usb) == tty.interface]
    usb, interface = wanted[4:13], wanted[14:]
    of_this = [tty for tty in ttys if tty.usb == usb]
    if interface:
        return [tty for tty in of_this if tty.interface == int(interface, 16)]
    known = AT_INTERFACES.get(usb)
    return [tty for tty in of_this if tty.interface == known] if known is not None else of_this

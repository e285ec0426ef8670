"""The tty that the mock modem is reached by: a pty, and a link at a path that stays the same."""

import os
import pty
import tty
from contextlib import suppress
from pathlib import Path

_READ = 4096
_UNSENT_LIMIT = 65536


class Port:
    """One pty at a time, and the link to it. Nothing blocks."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self.octets = 0
        """On the line so far, both ways together."""
        self._unsent = bytearray()
        self._master, self._slave = _open()

    def fileno(self) -> int:
        return self._master

    @property
    def has_unsent(self) -> bool:
        """The host reads more slowly than the modem talks."""
        return bool(self._unsent)

    def appear(self) -> None:
        """Puts the link in its place, over what a former run may have left there."""
        new = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        with suppress(FileNotFoundError):
            new.unlink()
        new.symlink_to(os.ttyname(self._slave))
        new.replace(self._link)

    def replug(self) -> None:
        """The host loses the port; the next one has another number, and no link yet."""
        self._link.unlink(missing_ok=True)
        old = (self._master, self._slave)
        # A closed pty's number is given out again at once: first open, then close.
        self._master, self._slave = _open()
        self._unsent.clear()
        for descriptor in old:
            os.close(descriptor)

    def read(self) -> bytes:
        """What the host has sent; empty if nothing."""
        try:
            octets = os.read(self._master, _READ)
        except BlockingIOError:
            return b""
        self.octets += len(octets)
        return octets

    def write(self, octets: bytes) -> None:
        """Sends, or keeps for flush(). Beyond a limit octets are lost, as on a line without flow control."""
        if len(self._unsent) + len(octets) <= _UNSENT_LIMIT:
            self._unsent += octets
            self.octets += len(octets)
        self.flush()

    def flush(self) -> None:
        """Sends what the host takes now."""
        with suppress(BlockingIOError):
            while self._unsent:
                del self._unsent[: os.write(self._master, self._unsent)]

    def close(self) -> None:
        """Takes link and pty away."""
        self._link.unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)


def _open() -> tuple[int, int]:
    # The slave stays open here too, or the master would say EIO whenever no host has it open.
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    return master, slave

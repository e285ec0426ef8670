"""The points at which the agent's process may die, as those see them who are on the other side of them."""

import fcntl
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Boundary = Literal["AT command", "request", "write"]
BOUNDARIES: tuple[Boundary, ...] = ("AT command", "request", "write")
"""A line to the modem; a request to a server, when it is there and before its answer goes out; a write of the
journal, before it is on the disk."""


Who = Literal["agent", "modem"]
"""Who may die."""


@dataclass(frozen=True)
class Points:
    """Counts them over all processes, in files of `directory`. At number `at` of `boundary` it kills, once.

    at: from 1; 0: nowhere. power: not the agent's process alone dies, but the modem with it, whose port is
    `tty`.
    """

    directory: Path
    tty: Path
    boundary: Boundary = "AT command"
    at: int = 0
    power: bool = False

    def live(self, who: Who) -> None:
        """The calling process is that one from now on."""
        (self.directory / who).write_text(str(os.getpid()))

    def pass_(self, boundary: Boundary) -> None:
        """One more."""
        descriptor = os.open(self.directory / boundary, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, b".")
            number = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        if (boundary, number) == (self.boundary, self.at):
            self._kill()

    def _kill(self) -> None:
        (self.directory / "struck").touch()
        if self.power:
            # As udev does: the pty's number is another gateway's soon.
            self.tty.unlink(missing_ok=True)
        victims: tuple[Who, ...] = ("agent", "modem") if self.power else ("agent",)
        pids = [int((self.directory / who).read_text()) for who in victims]
        for pid in sorted(pids, key=lambda pid: pid == os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def counted(self) -> dict[str, int]:
        """How many of each kind there were."""
        files = ((boundary, self.directory / boundary) for boundary in BOUNDARIES)
        return {boundary: file.stat().st_size if file.exists() else 0 for boundary, file in files}

    def struck(self) -> bool:
        return (self.directory / "struck").exists()


def counting(pass_: Callable[[], None], take: Callable[..., object]) -> Callable[..., object]:
    """Faults.take, which a server asks before it hears a request and before it sends the answer."""

    def counted(faults: object, kinds: tuple[str, ...], function: str | None) -> object:
        if "http-500" in kinds or "drop" in kinds:
            pass_()
        return take(faults, kinds, function)

    return counted

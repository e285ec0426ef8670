"""sd_notify: READY, STATUS, STOPPING, and the watchdog, fed only while there is progress.

An APDU that takes four minutes is legitimate, so the waits inside an action feed the watchdog too, as long
as the action is within its own deadline. A loop that hangs feeds nothing.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sdnotify import SystemdNotifier


class Watchdog:
    """Talks to the service manager; silent without one."""

    def __init__(self) -> None:
        self._notifier = SystemdNotifier()
        if self._notifier.socket is not None:
            # A manager that does not read must not hold up the gateway: what it has no room for is lost.
            self._notifier.socket.setblocking(False)
        patience = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
        self.half = patience / 2 or None
        """Seconds that whoever feeds it may sleep at a time; None without a watchdog."""
        self._every = patience / 4
        self._fed = 0.0
        self._until: float | None = None

    def feed(self) -> None:
        """I am alive. Cheap enough to be called in every turn of a wait."""
        now = time.monotonic()
        if self._every <= 0 or now - self._fed < self._every:
            return
        if self._until is not None and now > self._until:
            return
        self._fed = now
        self._notifier.notify("WATCHDOG=1")

    @contextmanager
    def during(self, seconds: float) -> Iterator[None]:
        """Whatever is done inside has this long."""
        self._until = time.monotonic() + seconds
        try:
            yield
        finally:
            self._until = None

    def ready(self) -> None:
        self._notifier.notify("READY=1")

    def reloading(self) -> None:
        self._notifier.notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._notifier.notify("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._notifier.notify(f"STATUS={text}")

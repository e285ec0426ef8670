"""A clock for what does not tell by itself: it wakes the loop again and again, while it is started."""

import threading
from collections.abc import Callable


class Poller:
    """Calls `wake` every `seconds`, in a thread of its own, between start() and stop()."""

    def __init__(self, wake: Callable[[], None], seconds: float) -> None:
        self._wake = wake
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._due = threading.Event()

    def start(self) -> None:
        """Starts it, if it is not."""
        if self._thread is None:
            self._stopped.clear()
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stops it; `wake` is not called any more when this returns."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopped.set()
            thread.join()

    def due(self) -> bool:
        """Whether the time has come since this was last asked."""
        due = self._due.is_set()
        self._due.clear()
        return due

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            self._due.set()
            self._wake()

"""A process forked off this one, which has all modules loaded: it starts in milliseconds.

Whoever forks has no threads. As much of subprocess.Popen as a Gateway asks for.
"""

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

_LOOK = 0.005


class Forked:
    """Runs `main` with standard output and standard error in files; its value is the exit status."""

    def __init__(self, main: Callable[[], int], out: Path, err: Path) -> None:
        self._status: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            _be(main, out, err)

    def poll(self) -> int | None:
        """The exit status, below 0 for a signal; None: it runs."""
        if self._status is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def wait(self, timeout: float = 60.0) -> int:
        """Its exit status; subprocess.TimeoutExpired."""
        end = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            time.sleep(_LOOK)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _be(main: Callable[[], int], out: Path, err: Path) -> None:
    """The child's whole life."""
    status = 1
    try:
        for file, descriptor in ((out, 1), (err, 2)):
            opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(opened, descriptor)
            os.close(opened)
        status = main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    finally:
        # Not further up: there is the life of whoever forked.
        if sys.exception() is not None:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

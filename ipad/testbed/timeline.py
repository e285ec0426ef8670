"""What a person watches: a line for each thing that happens, and a verdict at the end of each chapter."""

import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TextIO

PATIENCE = 90.0
"""Seconds for anything that has to happen; a day's longest wait takes far less."""
_LOOK = 0.03
"""Seconds between two looks."""
_LOG_LINES = 30

_COLOURS = {"agent": 36, "modem": 33, "eIM": 35, "network": 34, "operator": 32}


class Failed(Exception):
    """What was waited for did not happen."""


class Timeline:
    """Prints; may be written to from several threads.

    names: what is printed in place of an ICCID. out: where to, by default standard output.
    """

    def __init__(self, names: Mapping[str, str], out: TextIO = sys.stdout) -> None:
        self._names = names
        self._out = out
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._tty = out.isatty()
        self._checks: list[tuple[str, bool]] = []
        self._given_up = False

    def say(self, who: str, what: str) -> None:
        """One line: when, who, what."""
        for iccid, name in self._names.items():
            what = what.replace(iccid, name)
        colour = _COLOURS.get(who, 0)
        shown = f"\x1b[{colour}m{who:<8}\x1b[0m" if self._tty else f"{who:<8}"
        self._print(f"{time.monotonic() - self._start:7.1f} s  {shown}  {what}")

    def chapter(self, title: str) -> None:
        self._print(f"\n\x1b[1m{title}\x1b[0m" if self._tty else f"\n{title}")

    def check(self, what: str, holds: bool) -> None:
        """A verdict, from the far side's records."""
        self._checks.append((what, holds))
        self._print(f"           {'✔' if holds else '✘ NOT TRUE:'} {what}")

    def wait_for(self, what: str, holds: Callable[[], bool]) -> None:
        """Returns when it holds. Failed if it does not within PATIENCE."""
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise Failed(f"waited {PATIENCE:.0f} s for {what}")
            self.rest()

    def pass_time(self, seconds: float) -> None:
        """Lets the gateway live."""
        self.say("", f"... {seconds:.0f} s go by ...")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.rest()

    def rest(self) -> None:
        """Between two looks."""
        time.sleep(_LOOK)

    def give_up(self, why: str, log: list[str]) -> None:
        """The day ended early."""
        self._given_up = True
        self._print(f"\n✘ {why}\nThe agent's last lines:")
        for line in log[-_LOG_LINES:]:
            self._print(f"    {line}")

    def conclude(self) -> int:
        """The sum of all verdicts; the exit status."""
        wrong = [what for what, holds in self._checks if not holds]
        self._print(f"\n{len(self._checks) - len(wrong)} of {len(self._checks)} checks hold")
        for what in wrong:
            self._print(f"    NOT TRUE: {what}")
        if self._given_up:
            self._print("    and the day was not lived to its end")
        return 1 if wrong or self._given_up else 0

    def _print(self, text: str) -> None:
        with self._lock:
            print(text, flush=True, file=self._out)

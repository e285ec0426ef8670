"""Powered seconds: the time that this gateway has been running, over all its starts.

The monotonic clock begins anew at each boot and the wall clock may stand in 1970, so the journal carries
the count. A restart of the daemon within one boot loses nothing; a power cut loses what passed since the
last save.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from ipad.journal import Journal

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def _boot_id() -> str:
    return _BOOT_ID.read_text("ascii").strip() if _BOOT_ID.exists() else ""


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class PoweredClock:
    """Counts on from what the journal says."""

    base: float
    started: float
    boot_id: str

    def now(self) -> float:
        """Powered seconds."""
        return self.base + _since_boot() - self.started

    def values(self) -> dict[str, str]:
        """What `start` needs, for the journal's memory."""
        return {"powered": repr(self.now()), "since_boot": repr(_since_boot()), "boot_id": self.boot_id}


def start(journal: Journal) -> PoweredClock:
    """The clock, going on from where the journal's memory left it."""
    base, since_boot = _saved(journal, "powered"), _since_boot()
    boot_id = _boot_id()
    if boot_id and journal.recall("boot_id") == boot_id:
        base += max(0.0, since_boot - _saved(journal, "since_boot"))
    return PoweredClock(base, since_boot, boot_id)


def _saved(journal: Journal, key: str) -> float:
    return float(journal.recall(key) or 0.0)

"""What the link was like, over a year: one row an hour and one at each change, for `ipad report`.

A file of its own, apart from the journal: losing it loses a picture and nothing else, so it is not synced.
The group may read it, without the daemon's help.
"""

import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path

from ipad.errors import IpadError

FILE = "samples.db"
ROWS = 20_000
"""The oldest rows beyond these are dropped: more than two hourly years."""
INTERVAL = 3000.0
"""Seconds between two rows where nothing changes; a little less than the hour between two looks."""

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS sample (id INTEGER PRIMARY KEY, clock REAL, powered REAL, phase TEXT,"
    " link TEXT, iccid TEXT, plmn TEXT, signal INTEGER)"
)
log = logging.getLogger("ipad")


@dataclass(frozen=True, slots=True)
class Sample:
    """The gateway at a moment."""

    clock: float
    """Wall clock, seconds since the epoch; it may never have been set."""
    powered: float
    phase: str
    link: str | None
    iccid: str | None
    plmn: str | None
    signal: int | None
    """dBm."""


class Recorder:
    """Writes samples to `path`. A file that cannot be written is said once, and no more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: Sample | None = None
        self._failed = False

    def record(self, sample: Sample) -> None:
        """A row, if something but the signal changed, or the last one is old."""
        last = self._last
        if last is not None and sample.powered - last.powered < INTERVAL and _same(last, sample):
            return
        self._last = sample
        try:
            self._write(sample)
        except sqlite3.Error as error:
            if not self._failed:
                log.warning("writing %s: %s; `ipad report` will have gaps", self._path, error)
            self._failed = True

    def _write(self, sample: Sample) -> None:
        # Opened for each row, one an hour: it costs no memory in between.
        with closing(sqlite3.connect(self._path, timeout=1.0)) as db, db:
            db.execute("PRAGMA synchronous=OFF")
            db.execute(_SCHEMA)
            cursor = db.execute(
                "INSERT INTO sample (clock, powered, phase, link, iccid, plmn, signal)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                astuple(sample),
            )
            db.execute("DELETE FROM sample WHERE id <= ?", ((cursor.lastrowid or 0) - ROWS,))


def _same(one: Sample, other: Sample) -> bool:
    return (one.phase, one.link, one.iccid, one.plmn) == (other.phase, other.link, other.iccid, other.plmn)


def read(path: Path, since: float = 0.0, now: Callable[[], float] = time.time) -> list[Sample]:
    """The rows since then (seconds since the epoch), oldest first; none if there is no file yet. IpadError.

    A row of before the clock was set gets its time from the next one that has one.
    """
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as db:
            rows = db.execute(
                "SELECT clock, powered, phase, link, iccid, plmn, signal FROM sample ORDER BY id"
            ).fetchall()
    except sqlite3.Error as error:
        raise IpadError(f"reading {path}: {error}") from error
    samples = [Sample(*row) for row in rows]
    return [sample for sample in _dated(samples, now()) if sample.clock >= since]


_CLOCK_SET = 1_700_000_000
"""A wall clock before this (2023) was never set."""


def _dated(samples: list[Sample], now: float) -> list[Sample]:
    dated = []
    clock, powered = now, samples[-1].powered if samples else 0.0
    for sample in reversed(samples):
        if sample.clock < _CLOCK_SET:
            told = (sample.phase, sample.link, sample.iccid, sample.plmn, sample.signal)
            dated.append(Sample(clock - (powered - sample.powered), sample.powered, *told))
        else:
            dated.append(sample)
        clock, powered = dated[-1].clock, sample.powered
    return dated[::-1]

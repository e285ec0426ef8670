"""What must survive a power cut: the step being done, what is owed, what deciding remembers, the history.

The card is the truth; here is only what the card does not keep. One sqlite3 file, each change synced to
disk before the call returns.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ipad.errors import IpadError

HISTORY_ROWS = 2000
"""The oldest rows beyond these are dropped."""

StepKind = Literal["package", "rollback", "fallback", "return"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS step (
    id INTEGER PRIMARY KEY CHECK (id = 1), kind TEXT NOT NULL, eim_id TEXT, octets BLOB,
    before TEXT, target TEXT);
CREATE TABLE IF NOT EXISTS owed (
    id INTEGER PRIMARY KEY, eim_id TEXT NOT NULL, arm BLOB NOT NULL, UNIQUE (eim_id, arm));
CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY, powered REAL NOT NULL, clock REAL NOT NULL,
    what TEXT NOT NULL, text TEXT NOT NULL);
"""

_OWE = "INSERT OR IGNORE INTO owed (eim_id, arm) VALUES (?, ?)"
_KEEP = "INSERT INTO memory (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


@dataclass(frozen=True, slots=True)
class Step:
    """What is being done to the card, written down before it is done."""

    kind: StepKind
    before: str | None
    """ICCID of the profile that was enabled before."""
    target: str | None = None
    """ICCID of the profile that should be enabled after; None: not known, or none."""
    eim_id: str | None = None
    octets: bytes | None = None
    """The package (BF51…) as the eIM signed it."""


@dataclass(frozen=True, slots=True)
class Owed:
    """Something for an eIM that the card does not keep: an arm of EimPackageResult, encoded."""

    id: int
    eim_id: str
    arm: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the history."""

    powered: float
    clock: float
    """Wall clock, seconds since the epoch; before the build of this package: it was not set."""
    what: str
    text: str


class Journal:
    """The journal in `path`. Everything here raises IpadError if the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._named("opening"):
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    def begin(self, step: Step) -> None:
        """Writes down what is about to be done. One step at a time: a former one must be finished."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO step (id, kind, eim_id, octets, before, target) VALUES (1, ?, ?, ?, ?, ?)",
                (step.kind, step.eim_id, step.octets, step.before, step.target),
            )

    def step(self) -> Step | None:
        """The step that was begun and not finished."""
        rows = self._rows("SELECT kind, before, target, eim_id, octets FROM step")
        return Step(*rows[0]) if rows else None

    def finish(self, owe: tuple[str, bytes] | None = None) -> None:
        """The step is done; what it leaves owed to an eIM is written down in the same transaction."""
        with self._transaction() as db:
            if owe is not None:
                db.execute(_OWE, owe)
            db.execute("DELETE FROM step")

    def owe(self, eim_id: str, arm: bytes) -> None:
        """Something to be delivered to this eIM."""
        with self._transaction() as db:
            db.execute(_OWE, (eim_id, arm))

    def owed(self, eim_id: str) -> list[Owed]:
        """What this eIM has not taken yet, oldest first."""
        sql = "SELECT id, eim_id, arm FROM owed WHERE eim_id = ? ORDER BY id"
        return [Owed(*row) for row in self._rows(sql, eim_id)]

    def paid(self, owed_id: int) -> None:
        """The eIM has taken it."""
        with self._transaction() as db:
            db.execute("DELETE FROM owed WHERE id = ?", (owed_id,))

    def remember(self, **values: str) -> None:
        """Keeps these values under their keys, all or none."""
        with self._transaction() as db:
            db.executemany(_KEEP, values.items())

    def conclude(self, **values: str) -> None:
        """Remembers, and finishes the step, both or none: what the step led to is in the values."""
        with self._transaction() as db:
            db.executemany(_KEEP, values.items())
            db.execute("DELETE FROM step")

    def recall(self, key: str) -> str | None:
        """The value kept under this key."""
        rows = self._rows("SELECT value FROM memory WHERE key = ?", key)
        return str(rows[0][0]) if rows else None

    def note(self, powered: float, what: str, text: str) -> None:
        """A line for the history."""
        with self._transaction() as db:
            cursor = db.execute(
                "INSERT INTO history (powered, clock, what, text) VALUES (?, ?, ?, ?)",
                (powered, time.time(), what, text),
            )
            last = cursor.lastrowid or 0
            db.execute("DELETE FROM history WHERE id <= ?", (last - HISTORY_ROWS,))

    def history(self, limit: int = HISTORY_ROWS) -> list[Entry]:
        """The last `limit` lines, oldest first."""
        sql = "SELECT powered, clock, what, text FROM history ORDER BY id DESC LIMIT ?"
        return [Entry(*row) for row in reversed(self._rows(sql, limit))]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is done inside, or nothing."""
        with self._named("writing"), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._named("reading"):
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _named(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise IpadError(
                f"{doing} the journal {self.path}: {error} (is the disk full or read-only? a damaged file "
                "can be moved away: the card keeps what matters)"
            ) from error

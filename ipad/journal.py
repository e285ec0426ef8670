"""What must survive a power cut: the step being done, what is owed, what deciding remembers, the history.

The card is the truth; here is only what the card does not keep. One sqlite3 file, each change synced to
disk before the call returns.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ipad.errors import IpadError

HISTORY_ROWS = 2000
"""The oldest rows beyond these are dropped."""
OWED_ROWS = 50
"""What one eIM can be owed; the oldest beyond these is dropped."""
WANTED_ROWS = 10
"""Downloads that one eIM can have ordered; more have to wait until one of them has its result."""
REFUSED_ROWS = 500
"""Things that somebody refused to take; the oldest beyond these are offered again at once."""

SERVER = "server:"
"""In front of an address: whose refusals those of an SM-DP+ are kept under, as if it were an eIM."""

BINDING = "binding:"
"""In front of an eIM's name: the key in the memory for what is remembered of how it wants to be talked to."""

_CARD = "card"
"""The key in the memory for the EID of the card that the rest is about."""

StepKind = Literal["package", "rollback", "fallback", "return", "emergency", "download", "immediate enable"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS step (
    id INTEGER PRIMARY KEY CHECK (id = 1), kind TEXT NOT NULL, eim_id TEXT, octets BLOB,
    before TEXT, target TEXT);
CREATE TABLE IF NOT EXISTS owed (
    id INTEGER PRIMARY KEY, eim_id TEXT NOT NULL, arm BLOB NOT NULL, UNIQUE (eim_id, arm));
CREATE TABLE IF NOT EXISTS refused (
    id INTEGER PRIMARY KEY, eim_id TEXT NOT NULL, what TEXT NOT NULL, times INTEGER NOT NULL,
    due REAL NOT NULL, UNIQUE (eim_id, what));
CREATE TABLE IF NOT EXISTS wanted (
    id INTEGER PRIMARY KEY, eim_id TEXT NOT NULL, trigger BLOB NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    UNIQUE (eim_id, trigger));
CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY, powered REAL NOT NULL, clock REAL NOT NULL,
    what TEXT NOT NULL, text TEXT NOT NULL);
"""

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
    """The eIM that handed the package out; None: somebody at the gateway did."""
    octets: bytes | None = None
    """The package (BF51…) as the eIM signed it; the transactionId of a download."""


@dataclass(frozen=True, slots=True)
class Owed:
    """Something for an eIM that the card does not keep: an arm of EimPackageResult, encoded."""

    id: int
    eim_id: str
    arm: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """A download that an eIM has ordered, until its result is owed."""

    id: int
    eim_id: str
    trigger: bytes = field(repr=False)
    """ProfileDownloadTriggerRequest (BF54…); an activation code may be in it."""
    tries: int = 0
    """How often it was begun."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often an eIM did not take something, and when it is offered again."""

    times: int = 0
    due: float = 0.0
    """Powered seconds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the history."""

    powered: float
    clock: float
    """Wall clock, seconds since the epoch; before the build of this package: it was not set."""
    what: str
    text: str


class Damaged(IpadError):
    """The journal's file is there, and is no journal."""


class Journal:
    """The journal in `path`. All but `note` raises IpadError if the file cannot be used.

    writable: False for one that cannot be written now. It has what can be read, and tries anew to be written
    whenever something is to be.
    """

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        self.path = path
        self._writable = writable
        self._of_another_card = False
        """What is owed and wanted is, and could not be dropped yet."""
        with self._named("opening"):
            self._db = _open(path) if writable else _read_only(path)

    def close(self) -> None:
        self._db.close()

    def check(self) -> None:
        """Reads all of it. Damaged; other IpadErrors."""
        with self._named("checking"):
            (found,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(found)

    def begin(self, step: Step) -> None:
        """Writes down what is about to be done. One step at a time: a former one must be finished."""
        with self._transaction() as db:
            _begin(db, step)

    def step(self) -> Step | None:
        """The step that was begun and not finished."""
        rows = self._rows("SELECT kind, before, target, eim_id, octets FROM step")
        return Step(*rows[0]) if rows else None

    def finish(self, owe: tuple[str, bytes] | None = None) -> int:
        """The step is done; what it leaves owed to an eIM is written down in the same transaction.

        Returns as `owe`.
        """
        with self._transaction() as db:
            dropped = _owe(db, *owe) if owe is not None else 0
            db.execute("DELETE FROM step")
        return dropped

    def want(self, eim_id: str, trigger: bytes) -> bool:
        """An eIM orders a download. False: it has ordered WANTED_ROWS others that are not done yet."""
        with self._transaction() as db:
            sql = "SELECT count(*) FROM wanted WHERE eim_id = ? AND trigger != ?"
            if db.execute(sql, (eim_id, trigger)).fetchone()[0] >= WANTED_ROWS:
                return False
            db.execute("INSERT OR IGNORE INTO wanted (eim_id, trigger) VALUES (?, ?)", (eim_id, trigger))
        return True

    def wanted(self) -> Wanted | None:
        """The oldest download that was ordered and has no result."""
        if self._of_another_card:
            return None
        rows = self._rows("SELECT id, eim_id, trigger, tries FROM wanted ORDER BY id LIMIT 1")
        return Wanted(*rows[0]) if rows else None

    def tried(self, wanted_id: int) -> None:
        """This download is begun once more."""
        with self._transaction() as db:
            db.execute("UPDATE wanted SET tries = tries + 1 WHERE id = ?", (wanted_id,))

    def downloaded(
        self, wanted_id: int | None, owe: tuple[str, bytes] | None, then: Step | None = None
    ) -> int:
        """A download has come to its end: neither it nor its step is there any more, all in one transaction.

        owe: its result, for an eIM. then: what is done next. Returns as `owe`.
        """
        with self._transaction() as db:
            dropped = _owe(db, *owe) if owe is not None else 0
            db.execute("DELETE FROM wanted WHERE id = ?", (wanted_id,))
            db.execute("DELETE FROM step")
            if then is not None:
                _begin(db, then)
        return dropped

    def owe(self, eim_id: str, arm: bytes) -> int:
        """Something to be delivered to this eIM. Returns how much of it was dropped beyond OWED_ROWS."""
        with self._transaction() as db:
            return _owe(db, eim_id, arm)

    def owed(self, eim_id: str) -> list[Owed]:
        """What this eIM has not taken yet, oldest first."""
        if self._of_another_card:
            return []
        sql = "SELECT id, eim_id, arm FROM owed WHERE eim_id = ? ORDER BY id"
        return [Owed(*row) for row in self._rows(sql, eim_id)]

    def paid(self, owed_id: int) -> None:
        """The eIM has taken it."""
        with self._transaction() as db:
            db.execute("DELETE FROM owed WHERE id = ?", (owed_id,))

    def refusals(self, eim_id: str) -> dict[str, Refusals]:
        """What this eIM did not take when it was last offered, by the name that `refuse` was given."""
        rows = self._rows("SELECT what, times, due FROM refused WHERE eim_id = ?", eim_id)
        return {what: Refusals(times, due) for what, times, due in rows}

    def refuse(self, eim_id: str, what: str, refusals: Refusals) -> None:
        """This eIM did not take `what`, now for the `times`th time."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO refused (eim_id, what, times, due) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (eim_id, what) DO UPDATE SET times = excluded.times, due = excluded.due",
                (eim_id, what, refusals.times, refusals.due),
            )
            db.execute(
                "DELETE FROM refused WHERE id <= (SELECT id FROM refused ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (REFUSED_ROWS,),
            )

    def forgive(self, eim_id: str, names: Iterable[str]) -> None:
        """These are not there any more, or were taken."""
        with self._transaction() as db:
            db.executemany(
                "DELETE FROM refused WHERE eim_id = ? AND what = ?", [(eim_id, what) for what in names]
            )

    def refusing_servers(self) -> list[str]:
        """Addresses of the SM-DP+s that did not take something."""
        sql = "SELECT DISTINCT substr(eim_id, ?) FROM refused WHERE eim_id LIKE ?"
        return [str(row[0]) for row in self._rows(sql, len(SERVER) + 1, SERVER + "%")]

    def known_eims(self) -> set[str]:
        """eIMs that are owed or want something, refused something, or of whom something is remembered."""
        sql = (
            "SELECT eim_id FROM owed UNION SELECT eim_id FROM refused UNION SELECT eim_id FROM wanted"
            " UNION SELECT substr(key, ?1) FROM memory WHERE key LIKE ?2"
        )
        found = {str(row[0]) for row in self._rows(sql, len(BINDING) + 1, BINDING + "%")}
        return {name for name in found if not name.startswith(SERVER)}

    def drop(self, eim_id: str) -> int:
        """This eIM is gone: nothing is owed to it any more. Returns how much was."""
        with self._transaction() as db:
            db.execute("DELETE FROM memory WHERE key = ?", (BINDING + eim_id,))
            db.execute("DELETE FROM refused WHERE eim_id = ?", (eim_id,))
            db.execute("DELETE FROM wanted WHERE eim_id = ?", (eim_id,))
            return db.execute("DELETE FROM owed WHERE eim_id = ?", (eim_id,)).rowcount

    def meet(self, eid: bytes) -> int:
        """This card is in the gateway. In the name of another one before it nothing is owed any more.

        Returns how much was.
        """
        before = self.recall(_CARD)
        self._of_another_card = before not in (None, eid.hex())
        if before == eid.hex():
            return 0
        with self._transaction() as db:
            db.execute(_KEEP, (_CARD, eid.hex()))
            if before is None:
                return 0
            db.execute("DELETE FROM refused")
            db.execute("DELETE FROM wanted")
            dropped = db.execute("DELETE FROM owed").rowcount
        self._of_another_card = False
        return dropped

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
        """A line for the history. It is lost if the file cannot be written: what it tells of matters more."""
        with suppress(IpadError), self._transaction() as db:
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
        with self._named("writing"):
            if not self._writable:
                self._db, former = _open(self.path), self._db
                former.close()
                self._writable = True
            with self._db:
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
            # Neither the disk's doing nor ours, which are subclasses of it.
            kind = Damaged if type(error) is sqlite3.DatabaseError else IpadError
            raise kind(
                f"{doing} the journal {self.path}: {error} (is the disk full or read-only? a damaged file is "
                "set aside when the daemon starts: the card keeps what matters; a gateway with a consumer "
                "card has to be provisioned anew)"
            ) from error


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.executescript(_SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _read_only(path: Path) -> sqlite3.Connection:
    """What can be read of it without a write; nothing, if nothing can."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    wal = path.with_name(path.name + "-wal")
    try:
        # Without leave to write, sqlite needs the file beside a WAL, or to know that there is no WAL.
        lone = not wal.exists() or wal.stat().st_size == 0
        uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if lone else ''}"
        with closing(sqlite3.connect(uri, uri=True)) as there:
            there.backup(copy)
    except (sqlite3.Error, OSError):
        copy.close()
        copy = sqlite3.connect(":memory:", isolation_level=None)
    copy.executescript(_SCHEMA)
    return copy


def _begin(db: sqlite3.Connection, step: Step) -> None:
    db.execute(
        "INSERT INTO step (id, kind, eim_id, octets, before, target) VALUES (1, ?, ?, ?, ?, ?)",
        (step.kind, step.eim_id, step.octets, step.before, step.target),
    )


def _owe(db: sqlite3.Connection, eim_id: str, arm: bytes) -> int:
    db.execute("INSERT OR IGNORE INTO owed (eim_id, arm) VALUES (?, ?)", (eim_id, arm))
    return db.execute(
        "DELETE FROM owed WHERE eim_id = ?1 AND id <="
        " (SELECT id FROM owed WHERE eim_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        (eim_id, OWED_ROWS),
    ).rowcount

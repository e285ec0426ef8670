"""What the eIM keeps: eUICCs, packages, results, notifications, and every exchange, in sqlite3.

Written before the answer goes out, in one transaction an exchange, so that a killed eIM knows after its
start what it had answered. Only the columns have meaning here; what is done with them stands elsewhere.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from ipad.errors import ConfigError

MAX_COUNTER = 0x7FFFFF
"""The highest counterValue (SGP.32 2.11.1.1)."""

QUEUED, SENT, DONE, FAILED, ROLLED_BACK, CANCELLED = (
    "queued", "sent", "done", "failed", "rolled back", "cancelled",
)  # fmt: skip
"""States of a package."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS euiccs(
    eid TEXT PRIMARY KEY, eum BLOB NOT NULL, euicc BLOB NOT NULL, token INTEGER,
    counter INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS device_keys(eid TEXT PRIMARY KEY, key BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS remembered(
    eid TEXT NOT NULL, what TEXT NOT NULL, octets BLOB NOT NULL, PRIMARY KEY(eid, what));
CREATE TABLE IF NOT EXISTS packages(
    id INTEGER PRIMARY KEY, eid TEXT NOT NULL, kind TEXT NOT NULL, request TEXT NOT NULL,
    state TEXT NOT NULL, trans TEXT NOT NULL, counter INTEGER, forged TEXT, unsigned BLOB NOT NULL,
    answer BLOB NOT NULL, sent INTEGER NOT NULL DEFAULT 0, outcome TEXT, queued_at REAL NOT NULL,
    sent_at REAL, ended_at REAL);
CREATE INDEX IF NOT EXISTS package_queue ON packages(eid, state, id);
CREATE TABLE IF NOT EXISTS sessions(
    trans TEXT PRIMARY KEY, eid TEXT, package INTEGER, parts TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS results(
    id INTEGER PRIMARY KEY, eid TEXT, package INTEGER, kind TEXT NOT NULL, counter INTEGER, trans TEXT,
    seq INTEGER, accepted INTEGER NOT NULL, reason TEXT, content TEXT NOT NULL, octets BLOB NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 1, received_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS result_key ON results(eid, kind, counter, trans, seq);
CREATE TABLE IF NOT EXISTS log(
    id INTEGER PRIMARY KEY, time REAL NOT NULL, function TEXT NOT NULL, eid TEXT, summary TEXT NOT NULL,
    port INTEGER NOT NULL, status INTEGER, request BLOB NOT NULL, response BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Euicc:
    """A registered eUICC."""

    eid: str
    eum: bytes
    euicc: bytes
    """Certificates, DER; empty: not known."""
    token: int | None
    counter: int
    """The last counterValue signed for it."""
    device_key: bytes | None
    """SubjectPublicKeyInfo of the agent's that signs package results in the card's place."""


@dataclass(frozen=True, slots=True)
class Package:
    """Anything that is handed out by GetEimPackage."""

    id: int
    eid: str
    kind: str
    request: Mapping[str, Any]
    """As it was ordered."""
    state: str
    transaction: bytes
    counter: int | None
    """None: not signed yet, or not to be signed."""
    forged: str | None
    unsigned: bytes
    """EuiccPackage of those to be signed."""
    answer: bytes
    """GetEimPackageResponse; empty until signed."""
    sent: int
    """How often it was handed out."""


@dataclass(frozen=True, slots=True)
class Session:
    """A download that goes through the eIM."""

    transaction: bytes
    """The SM-DP+'s transactionId."""
    eid: str | None
    """None: not known before the client is authenticated."""
    package: int | None
    """The trigger; None: the IPA began by itself."""
    parts: Mapping[str, bytes]
    """What was said in it, by names of whoever keeps it."""


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that came back: a package result, an error, a response, a notification."""

    eid: str | None
    package: int | None
    kind: str
    counter: int | None
    transaction: bytes | None
    seq: int | None
    content: Any
    """For people, JSON."""
    octets: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request over ESipa and what was answered."""

    function: str
    eid: str | None
    summary: Mapping[str, Any]
    port: int
    """The client's TCP port: two exchanges with the same one shared a connection."""
    status: int | None
    """HTTP's; None if no answer went out."""
    request: bytes
    response: bytes


class Records:
    """The database. Safe for threads: whoever reads and then writes does so inside `transaction`."""

    def __init__(self, directory: Path) -> None:
        """ConfigError: the file there is not one of these."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "eim.sqlite3"
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise ConfigError(f"{path}: {error}") from error

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """All of what is written inside, or nothing; may be nested."""
        with self._lock:
            if self._db.in_transaction:
                yield self
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _write(self, sql: str, *values: Any) -> int:
        with self.transaction():
            return self._db.execute(sql, values).lastrowid or 0

    # eUICCs

    def register(self, eid: str, eum: bytes, euicc: bytes, token: int | None) -> None:
        """A new eUICC, or new certificates and token of a known one; the counter stays."""
        self._write(
            "INSERT INTO euiccs(eid, eum, euicc, token) VALUES (?, ?, ?, ?) ON CONFLICT(eid) DO UPDATE SET"
            " eum = excluded.eum, euicc = excluded.euicc, token = excluded.token",
            eid, eum, euicc, token,
        )  # fmt: skip

    def set_device_key(self, eid: str, key: bytes) -> None:
        self._write("INSERT OR REPLACE INTO device_keys(eid, key) VALUES (?, ?)", eid, key)

    def euiccs(self, eid: str | None = None) -> list[Euicc]:
        """All, or the one with this EID."""
        sql = "SELECT * FROM euiccs LEFT JOIN device_keys USING (eid) WHERE ? IS NULL OR eid = ? ORDER BY eid"
        return [
            Euicc(row["eid"], row["eum"], row["euicc"], row["token"], row["counter"], row["key"])
            for row in self._rows(sql, eid, eid)
        ]

    def euicc(self, eid: str) -> Euicc | None:
        return next(iter(self.euiccs(eid)), None)

    def remember(self, eid: str, what: str, octets: bytes) -> None:
        """What a card said of itself; `what`: the standard's name. The last word counts."""
        sql = "INSERT OR REPLACE INTO remembered(eid, what, octets) VALUES (?, ?, ?)"
        self._write(sql, eid, what, octets)

    def remembered(self, eid: str, what: str) -> bytes | None:
        """The whole TLV; None: never heard."""
        rows = self._rows("SELECT octets FROM remembered WHERE eid = ? AND what = ?", eid, what)
        return bytes(rows[0]["octets"]) if rows else None

    def all_remembered(self, eid: str) -> dict[str, bytes]:
        rows = self._rows("SELECT what, octets FROM remembered WHERE eid = ? ORDER BY what", eid)
        return {row["what"]: row["octets"] for row in rows}

    # packages

    def queue(
        self,
        eid: str,
        kind: str,
        request: Mapping[str, Any],
        transaction: bytes,
        unsigned: bytes,
        answer: bytes,
        forged: str | None,
    ) -> int:
        """A new package at the end of the queue; its number."""
        return self._write(
            "INSERT INTO packages(eid, kind, request, state, trans, unsigned, answer, forged, queued_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            eid, kind, json.dumps(request), QUEUED, transaction.hex(), unsigned, answer, forged, time.time(),
        )  # fmt: skip

    def next_package(self, eid: str) -> Package | None:
        """The oldest one without a result."""
        sql = "SELECT * FROM packages WHERE eid = ? AND state IN (?, ?) ORDER BY id LIMIT 1"
        return _first_package(self._rows(sql, eid, QUEUED, SENT))

    def sent_package(self, eid: str, transaction: bytes | None) -> Package | None:
        """The one with this transaction; without one, the one that is handed out now."""
        if transaction is None:
            sql = "SELECT * FROM packages WHERE eid = ? AND state = ? ORDER BY id LIMIT 1"
            return _first_package(self._rows(sql, eid, SENT))
        sql = "SELECT * FROM packages WHERE eid = ? AND trans = ? AND sent > 0"
        return _first_package(self._rows(sql, eid, transaction.hex()))

    def triggered(self, transaction: bytes) -> Package | None:
        """The download trigger with this transaction, whosever, if it was handed out."""
        sql = "SELECT * FROM packages WHERE kind = 'download' AND trans = ? AND sent > 0"
        return _first_package(self._rows(sql, transaction.hex()))

    def package(self, number: int) -> Package | None:
        return _first_package(self._rows("SELECT * FROM packages WHERE id = ?", number))

    def signed(self, package: Package, counter: int, answer: bytes, forged: str | None) -> None:
        """The package's octets are fixed from now on."""
        self._write(
            "UPDATE packages SET counter = ?, answer = ?, forged = ? WHERE id = ?",
            counter, answer, forged, package.id,
        )  # fmt: skip
        self._write("UPDATE euiccs SET counter = max(counter, ?) WHERE eid = ?", counter, package.eid)

    def handed_out(self, package: Package) -> None:
        self._write(
            "UPDATE packages SET state = ?, sent = sent + 1, sent_at = coalesce(sent_at, ?) WHERE id = ?",
            SENT, time.time(), package.id,
        )  # fmt: skip

    def end(self, package: int, state: str, outcome: Any) -> None:
        """The package has its result."""
        self._write(
            "UPDATE packages SET state = ?, outcome = ?, ended_at = ? WHERE id = ?",
            state, json.dumps(outcome), time.time(), package,
        )  # fmt: skip

    def cancel(self, package: int) -> bool:
        """Takes it off the queue; False if it is not there or has ended."""
        with self.transaction():
            sql = "SELECT id FROM packages WHERE id = ? AND state IN (?, ?)"
            if not self._rows(sql, package, QUEUED, SENT):
                return False
            self.end(package, CANCELLED, None)
            return True

    # sessions

    def open_session(self, session: Session) -> None:
        parts = {name: octets.hex() for name, octets in session.parts.items()}
        self._write(
            "INSERT OR REPLACE INTO sessions(trans, eid, package, parts) VALUES (?, ?, ?, ?)",
            session.transaction.hex(), session.eid, session.package, json.dumps(parts),
        )  # fmt: skip

    def extend_session(self, session: Session, eid: str | None, more: Mapping[str, bytes]) -> Session:
        """The session with more parts, and kept so."""
        extended = replace(session, eid=eid, parts={**session.parts, **more})
        self.open_session(extended)
        return extended

    def session(self, transaction: bytes) -> Session | None:
        rows = self._rows("SELECT * FROM sessions WHERE trans = ?", transaction.hex())
        if not rows:
            return None
        parts = {name: bytes.fromhex(octets) for name, octets in json.loads(rows[0]["parts"]).items()}
        return Session(transaction, rows[0]["eid"], rows[0]["package"], parts)

    def close_session(self, transaction: bytes) -> None:
        self._write("DELETE FROM sessions WHERE trans = ?", transaction.hex())

    # results

    def known(self, result: Result) -> int | None:
        """The number of the accepted result that this one repeats: same counter, transaction, seqNumber.

        What carries none of these, and belongs to no package that waits, is known by its octets.
        """
        found = self._rows(
            "SELECT id FROM results WHERE accepted AND eid IS ? AND kind = ? AND counter IS ? AND trans IS ?"
            " AND seq IS ? AND (package IS ? OR (? IS NULL AND octets = ?))",
            result.eid, result.kind, _number(result.counter), _hex(result.transaction), _number(result.seq),
            result.package, result.package, result.octets,
        )  # fmt: skip
        return int(found[0]["id"]) if found else None

    def count(self, known: int) -> None:
        """A known result was delivered once more."""
        self._write("UPDATE results SET deliveries = deliveries + 1 WHERE id = ?", known)

    def keep(self, result: Result, refused: str | None = None) -> None:
        """Adds a result; `refused`: why it was not accepted."""
        self._write(
            "INSERT INTO results(eid, package, kind, counter, trans, seq, accepted, reason, content, octets,"
            " received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            result.eid, result.package, result.kind, _number(result.counter), _hex(result.transaction),
            _number(result.seq), refused is None, refused, json.dumps(result.content), result.octets,
            time.time(),
        )  # fmt: skip

    # exchanges, and all of it for people

    def log(self, exchange: Exchange) -> None:
        self._write(
            "INSERT INTO log(time, function, eid, summary, port, status, request, response)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            time.time(), exchange.function, exchange.eid, json.dumps(exchange.summary), exchange.port,
            exchange.status, exchange.request, exchange.response,
        )  # fmt: skip

    def show_packages(self, eid: str | None) -> list[dict[str, Any]]:
        """All packages in order, each with the results that came for it."""
        rows = self._rows("SELECT * FROM packages WHERE ? IS NULL OR eid = ? ORDER BY id", eid, eid)
        results = self.show_results(eid)
        return [
            {**_shown(row), "results": [found for found in results if found["package"] == row["id"]]}
            for row in rows
        ]

    def show_results(self, eid: str | None) -> list[dict[str, Any]]:
        """Everything that came back, the refused ones too."""
        sql = "SELECT * FROM results WHERE ? IS NULL OR eid = ? ORDER BY id"
        return [_shown(row) for row in self._rows(sql, eid, eid)]

    def show_log(self, eid: str | None, after: int) -> list[dict[str, Any]]:
        """Exchanges with a number above `after`."""
        sql = "SELECT * FROM log WHERE id > ? AND (? IS NULL OR eid = ?) ORDER BY id"
        return [_shown(row) for row in self._rows(sql, after, eid, eid)]


_JSON = ("request", "outcome", "content", "summary")


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in dict(row).items():
        if isinstance(value, bytes):
            value = value.hex().upper()
        elif name in _JSON and isinstance(value, str):
            value = json.loads(value)
        elif name == "accepted":
            value = bool(value)
        shown["transaction" if name == "trans" else name] = value
    return shown


def _first_package(rows: list[sqlite3.Row]) -> Package | None:
    if not rows:
        return None
    row = rows[0]
    return Package(
        id=row["id"],
        eid=row["eid"],
        kind=row["kind"],
        request=json.loads(row["request"]),
        state=row["state"],
        transaction=bytes.fromhex(row["trans"]),
        counter=row["counter"],
        forged=row["forged"],
        unsigned=row["unsigned"],
        answer=row["answer"],
        sent=row["sent"],
    )


def _hex(octets: bytes | None) -> str | None:
    return None if octets is None else octets.hex()


def _number(number: int | None) -> int | str | None:
    """As a column of sqlite3 holds it: an INTEGER of the ASN.1 may have more than its 64 bits."""
    return number if number is None or number.bit_length() < 64 else str(number)

"""The journal on disk: what survives, what is kept once, and a file that cannot be used."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipad import journal as module
from ipad.errors import IpadError
from ipad.journal import BINDING, Journal, Refusals, Step
from tests.full_disk import full_disk

STEP = Step("package", "8999", "8900", "eim", b"\xbf\x51\x00")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(path)
    yield opened
    opened.close()


def test_all_of_it_is_there_after_it_was_opened_again(journal: Journal, path: Path) -> None:
    journal.begin(STEP)
    journal.owe("eim", b"arm")
    journal.remember(state="{}", powered="1.5")
    journal.note(7.0, "what", "text")
    again = Journal(path)
    assert again.step() == STEP
    assert [(owed.eim_id, owed.arm) for owed in again.owed("eim")] == [("eim", b"arm")]
    assert (again.recall("state"), again.recall("powered"), again.recall("other")) == ("{}", "1.5", None)
    assert [(entry.powered, entry.what, entry.text) for entry in again.history()] == [(7.0, "what", "text")]
    again.close()


def test_what_was_written_is_there_although_the_process_was_killed(path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from ipad.journal import Journal, Step\n"
        "journal = Journal(Path(sys.argv[1])); journal.begin(Step('fallback', 'a', 'b'))\n"
        "journal.owe('eim', b'x'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    journal = Journal(path)
    assert journal.step() == Step("fallback", "a", "b")
    assert len(journal.owed("eim")) == 1
    journal.close()


def test_there_is_one_step_at_a_time(journal: Journal) -> None:
    journal.begin(STEP)
    with pytest.raises(IpadError):
        journal.begin(Step("fallback", "a", "b"))
    assert journal.step() == STEP
    journal.finish()
    assert journal.step() is None


def test_what_a_step_leaves_owed_is_written_with_its_end(journal: Journal) -> None:
    journal.begin(STEP)
    journal.finish(owe=("eim", b"error"))
    assert (journal.step(), [owed.arm for owed in journal.owed("eim")]) == (None, [b"error"])


def test_what_a_step_led_to_is_remembered_with_its_end(journal: Journal) -> None:
    journal.begin(STEP)
    journal.remember(state="before")
    journal.conclude(state="after")
    assert (journal.step(), journal.recall("state")) == (None, "after")


def test_the_same_is_owed_to_the_same_eim_once_and_paid_once(journal: Journal) -> None:
    for eim_id, arm in (("a", b"1"), ("a", b"2"), ("b", b"1"), ("a", b"1")):
        journal.owe(eim_id, arm)
    first, second = journal.owed("a")
    assert (first.arm, second.arm) == (b"1", b"2")
    journal.paid(first.id)
    assert [owed.arm for owed in journal.owed("a")] == [b"2"]
    assert [owed.arm for owed in journal.owed("b")] == [b"1"]


def test_the_history_keeps_its_newest_lines(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HISTORY_ROWS", 10)
    for number in range(25):
        journal.note(float(number), "what", str(number))
    assert [entry.text for entry in journal.history()] == [str(number) for number in range(15, 25)]
    assert [entry.text for entry in journal.history(2)] == ["23", "24"]


def test_two_connections_may_read_and_write(journal: Journal, path: Path) -> None:
    other = Journal(path)
    journal.note(1.0, "what", "one")
    other.note(2.0, "what", "two")
    assert [entry.text for entry in journal.history()] == ["one", "two"]
    other.close()


@pytest.mark.parametrize("octets", [b"no database" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_file_is_an_error_that_says_what_to_do(path: Path, octets: bytes) -> None:
    path.write_bytes(octets)
    with pytest.raises(IpadError, match=r"journal\.db.*set aside when"):
        Journal(path)


def test_a_file_that_is_damaged_behind_its_head_is_the_same_error(path: Path) -> None:
    journal = Journal(path)
    for number in range(200):
        journal.note(1.0, "what", f"{number} " * 50)
    journal.close()
    octets = bytearray(path.read_bytes())
    octets[8192:] = b"\xff" * (len(octets) - 8192)
    path.write_bytes(octets)
    with pytest.raises(IpadError, match=r"journal\.db.*set aside when"):
        Journal(path).history()


def test_a_place_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IpadError, match="opening the journal"):
        Journal(tmp_path / "nowhere" / "journal.db")


def test_a_file_that_somebody_made_read_only_is_an_error(journal: Journal) -> None:
    journal.begin(STEP)
    journal._db.execute("PRAGMA query_only = ON")
    with pytest.raises(IpadError, match=r"read-only"):
        journal.finish()
    assert journal.step() == STEP


def test_a_full_disk_is_an_error_and_costs_nothing_that_was_there(journal: Journal) -> None:
    journal.remember(state="before")
    with full_disk(64 * 1024), pytest.raises(IpadError, match="is the disk full"):
        journal.begin(Step("package", None, None, "eim", bytes(200_000)))
    assert (journal.step(), journal.recall("state")) == (None, "before")
    journal.begin(STEP)
    assert journal.step() == STEP


def test_somebody_who_holds_the_file_too_long_is_an_error(journal: Journal, path: Path) -> None:
    other = Journal(path)
    other._db.execute("BEGIN IMMEDIATE")
    journal._db.execute("PRAGMA busy_timeout = 1")
    with pytest.raises(IpadError, match="locked"):
        journal.begin(STEP)
    other.close()


def test_what_is_owed_beyond_its_room_drops_the_oldest_of_this_eim(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OWED_ROWS", 3)
    journal.owe("b", b"b")
    assert [journal.owe("a", bytes([n])) for n in range(4)] == [0, 0, 0, 1]
    journal.begin(STEP)
    assert journal.finish(owe=("a", b"last")) == 1
    assert [owed.arm for owed in journal.owed("a")] == [b"\x02", b"\x03", b"last"]
    assert len(journal.owed("b")) == 1


def test_refusals_are_counted_by_eim_and_thing_and_survive(journal: Journal, path: Path) -> None:
    journal.refuse("a", "x", Refusals(1, 10.0))
    journal.refuse("a", "x", Refusals(2, 30.0))
    journal.refuse("b", "x", Refusals(1, 20.0))
    again = Journal(path)
    assert again.refusals("a") == {"x": Refusals(2, 30.0)}
    assert again.refusals("nobody") == {}
    again.forgive("a", ["x", "y"])
    assert (journal.refusals("a"), len(journal.refusals("b"))) == ({}, 1)
    again.close()


def test_refusals_have_so_much_room(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFUSED_ROWS", 3)
    for name in "vwxyz":
        journal.refuse("a", name, Refusals(1, 1.0))
    assert list(journal.refusals("a")) == ["x", "y", "z"]


def test_an_eim_that_is_gone_leaves_nothing(journal: Journal) -> None:
    journal.owe("a", b"1")
    journal.owe("a", b"2")
    journal.refuse("b", "x", Refusals(1, 1.0))
    journal.remember(**{BINDING + "c": "json", "state": "{}"})
    assert journal.known_eims() == {"a", "b", "c"}
    assert [journal.drop(eim_id) for eim_id in "abc"] == [2, 0, 0]
    assert journal.known_eims() == set()
    assert journal.recall("state") == "{}"


def test_a_journal_of_before_there_were_refusals_is_used_on(path: Path) -> None:
    with sqlite3.connect(path) as old:
        old.execute(
            "CREATE TABLE owed (id INTEGER PRIMARY KEY, eim_id TEXT NOT NULL, arm BLOB NOT NULL,"
            " UNIQUE (eim_id, arm))"
        )
        old.execute("INSERT INTO owed (eim_id, arm) VALUES ('a', x'01')")
    journal = Journal(path)
    assert [owed.arm for owed in journal.owed("a")] == [b"\x01"]
    assert journal.refusals("a") == {}
    journal.close()


def test_what_another_card_left_is_not_there_even_where_it_cannot_be_dropped(journal: Journal) -> None:
    here, other = b"\x01" * 16, b"\x02" * 16
    journal.meet(other)
    journal.owe("eim", b"arm")
    journal.want("eim", b"trigger")
    journal._db.execute("PRAGMA query_only = ON")
    with pytest.raises(IpadError, match="writing"):
        journal.meet(here)
    assert (journal.owed("eim"), journal.wanted()) == ([], None)
    assert journal.meet(other) == 0
    assert len(journal.owed("eim")) == 1
    journal._db.execute("PRAGMA query_only = OFF")
    assert journal.meet(here) == 1
    journal.owe("eim", b"its own")
    assert len(journal.owed("eim")) == 1

"""A journal that is damaged, or cannot be written, when the daemon starts."""

import logging
from pathlib import Path

import pytest

from ipad.errors import IpadError
from ipad.journal import Journal, Step
from ipad.journal_rescue import open_anyhow
from tests.full_disk import full_disk

STEP = Step("rollback", "new", "old")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def written(path: Path) -> bytes:
    """The octets of a journal in which something is going on."""
    journal = Journal(path)
    journal.begin(STEP)
    for number in range(200):
        journal.note(1.0, "what", f"{number} " * 50)
    journal.close()
    return path.read_bytes()


def damaged(octets: bytes, how: str) -> bytes:
    match how:
        case "no database":
            return b"no database" * 100
        case "its head":
            return b"SQLite format 3\0" + b"\xff" * 4096
        case "its middle":
            return octets[:8192] + b"\xff" * (len(octets) - 8192)
        case _:
            return octets[: len(octets) // 2]


@pytest.mark.parametrize("how", ["no database", "its head", "its middle", "its end"])
def test_a_damaged_one_is_set_aside_and_begun_anew(
    path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    octets = damaged(written(path), how)
    path.write_bytes(octets)
    path.with_name("journal.db-wal").write_bytes(b"not a WAL either")
    journal = open_anyhow(path)
    assert journal.step() is None
    journal.begin(STEP)
    journal.close()
    assert Journal(path).step() == STEP
    assert path.with_name("journal.db.damaged").read_bytes() == octets
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "set aside as journal.db.damaged, and begun anew" in record.getMessage()


def test_a_good_one_is_as_it_was(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    written(path)
    journal = open_anyhow(path)
    assert (journal.step(), len(journal.history()), caplog.records) == (STEP, 200, [])
    journal.close()


def test_one_on_a_full_disk_can_be_read_and_is_written_when_there_is_room(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(path)
    with full_disk():
        journal = open_anyhow(path)
        assert journal.step() == STEP
        with pytest.raises(IpadError, match="writing the journal"):
            journal.finish()
        journal.note(1.0, "what", "is lost")
        assert journal.step() == STEP
    assert "going on without" in caplog.text
    journal.finish()
    journal.close()
    assert Journal(path).step() is None


def test_what_was_not_checkpointed_is_read_too(path: Path) -> None:
    killed = Journal(path)  # a process that was killed leaves its WAL
    killed.begin(STEP)
    with full_disk():
        journal = open_anyhow(path)
        assert journal.step() == STEP
    journal.close()
    killed.close()


def test_without_a_place_there_is_none_until_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "journal.db"
    journal = open_anyhow(path)
    assert journal.recall("state") is None
    with pytest.raises(IpadError, match="writing the journal"):
        journal.remember(state="new")
    path.parent.mkdir()
    journal.remember(state="new")
    journal.close()
    assert Journal(path).recall("state") == "new"

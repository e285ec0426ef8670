"""Entries of the systemd journal, as the journal's side of the socket gets them."""

import logging
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipad import daemon
from ipad.journald import NOTICE, JournalHandler


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "journal"))
        sock.settimeout(5)
        yield sock


@pytest.fixture
def log(journal: socket.socket) -> Iterator[tuple[logging.Logger, JournalHandler]]:
    handler = JournalHandler(journal.getsockname())
    logger = logging.Logger("test", logging.DEBUG)
    logger.addHandler(handler)
    yield logger, handler
    handler.close()


def entry(journal: socket.socket) -> dict[str, str]:
    """One entry, as systemd's JOURNAL_NATIVE_PROTOCOL has it."""
    data = journal.recv(1 << 20)
    fields = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            [length] = struct.unpack("<Q", data[:8])
            value, data = data[8 : 8 + length], data[8 + length + 1 :]
        fields[name.decode()] = value.decode()
    return fields


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.ERROR, "3"), (logging.WARNING, "4"), (NOTICE, "5"), (logging.INFO, "6"), (logging.DEBUG, "7")],
)
def test_an_entry_has_message_priority_and_who_says_it(
    log: tuple[logging.Logger, JournalHandler], journal: socket.socket, level: int, priority: str
) -> None:
    log[0].log(level, "what %s", "happens")
    assert entry(journal) == {
        "MESSAGE": "what happens",
        "PRIORITY": priority,
        "SYSLOG_IDENTIFIER": "ipad",
    }


def test_an_entry_has_its_kind_and_what_is_known_of_the_gateway(
    log: tuple[logging.Logger, JournalHandler], journal: socket.socket
) -> None:
    log[1].context = {"IPAD_PHASE": "operating", "IPAD_EID": "89049032..1235"}
    log[0].info("a -> b", extra={"what": "switch"})
    told = entry(journal)
    assert (told["IPAD_WHAT"], told["IPAD_PHASE"]) == ("switch", "operating")
    assert told["IPAD_EID"] == "89049032..1235"


@pytest.mark.parametrize("text", ["two\nlines\n", "MESSAGE=x\nPRIORITY=0", "ä ✔ \x00", ""])
def test_what_is_said_cannot_become_another_field(
    log: tuple[logging.Logger, JournalHandler], journal: socket.socket, text: str
) -> None:
    log[0].info("%s", text)
    told = entry(journal)
    assert told["MESSAGE"] == text
    assert told["PRIORITY"] == "6"


def test_a_long_message_is_cut(log: tuple[logging.Logger, JournalHandler], journal: socket.socket) -> None:
    log[0].info("x" * 1_000_000)
    assert set(entry(journal)["MESSAGE"]) == {"x"}


def test_without_a_journal_it_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = JournalHandler(str(tmp_path / "nobody"))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.warning("here")
    handler.close()
    assert capsys.readouterr().err == "<4>here\n"


def test_the_journal_is_used_only_where_standard_error_goes_there(monkeypatch: pytest.MonkeyPatch) -> None:
    before, level = list(daemon.log.handlers), daemon.log.level
    stream = os.fstat(2)
    try:
        monkeypatch.setenv("JOURNAL_STREAM", "1:1")
        assert daemon.set_up_logging() is None
        # In a process of its own: pytest has standard error's place.
        script = "import sys; from ipad import journald; sys.exit(0 if journald.is_connected() else 1)"
        here = {**os.environ, "JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino}"}
        assert subprocess.run([sys.executable, "-c", script], env=here, stderr=2, check=False).returncode == 0
    finally:
        daemon.log.handlers[:] = before
        daemon.log.setLevel(level)

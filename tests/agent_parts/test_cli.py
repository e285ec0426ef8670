"""The `ipad` command where things are not as it wants them: exit status, a sentence, and no traceback."""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ipad import control
from ipad.control import ControlServer
from ipad.mailbox import Mailbox
from tests.agent_parts.workbench import Workbench, workbench
from tests.needs_root import needs_root

COMMAND = [sys.executable, "-m", "ipad.cli"]
OK, FAILED, USAGE, NO_PERMISSION, BAD_CONFIG, INTERRUPTED = 0, 1, 2, 77, 78, 130
NOBODY = 65534
PATIENCE = 20.0


@contextmanager
def daemon(bench: Workbench) -> Iterator[Mailbox]:
    """As much of one as answers a question."""
    run = bench.directory / "run"
    run.mkdir(exist_ok=True)
    entries = [{"clock": 0.0, "powered": float(n), "what": "poll", "text": f"entry {n}"} for n in range(5)]
    mailbox = Mailbox()
    server = ControlServer(run / "control.sock", {"history": lambda: entries}, mailbox)
    try:
        yield mailbox
    finally:
        server.close()


@pytest.fixture
def shared(pki_dir: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Workbench]:
    """One where everybody may look."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        with workbench(Path(name), pki_dir, capsys) as made:
            yield made


@contextmanager
def nobody() -> Iterator[None]:
    """The effective user is one who may do nothing."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_cannot_be_written_is_said(bench: Workbench) -> None:
    with daemon(bench), open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [*COMMAND, "history", "--config", str(bench.config)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (FAILED, "ipad: writing the answer: No space left on device\n")


def test_a_reader_that_has_seen_enough_is_no_fault(bench: Workbench) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with daemon(bench):
        done = subprocess.run(
            [*COMMAND, "history", "--config", str(bench.config)],
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (OK, "")


def test_ctrl_c_is_no_traceback(bench: Workbench) -> None:
    with daemon(bench) as mailbox:
        # Whoever runs the tests in the background has had SIGINT ignored.
        heard = ["env", "--default-signal=INT", *COMMAND, "poll", "--config", str(bench.config)]
        process = subprocess.Popen(heard, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + PATIENCE
        while not mailbox.take():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == INTERRUPTED
    assert said == "ipad: interrupted; the daemon goes on with it\n"


@pytest.mark.parametrize("count", ["0", "-3", "many"])
def test_so_many_lines_of_history_there_are_not(bench: Workbench, count: str) -> None:
    with daemon(bench), pytest.raises(SystemExit) as ended:
        bench.ipad("history", f"--lines={count}")
    assert ended.value.code == USAGE


def test_the_last_lines_of_history(bench: Workbench) -> None:
    with daemon(bench):
        assert [entry["text"] for entry in bench.answer("history", "-n", "2")] == ["entry 3", "entry 4"]


@pytest.mark.parametrize("command", ["status", "info", "profiles", "poll"])
@pytest.mark.parametrize("runtime_dir", ["file", "r" * 120])
def test_where_no_socket_can_be(bench: Workbench, command: str, runtime_dir: str) -> None:
    (bench.directory / "file").write_text("")
    text = bench.config.read_text()
    bench.config.write_text(text.replace('/run"', f'/{runtime_dir}"'))
    assert runtime_dir in bench.refused(command)
    status, out, _ = bench.ipad("doctor", "--json")
    assert status == FAILED
    assert "daemon" in [finding["name"] for finding in json.loads(out)["findings"]]


def test_the_doctor_too_says_a_wrong_configuration_by_its_status(bench: Workbench) -> None:
    bench.config.write_text('[modem]\nport = "/dev/tty\\u0000"\n')
    status, out, _ = bench.ipad("doctor", "--json")
    assert (status, json.loads(out)["ok"]) == (BAD_CONFIG, False)
    assert bench.ipad("status")[0] == BAD_CONFIG


def test_an_order_that_the_daemon_does_not_take_from_this_user(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_uid", lambda _client: os.geteuid() + 12345)
    with daemon(bench):
        status, out, err = bench.ipad("poll", "--json")
    assert (status, out) == (NO_PERMISSION, "")
    assert "only root may order this: poll; try sudo" in err


@needs_root
def test_a_configuration_that_may_not_be_read(shared: Workbench) -> None:
    shared.config.chmod(0o600)
    with nobody():
        status, out, err = shared.ipad("status")
    assert (status, out) == (NO_PERMISSION, "")
    assert "Permission denied" in err


@needs_root
@pytest.mark.parametrize("command", ["info", "profiles", "info --device-key"])
def test_somebody_who_may_not_is_told_so(shared: Workbench, command: str) -> None:
    shared.answer("info", "--device-key")  # makes the directories, and the key
    (shared.directory / "state").chmod(0o755)
    with nobody():
        status, out, err = shared.ipad(*command.split())
    assert (status, out) == (NO_PERMISSION, "")
    assert os.strerror(errno.EACCES) in err or "not permitted" in err
    assert "backup" not in err  # nothing has happened to the key


@needs_root
def test_the_doctor_has_a_word_for_somebody_who_may_nothing(shared: Workbench) -> None:
    shared.answer("info")
    state = shared.directory / "state"
    (state / "journal.db").touch()
    state.chmod(0o700)
    with nobody():
        status, out, err = shared.ipad("doctor", "--json")
    assert (status, err) == (FAILED, "")
    found = {finding["name"]: finding for finding in json.loads(out)["findings"]}
    assert all(found[name]["ok"] is False for name in ("state directory", "journal", "modem"))
    assert all(finding["advice"] for finding in found.values() if finding["ok"] is False)


def test_the_doctor_says_what_to_install_for_a_consumer_card(
    tmp_path: Path, pki_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ipad.consumer.card", None)  # as where cryptography is missing
    with workbench(tmp_path, pki_dir, capsys, consumer=True) as bench:
        _, out, _ = bench.ipad("doctor", "--json")
    [card] = [finding for finding in json.loads(out)["findings"] if finding["name"] == "card"]
    assert card["ok"] is False
    assert "cryptography" in card["said"]
    assert "[consumer]" in card["advice"]


def test_a_result_that_would_be_a_directory_is_known_before(bench: Workbench) -> None:
    package = bench.directory / "package"
    package.write_bytes(bytes.fromhex("BF4E05BF53028001"))
    with daemon(bench) as mailbox:
        said = bench.refused("inject", str(package), "--out", str(bench.directory))
        assert "Is a directory; nothing was done" in said
        assert mailbox.take() == []

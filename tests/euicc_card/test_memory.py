"""The card's memory: what survives a power cut at any moment."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ipad.errors import ConfigError
from ipad.testbed import pki
from ipad.testbed.euicc import VirtualEuicc, show
from ipad.testbed.euicc.state import FILE_NAME

from .world import BOOTSTRAP, LIST_PROFILES, NORD, Eim, Terminal, Verifier, enable


def killed_at(step: str, run: Callable[[], object]) -> None:
    """Runs `run` in a process that kills itself, without any clean-up, before or after a file's rename."""
    pid = os.fork()
    if pid == 0:
        rename = Path.rename

        def cut(self: Path, target: Path) -> Path:
            if step == "after":
                rename(self, target)
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError("still alive")

        pytest.MonkeyPatch().setattr(Path, "rename", cut)
        run()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


def test_a_card_that_is_opened_again_knows_everything(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier, tmp_path: Path, pki_dir: Path
) -> None:
    result = terminal.run(eim.package(card, enable(NORD, rollback=True)))
    again = VirtualEuicc.open(tmp_path, pki_dir)
    terminal = Terminal(again)
    assert again.eid == card.eid
    assert terminal.iccid() == NORD
    assert terminal.results() == [result]
    assert verifier.result(terminal.run(eim.package(again, LIST_PROFILES, counter=1)), eim) == {
        "eimId": eim.eim_id,
        "counterValue": 1,
        "euiccPackageErrorCode": 4,
    }
    assert terminal.functions("ProfileRollback")["cmdResult"] == 0
    assert Terminal(VirtualEuicc.open(tmp_path, pki_dir)).iccid() == BOOTSTRAP


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_card_killed_in_the_middle_has_done_all_of_it_or_nothing(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, tmp_path: Path, pki_dir: Path, step: str
) -> None:
    before = show(tmp_path)
    package = eim.package(card, enable(NORD))
    killed_at(step, lambda: terminal.run(package))
    again = Terminal(VirtualEuicc.open(tmp_path, pki_dir))
    if step == "before":
        assert show(tmp_path) == before
        assert again.iccid() == BOOTSTRAP
        assert again.results() == []
        again.run(package)
        again.refresh()
    assert again.iccid() == NORD
    assert len(again.results()) == 1
    assert len(again.notifications()) == 2
    assert show(tmp_path)["eims"][0]["counterValue"] == 1


def test_a_memory_that_cannot_be_written_refuses_and_stays_as_it_was(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (tmp_path / FILE_NAME).read_bytes()
    package = eim.package(card, enable(NORD))

    def full(_descriptor: int) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert terminal.run(package) == b""
    assert terminal.sw == 0x6581
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert terminal.profiles()[BOOTSTRAP]["profileState"] == 1
    terminal.run(package)
    terminal.refresh()
    assert terminal.iccid() == NORD


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": 1}', '{"format": 2}', '{"format": 1, "x": 1}']
)
def test_a_memory_that_is_none_is_an_error_that_names_the_file(
    tmp_path: Path, pki_dir: Path, content: str
) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(ConfigError, match=FILE_NAME):
        VirtualEuicc.open(tmp_path, pki_dir)


def test_showing_no_card_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        show(tmp_path)


def test_the_memory_of_another_card_is_refused(card: VirtualEuicc, tmp_path: Path) -> None:
    other = tmp_path / "other"
    pki.make_pki(other, pki.make_eid(2))
    with pytest.raises(ConfigError, match=card.eid):
        VirtualEuicc.open(tmp_path, other)


def test_without_a_pki_the_card_makes_its_own(tmp_path: Path) -> None:
    card = VirtualEuicc.open(tmp_path / "new")
    assert pki.eid_of(pki.read_certificate(tmp_path / "new" / "pki" / "euicc.pem")) == card.eid
    assert json.dumps(show(tmp_path / "new"))

"""`ipad-testbed modem --card pcsc:READER`: the mock modem in front of a card in a PC/SC reader."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ipad.euicc import es10c
from ipad.euicc.isdr import Isdr
from ipad.testbed.euicc import VirtualEuicc
from ipad.waits import Waits
from modem.connect import connect
from modem.radio import Sim
from tests.euicc_card.world import BOOTSTRAP, NORD
from tests.modem.mocked import WAITS
from tests.modem.ways.conftest import in_reader
from tests.modem.ways.pcscd import READER
from tests.modem.ways.rigged import RiggedEuicc


@contextmanager
def command(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ipad.testbed.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.parametrize("model", ["generic", "fm350"])
def test_a_card_in_a_reader_is_in_a_modem(
    tmp_path: Path, pki_dir: Path, reader_port: int, model: str
) -> None:
    euicc = VirtualEuicc.open(tmp_path / "card", pki_dir, consumer=True)
    link, state = str(tmp_path / "tty"), str(tmp_path / "modem")
    arguments = ["--link", link, "--state", state, "--card", f"pcsc:{READER}", "--model", model]
    with (
        in_reader(RiggedEuicc(euicc), reader_port),
        command("modem", *arguments, "--scale", "0.05") as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready ")
        modem = connect(link, waits=WAITS)
        isdr = Isdr(modem.card, Waits(), sleep=lambda _seconds: None)
        assert modem.radio is not None
        while (status := modem.radio.status()).sim is not Sim.READY:
            pass
        assert status.iccid == BOOTSTRAP
        assert es10c.eid(isdr).hex() == euicc.eid
        es10c.enable_profile(isdr, NORD)
        isdr.reset()
        modem.radio.take_profile(NORD)
        assert {p.iccid for p in es10c.profiles(isdr) if p.enabled} == {NORD}
        modem.close()


def test_without_such_a_reader_it_says_which_there_are(tmp_path: Path, reader_port: int) -> None:
    assert reader_port
    arguments = ["--link", str(tmp_path / "tty"), "--state", str(tmp_path), "--card", "pcsc:No Such"]
    with command("modem", *arguments) as process:
        _, problem = process.communicate(timeout=20)
        assert process.returncode
    assert "there is no reader" in problem
    assert "No Such" in problem
    assert "Virtual PCD" in problem

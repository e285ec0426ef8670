"""A new virtual card for each test, with certificates made once."""

from pathlib import Path

import pytest

from ipad.testbed.euicc import VirtualEuicc

from .world import Eim, Terminal, Verifier


@pytest.fixture
def card(tmp_path: Path, pki_dir: Path) -> VirtualEuicc:
    return VirtualEuicc.open(tmp_path, pki_dir)


@pytest.fixture
def terminal(card: VirtualEuicc) -> Terminal:
    return Terminal(card)


@pytest.fixture
def eim(terminal: Terminal) -> Eim:
    """An eIM that is associated, with an association token."""
    eim = Eim()
    eim.associate(terminal, bytes.fromhex("8401FF"))
    return eim


@pytest.fixture
def verifier(pki_dir: Path) -> Verifier:
    return Verifier(pki_dir)

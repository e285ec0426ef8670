"""STORE DATA: blocks of one command, and what breaks their chain."""

from pathlib import Path

import pytest

from ipad.asn1 import DecodeError
from ipad.testbed.euicc import ISDR_AID, VirtualEuicc, show
from ipad.testbed.euicc.functions import FUNCTIONS
from ipad.testbed.euicc.isdr import Isdr
from ipad.testbed.euicc.store_data import MAX_COMMAND

from .world import LIST_PROFILES, Eim, Terminal, Verifier

GET_EID = bytes.fromhex("BF3E035C015A")


def block(terminal: Terminal, number: int, data: bytes, last: bool = True) -> int:
    return terminal.send(f"81E2{'91' if last else '11'}{number:02X}", data).sw


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_command_may_come_in_blocks_of_any_size(card: VirtualEuicc, terminal: Terminal, size: int) -> None:
    assert terminal.run(GET_EID, block=size)[5:].hex() == card.eid


def test_a_long_package_comes_in_many_blocks(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    package = eim.package(card, *[bytes.fromhex("BF2D035C015A")] * 60)
    assert verifier.result(terminal.run(package, block=50), eim)["counterValue"] == 1


def test_there_are_256_blocks_and_no_more(terminal: Terminal) -> None:
    for number in range(256):
        assert block(terminal, number, b"\xbf", last=False) == 0x9000
    assert block(terminal, 0, b"\xbf") == 0x6A80  # a new chain, not the 257th block


def test_a_wrong_block_number_aborts_the_chain(terminal: Terminal) -> None:
    assert block(terminal, 0, GET_EID[:2], last=False) == 0x9000
    assert block(terminal, 2, GET_EID[2:]) == 0x6A86
    assert block(terminal, 1, GET_EID[2:]) == 0x6A86
    assert terminal.run(GET_EID) != b""


def test_a_chain_begins_anew_with_block_zero(card: VirtualEuicc, terminal: Terminal) -> None:
    assert block(terminal, 0, b"\xbf", last=False) == 0x9000
    assert terminal.run(GET_EID)[5:].hex() == card.eid


def test_another_command_on_the_channel_aborts_the_chain(terminal: Terminal) -> None:
    assert block(terminal, 0, GET_EID[:2], last=False) == 0x9000
    terminal.send("01A40400", ISDR_AID)
    assert block(terminal, 1, GET_EID[2:]) == 0x6A86


def test_a_command_on_another_channel_does_not(terminal: Terminal) -> None:
    assert block(terminal, 0, GET_EID[:2], last=False) == 0x9000
    assert terminal.iccid() is not None
    assert block(terminal, 1, GET_EID[2:]) == 0x9000


def test_what_is_no_block_is_refused(card: VirtualEuicc, terminal: Terminal) -> None:
    assert terminal.send("81E29000", GET_EID).sw == 0x6A86
    assert terminal.send("81E29100").sw == 0x6700
    assert terminal.send("81E29001", GET_EID).sw == 0x6A86
    assert card.transmit(bytes.fromhex("0070000200")).sw == 0x9000
    assert terminal.send("82E29100", GET_EID).sw == 0x6D00  # no ISD-R there


def test_a_command_beyond_the_memory_is_refused_and_forgotten(terminal: Terminal) -> None:
    for number in range(MAX_COMMAND // 255):
        assert block(terminal, number, bytes(255), last=False) == 0x9000
    assert block(terminal, MAX_COMMAND // 255, bytes(255), last=False) == 0x6A84
    assert block(terminal, MAX_COMMAND // 255, bytes(1)) == 0x6A86
    assert terminal.run(GET_EID) != b""


def test_an_unknown_function_is_not_found_and_a_damaged_one_wrong(terminal: Terminal) -> None:
    terminal.run(bytes.fromhex("BF3100"))
    assert terminal.sw == 0x6A88  # EnableProfile is a consumer card's
    for command in ("BF3E", "BF3E035C015C", "BF3E035C015A00", "BF2E0101", "00", "FF"):
        assert terminal.run(bytes.fromhex(command)) == b""
        assert terminal.sw == 0x6A80


def test_a_function_that_stumbles_half_way_changes_nothing(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(isdr: Isdr, _command: bytes) -> bytes:
        isdr.state.profiles.clear()
        raise DecodeError("half way")

    before = show(tmp_path)
    monkeypatch.setitem(FUNCTIONS, 0xBF7E, stumble)
    terminal.run(bytes.fromhex("BF7E00"))
    assert terminal.sw == 0x6A80
    assert len(terminal.profiles()) == 3
    assert show(tmp_path) == before


def test_functions_without_an_eim_answer_too(terminal: Terminal) -> None:
    assert terminal.run(LIST_PROFILES)[:2] == b"\xbf\x2d"

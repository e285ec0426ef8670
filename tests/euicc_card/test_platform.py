"""The card as a terminal meets it: files, channels, status words, GET RESPONSE."""

from functools import reduce

import pytest

from ipad.asn1 import value, wrap
from ipad.testbed.euicc import ISDR_AID, VirtualEuicc
from modem.uicc import Reply, Uicc

from .world import BOOTSTRAP, Eim, Terminal, disable


def sw(card: VirtualEuicc, apdu: str) -> int:
    return card.transmit(bytes.fromhex(apdu)).sw


def test_it_is_a_uicc_with_a_valid_atr(card: VirtualEuicc) -> None:
    uicc: Uicc = card
    atr = uicc.reset()
    assert atr[0] == 0x3B
    assert len(atr) == 1 + 1 + 4 + (atr[1] & 0x0F) + 1
    assert reduce(lambda a, b: a ^ b, atr[1:]) == 0


@pytest.mark.parametrize(
    ("apdu", "expected"),
    [
        ("", 0x6700),
        ("00A400", 0x6700),
        ("00A40004 03 2FE2", 0x6700),
        ("00A40004 00 0002 2FE2", 0x6700),
        ("A0A40000 02 3F00", 0x6E00),
        ("FFA40000 02 3F00", 0x6E00),
        ("20A40000 02 3F00", 0x6E00),
        ("04A40000 02 3F00", 0x6882),
        ("60A40000 02 3F00", 0x6882),
        ("10A40000 02 3F00", 0x6884),
        ("01A40000 02 3F00", 0x6881),
        ("4FA40000 02 3F00", 0x6881),
        ("80A40000 02 3F00", 0x6E00),
        ("00E29100 01 00", 0x6E00),
        ("80E29100 01 00", 0x6D00),
        ("00F00000", 0x6D00),
        ("00A40504 02 2FE2", 0x6A86),
        ("00A40005 02 2FE2", 0x6A86),
        ("00A40004 02 6FFF", 0x6A82),
        ("00A40404 05 A000000001", 0x6A82),
        ("00B00000 0A", 0x6986),
        ("00C00000 01", 0x6985),
        ("80120000 0B", 0x6985),
        ("80140000 01 00", 0x6985),
        ("80100000", 0x6700),
        ("80AA0000 02 8101", 0x6A80),
        ("80AA0000 05 A903840101", 0x9000),
        ("80F2000C", 0x9000),
        ("80F20000 01", 0x6C0D),
        ("80F20300", 0x6A86),
    ],
)
def test_what_is_wrong_gets_its_status_word(card: VirtualEuicc, apdu: str, expected: int) -> None:
    assert sw(card, apdu) == expected


def test_the_modem_reads_iccid_and_imsi_of_the_enabled_profile(card: VirtualEuicc) -> None:
    assert sw(card, "00A40004 02 2FE2") == 0x6111
    assert sw(card, "00C00000 00") == 0x6C11
    assert card.transmit(bytes.fromhex("00C0000011")).data[:1] == b"\x62"
    assert card.transmit(bytes.fromhex("00B000000A")) == Reply(bytes.fromhex("98999900000000000061"), 0x9000)
    assert sw(card, "00B00000 00") == 0x6C0A
    assert sw(card, "00B00000 0B") == 0x6C0A
    assert sw(card, "00B0000A 01") == 0x6B00
    assert card.transmit(bytes.fromhex("00B0000802")).data == b"\x00\x61"
    for select in ("00A4080C 04 7FFF6F07", "00A4040C 07 A0000000871002", "00A4000C 02 6F07"):
        assert sw(card, select) == 0x9000
    assert card.transmit(bytes.fromhex("00B0000009")).data == bytes.fromhex("089999990000000010")
    assert sw(card, "00B20104 09") == 0x6981


def test_files_are_found_from_where_one_is(card: VirtualEuicc) -> None:
    assert sw(card, "00A4000C 02 7FFF") == 0x6A82  # no application has been selected
    assert sw(card, "00A4040C 07 A0000000871002") == 0x9000
    assert sw(card, "00A4000C 02 7FFF") == 0x9000
    assert sw(card, "00A4090C 02 6F07") == 0x9000
    assert sw(card, "00A4000C 02 2FE2") == 0x6A82
    assert sw(card, "00A4000C") == 0x9000  # no identifier: the MF
    assert sw(card, "00A4000C 02 2FE2") == 0x9000
    assert sw(card, "00A4000C 02 2F00") == 0x9000
    record = card.transmit(bytes.fromhex("00B2010420"))
    assert record.data[:3] == bytes.fromhex("61184F")
    assert sw(card, "00B20204 20") == 0x6A83
    assert sw(card, "00B00000 01") == 0x6981


def test_without_an_enabled_profile_there_are_no_files(
    card: VirtualEuicc, terminal: Terminal, eim: Eim
) -> None:
    terminal.run(eim.package(card, disable(BOOTSTRAP)))
    terminal.refresh()
    assert terminal.iccid() is None
    assert sw(card, "00A4000C 02 2FE2") == 0x6A82
    assert sw(card, "00A4040C 07 A0000000871002") == 0x6A82
    assert sw(card, "00A4000C 02 3F00") == 0x9000


def test_nineteen_channels_and_no_more(card: VirtualEuicc) -> None:
    numbers = [card.transmit(bytes.fromhex("0070000001")).data[0] for _ in range(19)]
    assert numbers == list(range(1, 20))
    assert sw(card, "00700000 01") == 0x6A81
    for cla in ("03", "40", "4F"):
        assert sw(card, f"{cla}A4000C 02 3F00") == 0x9000
    assert sw(card, "00708013") == 0x9000
    assert sw(card, "4FA4000C 02 3F00") == 0x6881
    assert sw(card, "00708013") == 0x6881
    assert sw(card, "00708000") == 0x6A86
    assert sw(card, "00704000") == 0x6A86
    assert sw(card, "00700000 01") == 0x9000


def test_a_given_channel_can_be_opened_once(card: VirtualEuicc) -> None:
    assert card.transmit(bytes.fromhex("0070000700")) == Reply(b"", 0x9000)
    assert sw(card, "00700007 00") == 0x6A81
    assert sw(card, "00700014 00") == 0x6A86
    card.reset()
    assert sw(card, "43A4000C 02 3F00") == 0x6881


@pytest.mark.parametrize(("number", "cla"), [(1, 0x01), (3, 0x03), (4, 0x40), (19, 0x4F)])
def test_the_isdr_answers_on_every_logical_channel(card: VirtualEuicc, number: int, cla: int) -> None:
    assert card.transmit(bytes([0, 0x70, 0, number, 0])).sw == 0x9000
    assert card.transmit(bytes([cla, 0xA4, 4, 0, 16]) + ISDR_AID).sw >> 8 == 0x61
    reply = card.transmit(bytes([cla | 0x80, 0xE2, 0x91, 0, 6]) + bytes.fromhex("BF3E035C015A"))
    assert reply.sw == 0x6115
    for get_response in (cla, cla | 0x80):
        card.transmit(bytes([cla | 0x80, 0xE2, 0x91, 0, 6]) + bytes.fromhex("BF3E035C015A"))
        answer = card.transmit(bytes([get_response, 0xC0, 0, 0, 0x15]))
        assert answer == Reply(bytes.fromhex(f"BF3E125A10{card.eid}"), 0x9000)


def test_the_isdr_is_not_selectable_on_the_basic_channel(card: VirtualEuicc) -> None:
    assert card.transmit(bytes.fromhex("00A4040010") + ISDR_AID).sw == 0x6A82


def test_the_fci_of_the_isdr_tells_of_an_enabled_profile(
    card: VirtualEuicc, terminal: Terminal, eim: Eim
) -> None:
    fci = terminal.send("01A40400", ISDR_AID).data
    assert wrap(0xE1, bytes.fromhex("80020640")) in value(fci)
    terminal.run(eim.package(card, disable(BOOTSTRAP)))
    terminal.refresh()
    assert wrap(0xE1, bytes.fromhex("800100")) in value(terminal.send("01A40400", ISDR_AID).data)


def test_an_answer_is_fetched_in_parts_and_only_at_once(card: VirtualEuicc, terminal: Terminal) -> None:
    command = bytes.fromhex("81E2910003BF5600")
    assert card.transmit(command).sw == 0x6100
    first = card.transmit(bytes.fromhex("01C0000000"))
    assert len(first.data) == 256
    assert first.sw == 0x6100
    assert sw(card, "00C00000 00") == 0x6985  # another channel's
    assert sw(card, "01C00100 00") == 0x6A86
    second = card.transmit(bytes.fromhex("01C0000010"))
    assert len(second.data) == 16
    assert sw(card, "80F2000C") == 0x9000
    assert sw(card, "01C00000 00") == 0x6985
    assert terminal.run(bytes.fromhex("BF5600")).startswith(first.data + second.data)

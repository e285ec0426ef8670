"""AT+CCHO, CGLA, CCHC in the mock modem (TS 27.007 8.43 to 8.45)."""

import re
from pathlib import Path

import pytest

from modem.at import BARE, At
from modem.errors import AtError
from tests.modem.mocked import world
from tests.modem.tiny_uicc import AID, TinyUicc

OPEN = f'AT+CCHO="{AID.hex().upper()}"'


def refusal(at: At, command: str) -> str:
    with pytest.raises(AtError) as e:
        at.command(command)
    return e.value.got


def test_a_session_is_opened_used_and_closed(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        at = made.at()
        assert at.command(OPEN) == ["+CCHO: 1"]
        assert at.command(OPEN) == ["+CCHO: 2"]
        assert at.command('AT+CGLA=2,12,"8001000001AB"') == ['+CGLA: 4,"6101"']
        assert at.command('AT+CGLA=2,10,"00C0000001"') == ['+CGLA: 6,"AB9000"']
        assert at.command("AT+CCHC=1") == []
        assert at.command(OPEN) == ["+CCHO: 1"]


@pytest.mark.parametrize("cla", ["80", "81", "82", "83"])
def test_the_channels_bits_are_the_modems_whatever_the_host_wrote(tmp_path: Path, cla: str) -> None:
    with world(tmp_path) as made:
        at = made.at()
        at.command(OPEN)
        at.command(OPEN)
        assert at.command(f'AT+CGLA=2,12,"{cla}01000001AB"') == ['+CGLA: 4,"6101"']
        assert made.uicc.sent[-1] == bytes.fromhex("8201000001AB")


def test_beyond_the_third_channel_the_class_is_another(tmp_path: Path) -> None:
    with world(tmp_path, uicc=TinyUicc(channels=19)) as made:
        at = made.at()
        for _ in range(5):
            at.command(OPEN)
        assert at.command('AT+CGLA=5,12,"8001000001AB"') == ['+CGLA: 4,"6101"']
        assert made.uicc.sent[-1] == bytes.fromhex("C101000001AB")


@pytest.mark.parametrize(
    ("command", "refused"),
    [
        ('AT+CCHO="F000112233FFFF"', "+CME ERROR: 22"),  # no such application
        ('AT+CCHO="f0001122330001"', "ERROR"),
        ("AT+CCHO=F0001122330001", "+CME ERROR: 50"),
        ('AT+CGLA=3,10,"80F2000000"', "+CME ERROR: 50"),  # no such session
        ('AT+CGLA=1,12,"80F2000000"', "+CME ERROR: 50"),
        ('AT+CGLA=1,10,"80f2000000"', "ERROR"),
        ("AT+CCHC=3", "+CME ERROR: 50"),
    ],
)
def test_it_refuses_what_real_ones_refuse(tmp_path: Path, command: str, refused: str) -> None:
    with world(tmp_path) as made:
        at = made.at()
        at.command(OPEN)
        assert refusal(at, command) == refused


def test_no_channel_is_left_over_from_an_application_that_is_not_there(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        at = made.at()
        for _ in range(4):
            assert refusal(at, 'AT+CCHO="F000112233FFFF"') == "+CME ERROR: 22"
        assert at.command(OPEN) == ["+CCHO: 1"]


def test_channels_run_out(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        at = made.at()
        for _ in range(3):
            at.command(OPEN)
        assert refusal(at, OPEN) == "+CME ERROR: 20"


def test_a_reset_of_the_card_ends_all_sessions(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        at = made.at()
        at.command(OPEN)
        at.command("AT+CFUN=0")
        at.command("AT+CFUN=1")
        made.wait_for("registered", 2)
        assert refusal(at, 'AT+CGLA=1,10,"80F2000000"') == "+CME ERROR: 50"


def test_a_switch_over_a_session_is_followed_by_a_refresh(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        at = made.at()
        at.command(OPEN)
        at.command('AT+CGLA=1,12,"800300000101"')
        at.command('AT+CGLA=1,10,"00C0000001"')
        made.wait_for("refresh")
        made.wait_for("sim", 2)
        assert made.uicc.profile == 1


def test_a_handle_is_no_channel_number(tmp_path: Path) -> None:
    with world(tmp_path, faults=("session-handles",)) as made:
        at = made.at()
        [line] = at.command(OPEN)
        handle = line.removeprefix("+CCHO: ")
        assert re.fullmatch("[0-9A-F]{8}", handle)
        assert at.command(f'AT+CGLA={handle},12,"8001000001AB"') == ['+CGLA: 4,"6101"']
        assert refusal(at, 'AT+CGLA=1,12,"8001000001AB"') == "+CME ERROR: 50"
        at.command(f"AT+CCHC={handle}")


def test_a_bare_answer(tmp_path: Path) -> None:
    with world(tmp_path, faults=("bare-ccho",)) as made:
        assert made.at().command(OPEN, takes=BARE) == ["1"]


@pytest.mark.parametrize(
    ("fault", "command", "refused"),
    [
        ("no-ccho", OPEN, "+CME ERROR: 4"),
        ("no-ccho", "AT+CGLA=?", "+CME ERROR: 4"),
        ("no-cchc", "AT+CCHC=1", "+CME ERROR: 4"),
        ("no-csim", 'AT+CSIM=10,"80F2000000"', "+CME ERROR: 4"),
        ("ccho-fails", OPEN, "+CME ERROR: 13"),
        ("ccho-cme13", 'AT+CCHO="F000112233FFFF"', "+CME ERROR: 13"),
    ],
)
def test_what_some_modems_lack(tmp_path: Path, fault: str, command: str, refused: str) -> None:
    with world(tmp_path, faults=(fault,)) as made:
        assert refusal(made.at(), command) == refused


def test_store_data_fails_in_mid_download(tmp_path: Path) -> None:
    with world(tmp_path, faults=("cgla-store-data",)) as made:
        at = made.at()
        at.command(OPEN)
        for _ in range(20):
            assert at.command('AT+CGLA=1,12,"80E2910001AB"') == ['+CGLA: 4,"6985"']
        assert refusal(at, 'AT+CGLA=1,12,"80E2910001AB"') == "ERROR"
        assert at.command('AT+CSIM=12,"81E2910001AB"') == ['+CSIM: 4,"6985"']

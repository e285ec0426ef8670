"""The mock modem itself: that it refuses what real ones refuse, and does what they do by themselves."""

import os
import time
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from modem import bcd, ports
from modem.at import At
from modem.errors import AtError, PortGone
from modem.mock import AlwaysOn, BadFault, MockModem, NetworkStatus
from modem.mock.timers import Timers
from tests.modem.mocked import WAITS, Switchable, radio_of, readable, world
from tests.modem.tiny_uicc import ICCIDS, IMSIS, TinyUicc


def refusal(at: At, command: str) -> str:
    with pytest.raises(AtError) as e:
        at.command(command)
    return e.value.got


def pump_until_gone(at: At) -> None:
    while readable(at.fileno()):
        at.pump()


def test_the_path_is_there_with_the_modem_and_gone_after_it(tmp_path: Path) -> None:
    path = tmp_path / "modem"
    path.symlink_to("/dev/pts/left-by-a-former-run")
    with MockModem(TinyUicc(), AlwaysOn(), path):
        assert path.is_char_device()
    assert not path.is_symlink()


def test_it_reads_who_the_sim_is_from_the_cards_files(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        assert made.wait_for("sim") == {"iccid": ICCIDS[0], "imsi": IMSIS[0]}
        at = made.at()
        assert at.command("AT+CCID") == [f"+CCID: {ICCIDS[0]}"]
        assert made.network.imsi == IMSIS[0]
        assert made.uicc.toolkit


def test_the_imei_has_a_right_check_digit(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        imei = radio_of(made.modem()).identity().imei
        assert len(imei) == 15
        assert bcd.luhn_digit(imei[:14]) == imei[14]


@pytest.mark.parametrize(
    ("command", "refused"),
    [
        ('AT+CSIM=10,"80F200000c"', "ERROR"),  # lower case
        ('AT+CSIM=10,"80F20000"', "+CME ERROR: 50"),  # the length is wrong
        ('AT+CSIM=9,"80F200000"', "+CME ERROR: 50"),
        ("AT+CSIM=10,80F2000000", "+CME ERROR: 50"),
        ('AT+CSIM=6,"80F200"', "+CME ERROR: 50"),
        ("AT+ICCID", "+CME ERROR: 4"),
        ("AT+UNKNOWN", "+CME ERROR: 4"),
        ("AT+CFUN=7", "+CME ERROR: 50"),
        ("AT+CEREG=9", "+CME ERROR: 50"),
    ],
)
def test_it_refuses_what_real_ones_refuse(tmp_path: Path, command: str, refused: str) -> None:
    with world(tmp_path) as made:
        assert refusal(made.at(), command) == refused


def test_the_form_of_errors_is_what_cmee_says(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        at = made.at()
        for mode, final in [(0, "ERROR"), (1, "+CME ERROR: 4"), (2, "+CME ERROR: operation not supported")]:
            at.command(f"AT+CMEE={mode}")
            assert refusal(at, "AT+UNKNOWN") == final


def test_the_first_channel_bits_reach_the_card_untouched(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        at = made.at()
        assert at.command('AT+CSIM=10,"0070000001"') == ['+CSIM: 6,"019000"']
        assert at.command('AT+CSIM=10,"C1F2000000"') == ['+CSIM: 4,"6881"']


def test_a_command_line_may_have_several_commands(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        at = made.at()
        at.command("ATE0+CMEE=2;+CREG=2")
        assert at.command("AT+CMEE?") == ["+CMEE: 2"]


def test_the_card_is_away_with_minimum_functionality_and_the_radio_with_flight_mode(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        at = made.at()
        at.command("AT+CFUN=4")
        assert at.command("AT+CPIN?") == ["+CPIN: READY"]
        assert made.network.imsi is None
        at.command("AT+CFUN=0")
        assert refusal(at, "AT+CPIN?") == "+CME ERROR: 10"
        assert refusal(at, 'AT+CSIM=10,"80F2000000"') == "+CME ERROR: 10"
        at.command("AT+CFUN=1")
        made.wait_for("registered", 2)
        assert made.uicc.resets == 3  # made, first start, and this


def test_unsolicited_registration_comes_in_the_form_that_was_set(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        at = made.at()
        heard: list[str] = []
        at.on_unsolicited = heard.append
        at.command("AT+CEREG=3")
        at.command("AT+CREG=1")
        heard.clear()
        made.network.force(NetworkStatus(3, cause=11))
        while len(heard) < 2:
            assert readable(at.fileno())
            at.pump()
        assert sorted(heard) == ["+CEREG: 3,,,,0,11", "+CREG: 3"]


def test_a_reset_over_usb_takes_the_port_away_and_brings_another(tmp_path: Path) -> None:
    with world(tmp_path, model="generic-usb") as made:
        before = os.readlink(made.path)
        at = made.at()
        at.command("AT+CFUN=1,1")
        with pytest.raises(PortGone):
            pump_until_gone(at)
        made.wait_for("boot", 2)
        assert os.readlink(made.path) != before
        assert at.command("AT") == []


def test_a_reset_over_uart_keeps_the_port_and_forgets_what_was_set(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        before = os.readlink(made.path)
        at = made.at()
        at.command("AT+CEREG=2")
        at.command("AT+CFUN=1,1")
        made.wait_for("registered", 2)
        assert os.readlink(made.path) == before
        assert at.command("AT+CEREG?") == ["+CEREG: 0,1"]


def test_an_unknown_model_or_fault_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        MockModem(TinyUicc(), Switchable(), tmp_path / "modem", model="none")
    with pytest.raises(BadFault):
        MockModem(TinyUicc(), Switchable(), tmp_path / "modem", faults=["none"])


def test_octets_take_their_time_on_a_uart_and_are_counted(tmp_path: Path, mocker: MockerFixture) -> None:
    heard: list[str] = []
    modem = MockModem(
        TinyUicc(),
        AlwaysOn(),
        tmp_path / "tty",
        scale=0.0,
        baudrate=9600,
        on_event=lambda name, _: heard.append(name),
    )
    with modem:
        while "registered" not in heard:
            time.sleep(0.01)
        at = At(lambda: ports.open_port(str(tmp_path / "tty")), WAITS)
        at.command("AT+CGMI")
        before, later = modem.octets, mocker.spy(Timers, "later")
        at.command("AT+CGMI")
        octets = len("AT+CGMI\r") + len("\r\nTestbed\r\n") + len("\r\nOK\r\n")
        assert modem.octets - before == octets
        assert [call.args[1] for call in later.call_args_list] == [pytest.approx(10 * octets / 9600)]
        at.close()

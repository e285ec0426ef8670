"""What can be wrong with the mock modem: each fault does what its sentence says, when it says."""

import os
import random
import select
import time
from pathlib import Path

import pytest
import serial

from modem import ports
from modem.errors import AtError
from modem.mock.faults import FAULTS, LASTING, MOMENTARY, BadFault, Fault, Strikes
from tests.modem.mocked import PATIENCE, World, world
from tests.modem.tiny_uicc import AID, ICCIDS, SWITCH

OPEN = f'AT+CCHO="{AID.hex().upper()}"'


class Raw:
    """The port without an engine: octets as they come."""

    def __init__(self, made: World) -> None:
        self.port: serial.Serial = ports.open_port(made.path)
        made.opened.append(self.port.close)
        self.octets = b""

    def send(self, line: str) -> None:
        self.port.write(line.encode() + b"\r")

    def until(self, wanted: str) -> str:
        """Reads until this has come; what was before it, and it."""
        end = time.monotonic() + PATIENCE
        while wanted.encode() not in self.octets:
            assert select.select([self.port], [], [], max(0.0, end - time.monotonic()))[0], self.octets
            self.octets += self.port.read(4096)
        before, _, self.octets = self.octets.partition(wanted.encode())
        return before.decode("latin-1") + wanted

    def ask(self, line: str) -> str:
        self.send(line)
        return self.until("OK\r\n")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("noise", Fault("noise")),
        ("error@3", Fault("error", number=3)),
        ("cme:14@+CSIM", Fault("cme", 14, "+CSIM")),
        ("reboot@at+csim=#4", Fault("reboot", command="AT+CSIM=", number=4)),
        ("silence@random:7", Fault("silence", number=random.Random("7").randint(1, 100))),
    ],
)
def test_a_fault_says_when(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


def test_without_a_moment_it_is_a_random_one() -> None:
    assert 1 <= Fault.parse("silence").number <= 100


@pytest.mark.parametrize(
    "text", ["", "none", "noise@3", "error@0", "error@", "error:3", "cme:x", "error@+CSIM#0"]
)
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(BadFault):
        Fault.parse(text)


def test_each_strikes_once_and_counts_only_its_own_lines() -> None:
    strikes = Strikes([Fault("error", command="+CSIM", number=2), Fault("silence", number=1), Fault("noise")])
    lines = ["AT", "AT+CSIM=1", "AT", "at+csim=2", "AT+CSIM=3"]
    struck = [strikes.due(line) for line in lines]
    assert [fault and fault.name for fault in struck] == ["silence", None, None, "error", None]


def test_two_at_the_same_line_strike_one_after_the_other() -> None:
    strikes = Strikes([Fault("error"), Fault("silence")])
    assert [strikes.due("AT"), strikes.due("AT")] == [Fault("error"), Fault("silence")]


def test_every_fault_has_a_sentence() -> None:
    assert set(FAULTS) == set(LASTING) | set(MOMENTARY)
    assert not set(LASTING) & set(MOMENTARY)


@pytest.mark.parametrize(
    ("fault", "answer"),
    [("error", "\r\nERROR\r\n"), ("cme:30", "\r\n+CME ERROR: 30\r\n"), ("cme", "\r\n+CME ERROR: 13\r\n")],
)
def test_a_refusal_comes_before_anything_is_done(tmp_path: Path, fault: str, answer: str) -> None:
    with world(tmp_path, faults=(f"{fault}@+CEREG=1",)) as made:
        raw = Raw(made)
        raw.ask("ATE0;+CMEE=1")
        raw.send("AT+CEREG=1")
        raw.until(answer)
        assert "+CEREG: 0," in raw.ask("AT+CEREG?")


@pytest.mark.parametrize(("fault", "done"), [("silence", 0), ("no-answer", 1)])
def test_a_silent_modem_may_have_done_it_or_not(tmp_path: Path, fault: str, done: int) -> None:
    with world(tmp_path, faults=(f"{fault}@+CEREG=1",)) as made:
        raw = Raw(made)
        raw.ask("ATE0")
        raw.send("AT+CEREG=1")
        assert raw.ask("AT+CEREG?").count("OK") == 1
        assert f"+CEREG: {done}," in raw.ask("AT+CEREG?")


def test_half_a_line_is_followed_by_the_next_answer(tmp_path: Path) -> None:
    with world(tmp_path, faults=("half-line@+CGMI",)) as made:
        raw = Raw(made)
        raw.ask("ATE0")
        raw.send("AT+CGMI")
        raw.send("AT+CGMM")
        assert raw.until("OK\r\n").split() == ["Tes", "UART-1", "OK"]


def test_garbage_comes_before_the_answer(tmp_path: Path) -> None:
    with world(tmp_path, faults=("garbage@+CGMI",)) as made:
        raw = Raw(made)
        raw.ask("ATE0")
        before, _, after = raw.ask("AT+CGMI").partition("Testbed")
        assert len(before) >= 40
        assert after.strip() == "OK"


@pytest.mark.parametrize("fault", ["late", "slow"])
def test_an_answer_may_take_longer_than_anybody_waits(tmp_path: Path, fault: str) -> None:
    with world(tmp_path, faults=(f"{fault}@+CGMI",)) as made:
        raw = Raw(made)
        raw.ask("ATE0")
        raw.send("AT+CGMI")
        assert not select.select([raw.port], [], [], 0.1)[0]
        raw.send("AT+CGMM")
        assert "Testbed" in raw.until("OK")
        assert "UART-1" in raw.until("OK")


def test_the_echo_is_on_again(tmp_path: Path) -> None:
    with world(tmp_path, faults=("echo@+CGMI",)) as made:
        raw = Raw(made)
        raw.ask("ATE0")
        assert "AT+CGMI" not in raw.ask("AT+CGMI")
        assert "AT+CGMM" in raw.ask("AT+CGMM")


def test_a_busy_card_is_so_for_a_while(tmp_path: Path) -> None:
    with world(tmp_path, faults=("busy@+CSIM",)) as made:
        at, refused, answer = made.at(), [], [""]
        while not answer[0]:
            try:
                answer = at.command('AT+CSIM=10,"80F2000000"')
            except AtError as error:
                refused.append(error.code)
                at.command("AT+CGMI")
        assert len(refused) > 1
        assert set(refused) == {14}


def test_a_modem_may_restart_after_it_has_done_something(tmp_path: Path) -> None:
    with world(tmp_path, faults=("reboot@+CSIM",)) as made:
        raw = Raw(made)
        raw.ask("ATE0")
        raw.send('AT+CSIM=10,"80F2000000"')
        assert "+CSIM" not in raw.until("RDY")
        assert bytes.fromhex("80F2000000") in made.uicc.sent
        assert made.names().count("boot") == 2


def test_a_modem_that_is_pulled_out_comes_back_under_another_name(tmp_path: Path) -> None:
    with world(tmp_path, faults=("unplug@+CSIM",)) as made:
        before = os.readlink(made.path)
        raw = Raw(made)
        raw.ask("ATE0")
        raw.send('AT+CSIM=10,"80F2000000"')
        made.wait_for("boot", 2)
        assert os.readlink(made.path) != before
        assert bytes.fromhex("80F2000000") not in made.uicc.sent
        assert "unplugged" in made.names()


def test_a_modem_may_be_deaf_at_first(tmp_path: Path) -> None:
    with world(tmp_path, faults=("deaf-at-first",)) as made:
        raw = Raw(made)
        raw.send("AT")
        raw.send("AT")
        assert raw.ask("AT+CGMI").count("OK") == 1


def test_what_a_crash_has_left_open_is_closed_by_number(tmp_path: Path) -> None:
    with world(tmp_path, faults=("stale-channels",)) as made:
        raw = Raw(made)
        raw.ask("ATE0;+CMEE=1")
        raw.send(OPEN)
        raw.until("+CME ERROR: 20")
        raw.ask("AT+CCHC=3")
        assert "+CCHO: 3" in raw.ask(OPEN)


@pytest.mark.parametrize(
    ("fault", "answer"),
    [("silent-tests", ""), ("no-tests", "\r\n+CME ERROR: 4\r\n"), ("noise", "\r\nOK\r\n")],
)
def test_test_commands_may_be_refused_or_not_answered(tmp_path: Path, fault: str, answer: str) -> None:
    with world(tmp_path, faults=(fault,)) as made:
        raw = Raw(made)
        raw.ask("ATE0;+CMEE=1")
        raw.send("AT+CGLA=?")
        raw.send("AT+CGMI")
        assert answer in raw.until("Testbed")


def test_a_modem_may_fetch_answers_itself(tmp_path: Path) -> None:
    with world(tmp_path, faults=("fetches-answers",)) as made:
        raw = Raw(made)
        raw.ask(OPEN)
        assert '+CGLA: 8,"41429000"' in raw.ask('AT+CGLA=1,14,"80010000024142"')
        assert '+CSIM: 8,"41429000"' in raw.ask('AT+CSIM=14,"81010000024142"')


def test_a_modem_may_want_short_blocks(tmp_path: Path) -> None:
    with world(tmp_path, faults=("short-blocks",)) as made:
        raw = Raw(made)
        raw.ask("ATE0")
        raw.send(f'AT+CSIM={2 * 126},"8001000079{"00" * 121}"')
        raw.until("ERROR")
        assert "+CSIM" in raw.ask(f'AT+CSIM={2 * 125},"8001000078{"00" * 120}"')


def test_upper_and_lower_case(tmp_path: Path) -> None:
    with world(tmp_path, model="le910", faults=("lower-case",)) as made:
        raw = Raw(made)
        assert "+CCHO: 1" in raw.ask(OPEN.replace("F0", "f0"))
        assert '"6d00"' in raw.ask('AT+CSIM=10,"80ff000000"')


@pytest.mark.parametrize(
    ("fault", "apdu", "answer"),
    [
        ("csim-channel", "0070000001", '+CSIM: 6,"019000"'),
        ("csim-channel", "81F2000000", "ERROR"),
        ("csim-channel", "80F2000000", '+CSIM: 4,"9000"'),
        ("csim-basic-only", "0070000001", '+CSIM: 4,"6881"'),
        ("csim-basic-only", "80F2000000", '+CSIM: 4,"9000"'),
    ],
)
def test_csim_may_be_good_for_the_basic_channel_only(
    tmp_path: Path, fault: str, apdu: str, answer: str
) -> None:
    with world(tmp_path, faults=(fault,)) as made:
        raw = Raw(made)
        raw.ask("ATE0")
        raw.send(f'AT+CSIM=10,"{apdu}"')
        raw.until(answer)


def _switch(raw: Raw) -> None:
    raw.ask("ATE0")
    raw.ask(OPEN)
    raw.ask(f'AT+CGLA=1,12,"80{SWITCH:02X}00000101"')
    raw.ask('AT+CGLA=1,10,"00C0000001"')


@pytest.mark.parametrize(("fault", "after_a_reset"), [("old-iccid", 1), ("iccid-sticks", 0)])
def test_the_former_iccid_is_told_until_a_reset_or_for_good(
    tmp_path: Path, fault: str, after_a_reset: int
) -> None:
    with world(tmp_path, faults=(fault,)) as made:
        raw = Raw(made)
        _switch(raw)
        made.wait_for("registered", 2)
        assert made.uicc.profile == 1
        assert ICCIDS[0] in raw.ask("AT+CCID")
        raw.ask("AT+CFUN=1,1")
        made.wait_for("registered", 3)
        assert ICCIDS[after_a_reset] in raw.ask("AT+CCID")


def test_a_sim_that_does_not_start_leaves_the_card_reachable(tmp_path: Path) -> None:
    with world(tmp_path, faults=("sim-failure",)) as made:
        raw = Raw(made)
        _switch(raw)
        made.wait_for("sim", 2)
        assert made.uicc.profile == 1
        raw.ask("AT+CMEE=1")
        for command in ("AT+CPIN?", "AT+CCID", "AT+CIMI"):
            raw.send(command)
            raw.until("+CME ERROR: 13")
        assert "+CCHO: 1" in raw.ask(OPEN)


def test_a_card_that_keeps_its_power_does_not_switch(tmp_path: Path) -> None:
    with world(tmp_path, faults=("ignore-refresh", "cfun-keeps-card")) as made:
        raw = Raw(made)
        _switch(raw)
        raw.ask("AT+CFUN=0")
        raw.ask("AT+CFUN=1")
        assert made.uicc.profile == 0
        raw.ask("AT+CFUN=1,1")
        made.wait_for("sim", 2)
        assert made.uicc.profile == 1


@pytest.mark.parametrize("way_out", ['AT+QMBNCFG="AutoSel",1', "AT+CFUN=1,1"])
def test_the_former_carriers_configuration_finds_no_network(tmp_path: Path, way_out: str) -> None:
    with world(tmp_path, model="ec20f") as made:
        raw = Raw(made)
        _switch(raw)
        made.wait_for("sim", 2)
        assert "+CEREG: 0,2" in raw.ask("AT+CEREG?")
        raw.send(way_out)
        made.wait_for("registered", 2)
        assert "+CEREG: 0,1" in Raw(made).ask("AT+CEREG?")


def test_the_former_profiles_apn_gives_no_bearer_until_it_is_another(tmp_path: Path) -> None:
    with world(tmp_path, faults=("apn-sticks",)) as made:
        raw = Raw(made)
        assert '"10.64.0.2"' in raw.ask("AT+CGPADDR")
        _switch(raw)
        made.wait_for("registered", 2)
        assert '"10.64.0.2"' not in raw.ask("AT+CGPADDR")
        assert "former.example" in raw.ask("AT+CGDCONT?")
        raw.ask('AT+CGDCONT=1,"IP",""')
        assert '"10.64.0.2"' in raw.ask("AT+CGPADDR")


def test_a_context_outlives_a_restart(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        raw = Raw(made)
        raw.ask('AT+CGDCONT=1,"IP","iot.example"')
        raw.ask("AT+CFUN=1,1")
        made.wait_for("boot", 2)
        assert '+CGDCONT: 1,"IP","iot.example"' in raw.ask("AT+CGDCONT?")

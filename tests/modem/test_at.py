"""The AT engine against a pty whose other side is late, talkative, wrong or gone."""

import select
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from modem import ports
from modem.at import ANSWER_LIMIT, BARE, LINE_LIMIT, At
from modem.at_parse import REGISTRATION_ANSWER
from modem.errors import AtError, AtTimeout, ModemError, PortGone
from tests.modem.scripted import HANG_UP, WAITS, ScriptedModem, Step, answers, engine

OK = b"\r\nOK\r\n"


def readable(at: At, seconds: float) -> bool:
    return bool(select.select([at], [], [], seconds)[0])


def test_information_lines_are_returned_and_ok_ends_them() -> None:
    table: dict[str, Sequence[Step]] = {"AT+CGPADDR": [b'\r\n+CGPADDR: 1,"10.0.0.1"\r\n+CGPADDR: 2\r\n', OK]}
    with ScriptedModem(answers(table)) as modem:
        assert engine(modem).command("AT+CGPADDR") == ['+CGPADDR: 1,"10.0.0.1"', "+CGPADDR: 2"]


def test_an_answer_in_single_octets_is_the_same_answer() -> None:
    pieces: list[Step] = []
    for octet in b"\r\n+CSQ: 20,99\r\n" + OK:
        pieces += [bytes((octet,)), 0.001]
    with ScriptedModem(answers({"AT+CSQ": pieces})) as modem:
        assert engine(modem).command("AT+CSQ") == ["+CSQ: 20,99"]


@pytest.mark.parametrize(
    ("final", "code"),
    [("ERROR", None), ("+CME ERROR: 10", 10), ("+CMS ERROR: 305", 305), ("+CME ERROR: SIM busy", None)],
)
def test_each_final_result_that_says_no_is_an_at_error_with_its_code(final: str, code: int | None) -> None:
    with (
        ScriptedModem(answers({"AT+X": [f"\r\n{final}\r\n".encode()]})) as modem,
        pytest.raises(AtError) as e,
    ):
        engine(modem).command("AT+X")
    assert (e.value.code, e.value.got, e.value.executed) == (code, final, False)


def test_the_echo_of_a_command_is_no_part_of_its_answer() -> None:
    echoing = b"AT+CGMI\r\r\nVendor\r\n" + OK
    with ScriptedModem(answers({"AT+CGMI": [echoing]})) as modem:
        assert engine(modem).command("AT+CGMI", takes=BARE) == ["Vendor"]


def test_unsolicited_lines_within_an_answer_are_handed_aside() -> None:
    answer = b'RING\r\n\r\n+CSIM: 4,"9000"\r\n\r\n+CREG: 5\r\n^RSSI: 7\r\n' + OK
    heard: list[str] = []
    with ScriptedModem(answers({"AT+CSIM=2": [answer]})) as modem:
        at = engine(modem)
        at.on_unsolicited = heard.append
        assert at.command("AT+CSIM=2") == ['+CSIM: 4,"9000"']
    assert heard == ["RING", "+CREG: 5", "^RSSI: 7"]


def test_an_unsolicited_line_with_the_commands_own_prefix_is_told_from_its_answer() -> None:
    answer = b'\r\n+CEREG: 5,"1A2B","01C2D3E4",7\r\n\r\n+CEREG: 2,2\r\n\r\n+CEREG: 0\r\n' + OK
    with ScriptedModem(answers({"AT+CEREG?": [answer]})) as modem:
        assert engine(modem).command("AT+CEREG?", takes=REGISTRATION_ANSWER) == ["+CEREG: 2,2"]


def test_what_is_unsolicited_is_no_answer_without_a_prefix() -> None:
    answer = b'\r\n+CREG: 1\r\nRING\r\n\r\nVendor\r\n^RSSI: 3\r\n+QIND: "csq",20\r\n' + OK
    with ScriptedModem(answers({"AT+CGMI": [answer]})) as modem:
        assert engine(modem).command("AT+CGMI", takes=BARE) == ["Vendor"]


@pytest.mark.parametrize("late", [0.15, 0.35, 0.7, 1.5])
def test_a_late_answer_is_never_taken_for_the_next_commands(late: float) -> None:
    table: dict[str, Sequence[Step]] = {
        "AT+CSIM=1": [late, b'\r\n+CSIM: 4,"6A80"\r\n', OK],
        "AT+CSIM=2": [b'\r\n+CSIM: 4,"9000"\r\n', OK],
    }
    with ScriptedModem(answers(table)) as modem:
        at = engine(modem)
        at.command("AT")
        with pytest.raises(AtTimeout) as e:
            at.command("AT+CSIM=1", deadline=0.1)
        assert e.value.executed is None
        assert at.command("AT+CSIM=2") == ['+CSIM: 4,"9000"']
        assert at.command("AT+CSIM=2") == ['+CSIM: 4,"9000"']
        assert modem.heard.count("AT+CSIM=1") == 1


def test_a_late_bare_ok_is_never_taken_for_the_next_commands() -> None:
    table: dict[str, Sequence[Step]] = {"AT+SLOW": [0.4, OK], "AT+NO": [b"\r\nERROR\r\n"]}
    with ScriptedModem(answers(table)) as modem:
        at = engine(modem)
        at.command("AT")
        with pytest.raises(AtTimeout):
            at.command("AT+SLOW", deadline=0.1)
        with pytest.raises(AtError):
            at.command("AT+NO")


@pytest.mark.parametrize("late", [0.15, 0.5])
def test_a_late_answer_to_the_question_used_for_synchronising_is_seen_through(late: float) -> None:
    slow: list[Step] = [late, b"\r\n+CMEE: 0\r\n", OK]
    first = [True]

    def answer(line: str) -> Sequence[Step] | None:
        if line == "AT+CMEE?" and first[0] and "AT+START" in modem.heard:
            first[0] = False
            return slow
        if line == "AT+CMEE?":
            return [0.05, b"\r\n+CMEE: 0\r\n", OK]
        return {"AT+START": [OK], "AT+NO": [b"\r\nERROR\r\n"]}.get(line)

    with ScriptedModem(answer) as modem:
        at = engine(modem)
        at.command("AT+START")
        with pytest.raises(AtTimeout):
            at.command("AT+CMEE?", deadline=0.1)
        for _ in range(3):
            with pytest.raises(AtError):
                at.command("AT+NO")


@pytest.mark.parametrize("slow", [0.15, 0.22, 0.35])
def test_a_modem_that_takes_longer_for_each_answer_than_at_sync_is_not_misunderstood(slow: float) -> None:
    markers = {"+CMEE": "0", "+CSCS": '"IRA"', "+CMGF": "0", "+CGATT": "1"}
    table: dict[str, Sequence[Step]] = {
        f"AT{name}?": [slow, f"\r\n{name}: {value}\r\n".encode(), OK] for name, value in markers.items()
    }
    table["AT+NO"] = [b"\r\nERROR\r\n"]
    with ScriptedModem(answers(table)) as modem:
        at = engine(modem)
        for _ in range(5):
            with pytest.raises(AtError):
                at.command("AT+NO")


def test_a_modem_that_stays_busy_refuses_commands_unsent_and_answers_rightly_afterwards() -> None:
    waits = replace(WAITS, at_command=0.4)
    table: dict[str, Sequence[Step]] = {
        "AT+CSIM=1": [1.5, b'\r\n+CSIM: 4,"6A80"\r\n', OK],
        "AT+CSIM=2": [b'\r\n+CSIM: 4,"9000"\r\n', OK],
    }
    with ScriptedModem(answers(table)) as modem:
        at = engine(modem, waits)
        at.command("AT")
        with pytest.raises(AtTimeout):
            at.command("AT+CSIM=1", deadline=0.1)
        with pytest.raises(AtTimeout) as e:
            at.command("AT+CSIM=2")
        assert e.value.executed is False
        lines: list[str] = []
        while not lines:
            with suppress(AtTimeout):
                lines = at.command("AT+CSIM=2", deadline=5.0)
        assert lines == ['+CSIM: 4,"9000"']
        assert modem.heard.count("AT+CSIM=2") == 1


def test_a_command_is_sent_once_whatever_happens_to_it() -> None:
    with ScriptedModem(answers({"AT+CSIM=1": []})) as modem:
        at = engine(modem)
        with pytest.raises(AtTimeout):
            at.command("AT+CSIM=1", deadline=0.1)
        at.command("AT")
        assert modem.heard.count("AT+CSIM=1") == 1


def test_garbage_and_half_lines_before_an_answer_do_not_hurt() -> None:
    answer = b'\x00\xff\xfe:00"\r\nSIM: 4,"6A\r\n' + b'\r\n+CSIM: 4,"9000"\r\n' + OK
    with ScriptedModem(answers({"AT+CSIM=1": [answer]})) as modem:
        assert engine(modem).command("AT+CSIM=1") == ['+CSIM: 4,"9000"']


def test_a_modem_that_needs_to_be_asked_more_than_once_after_power_up_is_asked_again() -> None:
    def answer(_line: str) -> Sequence[Step] | None:
        return [] if len(modem.heard) < 3 else None

    with ScriptedModem(answer) as modem:
        assert engine(modem).command("AT") == []


def test_a_final_result_that_nobody_waits_for_does_not_answer_the_next_command() -> None:
    with ScriptedModem(answers({"AT+NO": [b"\r\nERROR\r\n"]})) as modem:
        at = engine(modem)
        at.command("AT")
        modem.say(b"\r\nOK\r\n")
        assert readable(at, 5)
        with pytest.raises(AtError):
            at.command("AT+NO")


def test_a_line_without_end_is_cut_off() -> None:
    with ScriptedModem(answers({"AT+CSIM=1": [b"+CSIM: " + b"0" * (LINE_LIMIT + 9000)]})) as modem:
        at = engine(modem)
        with pytest.raises(ModemError, match="a line of more than") as e:
            at.command("AT+CSIM=1")
        assert e.value.executed is None


def test_an_answer_without_end_is_cut_off() -> None:
    line = b"+CSIM: " + b"0" * 4000 + b"\r\n"
    with ScriptedModem(answers({"AT+CSIM=1": [line] * (ANSWER_LIMIT // 4000 + 2)})) as modem:
        with pytest.raises(ModemError, match="an answer of more than") as e:
            engine(modem).command("AT+CSIM=1")
        assert e.value.executed is None


def test_a_flood_of_unsolicited_lines_does_not_prolong_the_deadline() -> None:
    flood: list[Step] = []
    for _ in range(200):
        flood += [b"\r\nRING\r\n" * 20, 0.01]
    with ScriptedModem(answers({"AT+CSIM=1": flood})) as modem:
        at = engine(modem)
        with pytest.raises(AtTimeout):
            at.command("AT+CSIM=1", deadline=0.3)


def test_a_port_that_goes_in_the_middle_of_a_command_is_gone_and_nobody_knows_what_was_done() -> None:
    with ScriptedModem(answers({"AT+CSIM=1": [b"\r\n+CS", HANG_UP]})) as modem:
        at = engine(modem)
        with pytest.raises(PortGone) as e:
            at.command("AT+CSIM=1")
        assert e.value.executed is None
        with pytest.raises(PortGone) as e:
            at.command("AT+CSIM=1")
        assert e.value.executed is False


def test_a_port_that_goes_while_nobody_speaks_wakes_the_loop_and_is_gone() -> None:
    with ScriptedModem(answers({"AT+CFUN=1,1": [OK, 0.1, HANG_UP]})) as modem:
        at = engine(modem)
        at.command("AT+CFUN=1,1")
        assert readable(at, 5)
        with pytest.raises(PortGone):
            at.pump()
        assert not readable(at, 0)


def test_the_port_is_opened_again_by_itself_and_the_modem_greeted_anew() -> None:
    with ScriptedModem(answers({"AT+CFUN=1,1": [HANG_UP]})) as first, ScriptedModem() as second:
        paths = iter([first.path, second.path])
        at = At(lambda: ports.open_port(next(paths)), WAITS)
        second.at_end.append(at.close)
        at.command("AT")
        epoch, descriptor = at.epoch, at.fileno()
        with pytest.raises(PortGone):
            at.command("AT+CFUN=1,1")
        assert at.command("AT") == []
        assert "ATE0" in second.heard
        assert at.epoch > epoch
        assert at.fileno() == descriptor
        second.say(b"\r\nRING\r\n")
        assert readable(at, 5)


def test_a_modem_that_restarts_in_the_middle_of_a_command_ends_it_at_once() -> None:
    with ScriptedModem(answers({"AT+CSIM=1": [b"\r\nRDY\r\n"]})) as modem:
        at = engine(modem)
        at.command("AT")
        epoch = at.epoch
        with pytest.raises(ModemError, match="restarted") as e:
            at.command("AT+CSIM=1", deadline=60)
        assert e.value.executed is None
        assert at.epoch > epoch
        at.command("AT")
        assert modem.heard.count("ATE0") == 2


def test_a_modem_that_restarted_without_a_word_is_known_by_its_echo() -> None:
    with ScriptedModem(answers({"AT+CSQ": [b"AT+CSQ\r\r\n+CSQ: 1,99\r\n", OK]})) as modem:
        at = engine(modem)
        at.command("AT")
        boots = at.boots
        assert at.command("AT+CSQ") == ["+CSQ: 1,99"]
        assert at.boots == boots + 1
        at.command("AT")
        assert modem.heard.count("ATE0") == 2


def test_what_says_that_the_card_was_reset_ends_the_epoch() -> None:
    with ScriptedModem() as modem:
        at = engine(modem)
        at.command("AT")
        for line, ends in [("+CPIN: READY", 0), ("+CPIN: NOT READY", 1), ("+CREG: 2", 0), ("+QUSIM: 0", 1)]:
            epoch = at.epoch
            modem.say(f"\r\n{line}\r\n".encode())
            assert readable(at, 5)
            at.pump()
            assert at.epoch - epoch == ends, line


def test_a_line_heard_during_a_command_makes_the_descriptor_readable_until_pumped() -> None:
    with ScriptedModem(answers({"AT+CSQ": [b"\r\nRING\r\n+CSQ: 1,99\r\n", OK]})) as modem:
        at = engine(modem)
        at.command("AT")
        at.pump()
        assert not readable(at, 0)
        at.command("AT+CSQ")
        assert readable(at, 0)
        at.pump()
        assert not readable(at, 0)


def test_idle_is_called_while_waiting() -> None:
    calls: list[None] = []
    with ScriptedModem(answers({"AT+CSIM=1": [2.5, OK]})) as modem:
        at = engine(modem, idle=lambda: calls.append(None))
        at.command("AT")
        calls.clear()
        at.command("AT+CSIM=1", deadline=20)
    assert len(calls) >= 2

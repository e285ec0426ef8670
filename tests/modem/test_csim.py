"""A card over AT+CSIM: what is written on the line, and what becomes of each kind of answer."""

import pytest

from modem.csim import CsimUicc
from modem.errors import AtError, AtTimeout, ModemError, NoCard
from modem.uicc import Reply
from tests.modem.scripted import WAITS, ScriptedModem, Step, answers, engine

APDU = bytes.fromhex("81e2910003bf2d00")
LINE = 'AT+CSIM=16,"81E2910003BF2D00"'


def modem_that_answers(*steps: Step) -> ScriptedModem:
    return ScriptedModem(answers({LINE: steps}))


def test_an_apdu_is_sent_in_upper_case_with_its_length_in_characters() -> None:
    with modem_that_answers(b'\r\n+CSIM: 8,"BF2D9000"\r\n\r\nOK\r\n') as modem:
        assert CsimUicc(engine(modem), WAITS).transmit(APDU) == Reply(b"\xbf\x2d", 0x9000)


@pytest.mark.parametrize("line", ['+CSIM:4,"6a82"', '+CSIM: 4, "6A82"', '+CSIM: 4 ,"6A82"'])
def test_harmless_differences_in_the_answer_are_taken(line: str) -> None:
    with modem_that_answers(f"\r\n{line}\r\n\r\nOK\r\n".encode()) as modem:
        assert CsimUicc(engine(modem), WAITS).transmit(APDU) == Reply(b"", 0x6A82)


@pytest.mark.parametrize(
    "said",
    [
        b'+CSIM: 6,"9000"\r\n',  # the length is wrong
        b'+CSIM: 3,"900"\r\n',  # half an octet
        b'+CSIM: 2,"90"\r\n',  # no status word
        b'+CSIM: 4,"90G0"\r\n',  # no hex
        b"+CSIM: 4,9000\r\n",  # no quotes
        b'+CSIM: 4,"9000" RING\r\n',  # two lines in one
        b'+CSIM: 4,"9000"\r\n+CSIM: 4,"6A80"\r\n',  # two answers
        b"",  # none
    ],
)
def test_an_answer_that_is_none_leaves_open_whether_the_card_did_it(said: bytes) -> None:
    with modem_that_answers(b"\r\n" + said + b"\r\nOK\r\n") as modem:
        with pytest.raises(ModemError) as e:
            CsimUicc(engine(modem), WAITS).transmit(APDU)
        assert e.value.executed is None
        assert modem.heard.count(LINE) == 1


@pytest.mark.parametrize(
    ("final", "kind", "executed"),
    [
        ("+CME ERROR: 10", NoCard, False),
        ("+CME ERROR: 14", NoCard, False),
        ("+CME ERROR: 13", NoCard, None),
        ("+CME ERROR: 3", AtError, False),
        ("+CME ERROR: 50", AtError, False),
        ("+CME ERROR: 100", AtError, None),
        ("ERROR", AtError, None),
    ],
)
def test_a_refusal_by_the_modem_tells_whether_the_card_was_asked(
    final: str, kind: type[ModemError], executed: bool | None
) -> None:
    with modem_that_answers(f"\r\n{final}\r\n".encode()) as modem:
        with pytest.raises(kind) as e:
            CsimUicc(engine(modem), WAITS).transmit(APDU)
        assert e.value.executed is executed
        assert modem.heard.count(LINE) == 1


def test_an_apdu_without_an_answer_is_not_sent_again() -> None:
    waits = type(WAITS)(at_command=5.0, at_sync=0.1, apdu=0.1)
    with modem_that_answers(0.3, b'\r\n+CSIM: 4,"9000"\r\n\r\nOK\r\n') as modem:
        at = engine(modem, waits)
        with pytest.raises(AtTimeout) as e:
            CsimUicc(at, waits).transmit(APDU)
        assert e.value.executed is None
        at.command("AT")
        assert modem.heard.count(LINE) == 1


def test_a_reset_takes_the_cards_power_and_waits_until_it_is_ready() -> None:
    said = iter([b"\r\n+CME ERROR: 14\r\n", b"\r\n+CPIN: READY\r\n\r\nOK\r\n"])
    ok = [b"\r\nOK\r\n"]
    with ScriptedModem(
        lambda line: [next(said)] if line == "AT+CPIN?" else ok if line.startswith("AT+CFUN") else None
    ) as modem:
        at = engine(modem)
        at.command("AT")
        epoch = at.epoch
        assert CsimUicc(at, WAITS).reset() == b""
        assert at.epoch == epoch + 1
        assert modem.heard[-4:] == ["AT+CFUN=0", "AT+CFUN=1", "AT+CPIN?", "AT+CPIN?"]


def test_a_card_that_does_not_come_back_from_a_reset_is_no_card() -> None:
    waits = type(WAITS)(at_sync=0.1, sim_ready=0.1, poll_ready=0.02)
    table = {
        "AT+CFUN=0": [b"\r\nOK\r\n"],
        "AT+CFUN=1": [b"\r\nOK\r\n"],
        "AT+CPIN?": [b"\r\n+CME ERROR: 10\r\n"],
    }
    with ScriptedModem(answers(table)) as modem, pytest.raises(NoCard):
        CsimUicc(engine(modem, waits), waits).reset()

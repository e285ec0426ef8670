"""How modems differ in AT+CCHO, CGLA and CCHC, and that it makes no difference."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ipad.euicc.isdr import ISD_R_AID
from ipad.testbed.euicc import VirtualEuicc
from ipad.testbed.euicc.channels import LAST_CHANNEL
from modem.cgla import CglaCard
from modem.errors import AtError, ChannelLost, ModemError, NoCard
from modem.memory import ShortMemory
from modem.quirks import Quirks
from tests.modem.scripted import WAITS as SCRIPTED
from tests.modem.scripted import ScriptedModem, Step, answers, engine
from tests.modem.ways.conftest import Rig, in_modem
from tests.modem.ways.rigged import COUNT, RiggedEuicc

EID = bytes.fromhex("80E2910006BF3E035C015A")
CCHO = f'AT+CCHO="{ISD_R_AID.hex().upper()}"'
OK = b"\r\nOK\r\n"

MakeRig = Callable[..., Rig]


@pytest.fixture
def make_rig(tmp_path: Path, pki_dir: Path) -> Iterator[MakeRig]:
    with ExitStack() as stack:

        def make(*faults: str) -> Rig:
            euicc = RiggedEuicc(VirtualEuicc.open(tmp_path / "card", pki_dir, consumer=True))
            rig = stack.enter_context(in_modem("cgla", euicc, tmp_path, *faults))
            stack.callback(rig.close)
            return rig

        yield make


@pytest.mark.parametrize("faults", [("session-handles",), ("bare-ccho",), ("bare-ccho", "session-handles")])
def test_a_session_is_called_whatever_the_modem_calls_it(make_rig: MakeRig, faults: tuple[str, ...]) -> None:
    rig = make_rig(*faults)
    channel = rig.run().open(ISD_R_AID)
    assert channel.transmit(EID).data
    channel.close()
    assert [apdu[:3].hex() for apdu in rig.euicc.seen[-1:]] == ["007080"]


@pytest.mark.parametrize("faults", [(), ("session-handles",), ("no-cchc",), ("no-cchc", "session-handles")])
def test_any_number_of_runs_and_channels_does_with_few_of_the_cards(
    make_rig: MakeRig, faults: tuple[str, ...]
) -> None:
    rig = make_rig(*faults)
    for turn in range(LAST_CHANNEL + 5):
        card = rig.run()
        for _ in range(2):
            channel = card.open(ISD_R_AID)
            assert channel.transmit(EID).data
            if turn % 2:
                channel.close()
        rig.modems.pop().close()


def test_the_class_is_sent_without_a_channel(make_rig: MakeRig) -> None:
    rig = make_rig()
    card = rig.run()
    kept, channel = card.open(ISD_R_AID), card.open(ISD_R_AID)
    channel.transmit(bytes((0x80, COUNT, 0, 0, 1, 7)))
    assert [apdu[0] for apdu in rig.euicc.seen if apdu[1] == COUNT] == [0x82]  # by the modem
    assert kept.transmit(EID).data


def test_a_session_that_the_modem_has_forgotten_is_a_lost_channel(make_rig: MakeRig) -> None:
    rig = make_rig()
    channel = rig.run().open(ISD_R_AID)
    radio = rig.modems[-1].radio
    assert radio is not None
    with ScriptedModem(answers({CCHO: [b"\r\n+CCHO: 1\r\n", OK]})) as modem:
        lost = CglaCard(engine(modem), SCRIPTED, ShortMemory()).open(ISD_R_AID)
        modem._answer = answers({'AT+CGLA=1,22,"80E2910006BF3E035C015A"': [b"\r\n+CME ERROR: 22\r\n"]})
        with pytest.raises(ChannelLost) as e:
            lost.transmit(EID)
        assert e.value.executed is False
    assert channel.transmit(EID).data


def card_at(modem: ScriptedModem, memory: ShortMemory | None = None, **facts: Any) -> CglaCard:
    at = engine(modem)
    at.facts = Quirks(**facts)
    return CglaCard(at, SCRIPTED, memory or ShortMemory())


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"\r\n+CME ERROR: 10\r\n", NoCard),
        (b"\r\n+CME ERROR: 14\r\n", NoCard),
        (b"\r\n+CME ERROR: 13\r\n", AtError),
        (b"\r\nERROR\r\n", AtError),
        (OK, ModemError),
        (b"\r\n+CCHO: one\r\n\r\nOK\r\n", ModemError),
    ],
)
def test_what_is_no_session_is_an_error(said: bytes, kind: type[ModemError]) -> None:
    with ScriptedModem(answers({CCHO: [said]})) as modem, pytest.raises(kind):
        card_at(modem).open(ISD_R_AID)


def test_a_modem_without_cchc_is_not_asked_for_it() -> None:
    with ScriptedModem(answers({CCHO: [b"\r\n1\r\n", OK]})) as modem:
        card = card_at(modem, cchc=False)
        card.open(ISD_R_AID).close()
        card.open(ISD_R_AID)
        assert modem.heard.count(CCHO) == 1
        assert not [line for line in modem.heard if "CCHC" in line]


@pytest.mark.parametrize("case", ["upper", "lower"])
def test_hex_is_written_as_the_model_wants_it(case: str) -> None:
    def answer(line: str) -> list[Step] | None:
        if line == CCHO:
            return [b"\r\n+CCHO: 0385A7CF\r\n", OK]
        return [b'\r\n+CGLA: 4,"9000"\r\n', OK] if line.startswith("AT+CGLA") else None

    with ScriptedModem(answer) as modem:
        card_at(modem, hex_case=case).open(ISD_R_AID).transmit(EID)
        digits = EID.hex() if case == "lower" else EID.hex().upper()
        assert modem.heard[-1] == f'AT+CGLA=0385A7CF,22,"{digits}"'


def test_a_refused_closing_is_quiet_and_the_session_is_used_again() -> None:
    with ScriptedModem(answers({CCHO: [b"\r\n+CCHO: 1\r\n", OK], "AT+CCHC=1": [b"\r\nERROR\r\n"]})) as modem:
        card = card_at(modem)
        card.open(ISD_R_AID).close()
        card.open(ISD_R_AID)
        assert (modem.heard.count(CCHO), modem.heard.count("AT+CCHC=1")) == (1, 1)

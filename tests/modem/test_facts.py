"""What public reports say of modems in the field: the mock plays it, and the modem layer copes.

docs/modems.md names for each report the test that covers it (tests/modem/facts.py).
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from modem.card import Channel
from modem.connect import Modem, connect
from modem.errors import AtError, ChannelLost, ModemError, NoCard
from modem.mock import MODELS
from modem.quirks import DEFAULT, Quirks, Way
from modem.radio import Remedy, Sim
from tests.modem.mocked import WAITS, World, radio_of, world
from tests.modem.tiny_uicc import AID, ECHO, ICCIDS, SWITCH, TinyUicc

ECHO_THREE = bytes((0x80, ECHO, 0, 0, 3)) + b"abc"
WAYS: tuple[Way, ...] = ("csim", "cgla")
NO_CSIM, NO_CGLA = "no-csim", "no-ccho"


def sample(octets: int) -> bytes:
    return bytes((0x80, ECHO, 0, 0, octets)) + bytes(octets)


def met(made: World, ways: Sequence[Way] = WAYS) -> Modem:
    """The modem layer, which tries these ways in this order."""
    modem = connect(
        made.path, waits=WAITS, sample=sample, facts_of=lambda *_: Quirks(ways=tuple(ways), take=DEFAULT.take)
    )
    made.opened.append(modem.close)
    return modem


def echoes(channel: Channel) -> bool:
    return channel.transmit(ECHO_THREE).data == b"abc"


def switch(channel: Channel) -> None:
    assert channel.transmit(bytes((0x80, SWITCH, 0, 0, 1, 1))).data == b"\x00"


@pytest.mark.parametrize("model", MODELS)
def test_every_model_tells_who_it_is(tmp_path: Path, model: str) -> None:
    with world(tmp_path, model=model) as made:
        identity = radio_of(made.modem()).identity()
        wanted = MODELS[model]
        told = (identity.manufacturer, identity.model, identity.revision, identity.imei)
        assert told == (wanted.manufacturer, wanted.name, wanted.revision, wanted.imei)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_tells_its_iccid(tmp_path: Path, model: str) -> None:
    with world(tmp_path, model=model) as made:
        status = radio_of(made.modem()).status()
        assert (status.sim, status.iccid) == (Sim.READY, ICCIDS[0])


@pytest.mark.parametrize("way", WAYS)
def test_upper_case_hexadecimal_is_what_it_gets(tmp_path: Path, way: Way) -> None:
    with world(tmp_path, model="t99w696") as made:
        channel = met(made, [way]).card.open(AID)
        assert channel.transmit(bytes((0x80, ECHO, 0, 0, 1, 0xFA))).data == b"\xfa"


def test_lower_case_hexadecimal_is_understood(tmp_path: Path) -> None:
    with world(tmp_path, faults=("lower-case",)) as made:
        channel = met(made).card.open(AID)
        assert channel.transmit(bytes((0x80, ECHO, 0, 0, 1, 0xFA))).data == b"\xfa"


def test_without_ccho_csim_is_the_way(tmp_path: Path) -> None:
    with world(tmp_path, model="dw5821e") as made:
        assert echoes(met(made, ["cgla", "csim"]).card.open(AID))


def test_where_csim_fails_on_other_channels_cgla_is_the_way(tmp_path: Path) -> None:
    with world(tmp_path, model="eg25") as made:
        assert echoes(met(made).card.open(AID))


def test_where_there_is_no_way_that_is_said_and_nothing_done(tmp_path: Path) -> None:
    with world(tmp_path, model="ms2372h") as made:
        before = len(made.uicc.sent)
        with pytest.raises(ModemError, match=r"6881.*may have no way") as e:
            met(made).card.open(AID)
        assert e.value.got.count(";") == 1, "what came of each way is told"
        assert not [apdu for apdu in made.uicc.sent[before:] if apdu[0] & 0x83]


@pytest.mark.parametrize("model", ["mc7455", "em7590"])
def test_a_session_handle_is_handed_back_as_it_came(tmp_path: Path, model: str) -> None:
    with world(tmp_path, model=model, faults=(NO_CSIM,)) as made:
        assert echoes(met(made).card.open(AID))
        assert not [line for line in made.lines if line.startswith("AT+CGLA=1,")]
        assert [apdu for apdu in made.uicc.sent if apdu == b"\x81" + ECHO_THREE[1:]]


@pytest.mark.parametrize("way", WAYS)
def test_a_modem_that_fetches_answers_itself_is_read_to_the_end(tmp_path: Path, way: Way) -> None:
    with world(tmp_path, model="sim7600") as made:
        channel = met(made, [way]).card.open(AID)
        assert channel.transmit(bytes((0x80, ECHO, 9, 0, 100)) + b"x" * 100).data == b"x" * 1000


def test_ccho_may_answer_with_nothing_but_the_session(tmp_path: Path) -> None:
    with world(tmp_path, model="fm350", faults=(NO_CSIM,)) as made:
        assert echoes(met(made).card.open(AID))


@pytest.mark.parametrize("fault", ["no-tests", "silent-tests"])
@pytest.mark.parametrize("way", WAYS)
def test_no_probe_is_sent_that_may_stay_unanswered(tmp_path: Path, fault: str, way: Way) -> None:
    with world(tmp_path, faults=(fault,)) as made:
        assert echoes(met(made, [way]).card.open(AID))
        assert not [line for line in made.lines if line.endswith("=?")]


def test_without_cchc_a_channel_is_used_again(tmp_path: Path) -> None:
    with world(tmp_path, model="em9191", faults=(NO_CSIM,)) as made:
        card = met(made).card
        for _ in range(5):
            channel = card.open(AID)
            assert echoes(channel)
            channel.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("faults", [(), ("slow-close",)])
def test_channels_that_a_crash_left_are_closed(tmp_path: Path, way: Way, faults: tuple[str, ...]) -> None:
    with world(tmp_path, faults=("stale-channels", *faults)) as made:
        assert echoes(met(made, [way]).card.open(AID))


def test_where_cgla_fails_in_mid_download_the_next_channel_is_opened_by_csim(tmp_path: Path) -> None:
    with world(tmp_path, model="ec20f") as made:
        card = met(made, ["cgla", "csim"]).card
        block = bytes.fromhex("80E2910001AB")
        channel = card.open(AID)
        for _ in range(20):
            channel.transmit(block)
        with pytest.raises(AtError) as e:
            channel.transmit(block)
        assert e.value.executed is None
        channel = card.open(AID)
        for _ in range(40):
            assert channel.transmit(block).sw == 0x6985


@pytest.mark.parametrize(("way", "command"), [("csim", "+CSIM"), ("cgla", "+CGLA")])
def test_an_apdu_may_take_far_longer_than_other_commands(tmp_path: Path, way: Way, command: str) -> None:
    with world(tmp_path, faults=(f"slow@{command}#5",)) as made:
        channel = met(made, [way]).card.open(AID)
        for _ in range(5):
            assert echoes(channel)
        assert "fault" in made.names()


@pytest.mark.parametrize("fault", ["garbage", "echo", "half-line", "no-answer", "silence", "late"])
def test_no_answer_is_taken_for_anothers(tmp_path: Path, fault: str) -> None:
    """Whatever became of one command, the next one has its own answer."""
    with world(tmp_path, faults=(f"{fault}@+CGMI",)) as made:
        modem = made.modem()
        assert radio_of(modem) is not None
        tries = 0
        while "fault" not in made.names() or tries < 2:
            with suppress(ModemError):
                identity = radio_of(modem).identity()
                assert identity.manufacturer in ("Testbed", "")
                assert (identity.model, identity.revision) == ("UART-1", "1.0")
                tries += 1


@pytest.mark.parametrize("faults", [(), ("cfun-keeps-card",)])
@pytest.mark.parametrize("model", ["generic", "generic-usb"])
def test_a_modem_that_ignores_refresh_is_reset(tmp_path: Path, model: str, faults: tuple[str, ...]) -> None:
    with world(tmp_path, model=model, faults=("ignore-refresh", *faults)) as made:
        modem = met(made)
        assert radio_of(modem) is not None
        radio_of(modem).status()
        switch(modem.card.open(AID))
        radio_of(modem).take_profile(ICCIDS[1])
        assert radio_of(modem).status().iccid == ICCIDS[1]
        assert "refresh" not in made.names()


def test_after_a_refresh_the_old_channel_is_lost_and_the_new_iccid_told(tmp_path: Path) -> None:
    with world(tmp_path, model="ec25") as made:
        modem = met(made)
        assert radio_of(modem) is not None
        radio_of(modem).status()
        channel = modem.card.open(AID)
        switch(channel)
        radio_of(modem).take_profile(ICCIDS[1])
        with pytest.raises(ChannelLost):
            channel.transmit(ECHO_THREE)
        assert radio_of(modem).status().iccid == ICCIDS[1]
        assert echoes(modem.card.open(AID))


@pytest.mark.parametrize("model", ["mc7455", "sara-r5"])
def test_a_reset_of_the_card_that_nobody_tells_of_is_noticed(tmp_path: Path, model: str) -> None:
    with world(tmp_path, model=model) as made:
        modem = met(made)
        assert radio_of(modem) is not None
        radio_of(modem).status()
        channel = modem.card.open(AID)
        switch(channel)
        radio_of(modem).take_profile(ICCIDS[1])
        with pytest.raises(ChannelLost):
            channel.transmit(ECHO_THREE)
        assert echoes(modem.card.open(AID))


def test_a_modem_that_tells_the_old_iccid_is_reset(tmp_path: Path) -> None:
    with world(tmp_path, model="dw5821e") as made:
        modem = met(made)
        assert radio_of(modem) is not None
        radio_of(modem).status()
        switch(modem.card.open(AID))
        radio_of(modem).take_profile(ICCIDS[1])
        assert radio_of(modem).status().iccid == ICCIDS[1]


def test_a_modem_that_comes_back_under_another_name_is_found(tmp_path: Path) -> None:
    with world(tmp_path, model="generic-usb", faults=("ignore-refresh",)) as made:
        modem = met(made)
        assert radio_of(modem) is not None
        radio_of(modem).apply(Remedy.RESET)
        assert radio_of(modem).status().iccid == ICCIDS[0]
        assert echoes(modem.card.open(AID))


@pytest.mark.parametrize("faults", [(), ("ccho-cme13",)])
@pytest.mark.parametrize("way", WAYS)
def test_a_card_without_the_application_is_not_taken_for_a_broken_one(
    tmp_path: Path, way: Way, faults: tuple[str, ...]
) -> None:
    with world(tmp_path, faults=faults) as made:
        card = met(made, [way]).card
        with pytest.raises(ModemError) as e:
            card.open(b"\xa0\x00\x00\x05\x59\x10\x10")
        assert not isinstance(e.value, NoCard)
        assert echoes(card.open(AID))


def test_a_busy_bus_is_not_taken_for_a_card_without_the_application(tmp_path: Path) -> None:
    with world(tmp_path, faults=("cme:13@+CCHO",)) as made:
        card = met(made, ["cgla"]).card
        with suppress(ModemError):
            card.open(AID)
        assert echoes(card.open(AID))


@pytest.mark.parametrize("way", WAYS)
def test_a_modem_that_wants_short_blocks_gets_them(tmp_path: Path, way: Way) -> None:
    with world(tmp_path, model="bg95") as made:
        card = met(made, [way]).card
        assert echoes(card.open(AID))
        assert card.block == 120


def test_a_modem_that_takes_long_blocks_gets_them(tmp_path: Path) -> None:
    with world(tmp_path, model="le910") as made:
        card = met(made).card
        card.open(AID)
        assert card.block == 255


@pytest.mark.parametrize("model", ["a7670", "me909s", "sara-r4", "sim7080"])
def test_what_a_modem_says_by_itself_is_no_answer(tmp_path: Path, model: str) -> None:
    with world(tmp_path, model=model, faults=("noise",)) as made:
        channel = met(made).card.open(AID)
        for number in range(50):
            apdu = bytes((0x80, ECHO, 0, 0, 1, number))
            assert channel.transmit(apdu).data == bytes((number,))


def test_at_is_sent_again_to_a_modem_that_did_not_hear_it(tmp_path: Path) -> None:
    with world(tmp_path, uicc=TinyUicc(), faults=("deaf-at-first",)) as made:
        assert echoes(met(made).card.open(AID))


@pytest.mark.parametrize("way", WAYS)
def test_what_another_program_on_the_port_hears_is_no_answer(tmp_path: Path, way: Way) -> None:
    """Where it comes in between, the command has no answer, and nobody knows whether it was done."""
    with world(tmp_path, faults=("other-user",)) as made:
        card = met(made, [way]).card
        heard = 0
        while heard < 40:
            try:
                channel = card.open(AID)
                for _ in range(10):
                    number = heard % 256
                    assert channel.transmit(bytes((0x80, ECHO, 0, 0, 1, number))).data == bytes((number,))
                    heard += 1
            except ModemError:
                continue


@pytest.mark.parametrize("question", ["+CGMI", "+CGMM", "+CGSN"])
def test_garbage_is_not_taken_for_the_modems_name(tmp_path: Path, question: str) -> None:
    """What it was first taken for would be held against it when it is met again."""
    with world(tmp_path, faults=(f"garbage@{question}",)) as made:
        modem = met(made)
        assert radio_of(modem) is not None
        modem.card.open(AID)
        assert "fault" in made.names()
        radio_of(modem).apply(Remedy.RESET)
        identity = radio_of(modem).identity()
        assert (identity.manufacturer, identity.model) == ("Testbed", "UART-1")
        assert echoes(modem.card.open(AID))

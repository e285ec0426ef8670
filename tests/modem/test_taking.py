"""Making modems take a profile, each as its model wants it, and with the APN of that profile."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from modem import connect as connecting
from modem import quirks
from modem.at_radio import AtRadio
from modem.card import Channel
from modem.connect import Modem
from modem.csim import CsimUicc
from modem.errors import ModemError
from modem.memory import ShortMemory
from modem.mock import AlwaysOn, MockModem
from modem.quirks import Quirks
from modem.radio import Apn, Registration, Remedy, Sim
from modem.waits import Waits
from tests.modem.mocked import SCALE, WAITS
from tests.modem.scripted import WAITS as SCRIPTED
from tests.modem.scripted import ScriptedModem, Step, answers, engine
from tests.modem.tiny_uicc import AID, ICCIDS, SWITCH, TinyUicc

QUICK = replace(WAITS, refresh=0.3)
OK = b"\r\nOK\r\n"


def switch(channel: Channel, profile: int) -> None:
    assert channel.transmit(bytes((0x80, SWITCH, 0, 0, 1, profile))).data == b"\x00"


class Site:
    """A mock modem of some model, with all its command lines, and a radio to it."""

    def __init__(self, tmp_path: Path, model: str, *faults: str) -> None:
        self.commands: list[str] = []
        self.events: list[str] = []
        self.path = str(tmp_path / "modem")
        self.memory = ShortMemory()
        self.mock = MockModem(
            TinyUicc(),
            AlwaysOn(),
            self.path,
            model=model,
            faults=faults,
            scale=SCALE,
            on_event=lambda name, _details: self.events.append(name),
            on_command=self.commands.append,
        )

    def modem(
        self, facts: Quirks | None = None, apn_of: Callable[[str], Apn | None] = lambda _: None
    ) -> Modem:
        known = quirks.of if facts is None else (lambda *_said: facts)
        return connecting.connect(
            self.path, waits=replace(QUICK, carrier=1.0), memory=self.memory, facts_of=known, apn_of=apn_of
        )


def taken(modem: Modem, profile: int) -> None:
    """Switches to a profile; the modem must read its ICCID afterwards."""
    radio = modem.radio
    assert radio is not None
    switch(modem.card.open(AID), profile)
    radio.take_profile(ICCIDS[profile])
    assert radio.status().iccid == ICCIDS[profile]


def ready(modem: Modem) -> AtRadio:
    assert isinstance(modem.radio, AtRadio)
    for _ in range(5000):
        if modem.radio.status().registration is Registration.HOME:
            return modem.radio
    raise AssertionError("the mock never registers")


@pytest.mark.parametrize(
    ("take", "sent", "restarts"),
    [
        (("refresh", "cfun", "reset"), "AT+CFUN=0", 0),
        (("cfun",), "AT+CFUN=0", 0),
        (("refresh",), "AT+CFUN=1,1", 1),
        (("refresh", "reset"), "AT+CFUN=1,1", 1),
    ],
)
def test_a_modem_that_ignores_the_refresh_is_led_up_the_ladder_of_its_model(
    tmp_path: Path, take: tuple[quirks.Rung, ...], sent: str, restarts: int
) -> None:
    site = Site(tmp_path, "generic", "ignore-refresh")
    with site.mock, closing(site.modem(Quirks(take=take))) as modem:
        ready(modem)
        taken(modem, 1)
        assert sent in site.commands
        assert site.events.count("reset") == restarts


def test_a_rung_that_does_not_help_or_is_refused_leads_to_the_next(tmp_path: Path) -> None:
    facts = Quirks(take=("refresh", "sim", "cfun", "reset"), sim_power=("AT#SIMDET=0", "AT#SIMDET=1"))
    site = Site(tmp_path, "generic", "ignore-refresh", "cfun-keeps-card")
    with site.mock, closing(site.modem(facts)) as modem:
        ready(modem)
        taken(modem, 1)
        assert site.events.count("reset") == 1
        assert [line for line in site.commands if "SIMDET" in line] == ["AT#SIMDET=0"]


def test_a_modem_that_goes_on_telling_the_former_iccid_is_reset(tmp_path: Path) -> None:
    site = Site(tmp_path, "generic", "old-iccid")
    with site.mock, closing(site.modem()) as modem:
        ready(modem)
        taken(modem, 1)
        assert site.events.count("reset") == 1


def test_the_former_operators_carrier_configuration_is_changed(tmp_path: Path) -> None:
    site = Site(tmp_path, "ec20f")
    with site.mock, closing(site.modem()) as modem:
        ready(modem)
        taken(modem, 1)
        assert [line for line in site.commands if "Select" in line]
        assert ready(modem).status().plmn == "00102"


def test_a_modem_that_finds_the_new_network_keeps_its_carrier_configuration(tmp_path: Path) -> None:
    facts = Quirks(carrier=('AT+QMBNCFG="AutoSel",1',))
    site = Site(tmp_path, "generic")
    with site.mock, closing(site.modem(facts)) as modem:
        ready(modem)
        taken(modem, 1)
        assert not [line for line in site.commands if "QMBN" in line]
        assert site.events.count("reset") == 0


@pytest.mark.parametrize("model", ["sara-r4", "sara-r5", "me909s"])
def test_a_reset_is_ordered_in_the_models_own_words_or_the_standards(tmp_path: Path, model: str) -> None:
    site = Site(tmp_path, model)
    with site.mock, closing(site.modem()) as modem:
        radio = ready(modem)
        radio.apply(Remedy.RESET)
        assert site.events.count("reset") == 1


def test_every_model_of_the_mock_takes_a_profile(tmp_path: Path) -> None:
    # Each model with both operators in tests.matrix; here that the table's row and the mock fit.
    for model in ("le910", "sim7600", "a7670", "mc7455", "rm520n"):
        (tmp_path / model).mkdir()
        site = Site(tmp_path / model, model)
        with site.mock, closing(site.modem()) as modem:
            ready(modem)
            taken(modem, 1)


# The APN


def contexts(site: Site) -> list[str]:
    return [line for line in site.commands if line.startswith("AT+CGDCONT=")]


def test_the_former_profiles_apn_is_not_left_behind_and_comes_back_with_it(tmp_path: Path) -> None:
    site = Site(tmp_path, "generic", "apn-sticks")
    with site.mock, closing(site.modem()) as modem:
        ready(modem)
        taken(modem, 1)
        assert contexts(site) == ['AT+CGDCONT=1,"IP",""']
        taken(modem, 0)
        assert contexts(site)[1:] == ['AT+CGDCONT=1,"IP","former.example"']


def test_the_configured_apn_is_set_and_the_modem_attaches_with_it(tmp_path: Path) -> None:
    site = Site(tmp_path, "generic")
    apns = {ICCIDS[1]: Apn("iot.example", "IPV4V6")}
    with site.mock, closing(site.modem(apn_of=apns.get)) as modem:
        ready(modem)
        taken(modem, 1)
        assert contexts(site) == ['AT+CGDCONT=1,"IPV4V6","iot.example"']
        assert site.commands.index("AT+CGATT=0") > site.commands.index(contexts(site)[0])
        assert ready(modem).status().address


def test_a_profile_whose_apn_is_right_already_is_not_attached_anew(tmp_path: Path) -> None:
    site = Site(tmp_path, "generic")
    with site.mock, closing(site.modem()) as modem:
        ready(modem)
        taken(modem, 1)
        assert contexts(site) == []
        assert "AT+CGATT=0" not in site.commands


def test_what_a_profile_brings_is_used_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    site = Site(tmp_path, "generic")
    with site.mock, closing(site.modem(apn_of={ICCIDS[1]: Apn("mine")}.get)) as modem:
        radio = ready(modem)
        radio.bring_apn(ICCIDS[0], Apn("brought.example"))
        assert contexts(site) == ['AT+CGDCONT=1,"IP","brought.example"']
        radio.bring_apn(ICCIDS[1], Apn("brought.example"))
        assert contexts(site)[1:] == ['AT+CGDCONT=1,"IP","mine"']


def scripted_radio(modem: ScriptedModem, waits: Waits) -> AtRadio:
    at = engine(modem)
    return AtRadio(at, waits, CsimUicc(at, waits))


def radio_of(modem: ScriptedModem, apn: Apn) -> AtRadio:
    at = engine(modem)
    return AtRadio(at, SCRIPTED, CsimUicc(at, SCRIPTED), apn_of=lambda _iccid: apn)


def test_a_modem_that_takes_an_apn_only_while_off_is_switched_off_for_it() -> None:
    off = []

    def answer(line: str) -> list[Step] | None:
        if line in ("AT+CFUN=4", "AT+CFUN=1"):
            off.append(line == "AT+CFUN=4")
            return [OK]
        if line.startswith("AT+CGDCONT="):
            return [OK] if off and off[-1] else [b"\r\n+CME ERROR: 3\r\n"]
        if line.startswith("AT+CGATT="):
            return [OK]
        return [b'\r\n+CGDCONT: 1,"IP","old"\r\n', OK] if line == "AT+CGDCONT?" else None

    with ScriptedModem(answer) as modem:
        radio_of(modem, Apn("new")).bring_apn(ICCIDS[0], Apn("x"))
        set_up = [line for line in modem.heard if "CGDCONT=" in line or "CFUN" in line]
        wanted = 'AT+CGDCONT=1,"IP","new"'
        assert set_up == [wanted, "AT+CFUN=4", wanted, "AT+CFUN=1"]


def test_user_and_password_are_set_and_no_error_shows_them() -> None:
    with ScriptedModem(answers({"AT+CGDCONT?": [OK], 'AT+CGDCONT=1,"IP","a"': [OK]})) as modem:
        radio = radio_of(modem, Apn("a", user="me", password="secret"))
        with pytest.raises(ModemError) as e:
            radio.bring_apn(ICCIDS[0], Apn("x"))
        assert 'AT+CGAUTH=1,1,"me","secret"' in modem.heard
        assert "secret" not in str(e.value)
        assert "secret" not in repr(Apn("a", user="me", password="secret"))


# Registration


def test_a_modem_that_tells_nothing_by_itself_is_looked_at() -> None:
    def answer(line: str) -> list[Step] | None:
        if "REG=" in line:
            return [b"\r\nERROR\r\n"]
        return [b"\r\n+CREG: 0,1\r\n", OK] if line == "AT+CREG?" else None

    with ScriptedModem(answer) as modem:
        waits = replace(SCRIPTED, registration_poll=0.05)
        radio = scripted_radio(modem, waits)
        assert radio.status().registration is Registration.HOME
        while not radio.pump():
            continue
        radio.close()
        asked = modem.heard.count("AT+CEREG?")
        radio.status()
        assert modem.heard.count("AT+CEREG?") == asked  # it does not know that one


def test_an_ok_without_an_answer_is_somebody_elses_and_the_question_asked_again() -> None:
    spoilt = {"AT+CPIN?", "AT+CEREG?", "AT+CGACT?"}

    def answer(line: str) -> Sequence[Step] | None:
        if line in spoilt:
            spoilt.remove(line)
            return [OK]
        return {
            "AT+CPIN?": [b"\r\n+CPIN: READY\r\n", OK],
            "AT+CEREG?": [b"\r\n+CEREG: 0,1\r\n", OK],
            "AT+CGACT?": [b"\r\n+CGACT: 1,1\r\n", OK],
            "AT+CGPADDR": [b'\r\n+CGPADDR: 1,"10.0.0.1"\r\n', OK],
        }.get(line)

    with ScriptedModem(answer) as modem:
        radio = scripted_radio(modem, SCRIPTED)
        seen = radio.status()
        assert (seen.sim, seen.registration, seen.address) == (Sim.READY, Registration.HOME, "10.0.0.1")
        assert not spoilt
        radio.close()


def test_registration_in_5g_alone_counts() -> None:
    with ScriptedModem(answers({"AT+C5GREG?": [b'\r\n+C5GREG: 2,5,"1A","2B",11\r\n', OK]})) as modem:
        radio = scripted_radio(modem, SCRIPTED)
        assert radio.status().registration is Registration.ROAMING
        radio.close()


def test_no_test_command_is_sent_to_a_model_that_does_not_answer_them(tmp_path: Path) -> None:
    site = Site(tmp_path, "fm350")
    with site.mock, closing(site.modem()) as modem:
        assert modem.radio is not None
        assert modem.radio.identity().technologies == frozenset()
        assert not [line for line in site.commands if line.endswith("=?")]

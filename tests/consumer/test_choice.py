"""Which kind of card it is, who stands in for it, and that this is said."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ipad import show, snapshot
from ipad.config import load
from ipad.connectivity.link import Facts
from ipad.connectivity.state import State
from ipad.errors import ConfigError, DecodeError
from ipad.euicc.iot import OnCard, on_card
from ipad.euicc.isdr import Isdr
from ipad.testbed import pki
from ipad.testbed.euicc import VirtualEuicc
from ipad.testbed.euicc.state import State as CardState
from modem.errors import AtTimeout, ModemError, NoCard
from modem.uicc import Reply
from tests.agent.scripted_card import Answer, ScriptedCard, isdr_on, isdr_that_says
from tests.euicc_card.world import BOOTSTRAP, NORD, Terminal
from tests.procedures.eim_house import EimHouse
from tests.procedures.scenarios import on_nord
from tests.procedures.site import MakeSite, Site, make_blank

from .bench import Watched

IOT, CONSUMER = "iot", "consumer"
GET_EIMS = 0xBF55


def kind_of(isdr: Isdr) -> str:
    return CONSUMER if on_card(isdr) is None else IOT


@pytest.fixture(scope="module")
def info2(tmp_path_factory: pytest.TempPathFactory, pki_dir: Path) -> dict[str, bytes]:
    """EUICCInfo2 of either kind of card."""
    told = {}
    for kind in (IOT, CONSUMER):
        card = VirtualEuicc.open(tmp_path_factory.mktemp(kind), pki_dir, consumer=kind == CONSUMER)
        told[kind] = Terminal(card).run(bytes.fromhex("BF2200"))
    return told


@pytest.mark.parametrize("answer", ["BF5500", "BF5502A000"])
def test_an_iot_card_answers_with_bf55(answer: str) -> None:
    assert kind_of(isdr_that_says(answer)) == IOT


@pytest.mark.parametrize("sw", [0x6A88, 0x6D00, 0x6E00, 0x6A80, 0x6A81, 0x6A86, 0x6700])
def test_a_consumer_card_rejects_it_one_way_or_the_other(info2: dict[str, bytes], sw: int) -> None:
    assert kind_of(isdr_that_says(Reply(b"", sw), info2[CONSUMER])) == CONSUMER


@pytest.mark.parametrize("answer", ["", "BF2D03810101", "6A88"])
def test_an_answer_that_is_none_is_a_rejection_too(info2: dict[str, bytes], answer: str) -> None:
    assert kind_of(isdr_that_says(answer, info2[CONSUMER])) == CONSUMER


def test_a_card_that_says_that_it_is_an_iot_card_is_one(info2: dict[str, bytes]) -> None:
    assert kind_of(isdr_that_says("BF2D0381010B", info2[IOT])) == IOT
    assert kind_of(isdr_that_says(Reply(b"", 0x6A88), info2[IOT])) == IOT


@pytest.mark.parametrize(
    "problem",
    [
        AtTimeout("sending an APDU", "no answer", executed=None),
        NoCard("sending an APDU", "+CME ERROR: 10"),
        Reply(b"", 0x6985),
        Reply(b"", 0x6881),
        Reply(b"", 0x6F00),
        Reply(b"", 0x6581),
    ],
    ids=["silence", "no card", "6985", "6881", "6F00", "6581"],
)
def test_what_may_be_otherwise_in_a_moment_says_nothing_about_the_card(problem: ModemError | Reply) -> None:
    with pytest.raises(ModemError):
        kind_of(isdr_that_says(problem))


def test_half_an_answer_decides_nothing(info2: dict[str, bytes]) -> None:
    with pytest.raises(DecodeError):
        kind_of(isdr_that_says(Reply(b"", 0x6A88), info2[CONSUMER][:-1]))


def test_its_answer_is_used_but_not_when_something_was_done_since() -> None:
    answers: list[Answer] = [bytes.fromhex(a) for a in ("BF5502A000", "BF5108A206800161840101", "BF5500")]
    own = on_card(isdr_on(ScriptedCard(answers)))
    assert isinstance(own, OnCard)
    own.load_euicc_package(bytes.fromhex("BF5100"))
    assert own.eim_configurations() == ()
    assert own.told is None
    assert answers == []


# The gateway


def at(site: Site) -> Watched:
    modem = Watched(VirtualEuicc.open(site.card_dir, site.blank.pki))
    site.modem.close()
    site.modem = modem
    return modem


def notices(site: Site) -> list[str]:
    return [e.text for e in site.process.journal.history() if e.what == "card"]


def test_it_is_asked_once_and_said_once(make_site: MakeSite) -> None:
    site = make_site()
    modem = at(site)
    gateway = site.open().gateway
    gateway.read_card()
    gateway.contents = None
    gateway.read_card()
    assert modem.functions.count(GET_EIMS) == 1
    [said] = notices(site)
    assert "consumer (SGP.22): the agent stands in" in said
    assert "only an eIM that was given its device key" in said
    assert "not available: results signed by the card" in said


def test_a_card_that_could_not_be_asked_is_asked_again(make_site: MakeSite) -> None:
    site = make_site()
    at(site).spoil[GET_EIMS] = [AtTimeout("sending an APDU", "no answer", executed=None)]
    gateway = site.open().gateway
    with pytest.raises(AtTimeout):
        gateway.read_card()
    assert gateway.read_card().kind == CONSUMER


def test_another_card_is_asked_for_itself(make_site: MakeSite, tmp_path: Path) -> None:
    site = make_site()
    gateway = site.open().gateway
    assert gateway.read_card().kind == CONSUMER
    pki.make_pki(tmp_path / "pki", pki.make_eid(2))
    other = VirtualEuicc.open(tmp_path / "other", tmp_path / "pki")
    site.modem.insert(other)
    gateway.isdr.reset()
    contents = gateway.read_card()
    assert (contents.kind, contents.eid.hex()) == (IOT, other.eid)
    assert isinstance(gateway.iot, OnCard)
    assert contents.eims == ()  # and not those of the other card


def test_the_configured_profile_makes_a_fallback(make_site: MakeSite) -> None:
    site = make_site(prepare=on_nord)
    view = site.open().gateway.read_card().view()
    assert (view.enabled, view.fallback, view.fallback_supported) == (NORD, BOOTSTRAP, True)


def test_without_it_there_is_none(make_site: MakeSite) -> None:
    def without_bootstrap(card: CardState) -> None:
        on_nord(card)
        card.profiles = [p for p in card.profiles if p.iccid != BOOTSTRAP]

    site = make_site(prepare=without_bootstrap)
    contents = site.open().gateway.read_card()
    assert (contents.view().fallback, contents.view().fallback_supported) == (None, False)
    assert "fallback (the card does not have the configured fallback_iccid)" in contents.unavailable
    assert "the card does not have" in notices(site)[0]


# What a person is told


def test_status_and_info_say_it_plainly(make_site: MakeSite) -> None:
    contents = make_site().open().gateway.read_card()
    status = {**snapshot.status(State(), contents, Facts()), "now": 1.0}
    info = snapshot.info(contents)
    for lines in (show.status(status), show.info(info)):
        [line] = [line for line in lines if line.startswith("card ")]
        assert "consumer (SGP.22): the agent stands in" in line
        assert "setFallbackAttribute" in line
    assert status["card"]["kind"] == info["card"]["kind"] == CONSUMER
    assert info["fallback_supported"]
    assert json.loads(json.dumps(info)) == info


def test_of_an_iot_card_nothing_has_to_be_said(tmp_path: Path, pki_dir: Path, house: EimHouse) -> None:
    blank = make_blank(tmp_path / "blank", pki_dir, [house])
    site = Site(tmp_path / "site", blank, house.open_desk(tmp_path / "eim", blank.eid, blank.tokens[0]))
    contents = site.open().gateway.read_card()
    assert snapshot.info(contents)["card"] == {"kind": IOT, "unavailable": [], "means": None}
    assert not [line for line in show.info(snapshot.info(contents)) if line.startswith("card ")]
    assert notices(site) == []
    site.close()


# What it costs, and what is configured


def test_an_iot_card_does_not_pay_for_it() -> None:
    """cryptography needs 8 MB: it is there only when a consumer card is."""
    names = "'cryptography' in sys.modules, 'ipad.consumer' in sys.modules"
    program = f"import ipad.daemon, ipad.direct, sys; print({names})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("given", ["8900101000000000019", "890010100000000001", "89001010000000000199"])
def test_a_fallback_profile_can_be_configured(tmp_path: Path, given: str) -> None:
    file = tmp_path / "ipad.toml"
    file.write_text(f'[card]\nfallback_iccid = "{given}"\n')
    assert load(file).card.fallback_iccid == given


@pytest.mark.parametrize("given", ["1", "89001010000000000 19", "890010100000000001F", "8" * 21, "٨" * 19])
def test_what_is_no_iccid_is_refused(tmp_path: Path, given: str) -> None:
    file = tmp_path / "ipad.toml"
    file.write_text(f'[card]\nfallback_iccid = "{given}"\n', "utf-8")
    with pytest.raises(ConfigError, match=r"card\.fallback_iccid: expected an ICCID"):
        load(file)

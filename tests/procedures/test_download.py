"""Profiles downloaded by the real agent, from a real SM-DP+, with a card that installs for real."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ipad.asn1 import encode
from ipad.connectivity.state import Download, Inject, Phase
from ipad.procedures import deliver
from ipad.testbed.eim.packages import hand_out
from ipad.testbed.euicc.state import ImmediateEnable, State
from tests.euicc_card.world import BOOTSTRAP, NORD, SUED
from tests.procedures.market import ICCID, Market, Stall
from tests.procedures.site import MakeSite, Site

Make = Callable[..., Site]


@pytest.fixture
def make(make_site: MakeSite, market: Market) -> Make:
    def make(**settings: Any) -> Site:
        options = settings.pop("smdp", {})
        return make_site(stall=lambda directory: market.open_stall(directory, **options), **settings)

    return make


@pytest.fixture
def site(make: Make) -> Site:
    return make()


def stall(site: Site) -> Stall:
    assert site.stall is not None
    return site.stall


def iccids(site: Site) -> list[str]:
    return [profile.iccid for profile in site.memory().profiles]


def trigger(code: str) -> bytes:
    return encode("ProfileDownloadTriggerRequest", {"profileDownloadData": ("activationCode", code)})


def ask_once(site: Site, command: Download | Inject) -> None:
    """Somebody at the gateway asks for it, and the case is done when that was answered."""
    site.ask = lambda site: command if not site.answers else None
    site.done = lambda site: bool(site.answers)


def through_eim(site: Site) -> list[str]:
    """The functions of a download that the eIM was asked for."""
    download = ("InitiateAuthentication", "AuthenticateClient", "GetBoundProfilePackage", "CancelSession")
    return [line["function"] for line in site.desk.exchanges() if line["function"] in download]


def installed(site: Site, number: int) -> None:
    """All three know of it, and nothing is left on the card."""
    assert iccids(site) == [BOOTSTRAP, NORD, SUED, ICCID]
    assert site.desk.package(number)["state"] == "done"
    assert stall(site).states() == ["installed"]
    [result] = stall(site).results()
    [told] = site.desk.results("profileDownloadTriggerResult")
    assert told["accepted"]
    assert result.upper() in told["octets"]
    assert site.memory().notifications == []


@pytest.mark.parametrize("prefix", ["", "LPA:"])
def test_an_eims_activation_code_is_downloaded_directly(site: Site, prefix: str) -> None:
    number = site.desk.order(download={"activationCode": prefix + stall(site).order()})
    site.run()
    installed(site, number)
    assert through_eim(site) == []


def test_a_profile_waits_at_the_cards_default_smdp(make: Make, market: Market) -> None:
    def has_default(card: State) -> None:
        card.default_dp_address = market.smdp_address

    site = make(prepare=has_default)
    stall(site).order(eid=site.blank.eid)
    number = site.desk.order(download={"defaultSmdp": True})
    site.run()
    installed(site, number)


@pytest.mark.parametrize("named", [True, False])
def test_an_event_at_the_smds_leads_to_the_smdp(make: Make, market: Market, named: bool) -> None:
    def has_root(card: State) -> None:
        card.root_ds_address = market.smds_address

    site = make(prepare=has_root)
    stall(site).order(event=site.blank.eid)
    number = site.desk.order(download={"smds": market.smds_address if named else ""})
    site.run()
    installed(site, number)
    assert "the SM-DS " + market.smds_address + " names " + market.smdp_address in "\n".join(site.told())


@pytest.mark.parametrize("code", [None, "4711"])
def test_an_eim_that_has_the_data_is_gone_through(site: Site, code: str | None) -> None:
    matching_id = stall(site).order(confirmation_code=code).split("$")[2]
    wanted = {"eim": True, "matchingId": matching_id}
    number = site.desk.order(download=wanted if code is None else {**wanted, "confirmationCode": code})
    site.run()
    installed(site, number)
    assert through_eim(site) == ["InitiateAuthentication", "AuthenticateClient", "GetBoundProfilePackage"]


def test_an_eim_that_is_noted_for_it_is_gone_through(make: Make) -> None:
    def noted(card: State) -> None:
        card.eims[0].members["89"] = "8900"

    site = make(prepare=noted)
    number = site.desk.order(download={"activationCode": stall(site).order()})
    site.run()
    installed(site, number)
    assert "GetBoundProfilePackage" in through_eim(site)


def test_without_certificate_issuers_the_eim_is_gone_through(site: Site) -> None:
    for file in stall(site).ci.iterdir():
        file.unlink()
    number = site.desk.order(download={"activationCode": stall(site).order()})
    site.run()
    installed(site, number)
    assert "GetBoundProfilePackage" in through_eim(site)


def test_two_orders_are_worked_off_one_after_the_other(site: Site) -> None:
    site.desk.order(download={"activationCode": stall(site).order()})
    site.desk.order(download={"activationCode": stall(site).order("8900101000000000439")})
    site.desk.order({"enable": ICCID, "rollback": True})
    site.run()
    assert [package["state"] for package in site.desk.packages()] == ["done"] * 3
    assert stall(site).states() == ["installed"] * 2
    assert site.enabled() == ICCID


def test_the_smdp_is_told_of_what_becomes_of_the_profile(site: Site) -> None:
    """No eIM was between the two, so none passes its notifications on."""
    site.desk.order(download={"activationCode": stall(site).order()})
    site.desk.order({"enable": ICCID, "rollback": True})
    site.desk.order({"enable": BOOTSTRAP})
    site.desk.order({"delete": ICCID})
    site.run()
    told = [(each.iccid, each.events) for each in stall(site).smdp.notifications()]
    # The installation is told by its result.
    assert told == [(ICCID, ["enable"]), (ICCID, ["disable"]), (ICCID, ["delete"])]
    others = [r["content"]["iccid"] for r in site.desk.results("otherSignedNotification")]
    assert ICCID not in others
    assert site.memory().notifications == []


def test_a_profile_that_the_card_enables_at_once_is_put_on_trial(make: Make) -> None:
    def set_up(card: State) -> None:
        card.immediate_enable = ImmediateEnable(flag=True)

    site = make(prepare=set_up)
    number = site.desk.order(download={"activationCode": stall(site).order()})
    site.done = lambda site: site.agent is not None and site.agent.state.phase is Phase.OPERATING
    site.run()
    installed(site, number)
    assert site.enabled() == ICCID
    assert [told["stateChangeCause"] for told in site.desk.told()] == [5]
    assert "on trial" in "\n".join(site.told())


def test_a_profile_that_does_not_work_is_fallen_back_from(make: Make) -> None:
    def set_up(card: State) -> None:
        card.immediate_enable = ImmediateEnable(flag=True)

    site = make(prepare=set_up)
    site.modem.dark.add(ICCID)
    number = site.desk.order(download={"activationCode": stall(site).order()})
    site.done = lambda site: site.agent is not None and site.agent.state.phase is Phase.FALLBACK
    site.run()
    installed(site, number)
    assert site.enabled() == BOOTSTRAP


def test_somebody_at_the_gateway_downloads(site: Site) -> None:
    code = stall(site).order(confirmation_code="4711")
    ask_once(site, Download(trigger(code), "4711"))
    site.run()
    assert iccids(site)[-1] == ICCID
    [answer] = site.answers
    assert (answer["problem"], answer["did"][0]) == (None, f"Download: {ICCID} is installed")
    assert stall(site).states() == ["installed"]
    assert site.memory().notifications == []


def test_a_card_in_a_reader_downloads_too(make: Make) -> None:
    site = make(in_reader=True)
    site.desk.order(download={"activationCode": stall(site).order()})
    ask_once(site, Download(trigger(stall(site).order("8900101000000000439"))))
    site.run()
    assert [answer["problem"] for answer in site.answers] == [None]
    assert stall(site).states() == ["installed"] * 2


def test_an_sm_dp_of_brainpool_works(make: Make) -> None:
    site = make(smdp={"curve": ec.BrainpoolP256R1()})
    number = site.desk.order(download={"activationCode": stall(site).order(size=2500)})
    site.run()
    installed(site, number)


def test_what_is_asked_for_at_the_gateway_and_fails_is_said_and_not_tried_again(site: Site) -> None:
    code = stall(site).order(confirmation_code="4711")
    ask_once(site, Download(trigger(code), "4712"))
    site.run()
    [answer] = site.answers
    assert "confirmationCodeRefused" in answer["problem"]
    assert iccids(site) == [BOOTSTRAP, NORD, SUED]
    assert site.journal_left == (None, [])


def carried(site: Site) -> bytes:
    """What the eIM would have handed out, and does no more."""
    euicc = site.desk.records.euicc(site.desk.eid)
    assert euicc is not None
    handed = hand_out(site.desk.records, site.desk.eim.identity, site.desk.eim.faults, euicc)
    assert handed is not None
    return handed[1]


def test_a_trigger_that_was_carried_here_is_worked_off(site: Site) -> None:
    number = site.desk.order(download={"activationCode": stall(site).order()})
    ask_once(site, Inject(carried(site)))
    site.run()
    [answer] = site.answers
    assert answer["response"] == "BF4E020500"
    installed(site, number)


def test_a_result_that_no_eim_wants_does_not_stay_on_the_card(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody signs a trigger: this one was made up."""
    monkeypatch.setattr(deliver, "MOST_REFUSALS", 3)
    ask_once(site, Inject(trigger(stall(site).order())))
    site.run()
    assert iccids(site)[-1] == ICCID
    assert stall(site).states() == ["installed"]
    assert "an answer is given up" in "\n".join(site.told())
    assert site.memory().notifications == []


def test_matching_id_and_confirmation_code_are_written_down_nowhere_for_people(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    code = stall(site).order(confirmation_code="471147114711")
    ask_once(site, Download(trigger(code), "471147114711"))
    site.run()
    site.desk.order(download={"activationCode": stall(site).order("8900101000000000439")})
    said = "\n".join(site.told()) + caplog.text
    assert "doing Download()" in caplog.text
    assert code.split("$")[2] not in said
    assert "471147114711" not in said

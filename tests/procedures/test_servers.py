"""Notifications for the SM-DP+ itself: what happens when it does not take them."""

import pytest

from ipad.connectivity.state import Download
from ipad.testbed.euicc.state import State
from tests.procedures.market import ICCID, Market
from tests.procedures.site import MakeSite, Site
from tests.procedures.test_download import ask_once, iccids, stall, trigger

HANDLE = "HandleNotification"


@pytest.fixture
def site(make_site: MakeSite, market: Market) -> Site:
    return make_site(stall=market.open_stall)


def test_an_smdp_that_is_away_hears_of_it_later(site: Site) -> None:
    number = site.desk.order(download={"activationCode": stall(site).order()})
    stall(site).spoil("http-500", HANDLE, count=5)
    site.run()
    assert stall(site).states() == ["installed"]
    assert site.desk.package(number)["state"] == "done"
    assert site.memory().notifications == []
    begun = [
        float(line.split(" ")[0]) for line in site.told() if "broken off: ES9+.HandleNotification" in line
    ]
    assert len(begun) == 5
    assert begun[-1] - begun[-2] > begun[1] - begun[0]


def test_a_refusal_does_not_hold_back_the_others(site: Site) -> None:
    site.desk.order(download={"activationCode": stall(site).order()})
    site.desk.order({"enable": ICCID, "rollback": True})
    stall(site).spoil("http-404", HANDLE)
    site.run()
    assert [each.events for each in stall(site).smdp.notifications()] == [["enable"]]
    assert len(stall(site).results()) == 1
    assert sum("stays on the card" in line for line in site.told()) == 1
    assert site.memory().notifications == []


def test_an_address_that_is_none_is_no_reason_to_stop(site: Site) -> None:
    """The card takes it from the profile's metadata, whatever it is; it is offered less and less often."""
    address = "smdp example"
    code = stall(site).order(notify=(((0, 1, 2, 3), address),))
    number = site.desk.order(download={"activationCode": code})
    site.desk.order({"enable": ICCID, "rollback": True})
    site.run()
    assert site.desk.package(number)["state"] == "done"
    # Of another address than the SM-DP+'s own: any eIM takes it.
    assert site.memory().notifications == []
    assert address in str([r["content"] for r in site.desk.results("otherSignedNotification")])


def test_without_an_eim_the_smdp_is_all_there_is(
    make_site: MakeSite, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_eim(card: State) -> None:
        card.eims.clear()

    site = make_site(stall=market.open_stall, prepare=no_eim)
    code = stall(site).order(notify=(((0, 1, 2, 3), "smdp example"), ((1, 2, 3), market.smdp_address)))
    ask_once(site, Download(trigger(code)))
    # Its installation is told to an address that is none as well: that one stays.
    monkeypatch.setattr(site, "settled", lambda: True)
    site.run()
    assert iccids(site)[-1] == ICCID
    assert stall(site).states() == ["installed"]
    assert len(site.memory().notifications) == 1
    assert "is no host name" in "\n".join(site.told())

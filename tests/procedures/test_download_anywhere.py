"""A download that is cut in two, wherever: the profile is installed once, and everybody hears so once."""

from typing import Any

import pytest

from ipad.connectivity.state import Phase
from ipad.testbed.euicc.state import ImmediateEnable, State
from tests.procedures.harm import (
    AnswerLost,
    Garbled,
    Harm,
    Kill,
    NotSent,
    PowerCut,
    RequestLost,
    Reset,
    Unanswered,
    Unheard,
)
from tests.procedures.market import ICCID
from tests.procedures.scenarios import Scenario, outcome, told_all
from tests.procedures.site import MakeSite, Site
from tests.procedures.sweep import sweep


def _directly(site: Site) -> None:
    assert site.stall is not None
    site.desk.order(download={"activationCode": site.stall.order(size=2500)})


def _through_the_eim(site: Site) -> None:
    assert site.stall is not None
    matching_id = site.stall.order(size=1200).split("$")[2]
    site.desk.order(download={"eim": True, "matchingId": matching_id})


def _from_the_smds(site: Site) -> None:
    assert site.stall is not None
    site.stall.order(event=site.blank.eid)
    site.desk.order(download={"smds": site.memory().root_ds_address})


def _set_up(card: State) -> None:
    card.immediate_enable = ImmediateEnable(flag=True)


def _done(site: Site) -> bool:
    assert site.agent is not None
    return site.agent.state.phase is Phase.OPERATING and told_all(site)


DIRECT = Scenario("directly", _directly, _done)
INDIRECT = Scenario("through the eIM", _through_the_eim, _done)
EVENT = Scenario("from the SM-DS", _from_the_smds, _done)
AT_ONCE = Scenario("enabled at once", _directly, _done, _set_up)

every = pytest.mark.parametrize("scenario", [DIRECT, INDIRECT, EVENT, AT_ONCE], ids=lambda s: s.name)
each_way = pytest.mark.parametrize("scenario", [DIRECT, INDIRECT], ids=lambda s: s.name)


def wanted(site: Site) -> dict[str, Any]:
    """What has come of it; the same however often it was harmed."""
    assert site.stall is not None
    found = outcome(site)
    results = [r for r in site.desk.results("profileDownloadTriggerResult") if r["accepted"]]
    assert len(results) == 1
    assert ICCID in found["profiles"]
    assert "successResult" in str(results[0]["content"])
    return {
        "packages": [package["state"] for package in site.desk.packages()],
        "profiles": found["profiles"],
        "causes": found["causes"],
        "journal": found["journal"],
        "orders": site.stall.states(),
        "results": len(site.stall.results()),
        "waiting": site.memory().notifications,
    }


@every
def test_the_agent_may_be_killed_anywhere(make_day: MakeSite, scenario: Scenario) -> None:
    sweep(make_day, scenario, Kill, wanted, prompt=False)


@each_way
def test_the_power_may_be_cut_anywhere(make_day: MakeSite, scenario: Scenario) -> None:
    sweep(make_day, scenario, PowerCut, wanted)


@each_way
@pytest.mark.parametrize("kind", [Reset, Unheard, Unanswered, NotSent, Garbled])
def test_the_modem_may_fail_anywhere(make_day: MakeSite, scenario: Scenario, kind: type[Harm]) -> None:
    sweep(make_day, scenario, kind, wanted)


@every
@pytest.mark.parametrize("kind", [RequestLost, AnswerLost])
def test_a_connection_may_break_anywhere(make_day: MakeSite, scenario: Scenario, kind: type[Harm]) -> None:
    sweep(make_day, scenario, kind, wanted)

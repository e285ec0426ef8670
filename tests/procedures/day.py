"""A gateway's whole day, in virtual time: what the demo lives, with nothing but the real agent in the middle.

The world goes on when the gateway has come to rest where the step before leads to, however often it was
killed on the way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ipad.connectivity.state import Command, Phase
from ipad.testbed.eim.faults import Fault
from ipad.testbed.euicc.state import State
from tests.euicc_card.world import BOOTSTRAP, NORD, SUED
from tests.procedures.market import Stall
from tests.procedures.scenarios import Scenario, outcome, told_all
from tests.procedures.site import Site

SPARE = "8900101000000000027"


@dataclass(frozen=True)
class Step:
    """The world changes so, and the gateway comes to rest with this profile enabled."""

    name: str
    change: Callable[[Site], object]
    enabled: str
    phase: Phase = Phase.OPERATING
    also: Callable[[Site], bool] = lambda _site: True


def _stall(site: Site) -> Stall:
    assert site.stall is not None
    return site.stall


def _directly(site: Site) -> None:
    code = _stall(site).order(NORD, imsi="001010000000001", size=1200)
    site.desk.order(download={"activationCode": code})


def _through_the_eim(site: Site) -> None:
    code = _stall(site).order(SUED, imsi="001020000000001", confirmation_code="4711")
    wanted = {"eim": True, "matchingId": code.split("$")[2], "confirmationCode": "4711"}
    site.desk.order(download=wanted)


def _from_the_smds(site: Site) -> None:
    _stall(site).order(SPARE, event=site.blank.eid)
    site.desk.order(download={"smds": ""})


def _enables(iccid: str) -> Callable[[Site], object]:
    return lambda site: site.desk.order({"enable": iccid, "rollback": True})


def _dark(iccid: str) -> Callable[[Site], object]:
    return lambda site: site.modem.dark.add(iccid)


def _sued_without_a_route(site: Site) -> None:
    site.routeless.add(SUED)
    site.desk.order({"enable": SUED, "rollback": True})


def _sued_with_one(site: Site) -> None:
    site.routeless.clear()
    site.desk.order({"enable": SUED, "rollback": True})


def _eim_down(site: Site) -> None:
    site.desk.eim.faults.add(Fault("http-500", count=3))
    site.desk.order({"listProfileInfo": {}})


DAY = (
    Step("first poll", lambda _site: None, BOOTSTRAP),
    Step("Nord, directly", _directly, BOOTSTRAP),
    Step("Sued, through the eIM", _through_the_eim, BOOTSTRAP),
    Step("a spare, from the SM-DS", _from_the_smds, BOOTSTRAP),
    Step("Nord is enabled", _enables(NORD), NORD),
    Step("Nord goes dark", _dark(NORD), BOOTSTRAP, Phase.FALLBACK, told_all),
    Step("Nord is back", lambda site: site.modem.dark.clear(), NORD, Phase.OPERATING, told_all),
    Step("Sued has no route: rollback", _sued_without_a_route, NORD, Phase.OPERATING, told_all),
    Step("Sued is enabled", _sued_with_one, SUED),
    Step("the eIM is down", _eim_down, SUED),
    Step("what is not needed is deleted", lambda site: site.desk.order({"delete": SPARE}), SUED),
)


def _at_rest(site: Site, step: Step) -> bool:
    """Nothing is left of this step."""
    assert site.agent is not None
    state = site.agent.state
    there = (site.enabled(), state.phase) == (step.enabled, step.phase)
    return there and site.settled() and step.also(site)


def _go_on(site: Site) -> Command | None:
    """The next change, once the one before has come to its end; somebody at the gateway polls then."""
    stage = site.stage
    if stage and not _at_rest(site, DAY[stage - 1]):
        return None
    if stage == len(DAY):
        return None
    site.stage += 1
    DAY[stage].change(site)
    return Command.POLL


def _over(site: Site) -> bool:
    return site.stage == len(DAY) and _at_rest(site, DAY[-1])


def _only_bootstrap(card: State) -> None:
    card.profiles = [profile for profile in card.profiles if profile.iccid == BOOTSTRAP]


WHOLE_DAY = Scenario("a whole day", lambda _site: None, _over, _only_bootstrap, _go_on)


def wanted(site: Site) -> dict[str, Any]:
    """What must have come of it in the end: at the eIM, at the SM-DP+ and on the card."""
    found = outcome(site)
    counted = [[r["kind"] for r in package["results"] if r["accepted"]] for package in site.desk.packages()]
    assert all(len(results) == 1 or "rolled back" in state for results, state in _with_states(site, counted))
    return {
        "packages": [package["state"] for package in site.desk.packages()],
        "results": counted,
        "profiles": found["profiles"],
        "journal": found["journal"],
        "orders": _stall(site).states(),
        "installed": len(_stall(site).results()),
        "waiting": (site.memory().notifications, site.memory().results),
    }


def _with_states(site: Site, counted: list[list[str]]) -> list[tuple[list[str], str]]:
    return [(results, p["state"]) for results, p in zip(counted, site.desk.packages(), strict=True)]

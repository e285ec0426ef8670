"""What a gateway goes through in the sweeps: how it begins, what is ordered, and how it must end."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ipad.connectivity.state import Command, Inject, Phase
from ipad.testbed.eim.faults import Fault
from ipad.testbed.eim.packages import hand_out
from ipad.testbed.euicc.defaults import emergency_profile
from ipad.testbed.euicc.state import State
from tests.euicc_card.world import BOOTSTRAP, NORD, SUED
from tests.procedures.site import Site


def _nothing(_card: State) -> None:
    pass


def on_nord(card: State) -> None:
    """The card has been switched to Nord, and that is long over."""
    for profile in card.profiles:
        profile.enabled = profile.iccid == NORD


def in_an_emergency(card: State) -> None:
    """Nord was enabled, and somebody has called for help."""
    for profile in card.profiles:
        profile.enabled = False
    card.profiles.append(replace(emergency_profile(), enabled=True))
    card.emergency_origin = NORD


@dataclass(frozen=True)
class Scenario:
    """begins: the card's past. order: what the eIM wants, and what the world is like. ask: what somebody at
    the gateway asks for as long as it has not come. done: whether it has ended as it must.
    """

    name: str
    order: Callable[[Site], object]
    done: Callable[[Site], bool]
    begins: Callable[[State], None] = _nothing
    ask: Callable[[Site], Command | Inject | None] = lambda _site: None

    def start(self, site: Site) -> None:
        site.done, site.ask = self.done, self.ask
        self.order(site)


def ended(enabled: str, phase: Phase, *states: str) -> Callable[[Site], bool]:
    """This profile is enabled, the agent is in this phase, and the packages ended so."""

    def holds(site: Site) -> bool:
        assert site.agent is not None
        found = tuple(package["state"] for package in site.desk.packages())
        return (site.enabled(), site.agent.state.phase, found) == (enabled, phase, states)

    return holds


def told_all(site: Site) -> bool:
    """The eIM has been told of each change of the profile."""
    assert site.agent is not None
    return all(plan.tell is None for plan in site.agent.state.polls.values())


def _enable(site: Site) -> None:
    site.desk.order({"listProfileInfo": {}}, {"enable": NORD, "rollback": True})


def _several(site: Site) -> None:
    site.desk.order({"listProfileInfo": {}}, {"delete": SUED})
    site.desk.order({"disable": NORD}, {"enable": BOOTSTRAP}, {"delete": NORD})
    site.desk.order({"listProfileInfo": {}})


def _refused(site: Site) -> None:
    site.desk.order({"delete": SUED}, forge="wrong-signature")
    site.desk.order({"delete": SUED}, forge="wrong-eid")
    site.desk.order({"setDefaultDpAddress": "smdp.example"})
    site.desk.order({"delete": SUED}, forge="replay-counter")
    site.desk.order({"delete": BOOTSTRAP}, {"delete": SUED})


def _unsigned(site: Site) -> None:
    site.desk.order(raw="BF4F06BF7703800100")
    site.desk.order(data={"tagList": "5A"})
    site.desk.order(data={"tagList": "8384A6A8A9"})
    site.desk.order(download={"activationCode": "1$smdp.example$"})


def _data(site: Site) -> None:
    """The notifications of a fallback, which the eIM takes only with the answer to a data request."""
    site.desk.eim.faults.add(Fault("http-500", function="HandleNotification", count=2))


def _fall_back_and_tell(site: Site) -> Command | None:
    if site.enabled() == NORD:
        return Command.FALLBACK
    if site.desk.told() and not site.desk.packages():
        site.desk.order(data={"tagList": "A0"})
        return Command.POLL
    return None


def _by_hand(site: Site) -> None:
    site.desk.order({"enable": NORD, "rollback": True})
    euicc = site.desk.records.euicc(site.desk.eid)
    assert euicc is not None
    handed = hand_out(site.desk.records, site.desk.eim.identity, site.desk.eim.faults, euicc)
    assert handed is not None
    site.by_hand = handed[1]
    site.desk.records.cancel(1)  # it does not come over the air as well


def _hand_over(site: Site) -> Inject | None:
    """Somebody hands it over until it has been executed."""
    return Inject(site.by_hand) if site.enabled() == BOOTSTRAP else None


def _rollback(site: Site) -> None:
    site.routeless.add(NORD)
    site.desk.order({"enable": NORD, "rollback": True})


def _dead_end(site: Site) -> None:
    site.modem.dark.add(NORD)
    site.desk.order({"enable": NORD})


def _lost(site: Site) -> None:
    site.modem.dark.add(NORD)


def _back_after_a_while(site: Site) -> bool:
    """The operator comes back once the gateway has fallen back and has told of it."""
    if site.enabled() == BOOTSTRAP and site.desk.told():
        site.modem.dark.clear()
    return ended(NORD, Phase.OPERATING)(site) and len(site.desk.told()) > 1 and told_all(site)


def _there_and_back(site: Site) -> Command | None:
    fell_back = bool(site.desk.told())
    if not fell_back:
        return Command.FALLBACK if site.enabled() == NORD else None
    return Command.RETURN if site.enabled() == BOOTSTRAP else None


ENABLE = Scenario("enable with rollback", _enable, ended(NORD, Phase.OPERATING, "done"))
SEVERAL = Scenario(
    "list, delete, disable and enable",
    _several,
    ended(BOOTSTRAP, Phase.OPERATING, "done", "done", "done"),
    on_nord,
)
REFUSED = Scenario(
    "packages that the card refuses",
    _refused,
    ended(BOOTSTRAP, Phase.OPERATING, "failed", "failed", "done", "failed", "done"),
)
UNSIGNED = Scenario(
    "packages that nobody signs, some that nobody can work on",
    _unsigned,
    ended(BOOTSTRAP, Phase.OPERATING, "failed", "failed", "done", "failed"),
)
ROLLBACK = Scenario(
    "rollback, because the new profile has no way to the eIM",
    _rollback,
    lambda site: ended(BOOTSTRAP, Phase.OPERATING, "rolled back")(site) and told_all(site),
)
DEAD_END = Scenario(
    "fallback, because the new profile has no network",
    _dead_end,
    lambda site: ended(BOOTSTRAP, Phase.FALLBACK, "done")(site) and told_all(site),
)
LOSS = Scenario("fallback after a loss, and return", _lost, _back_after_a_while, on_nord)
ASKED = Scenario(
    "fallback and return when asked for",
    lambda _site: None,
    lambda site: ended(NORD, Phase.OPERATING)(site) and len(site.desk.told()) > 1 and told_all(site),
    on_nord,
    _there_and_back,
)

DATA = Scenario(
    "notifications by a data request",
    _data,
    lambda site: ended(BOOTSTRAP, Phase.FALLBACK, "done")(site) and told_all(site),
    on_nord,
    _fall_back_and_tell,
)
BY_HAND = Scenario("a package by hand", _by_hand, ended(NORD, Phase.OPERATING, "done"), ask=_hand_over)

EMERGENCY = Scenario(
    "an emergency that nobody ends",
    lambda site: site.modem.dark.add(emergency_profile().iccid),
    lambda site: ended(NORD, Phase.OPERATING)(site) and bool(site.desk.told()) and told_all(site),
    in_an_emergency,
)

SCENARIOS = (ENABLE, SEVERAL, REFUSED, UNSIGNED, ROLLBACK, DEAD_END, LOSS, ASKED, DATA, BY_HAND, EMERGENCY)
EACH_STEP = (ENABLE, ROLLBACK, ASKED, EMERGENCY)
"""In these there is each kind of step."""


def outcome(site: Site) -> dict[str, Any]:
    """What has come of it all, in the eIM's books and on the card; the same however often it was harmed."""
    results = [r for r in site.desk.results() if r["accepted"]]
    notifications = [r for r in results if r["package"] is None]
    return {
        "refused": [r["reason"] for r in site.desk.results() if not r["accepted"]],
        "packages": [
            (p["state"], _without_numbers(p["outcome"]), [_what(r) for r in p["results"]])
            for p in site.desk.packages()
        ],
        "notifications": sorted(_what(r) for r in notifications),
        "causes": {told.get("stateChangeCause") for told in site.desk.told()},
        "profiles": {p.iccid: (p.enabled, p.fallback_attribute) for p in site.memory().profiles},
        "origin": site.origin,
        "journal": site.journal_left,
    }


def _what(result: dict[str, Any]) -> tuple[str, str]:
    return result["kind"], str(_without_numbers(result["content"]))


def _without_numbers(content: Any) -> Any:
    """Without what is drawn anew in each run."""
    if isinstance(content, dict):
        # By which message a notification arrives does not matter: what counts is that it does, once.
        drawn = ("seqNumber", "eimTransactionId", "counterValue", "notificationsList")
        return {name: _without_numbers(value) for name, value in content.items() if name not in drawn}
    return [_without_numbers(item) for item in content] if isinstance(content, list) else content

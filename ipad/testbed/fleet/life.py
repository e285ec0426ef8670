"""One gateway's life through a scenario, from edge to edge: `decide` is the daemon's, the rest is its world.

The modem tells each edge of the link at once, and nothing takes more than a constant time: what spreads a
fleet is its jitter alone. Looks at a link that stays as it is would find nothing, and are left out.
"""

from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ipad.connectivity import memory
from ipad.connectivity.decide import decide, wake
from ipad.connectivity.link import Link
from ipad.connectivity.state import (
    Action,
    ApplyRemedy,
    CardView,
    Deadline,
    Done,
    Ended,
    EndEmergency,
    Event,
    Fallback,
    Inject,
    LinkChanged,
    Outcome,
    Phase,
    Plan,
    Poll,
    Polled,
    Probe,
    Probed,
    Refused,
    Return,
    Rollback,
    Started,
    State,
    Switched,
    draw,
)
from ipad.testbed.fleet.scenario import BOOTSTRAP, NORD, Scenario, Span
from ipad.waits import Waits

EIM = "eim"
_TAKES: dict[type[Action], float] = {
    Probe: 1.0,
    Poll: 3.0,
    ApplyRemedy: 15.0,
    Fallback: 30.0,
    Return: 30.0,
    Rollback: 30.0,
    EndEmergency: 30.0,
    Inject: 3.0,
}
"""Seconds; of a switch, until the modem is registered with the new profile."""
_NEVER = 30 * 86400.0
LONG = 3600.0
"""Seconds; more than a trial that fails and the way back from it."""
_BOOT = 40.0
"""From power to the daemon's start."""
_VIEWS = {iccid: CardView(iccid, BOOTSTRAP, True, (EIM,)) for iccid in (BOOTSTRAP, NORD)}
_SWITCHES = (Fallback, Return, Rollback)

Edge = tuple[float, str, Link | None]
"""When, which profile's network ("" for the power), and its link from then on; None: the power is off."""


def fleet_waits() -> Waits:
    """The defaults, but without looks at a link that stays as it is."""
    return replace(Waits(), probe_interval=_NEVER, probe_retry=_NEVER, probe_retry_max=_NEVER)


@dataclass
class Life:
    """What became of one gateway."""

    offline: float = 0.0
    """Seconds with power and without a link."""
    on_bootstrap: float = 0.0
    """Seconds with power, and with the bootstrap profile enabled."""
    switches: int = 0
    most_switches: int = 0
    """By itself, within any time as long as the budget's."""
    stranded: bool = False
    """In the end there has been no link for LONG, although a profile has one."""
    events: int = 0
    polls: list[float] = field(default_factory=list)
    """When it reached the eIM."""
    failed_polls: list[float] = field(default_factory=list)
    phases: list[tuple[float, Phase | None]] = field(default_factory=list)
    """From when on it was in which phase; None: without power."""


def edges(scenario: Scenario, in_region: bool) -> list[Edge]:
    """What happens to such a gateway, in order."""
    found: list[Edge] = []
    for outage in scenario.outages:
        for begin, end in outage.spans:
            found += [(begin, outage.iccid, outage.link), (end, outage.iccid, Link.OK)]
    if in_region:
        for begin, end in scenario.power_cut:
            found += [(begin, "", None), (end + _BOOT, "", Link.OK)]
    return sorted(found, key=lambda edge: edge[0])


def settled(number: int, waits: Waits) -> State:
    """A gateway on Nord that has been at work for long."""
    seed = f"89{number:030d}"
    due = waits.poll_interval * draw(seed, -1)
    return State(
        Phase.OPERATING,
        why="the profile works",
        until=None,
        card=_VIEWS[NORD],
        link=Link.OK,
        polls=MappingProxyType({EIM: Plan(due=due, last=due - waits.poll_interval)}),
        seed=seed,
        probe_at=waits.probe_interval,
    )


class World:
    """What this gateway meets."""

    def __init__(self, scenario: Scenario) -> None:
        self.links: dict[str, Link] = {BOOTSTRAP: Link.OK, NORD: Link.OK}
        self.enabled = NORD
        self.origin: str | None = None
        self.eim_down: tuple[Span, ...] = scenario.eim_down

    def link(self) -> Link:
        return self.links[self.enabled]

    def end(self, action: Action, now: float) -> Outcome:
        """How the action ends."""
        if isinstance(action, Probe):
            return Probed(True if self.link() is Link.OK else None)
        if isinstance(action, Poll):
            up = self.link() is Link.OK and not any(begin <= now < end for begin, end in self.eim_down)
            return Polled(reached=up, delivered=up)
        if isinstance(action, ApplyRemedy):
            return Done()
        if isinstance(action, Fallback) and self.enabled != BOOTSTRAP:
            self.origin, self.enabled = self.enabled, BOOTSTRAP
            return Switched(_VIEWS[BOOTSTRAP])
        if isinstance(action, Return) and self.origin is not None:
            self.enabled, self.origin = self.origin, None
            return Switched(_VIEWS[self.enabled])
        return Refused("commandError")


def live(number: int, scenario: Scenario, happens: list[Edge], waits: Waits) -> Life:
    """The life of gateway `number`; happens: its `edges`."""
    return _Living(number, scenario, waits).live(happens, scenario.lasts)


class _Living:
    """The loop of an agent, in virtual time."""

    def __init__(self, number: int, scenario: Scenario, waits: Waits) -> None:
        self.waits = waits
        self.world = World(scenario)
        self.state = settled(number, waits)
        self.life = Life(phases=[(0.0, self.state.phase)])
        self.now = 0.0
        self.online = 0.0
        """When it last had a link."""
        self.without_power = 0.0
        """Powered seconds are as much less than the time."""
        self.action: Action | None = None
        self.ends = 0.0

    def live(self, happens: list[Edge], lasts: float) -> Life:
        upcoming = iter([*(edge for edge in happens if edge[0] < lasts), (lasts, "", Link.OK)])
        edge = next(upcoming)
        while True:
            if self.action is not None:
                at = self.ends
            else:
                due = wake(self.state)
                at = lasts if due is None else due + self.without_power
            if edge[0] <= at:
                self._pass(edge[0])
                if edge[0] >= lasts:
                    break
                if edge[2] is None:
                    on = next(upcoming)
                    self._lose_power(on[0])
                elif edge[1]:
                    self._change(edge[1], edge[2])
                edge = next(upcoming)
                continue
            self._pass(at)
            if self.action is None:
                self._feed(Deadline())
            else:
                self._end(self.action)
        covered = Link.OK in self.world.links.values()
        self.life.stranded = covered and self.now - self.online > LONG
        return self.life

    def _pass(self, until: float) -> None:
        """Time goes by, and is accounted for."""
        seconds = until - self.now
        if seconds > 0.0:
            world = self.world
            if world.links[world.enabled] is not Link.OK or isinstance(self.action, _SWITCHES):
                self.life.offline += seconds
            else:
                self.online = until
            if world.enabled == BOOTSTRAP:
                self.life.on_bootstrap += seconds
            self.now = until

    def _feed(self, event: Event) -> None:
        self.life.events += 1
        phase = self.state.phase
        now = self.now - self.without_power
        self.state, action = decide(self.state, event, now, self.waits)
        if self.state.phase is not phase:
            self.life.phases.append((self.now, self.state.phase))
        if action is not None:
            self.action = action
            self.ends = self.now + _TAKES[type(action)]

    def _end(self, action: Action) -> None:
        outcome = self.world.end(action, self.now)
        if isinstance(outcome, Polled):
            (self.life.polls if outcome.reached else self.life.failed_polls).append(self.now)
        if isinstance(action, Probe) and self.world.link() is not self.state.link:
            self._feed(LinkChanged(self.world.link()))
        self.action = None
        self._feed(Ended(action, outcome))
        if isinstance(outcome, Switched):
            self.life.switches += 1
            self.life.most_switches = max(self.life.most_switches, len(self.state.switches))

    def _change(self, iccid: str, link: Link) -> None:
        """The modem tells an edge, unless it is between two profiles; then it is seen afterwards."""
        self.world.links[iccid] = link
        if iccid == self.world.enabled and not isinstance(self.action, _SWITCHES):
            self._feed(LinkChanged(link))

    def _lose_power(self, until: float) -> None:
        """What the journal kept is what there is afterwards."""
        self.life.phases += [(self.now, None)]
        self.state = memory.load(memory.dump(self.state))
        self.action = None
        self.without_power += until - self.now
        self.now = until
        self.life.phases.append((self.now, self.state.phase))
        self._feed(Started(_VIEWS[self.world.enabled]))

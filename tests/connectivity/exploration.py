"""Every state that a small world can bring decide into, by breadth first, and the way out of each.

Small: waits of a few seconds, doubling at most twice, two operators, no jitter; times count from now, and
what is past is past. In each state everything that can happen is tried. Then, from each, nothing more
happens, and the gateway has to find a profile with a link if one is within its reach.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from unittest import mock

from ipad.connectivity import rows
from ipad.connectivity.decide import wake
from ipad.connectivity.link import Link
from ipad.connectivity.state import Asked, CardChanged, Command, Deadline, Phase, Started, State
from ipad.waits import Waits
from tests.connectivity.gateway import Gateway
from tests.connectivity.world import BOOTSTRAP, EMERGENCY, NONE, NORD, Networks, World

WAITS = replace(
    Waits(),
    card_retry=1, card_retry_max=1, grace=1, grace_refused=1, reattach=1, bearer=1, radio_cycle=1, reset=1,
    remedy_max=2, settle=1, steady=1, trial=2, other_after=1, return_after=1, return_max=2, budget=4,
    emergency_look=1, emergency_max=1, probe_interval=1, probe_retry=1, probe_retry_max=1,
    poll_start=0, poll_spread=0, poll_min=0, poll_interval=1, poll_retry=1, poll_retry_max=1,
)  # fmt: skip
SWITCHES = 2
"""The budget: a return and a fallback."""
MOST_DOUBLINGS = 1
"""After so many a wait is at its cap: what counts further is the same."""
WORLDS: Mapping[str, frozenset[str]] = {
    "outages": frozenset({"networks", "busy", "restart", "ask"}),
    "orders": frozenset({"networks", "busy", "restart", "orders"}),
    "orders of an eIM that may be down": frozenset({"networks", "orders", "eim"}),
    "a card that comes and goes": frozenset({"networks", "busy", "restart", "card"}),
    "emergencies": frozenset({"networks", "busy", "restart", "emergency"}),
    "emergencies in the middle of orders": frozenset({"networks", "restart", "orders", "emergency"}),
}
"""What happens in which small world: all at once would be too many states to see all of them."""
LINKS = (Link.OK, Link.NOT_REGISTERED)
CALM_STEPS = 500
"""A gateway that has not found its way after so many deadlines is taken to be stuck."""

Key = tuple[object, ...]


@dataclass
class Explored:
    """What came of it."""

    states: int
    transitions: int
    stuck: list[State]
    """States without a way out."""
    complete: bool
    """False: the limit was reached before all states were."""


def explore(happens: frozenset[str], limit: int) -> Explored:
    """Up to `limit` states of a world in which this happens. Raises what Gateway's own checks raise."""
    with mock.patch.object(rows, "SWITCHES", SWITCHES):
        return _explore(happens, limit)


def _explore(happens: frozenset[str], limit: int) -> Explored:
    networks = Networks(emergency=Link.NOT_REGISTERED)
    first = Gateway(WAITS, World(networks), State(seed=""))
    first.feed(Started(first.world.view()))
    seen = {key(first)}
    frontier = deque([first])
    explored = Explored(0, 0, [], complete=True)
    ways: dict[Key, bool] = {}
    while frontier:
        gateway = frontier.popleft()
        if not has_way_out(gateway, ways):
            explored.stuck.append(gateway.state)
        for following in successors(gateway, happens):
            explored.transitions += 1
            at = key(following)
            if at in seen:
                continue
            if len(seen) >= limit:
                explored.complete = False
                continue
            seen.add(at)
            frontier.append(following)
    explored.states = len(seen)
    return explored


def copy(gateway: Gateway) -> Gateway:
    """The same gateway in the same world, to try something with."""
    return replace(gateway, own_switches=list(gateway.own_switches))


def successors(gateway: Gateway, happens: frozenset[str]) -> Iterator[Gateway]:
    """All that can happen next."""
    yield waited(gateway)
    for world in changes(gateway.world, happens):
        after = copy(gateway)
        after.world = world
        if not world.has_card and after.state.card is not None:
            after.feed(CardChanged(None))
        after.look()
        yield after
    for command in Command if "ask" in happens else ():
        after = copy(gateway)
        after.feed(Asked(command))
        yield after
    if "restart" in happens:
        after = copy(gateway)
        after.state = replace(after.state, link=None, busy=None)  # what the journal does not keep
        after.feed(Started(after.world.view()))
        yield after


def changes(world: World, happens: frozenset[str]) -> Iterator[World]:
    """All that the world can do."""
    for iccid in (BOOTSTRAP, NORD) if "networks" in happens else ():
        now = world.networks.of(iccid)
        for link in LINKS:
            if link is not now:
                yield replace(world, networks=world.networks.having(iccid, link))
    if "eim" in happens:
        yield replace(world, eim_up=not world.eim_up)
    if "busy" in happens:
        yield replace(world, busy=0 if world.busy else 1)
    if "card" in happens:
        yield replace(world, has_card=not world.has_card)
    # A gateway without orders has to get to Nord somehow.
    orders = ((NORD, True), (NORD, False), (NONE, False)) if "orders" in happens else ((NORD, False),)
    for order in orders:
        if order != world.order:
            yield replace(world, order=order)
    if "emergency" in happens and world.has_card:
        yield world.end_of_call() if world.enabled == EMERGENCY else world.call_for_help()


def waited(gateway: Gateway) -> Gateway:
    """The next deadline has come."""
    after = copy(gateway)
    due = wake(after.state)
    assert due is not None, "nothing would ever change again"
    after.now = max(after.now, due)
    after.feed(Deadline())
    return after


def has_way_out(gateway: Gateway, ways: dict[Key, bool]) -> bool:
    """Left in peace, it comes to a link; trivially, if none is within reach. ways: what is known already."""
    path: list[Key] = []
    at = copy(gateway)
    at.world = replace(at.world, order=None, has_card=True)
    found = False
    for _ in range(CALM_STEPS):
        known = ways.get(key(at))
        found = known if known is not None else at.world.link() is Link.OK or not at.world.within_reach()
        if known is not None or found:
            break
        path.append(key(at))
        at = waited(at)
    ways.update(dict.fromkeys(path, found))
    return found


def key(gateway: Gateway) -> Key:
    """What the future depends on: without absolute times, counters beyond their caps, or words."""
    state, now = gateway.state, gateway.now

    def left(time: float | None) -> float | None:
        return None if time is None else max(time - now, 0.0)

    polls = tuple((left(p.due), p.tell) for p in state.polls.values())
    since = tuple(
        None if t is None or now - t > longest else now - t
        for t, longest in ((state.back_at, WAITS.settle), (state.returned_at, WAITS.steady))
    )
    looking = state.phase is Phase.NO_CARD  # the rung counts looks there, and each third is a reset
    rung = (state.rung % 3, min(state.rung, MOST_DOUBLINGS)) if looking else state.rung
    return (
        state.phase, left(state.until), state.card, state.link, rung,
        min(state.rounds, MOST_DOUBLINGS), left(state.remedy_at), since, state.trial, state.origin,
        left(state.return_at), min(state.returns, MOST_DOUBLINGS), left(state.rest_until),
        tuple(t + WAITS.budget - now for t in state.switches),
        left(state.emergency_until) if state.phase is Phase.EMERGENCY else None, left(state.probe_at),
        polls, gateway.world,
    )  # fmt: skip

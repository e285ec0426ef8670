"""decide in an adversarial world: what must hold whatever operators, eIMs, cards and power do."""

from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ipad.connectivity import memory
from ipad.connectivity.decide import decide, wake
from ipad.connectivity.link import Link
from ipad.connectivity.state import (
    Action,
    ApplyRemedy,
    Asked,
    CardChanged,
    CardView,
    Command,
    Deadline,
    Done,
    Ended,
    Event,
    Failed,
    Fallback,
    Inject,
    Injected,
    LinkChanged,
    Outcome,
    Phase,
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
    Trial,
    TrialKind,
)
from ipad.waits import Waits

BOOTSTRAP, NORD, SUED = "8949000000000000001", "8949000000000000002", "8949000000000000003"
WAITS = Waits()
DAY = 86400.0


@dataclass
class World:
    """A gateway's surroundings, as honest as they need to be: what a card, a network and an eIM may do."""

    alive: dict[str, bool] = field(default_factory=lambda: {BOOTSTRAP: True, NORD: True, SUED: True})
    eim_up: bool = True
    enabled: str = BOOTSTRAP
    origin: str | None = None
    rollback_to: str | None = None
    order: tuple[str, bool] | None = None
    """What the eIM has queued: an ICCID to enable, and the rollbackFlag."""
    eim_dies_after_order: bool = False
    has_card: bool = True
    switches: int = 0

    def view(self) -> CardView | None:
        if not self.has_card:
            return None
        return CardView(self.enabled, BOOTSTRAP, True, ("eim",))

    def link(self) -> Link:
        return Link.OK if self.alive[self.enabled] else Link.NOT_REGISTERED

    def enable(self, iccid: str) -> CardView:
        self.enabled = iccid
        self.switches += 1
        view = self.view()
        assert view is not None
        return view

    def perform(self, action: Action) -> Outcome:
        if not self.has_card and not isinstance(action, Probe | ApplyRemedy):
            return Failed("no card")
        match action:
            case Probe():
                return Probed(self.alive[self.enabled] or None)
            case ApplyRemedy():
                return Done()
            case Poll():
                return self.poll()
            case Fallback():
                if self.enabled == BOOTSTRAP:
                    return Refused("profileNotInDisabledState")
                self.origin, self.rollback_to = self.enabled, None
                return Switched(self.enable(BOOTSTRAP))
            case Return():
                if self.origin is None:
                    return Refused("fallbackNotAvailable")
                origin, self.origin = self.origin, None
                return Switched(self.enable(origin))
            case Rollback():
                if self.rollback_to is None:
                    return Refused("rollbackNotAllowed")
                former, self.rollback_to = self.rollback_to, None
                return Switched(self.enable(former))
            case Inject(octets):
                return self.inject(octets.decode())

    def inject(self, target: str) -> Injected:
        view = self.view()
        assert view is not None
        if target == self.enabled:
            return Injected(b"", view)
        former, self.origin, self.rollback_to = self.enabled, None, self.enabled
        trial = Trial(TrialKind.ORDERED, target, former=former, rollback=True, eim_id="eim")
        return Injected(b"", self.enable(target), trial)

    def poll(self) -> Polled:
        if not self.eim_up or not self.alive[self.enabled]:
            return Polled(reached=False, delivered=False)
        if self.order is None or self.order[0] == self.enabled:
            self.order = None
            return Polled(reached=True, delivered=True)
        (target, rollback), self.order = self.order, None
        former = self.enabled
        self.rollback_to = former if rollback else None
        self.origin = None
        self.eim_up = not self.eim_dies_after_order
        view = self.enable(target)
        trial = Trial(TrialKind.ORDERED, target, former=former, rollback=rollback, eim_id="eim")
        return Polled(reached=True, delivered=True, card=view, trial=trial)


class Gateway(RuleBasedStateMachine):
    """Everything that can happen to a gateway, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.state = State(seed="89")
        self.now = 0.0
        self.unjudged = False
        self.rounds = 0

    @initialize()
    def start(self) -> None:
        self.feed(Started(self.world.view()))

    def feed(self, event: Event) -> None:
        """One event, and all that follows from it at this moment, as the agent's loop does it."""
        events: list[Event] = [event]
        for _ in range(60):
            if events:
                self.step(events.pop(0), events)
            elif self.state.link is None and self.state.card is not None:
                events.append(LinkChanged(self.world.link()))
            else:
                return
        raise AssertionError(f"does not come to rest: {self.state}")

    def step(self, event: Event, events: list[Event]) -> None:
        self.judge(event)
        self.state, action = decide(self.state, event, self.now, WAITS)
        if action is None:
            return
        if isinstance(action, Fallback | Return | Rollback | Inject):
            assert not self.unjudged, "a switch before the verdict on the last one"
        if isinstance(action, Fallback) and event != Asked(Command.FALLBACK):
            assert self.world.link() is not Link.OK, "fallback although the link is there"
        before = self.world.switches
        looking_for_card = self.state.card is None
        outcome = self.world.perform(action)
        if self.world.switches > before:
            self.unjudged = True
        if looking_for_card and self.world.has_card:
            events.append(Started(self.world.view()))
        elif not self.world.has_card and self.state.card is not None:
            events.append(CardChanged(None))
        elif isinstance(action, Probe) and self.world.link() is not self.state.link:
            events.append(LinkChanged(self.world.link()))
        events.append(Ended(action, outcome))

    def judge(self, event: Event) -> None:
        """A verdict is a look at the link, or the time of the trial."""
        if isinstance(event, LinkChanged | Deadline):
            self.unjudged = False
        if isinstance(event, Ended) and isinstance(event.outcome, Polled | Probed):
            self.unjudged = False

    @rule(iccid=st.sampled_from([BOOTSTRAP, NORD, SUED]), up=st.booleans())
    def operator(self, iccid: str, up: bool) -> None:
        self.world.alive[iccid] = up
        if self.world.has_card and self.world.link() is not self.state.link:
            self.feed(LinkChanged(self.world.link()))

    @rule()
    def the_operator_in_use_goes_dark(self) -> None:
        self.operator(self.world.enabled, False)

    @rule(up=st.booleans())
    def eim(self, up: bool) -> None:
        self.world.eim_up = up

    @rule(iccid=st.sampled_from([BOOTSTRAP, NORD, SUED]), rollback=st.booleans())
    def eim_orders(self, iccid: str, rollback: bool) -> None:
        self.world.order = (iccid, rollback)
        self.feed(Asked(Command.POLL))

    @rule(command=st.sampled_from(list(Command)))
    def somebody_asks(self, command: Command) -> None:
        self.feed(Asked(command))

    @rule(iccid=st.sampled_from([BOOTSTRAP, NORD, SUED]))
    def somebody_injects(self, iccid: str) -> None:
        self.feed(Asked(Inject(iccid.encode())))

    @rule()
    def power_cut(self) -> None:
        self.state = memory.load(memory.dump(self.state))
        self.feed(Started(self.world.view()))

    @rule(seconds=st.floats(1.0, DAY))
    def card_is_away(self, seconds: float) -> None:
        self.world.has_card = False
        if self.state.card is not None:
            self.feed(CardChanged(None))
        self.live(self.now + seconds)
        self.world.has_card = True

    @rule(seconds=st.floats(1.0, 2 * DAY))
    def time_passes(self, seconds: float) -> None:
        self.live(self.now + seconds)

    def live(self, until: float) -> None:
        for _ in range(20000):
            due = wake(self.state)
            if due is None or due > until:
                self.now = until
                return
            self.now = max(self.now, due)
            self.feed(Deadline())
        raise AssertionError("wakes up again and again without end")

    @invariant()
    def every_wait_has_an_end(self) -> None:
        if self.state.phase is not Phase.OPERATING:
            assert self.state.until is not None
            assert self.state.until - self.now < 1e-3 + max(
                WAITS.return_max, WAITS.remedy_max, WAITS.card_retry_max
            )

    @invariant()
    def nothing_is_left_in_flight(self) -> None:
        assert self.state.busy is None

    @precondition(lambda self: self.world.has_card and any(self.world.alive.values()))
    @rule()
    def finds_its_way_if_there_is_one(self) -> None:
        """With the bootstrap profile's network up, the gateway is connected again within bounded time."""
        frozen = replace(self.world)
        self.world.alive = {**frozen.alive, BOOTSTRAP: True}
        self.world.order = None
        self.feed(LinkChanged(self.world.link()))
        # Patience may have doubled to its cap in bad times: rounds of the ladder, then the fallback.
        limit = self.now + 6 * WAITS.remedy_max + WAITS.card_retry_max + 2 * WAITS.trial
        while self.now < limit and self.world.link() is not Link.OK:
            due = wake(self.state)
            assert due is not None, "nothing would ever change again"
            self.live(max(due, self.now + 1))
        assert self.world.link() is Link.OK, f"stranded: {self.state}"


Gateway.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestGateway = Gateway.TestCase


def test_an_eim_that_is_down_never_causes_a_switch() -> None:
    gateway = Gateway()
    gateway.world.enabled = NORD
    gateway.world.eim_up = False
    gateway.start()
    gateway.live(10 * DAY)
    assert gateway.world.switches == 0
    assert gateway.state.phase is Phase.OPERATING


def test_a_rollback_that_cannot_be_delivered_happens_once() -> None:
    gateway = Gateway()
    gateway.start()
    gateway.world.order = (NORD, True)
    gateway.world.eim_dies_after_order = True
    gateway.feed(Asked(Command.POLL))
    assert gateway.world.enabled == NORD
    gateway.live(5 * DAY)
    assert gateway.world.enabled == BOOTSTRAP
    assert gateway.world.switches == 2

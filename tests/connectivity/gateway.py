"""A gateway in that world: the agent's loop without an agent, and what must hold at each of its steps."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ipad.connectivity import rows
from ipad.connectivity.decide import decide, wake
from ipad.connectivity.link import Link
from ipad.connectivity.state import (
    Action,
    Asked,
    CardChanged,
    Deadline,
    Ended,
    EndEmergency,
    Event,
    Fallback,
    Inject,
    LinkChanged,
    Poll,
    Polled,
    Probe,
    Probed,
    Return,
    Rollback,
    Started,
    State,
    Switched,
    TrialKind,
)
from ipad.waits import Waits
from tests.connectivity.world import NONE, World

MOST_STEPS = 60
"""At one moment; a gateway that takes more of them does not come to rest."""


@dataclass
class Gateway:
    """decide, and a world that does what it asks for."""

    waits: Waits
    world: World = field(default_factory=World)
    state: State = field(default_factory=lambda: State(seed="89"))
    now: float = 0.0
    switches: int = 0
    own_switches: list[float] = field(default_factory=list)
    """When it switched by itself: for the budget."""
    steps: int = 0
    _unjudged: bool = False
    _polled_at: float | None = None
    _patience_until: float = 0.0
    _asked: bool = False
    _person_returned: bool = False

    def feed(self, event: Event) -> None:
        """One event, and all that follows from it at this moment, as the agent's loop does it."""
        self._asked = isinstance(event, Asked)
        events: list[Event] = [event]
        for _ in range(MOST_STEPS):
            if events:
                self._step(events.pop(0), events)
            elif self.state.link is None and self.state.card is not None:
                events.append(LinkChanged(self.world.link()))
            else:
                return
        raise AssertionError(f"does not come to rest: {self.state}")

    def look(self) -> None:
        """What the modem and the card say by themselves after the world has changed."""
        if not self.world.has_card or self.state.card is None:
            return
        if self.world.view() != self.state.card:
            self.feed(CardChanged(self.world.view()))
        if self.world.link() is not self.state.link:
            self.feed(LinkChanged(self.world.link()))

    def _step(self, event: Event, events: list[Event]) -> None:
        self.steps += 1
        self._judge(event)
        before = self.state
        self.state, action = decide(self.state, event, self.now, self.waits)
        if action is None:
            return
        self._check(before, event, action)
        enabled, looking_for_card = self.world.enabled, self.state.card is None
        self.world, outcome = self.world.perform(action)
        if self.world.enabled != enabled:
            self._count(before, event, action)
        if looking_for_card and self.world.has_card:
            events.append(Started(self.world.view()))
        elif not self.world.has_card and self.state.card is not None:
            events.append(CardChanged(None))
        elif isinstance(action, Probe) and self.world.link() is not self.state.link:
            events.append(LinkChanged(self.world.link()))
        if isinstance(outcome, Polled):
            self._polled_at = self.now if outcome.reached else None
            self._patience_until = self.now + (outcome.retry_after or 0.0)
        events.append(Ended(action, outcome))

    def _check(self, before: State, event: Event, action: Action) -> None:
        if isinstance(action, Fallback | Return | Rollback | Inject):
            no_profile = self.world.enabled == NONE  # which is a verdict
            assert no_profile or not self._unjudged, "a switch before the verdict on the last one"
            assert self.state.card is None or not self.state.card.emergency, "a switch in an emergency"
        if isinstance(action, Fallback) and not isinstance(event, Asked):
            assert self.world.link() is not Link.OK, "a fallback although the link is there"
        if isinstance(action, Poll):
            assert self.state.link is Link.OK, "a poll without a link"
            in_emergency = self.state.card is not None and self.state.card.emergency
            assert self._asked or not in_emergency, "a poll in an emergency"
            awaited = before.trial is not None and before.trial.eim_id == action.eim_id
            asked = self._asked
            if not asked and not awaited and self._polled_at is not None:
                assert self.now - self._polled_at > self.waits.poll_min - 1e-3, "polls too close"
            assert asked or self.now > self._patience_until - 1e-3, "a poll before Retry-After"

    def _count(self, before: State, event: Event, action: Action) -> None:
        """A switch was made: by whom?"""
        self.switches += 1
        self._unjudged = not isinstance(action, EndEmergency)
        trial = before.trial
        if isinstance(action, Poll | Inject | Rollback | EndEmergency):
            self._person_returned = False
            return
        if isinstance(event, Asked):
            self._person_returned = isinstance(action, Return)
            return
        ordered = trial is not None and trial.kind is not TrialKind.RETURN
        if not ordered and not self._person_returned and before.card and before.card.enabled:
            self.own_switches.append(self.now)
        self._person_returned = False
        recent = [t for t in self.own_switches if t > self.now - self.waits.budget]
        assert len(recent) <= rows.SWITCHES, "more switches than the budget allows"

    def _judge(self, event: Event) -> None:
        """A verdict is a look at the link, or the time of the trial."""
        if isinstance(event, LinkChanged | Deadline):
            self._unjudged = False
        if isinstance(event, Ended) and isinstance(event.outcome, Polled | Probed):
            self._unjudged = False
        if isinstance(event, Ended) and isinstance(event.outcome, Switched):
            self._unjudged = not isinstance(event.action, EndEmergency)

    def live(self, until: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Time passes, to `until` or until it is `enough`."""
        for _ in range(50_000):
            due = wake(self.state)
            if due is None or due > until or enough():
                self.now = until if not enough() else self.now
                return
            self.now = max(self.now, due)
            self.feed(Deadline())
        raise AssertionError("wakes up again and again without end")

    def way_back(self) -> float:
        """By when it is connected at the latest, if nothing else happens and something is within reach."""
        waits = self.waits
        ladder = 5 * waits.remedy_max  # grace and four remedies, each grown to its cap
        limit = 2 * ladder + waits.card_retry_max + 2 * waits.trial
        if self.world.enabled == NONE or self.world.busy:
            limit += (1 + self.world.busy) * waits.remedy_max
        if self.state.card is not None and self.state.card.emergency:
            limit += waits.emergency_max + (1 + self.world.busy) * waits.emergency_look
        # Budget, and the rest before the other profile is tried.
        return self.now + limit + waits.budget + waits.return_max + waits.other_after

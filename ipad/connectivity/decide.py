"""decide(state, event, now) -> (state, action): what the gateway does by itself.

House rules. Everything that affects it lives here, in `rows.py` and in `polling.py`. No I/O and no clock:
`now` is powered seconds. No modems, no protocols: only a Link, a CardView, and how actions ended.

Theory of operation. An event is first absorbed: what it says goes into the state. Then the first row that
fits is taken, and rows are tried again until one asks for an action or none fits. A row's `next` (re-)enters
a phase, which sets its patience. If no row asked for an action, a due probe or poll is one. One action is in
flight at a time and ends in one `Ended`.
"""

from dataclasses import replace

from ipad.connectivity import polling
from ipad.connectivity.link import Link
from ipad.connectivity.rows import ROWS, Row
from ipad.connectivity.state import (
    Action,
    ApplyRemedy,
    Asked,
    CardChanged,
    Cause,
    Command,
    Deadline,
    Download,
    Downloaded,
    Ended,
    Event,
    Fallback,
    Inject,
    Injected,
    LinkChanged,
    Outcome,
    Phase,
    Poll,
    Polled,
    Probe,
    Return,
    Rollback,
    Started,
    State,
    Switched,
    Trial,
    TrialKind,
)
from ipad.waits import Waits


def doubled(seconds: float, times: int, cap: float) -> float:
    """`seconds` doubled so many times, up to a cap that is never below it."""
    return min(seconds * 2.0 ** min(times, 32), max(cap, seconds))


def enter(state: State, phase: Phase, now: float, waits: Waits) -> State:
    """The state at the beginning of a phase: its patience, and what it forgets."""
    again = phase is state.phase
    state = replace(state, phase=phase, since=state.since if again else now)
    match phase:
        case Phase.NO_CARD:
            looks = state.rung + 1 if again else 0
            until = now + doubled(waits.card_retry, looks, waits.card_retry_max)
            return replace(state, rung=looks, until=until, link=None, probe_at=None)
        case Phase.OPERATING:
            return replace(
                state, until=None, rung=0, rounds=0, trial=None, origin=None, return_at=None, returns=0
            )
        case Phase.REMEDYING:
            rounds = state.rounds + 1 if again else state.rounds
            until = now + doubled(waits.grace, rounds, waits.remedy_max)
            return replace(state, until=until, rung=0, rounds=rounds, trial=None)
        case Phase.TRIAL:
            return replace(state, until=now + waits.trial, rung=0)
        case Phase.FALLBACK:
            return_at = state.return_at
            if return_at is None or return_at <= now:
                return_at = now + doubled(waits.return_after, state.returns, waits.return_max)
            rounds = 0 if state.link is Link.OK else state.rounds
            return replace(state, until=return_at, return_at=return_at, rung=0, rounds=rounds, trial=None)


def issue(state: State, action: Action, now: float, waits: Waits) -> State:
    """The state with this action in flight."""
    state = replace(state, busy=action)
    match action:
        case ApplyRemedy() if state.phase is Phase.REMEDYING:
            patience = doubled(waits.remedy, state.rounds, waits.remedy_max)
            return replace(state, rung=state.rung + 1, until=now + patience)
        case Probe():
            return replace(state, probe_at=None)
    return state


def absorb(state: State, event: Event, now: float, waits: Waits) -> State:
    """What the event says goes into the state."""
    match event:
        case Started(card, interrupted):
            state = replace(state, link=None, rounds=0)
            if interrupted is not None:
                state = absorb_end(state, interrupted.action, interrupted.outcome, now, waits)
                if interrupted.switched:
                    # Where this switch leads follows from the trial or origin that it has set.
                    state = replace(state, phase=Phase.NO_CARD, rung=0)
            state = replace(state, card=card, probe_at=now)
            state = polling.after_start(polling.follow_card(state, now, waits), now, waits)
            return forget_what_the_card_contradicts(state, now, waits)
        case LinkChanged(link):
            came_back = link is Link.OK and state.link is not Link.OK
            # Registered again after a time without traffic: whether it flows now, only a probe can tell.
            maybe_back = link is Link.NO_TRAFFIC and state.link is not Link.OK
            state = replace(state, link=link)
            probe_at = now if came_back or maybe_back else now + waits.probe_retry
            state = replace(state, probe_at=probe_at if state.phase is not Phase.NO_CARD else None)
            return polling.link_is_back(state, now, waits) if came_back else state
        case CardChanged(card):
            state = replace(state, card=card)
            if card is None:
                return state
            return forget_what_the_card_contradicts(polling.follow_card(state, now, waits), now, waits)
        case Asked(Command.POLL):
            return polling.asked(state, now)
        case Ended(action, outcome):
            return absorb_end(replace(state, busy=None), action, outcome, now, waits)
    return state


def _enabled(state: State) -> str | None:
    return state.card.enabled if state.card else None


def forget_what_the_card_contradicts(state: State, now: float, waits: Waits) -> State:
    """The card is the truth: a trial or fallback of a profile that is not enabled is over."""
    if state.card is None:
        return state
    if state.trial is not None and state.trial.iccid != state.card.enabled:
        state = replace(state, trial=None)
        if state.phase is Phase.TRIAL:
            state = enter(state, Phase.OPERATING, now, waits)
    if state.phase is Phase.FALLBACK and not state.fell_back:
        state = enter(state, Phase.OPERATING, now, waits)
    return state


def put_on_trial(state: State, trial: Trial, now: float) -> State:
    """A switch was made: the link of before says nothing of the new profile."""
    if trial.kind is not TrialKind.RETURN:
        state = replace(state, origin=None, return_at=None, returns=0)
    state = replace(state, trial=trial, link=None, probe_at=now)
    return polling.after_switch(state, now, _CAUSES.get(trial.kind, Cause.OTHER_EIM), trial.eim_id)


_CAUSES = {TrialKind.RETURN: Cause.FALLBACK, TrialKind.IMMEDIATE: Cause.IMMEDIATE_ENABLE}
"""What eIMs are told of a switch that none of them ordered."""


def absorb_end(state: State, action: Action, outcome: Outcome, now: float, waits: Waits) -> State:
    """What the end of an action says goes into the state."""
    match action, outcome:
        case Poll(eim_id), Polled(card=card, trial=trial):
            state = polling.after_poll(state, eim_id, outcome, now, waits)
            if card is not None:
                state = polling.follow_card(replace(state, card=card), now, waits)
            if trial is not None:
                return put_on_trial(state, trial, now)
            if outcome.more:
                state = polling.download_ordered(state, now)
            if not outcome.reached and state.link is Link.OK:
                return replace(state, probe_at=now)
        case Poll(eim_id), _:
            return polling.after_poll(state, eim_id, outcome, now, waits)
        case Inject(), Injected(card=card, trial=trial):
            state = polling.follow_card(replace(state, card=card), now, waits)
            if outcome.more:
                state = polling.download_ordered(state, now)
            return state if trial is None else put_on_trial(state, trial, now)
        case Download(), _:
            state = polling.after_download(state, action, outcome, now, waits)
            if isinstance(outcome, Downloaded):
                state = polling.follow_card(replace(state, card=outcome.card), now, waits)
                return state if outcome.trial is None else put_on_trial(state, outcome.trial, now)
            if state.link is Link.OK and action.trigger is None:
                return replace(state, probe_at=now)
        case Probe(), _:
            wait = waits.probe_interval if state.link is Link.OK else waits.probe_retry
            if state.phase is not Phase.NO_CARD:
                return replace(state, probe_at=now + wait)
        case Fallback(), Switched(card, former):
            returns = state.returns + (state.trial is not None and state.trial.kind is TrialKind.RETURN)
            state = replace(state, card=card, origin=former or _enabled(state), returns=returns, trial=None)
            rest_until = now + doubled(waits.trial, returns, waits.return_max)
            state = replace(state, link=None, probe_at=now, return_at=None, rest_until=rest_until)
            return polling.after_switch(state, now, Cause.FALLBACK, None)
        case Return(), Switched(card, former):
            trial = Trial(TrialKind.RETURN, card.enabled, former=former or _enabled(state))
            return put_on_trial(replace(state, card=card), trial, now)
        case Rollback(), Switched(card, former):
            ordered_by = state.trial.eim_id if state.trial else None
            former = former or _enabled(state)
            trial = Trial(TrialKind.ROLLED_BACK, card.enabled, former=former, eim_id=ordered_by)
            return put_on_trial(replace(state, card=card), trial, now)
        case Return(), _:
            return replace(state, returns=state.returns + 1, return_at=None)
    return state


def fits(row: Row, state: State, event: Event, now: float) -> bool:
    """Whether this is the row to take."""
    return (
        state.phase in row.phases
        and isinstance(event, row.event)
        and all(guard(state, event, now) for guard in row.guards)
    )


def decide(state: State, event: Event, now: float, waits: Waits) -> tuple[State, Action | None]:
    """What the gateway does next.

    state: as the last call returned it. event: what happened. now: powered seconds.
    Returns the new state, to be saved before the action is performed, and the action or None.
    """
    state = absorb(state, event, now, waits)
    if state.busy is not None:
        return state, None
    for _ in range(len(Phase)):
        row = next((r for r in ROWS if fits(r, state, event, now)), None)
        if row is None:
            break
        if row.next is not None:
            state = enter(state, row.next, now, waits)
        state = replace(state, why=row.why)
        if row.action is not None:
            action = row.action(state, event)
            return issue(state, action, now, waits), action
        event = Deadline()
    follow_up = (
        polling.due_probe(state, now) or polling.due_download(state, now) or polling.due_poll(state, now)
    )
    if follow_up is not None:
        return issue(state, follow_up, now, waits), follow_up
    return state, None


def wake(state: State) -> float | None:
    """When decide wants to be asked again at the latest; None: only an event can change anything."""
    timers = (state.until, state.probe_at, polling.next_download(state), polling.next_poll(state))
    return min((timer for timer in timers if timer is not None), default=None)

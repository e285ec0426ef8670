"""decide(state, event, now) -> (state, action): what the gateway does by itself.

House rules. Everything that affects it lives here, in `rows.py` and in `polling.py`. No I/O and no clock:
`now` is powered seconds. No modems, no protocols: only a Link, a CardView, and how actions ended.

Theory of operation. An event is first absorbed: what it says goes into the state. Then the first row that
fits is taken, and rows are tried again until one asks for an action or none fits. A row's `next` (re-)enters
a phase, which sets its patience. If no row asked for an action, a due probe or poll is one. One action is in
flight at a time and ends in one `Ended`.
"""

from dataclasses import replace

from ipad.connectivity import polling, rows
from ipad.connectivity.link import Link
from ipad.connectivity.polling import doubled, jitter
from ipad.connectivity.state import (
    Action,
    ApplyRemedy,
    Asked,
    CardChanged,
    CardView,
    Cause,
    Command,
    Deadline,
    Download,
    Downloaded,
    Ended,
    EndEmergency,
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
    change,
    hindered,
)
from ipad.waits import Waits
from modem.radio import Remedy

_ROWS = rows.dispatch(rows.ROWS)
_MOST_ROWS = len(Phase) + 2
"""Taken at one event. A row without an action leads to another phase, and none leads back."""
_SPREAD = 0.2
"""How much of a patience jitter may take away: never more than what is configured is waited."""


def patience(state: State, seconds: float, now: float, waits: Waits) -> tuple[State, float]:
    """The end of a wait on the ladder: longer with each round in vain, and this gateway's own."""
    seconds = doubled(seconds, state.rounds, waits.remedy_max)
    state, less = jitter(state, _SPREAD * seconds)
    return state, now + seconds - less


def enter(state: State, phase: Phase, now: float, waits: Waits) -> State:
    """The state at the beginning of a phase: its patience, and what it forgets."""
    former = state.phase
    if phase is not former:
        end = state.emergency_until if phase in polling.SILENT else None
        state = change(state, phase=phase, since=now, emergency_until=end)
    match phase:
        case Phase.NO_CARD:
            looks = state.rung + 1 if former is phase else 0
            until = now + doubled(waits.card_retry, looks, waits.card_retry_max)
            return change(state, rung=looks, until=until, link=None, probe_at=None, remedy_at=None)
        case Phase.OPERATING:
            if former is Phase.REMEDYING:
                state = not_settled(state, now)
            else:
                state = change(state, rung=0, rounds=0, remedy_at=None)
            if state.trial is not None and state.trial.kind is TrialKind.RETURN:
                state = change(state, returned_at=now)
            return change(state, until=None, trial=None, origin=None, return_at=None)
        case Phase.REMEDYING:
            return enter_remedying(state, former, now, waits)
        case Phase.TRIAL:
            halfway = now + waits.trial / 2
            return change(state, until=now + waits.trial, remedy_at=halfway, rung=0, rounds=0)
        case Phase.FALLBACK:
            if former is Phase.REMEDYING and state.link is Link.OK:
                state = not_settled(state, now)
            else:
                state = change(state, rung=0, rounds=0, remedy_at=None)
            return_at = state.return_at
            if return_at is None or (former is phase and return_at <= now):
                wait = doubled(waits.return_after, state.returns, waits.return_max)
                state, less = jitter(state, wait / 4)
                return_at = now + wait - less
            return change(state, until=return_at, return_at=return_at, trial=None)
        case Phase.EMERGENCY:
            if state.trial is not None:  # the card forgets the rollback (SGP.32 5.9.22)
                state = change(state, trial=replace(state.trial, rollback=False))
            end = state.emergency_until
            end = now + waits.emergency_max if end is None else end
            look = now + waits.emergency_look
            until = look if end <= now else min(look, end)
            return change(state, until=until, emergency_until=end, probe_at=None, remedy_at=None)


def not_settled(state: State, now: float) -> State:
    """The link is back. Should it go again before it has settled, the ladder goes on from here."""
    return change(state, back_at=now, remedy_at=state.until)


def enter_remedying(state: State, former: Phase, now: float, waits: Waits) -> State:
    """At the foot of the ladder; or where it was, if the link was back only for a moment."""
    state = change(state, trial=None)
    if former is Phase.REMEDYING:
        state = change(state, rung=0, rounds=state.rounds + 1)
    elif state.remedy_at is not None and former in (Phase.OPERATING, Phase.FALLBACK):
        if state.back_at is not None and now < state.back_at + waits.settle:
            return change(state, until=state.remedy_at, remedy_at=None)
        state = change(state, rung=0, rounds=0)
    grace = waits.grace_refused if state.link is Link.REFUSED else waits.grace
    state, until = patience(state, grace, now, waits)
    return change(state, until=until, remedy_at=None)


def issue(state: State, action: Action, now: float, waits: Waits) -> State:
    """The state with this action in flight."""
    match action:
        case ApplyRemedy(remedy) if state.phase is Phase.REMEDYING:
            state, until = patience(state, time_for(remedy, waits), now, waits)
            return change(state, busy=action, rung=rows.LADDER.index(remedy) + 1, until=until)
        case ApplyRemedy():
            return change(state, busy=action, remedy_at=None)
        case Probe():
            return change(state, busy=action, probe_at=None)
    return change(state, busy=action)


def time_for(remedy: Remedy, waits: Waits) -> float:
    """What a remedy is given to show that it helped."""
    match remedy:
        case Remedy.REATTACH:
            return waits.reattach
        case Remedy.BEARER:
            return waits.bearer
        case Remedy.RADIO_CYCLE:
            return waits.radio_cycle
        case Remedy.RESET:
            return waits.reset


def absorb(state: State, event: Event, now: float, waits: Waits) -> State:
    """What the event says goes into the state."""
    match event:
        case Ended(action, outcome):
            return absorb_end(change(state, busy=None), action, outcome, now, waits)
        case LinkChanged(link):
            return absorb_link(state, link, now, waits)
        case Started(card, interrupted):
            state = change(state, link=None, rounds=0, looks=0)
            if interrupted is not None:
                state = absorb_end(state, interrupted.action, interrupted.outcome, now, waits)
                if interrupted.switched:
                    # Where this switch leads follows from the trial or origin that it has set.
                    state = change(state, phase=Phase.NO_CARD, rung=0)
            state = take_card(state, card, now, waits)
            state = change(state, probe_at=now)
            state = polling.after_start(state, now, waits)
            return forget_what_the_card_contradicts(state, now, waits)
        case CardChanged(card):
            state = take_card(state, card, now, waits)
            return forget_what_the_card_contradicts(state, now, waits)
        case Asked(Command.POLL):
            return polling.asked(state, now)
    return state


def absorb_link(state: State, link: Link, now: float, waits: Waits) -> State:
    """Another diagnosis: when to look again, and whether to poll."""
    was_ok, is_ok = state.link is Link.OK, link is Link.OK
    # Registered again after a time without traffic: whether it flows now, only a probe can tell.
    at_once = not was_ok and (is_ok or link is Link.NO_TRAFFIC)
    probe_at = None
    if state.phase not in polling.SILENT:
        probe_at = now if at_once else now + waits.probe_retry
    state = change(state, link=link, probe_at=probe_at, looks=0)
    return polling.link_is_back(state, now, waits) if is_ok and not was_ok else state


def take_card(state: State, card: CardView | None, now: float, waits: Waits) -> State:
    """The card was read again. A profile that somebody else enabled is told to the eIMs, and looked at."""
    before = state.card.enabled if state.card is not None else state.known
    if card is None:
        return change(state, card=None, known=before)
    never_seen = state.card is None and state.known is None
    state = polling.follow_card(change(state, card=card), now, waits)
    if never_seen or before == card.enabled or card.emergency:
        return state
    if isinstance(state.busy, Fallback) and card.enabled == card.fallback:
        # Nobody knew whether the card had done it: it has.
        state = change(state, origin=before)
    cause = Cause.LOCAL if state.emergency_until is None else Cause.EMERGENCY
    state = change(state, emergency_until=None, link=None)
    state = change(state, probe_at=now if state.phase not in polling.SILENT else None)
    return polling.after_switch(state, now, waits, cause, None)


def _enabled(state: State) -> str | None:
    return state.card.enabled if state.card else None


def forget_what_the_card_contradicts(state: State, now: float, waits: Waits) -> State:
    """The card is the truth: a trial or fallback of a profile that is not enabled is over."""
    if state.card is None or state.card.emergency:
        return state
    if state.trial is not None and state.trial.iccid != state.card.enabled:
        state = change(state, trial=None)
        if state.phase is Phase.TRIAL:
            state = enter(state, Phase.OPERATING, now, waits)
    if state.phase is Phase.FALLBACK and not state.fell_back:
        state = enter(state, Phase.OPERATING, now, waits)
    return state


def put_on_trial(state: State, trial: Trial, now: float, waits: Waits) -> State:
    """A switch was made: the link of before says nothing of the new profile."""
    if trial.kind is not TrialKind.RETURN:
        state = change(state, origin=None, return_at=None, returns=0, returned_at=None)
    state = change(state, trial=trial, link=None, probe_at=now)
    cause = _CAUSES.get(trial.kind, Cause.OTHER_EIM)
    return polling.after_switch(state, now, waits, cause, trial.eim_id)


_CAUSES = {TrialKind.RETURN: Cause.FALLBACK, TrialKind.IMMEDIATE: Cause.IMMEDIATE_ENABLE}
"""What eIMs are told of a switch that none of them ordered."""


def absorb_end(state: State, action: Action, outcome: Outcome, now: float, waits: Waits) -> State:
    """What the end of an action says goes into the state."""
    match action, outcome:
        case Probe(), _:
            return polling.probe_again(state, now, waits)
        case Poll(eim_id), Polled(card=card, trial=trial):
            state = polling.after_poll(state, eim_id, outcome, now, waits)
            if card is not None:
                state = polling.follow_card(change(state, card=card), now, waits)
            if trial is not None:
                return put_on_trial(state, trial, now, waits)
            if outcome.more:
                state = polling.download_ordered(state, now)
            if not outcome.reached and state.link is Link.OK:
                return change(state, probe_at=now)
        case Poll(eim_id), _:
            return polling.after_poll(state, eim_id, outcome, now, waits)
        case ApplyRemedy(remedy), _ if state.phase not in polling.SILENT:
            if state.phase is Phase.REMEDYING:  # what the modem itself takes is not what it is given
                state, until = patience(state, time_for(remedy, waits), now, waits)
                state = change(state, until=until)
            return change(state, looks=0, probe_at=now + waits.probe_retry)
        case Inject(), Injected(card=card, trial=trial):
            state = polling.follow_card(change(state, card=card), now, waits)
            if outcome.more:
                state = polling.download_ordered(state, now)
            return state if trial is None else put_on_trial(state, trial, now, waits)
        case Download(), _:
            state = polling.after_download(state, action, outcome, now, waits)
            if isinstance(outcome, Downloaded):
                state = polling.follow_card(change(state, card=outcome.card), now, waits)
                return state if outcome.trial is None else put_on_trial(state, outcome.trial, now, waits)
            if state.link is Link.OK and action.trigger is None:
                return change(state, probe_at=now)
        case Fallback(), Switched(card, former):
            return fallen_back(state, card, former, now, waits)
        case Return(), Switched(card, former):
            trial = Trial(TrialKind.RETURN, card.enabled, former=former or _enabled(state))
            state = change(state, card=card, switches=counted(state, now))
            return put_on_trial(state, trial, now, waits)
        case Rollback(), Switched(card, former):
            ordered_by = state.trial.eim_id if state.trial else None
            former = former or _enabled(state)
            trial = Trial(TrialKind.ROLLED_BACK, card.enabled, former=former, eim_id=ordered_by)
            return put_on_trial(change(state, card=card), trial, now, waits)
        case Rollback(), _ if state.trial is not None and state.link is not Link.OK and hindered(outcome):
            return change(state, trial=replace(state.trial, missed=state.trial.missed + 1))
        case EndEmergency(), Switched(card):
            state = take_card(state, card, now, waits)
            return forget_what_the_card_contradicts(state, now, waits)
        case Return(), _:
            return change(state, returns=state.returns + 1, return_at=None)
    return state


def counted(state: State, now: float) -> tuple[float, ...]:
    """The switches by now; more than the budget has none to tell."""
    return (*state.switches, now)[-rows.SWITCHES :]


def fallen_back(state: State, card: CardView, former: str | None, now: float, waits: Waits) -> State:
    """How often the profile that was left has disappointed says how long it is left alone."""
    trial, former = state.trial, former or _enabled(state)
    in_vain = trial is not None and trial.kind is TrialKind.RETURN
    brief = state.returned_at is not None and now < state.returned_at + waits.steady
    returns = state.returns + 1 if in_vain or brief else 0
    if in_vain or (trial is None and former is not None):
        state = change(state, switches=counted(state, now))
    rest = doubled(waits.other_after, returns, waits.return_max)
    state, less = jitter(state, rest / 4)
    state = change(
        state,
        card=card,
        origin=former,
        returns=returns,
        trial=None,
        link=None,
        probe_at=now,
        return_at=None,
        rest_until=now + rest - less,
    )
    return polling.after_switch(state, now, waits, Cause.FALLBACK, None)


def take_rows(state: State, event: Event, now: float, waits: Waits) -> tuple[State, Action | None]:
    """Rows, until one asks for an action or none fits."""
    for _ in range(_MOST_ROWS):
        for row in _ROWS[state.phase][type(event)]:
            for guard in row.guards:
                if not guard(state, event, now):
                    break
            else:
                break
        else:
            return state, None
        if row.next is not None:
            state = enter(state, row.next, now, waits)
        state = change(state, why=row.why)
        if row.action is not None:
            action = row.action(state, event)
            return issue(state, action, now, waits), action
        event = Deadline()
    return state, None


def decide(state: State, event: Event, now: float, waits: Waits) -> tuple[State, Action | None]:
    """What the gateway does next.

    state: as the last call returned it. event: what happened. now: powered seconds.
    Returns the new state, to be saved before the action is performed, and the action or None.
    """
    state = absorb(state, event, now, waits)
    if state.busy is not None:
        return state, None
    if state.switches and state.switches[0] <= now - waits.budget:
        state = change(state, switches=tuple(t for t in state.switches if t > now - waits.budget))
    state, action = take_rows(state, event, now, waits)
    if action is not None:
        return state, action
    follow_up = (
        polling.due_probe(state, now) or polling.due_download(state, now) or polling.due_poll(state, now)
    )
    if follow_up is not None:
        return issue(state, follow_up, now, waits), follow_up
    return state, None


def wake(state: State) -> float | None:
    """When decide wants to be asked again at the latest; None: only an event can change anything."""
    halfway = state.phase is Phase.TRIAL and state.link is not Link.OK
    timers = (
        state.until,
        state.remedy_at if halfway else None,
        state.probe_at,
        polling.next_download(state),
        polling.next_poll(state),
    )
    return min((timer for timer in timers if timer is not None), default=None)

"""When to poll which eIM, and when to probe: orthogonal to the phases, and as pure."""

from types import MappingProxyType

from ipad.connectivity.link import Link
from ipad.connectivity.state import (
    Cause,
    Download,
    Downloaded,
    Failed,
    Outcome,
    Phase,
    Plan,
    Poll,
    Polled,
    Probe,
    State,
    TrialKind,
    change,
    draw,
)
from ipad.waits import Waits

SILENT = (Phase.NO_CARD, Phase.EMERGENCY)
"""Phases without polls and probes: there is nobody to poll for, or a call for help not to be disturbed."""


def jitter(state: State, spread: float) -> tuple[State, float]:
    """A time in [0, spread) that is this gateway's own."""
    return change(state, draws=state.draws + 1), spread * draw(state.seed, state.draws)


def doubled(seconds: float, times: int, cap: float) -> float:
    """`seconds` doubled so many times, up to a cap that is never below it."""
    return min(seconds * 2.0 ** min(times, 32), max(cap, seconds))


def plan(state: State, eim_id: str, new: Plan) -> State:
    """The state with this eIM's plan replaced."""
    return change(state, polls=MappingProxyType({**state.polls, eim_id: new}))


def planned(old: Plan, due: float, waits: Waits, *, failures: int, tell: Cause | None) -> Plan:
    """The plan with this time, or a later one: the minimum interval, or what the eIM has asked for."""
    if old.last is not None:
        due = max(due, old.last + waits.poll_min)
    return patiently(Plan(due, old.last, failures, tell, old.not_before), due)


def patiently(old: Plan, due: float) -> Plan:
    """The plan with this time, or a later one that the eIM has asked for."""
    if old.not_before is not None:
        due = max(due, old.not_before)
    return Plan(due, old.last, old.failures, old.tell, old.not_before)


def awaited(state: State, eim_id: str) -> bool:
    """The trial waits for this eIM: it ordered the switch, and has not taken the result."""
    trial = state.trial
    return trial is not None and trial.eim_id == eim_id and trial.kind is not TrialKind.RETURN


def follow_card(state: State, now: float, waits: Waits) -> State:
    """Plans for exactly the eIMs that the card is associated with; a new one is polled at once."""
    eims = state.card.eims if state.card else tuple(state.polls)
    if state.polls.keys() == set(eims):
        return state
    kept = {e: state.polls[e] for e in eims if e in state.polls}
    for eim_id in eims:
        if eim_id not in kept:
            state, spread = jitter(state, waits.poll_start)
            kept[eim_id] = Plan(due=now + spread)
    return change(state, polls=MappingProxyType(kept))


def after_start(state: State, now: float, waits: Waits) -> State:
    """Every eIM is polled after a start, spread so that a fleet's power cut does not become a wall."""
    for eim_id, old in state.polls.items():
        state, spread = jitter(state, 0.0 if awaited(state, eim_id) else waits.poll_start)
        state = plan(state, eim_id, planned(old, now + spread, waits, failures=old.failures, tell=old.tell))
    return state


def after_switch(state: State, now: float, waits: Waits, cause: Cause, ordered_by: str | None) -> State:
    """The eIM that ordered it gets its result as soon as the link is there; the others are told why, spread
    like any poll because the link is back: an operator that fails takes a fleet with it in one second."""
    for eim_id, old in state.polls.items():
        if eim_id == ordered_by:
            state = plan(state, eim_id, patiently(Plan(now, old.last, 0, None, old.not_before), now))
            continue
        state, spread = jitter(state, waits.poll_spread)
        state = plan(state, eim_id, planned(old, now + spread, waits, failures=0, tell=cause))
    return state


def link_is_back(state: State, now: float, waits: Waits) -> State:
    """A link that came back is a good moment, but spread, and not more often than the minimum interval.

    What fell due without a link is spread like the rest, or a fleet would be a wall.
    """
    for eim_id, old in state.polls.items():
        if awaited(state, eim_id):
            state = plan(state, eim_id, patiently(old, min(old.due, now)))
            continue
        state, spread = jitter(state, waits.poll_spread)
        if old.due <= now or old.due > now + waits.poll_spread:
            soon = planned(old, now + spread, waits, failures=old.failures, tell=old.tell)
            state = plan(state, eim_id, soon if old.due <= now or soon.due < old.due else old)
    return state


def asked(state: State, now: float) -> State:
    """Somebody asked: all eIMs, now."""
    for eim_id, old in state.polls.items():
        state = plan(state, eim_id, Plan(now, old.last, old.failures, old.tell, old.not_before))
    return state


def after_poll(state: State, eim_id: str, outcome: object, now: float, waits: Waits) -> State:
    """The next time for this eIM, by how the last one went."""
    old = state.polls.get(eim_id)
    if old is None:
        return state
    if isinstance(outcome, Polled) and outcome.reached and outcome.delivered and outcome.finished:
        state, spread = jitter(state, waits.poll_interval / 10)
        due = now + waits.poll_interval - spread
        if outcome.again is not None:
            due = min(due, now + outcome.again)
        return plan(state, eim_id, Plan(due=due, last=now))
    backoff = doubled(waits.poll_retry, old.failures, waits.poll_retry_max)
    state, spread = jitter(state, backoff / 2)
    due = now + backoff / 2 + spread
    trial = state.trial
    if state.phase is Phase.TRIAL and trial is not None and trial.rollback and state.until is not None:
        # The verdict of this trial is a delivery: give it one more chance before the deadline.
        due = min(due, max(now + waits.poll_retry / 2, state.until - waits.poll_retry))
    not_before = None
    if isinstance(outcome, Polled) and outcome.retry_after is not None:
        # The same date for all would bring all back in the same second.
        state, spread = jitter(state, waits.poll_spread)
        not_before = now + min(outcome.retry_after, waits.poll_interval) + spread
    failed = Plan(due, now, old.failures + 1, old.tell, not_before)
    return plan(state, eim_id, patiently(failed, due))


def download_ordered(state: State, now: float) -> State:
    """There is something to be downloaded, at once."""
    old = state.download or Plan(due=now)
    return change(state, download=patiently(old, now))


def after_download(state: State, action: Download, outcome: Outcome, now: float, waits: Waits) -> State:
    """When it is gone on with: at once, when a server may be told again, or after a backoff.

    What somebody at the gateway ordered is not tried again: they have been told.
    """
    if isinstance(outcome, Downloaded):
        again = None if outcome.again is None else Plan(due=now + outcome.again, last=now)
        state = change(state, download=again)
        told = state.polls.get(outcome.eim_id or "")
        if told is not None and outcome.eim_id is not None:
            state = plan(state, outcome.eim_id, patiently(told, now))
        return state
    old = state.download
    if action.trigger is not None or old is None:
        return state
    backoff = doubled(waits.download_retry, old.failures, waits.download_retry_max)
    state, spread = jitter(state, backoff / 2)
    retry_after = outcome.retry_after if isinstance(outcome, Failed) else None
    not_before = None if retry_after is None else now + min(retry_after, waits.poll_interval)
    due = now + backoff / 2 + spread
    return change(state, download=patiently(Plan(due, now, old.failures + 1, old.tell, not_before), due))


def next_download(state: State) -> float | None:
    """When the next download is due, if the gateway is where one can be done."""
    if state.download is None or state.link is not Link.OK:
        return None
    return state.download.due if state.phase in (Phase.OPERATING, Phase.FALLBACK) else None


def due_download(state: State, now: float) -> Download | None:
    """What eIMs have ordered, when its time has come."""
    when = next_download(state)
    return Download() if when is not None and when <= now else None


def next_poll(state: State) -> float | None:
    """When the next poll is due, if the link allows one at all."""
    if state.link is not Link.OK or state.phase in SILENT or not state.polls:
        return None
    return min(p.due for p in state.polls.values())


def due_poll(state: State, now: float) -> Poll | None:
    """The poll that is due: first the eIM whose verdict a trial waits for, then the longest overdue."""
    when = next_poll(state)
    if when is None or when > now:
        return None
    due = [(p.due, eim_id) for eim_id, p in state.polls.items() if p.due <= now]
    trial = state.trial
    if trial is not None and trial.kind is TrialKind.ORDERED and trial.eim_id in {e for _, e in due}:
        assert trial.eim_id is not None
        return Poll(trial.eim_id)
    return Poll(min(due)[1])


def probe_again(state: State, now: float, waits: Waits) -> State:
    """After a look: the next one. A link that stays lost is looked at ever more seldom."""
    if state.phase in SILENT:
        return state
    if state.link is Link.OK:
        state, spread = jitter(state, waits.probe_interval / 10)
        return change(state, probe_at=now + waits.probe_interval - spread, looks=0)
    wait = doubled(waits.probe_retry, state.looks, waits.probe_retry_max)
    return change(state, probe_at=now + wait, looks=state.looks + 1)


def due_probe(state: State, now: float) -> Probe | None:
    """The probe that is due."""
    return Probe() if state.probe_at is not None and now >= state.probe_at else None

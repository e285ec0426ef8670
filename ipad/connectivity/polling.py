"""When to poll which eIM, and when to probe: orthogonal to the phases, and as pure."""

from dataclasses import replace
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
    draw,
)
from ipad.waits import Waits


def jitter(state: State, spread: float) -> tuple[State, float]:
    """A time in [0, spread) that is this gateway's own."""
    return replace(state, draws=state.draws + 1), spread * draw(state.seed, state.draws)


def plan(state: State, eim_id: str, new: Plan) -> State:
    """The state with this eIM's plan replaced."""
    return replace(state, polls=MappingProxyType({**state.polls, eim_id: new}))


def patiently(old: Plan, due: float) -> Plan:
    """The plan with this time, or a later one that the eIM has asked for."""
    return replace(old, due=due if old.not_before is None else max(due, old.not_before))


def follow_card(state: State, now: float, waits: Waits) -> State:
    """Plans for exactly the eIMs that the card is associated with; a new one is polled at once."""
    eims = state.card.eims if state.card else tuple(state.polls)
    kept = {e: state.polls[e] for e in eims if e in state.polls}
    for eim_id in eims:
        if eim_id not in kept:
            state, spread = jitter(state, waits.poll_start)
            kept[eim_id] = Plan(due=now + spread)
    return replace(state, polls=MappingProxyType(kept))


def after_start(state: State, now: float, waits: Waits) -> State:
    """Every eIM is polled after a start, spread so that a fleet's power cut does not become a wall."""
    for eim_id, old in state.polls.items():
        state, spread = jitter(state, waits.poll_start)
        state = plan(state, eim_id, patiently(old, now + spread))
    return state


def after_switch(state: State, now: float, cause: Cause | None, ordered_by: str | None) -> State:
    """Every eIM is polled as soon as the link is there; all but the one that ordered it are told why."""
    for eim_id, old in state.polls.items():
        tell = None if eim_id == ordered_by else (cause or Cause.OTHER_EIM)
        state = plan(state, eim_id, patiently(replace(old, failures=0, tell=tell), now))
    return state


def link_is_back(state: State, now: float, waits: Waits) -> State:
    """A link that came back is a good moment, but not more often than the minimum interval."""
    for eim_id, old in state.polls.items():
        earliest = now if old.last is None else max(now, old.last + waits.poll_min)
        state = plan(state, eim_id, patiently(old, min(old.due, earliest)))
    return state


def asked(state: State, now: float) -> State:
    """Somebody asked: all eIMs, now."""
    for eim_id, old in state.polls.items():
        state = plan(state, eim_id, replace(old, due=now))
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
    backoff = min(waits.poll_retry * 2.0 ** min(old.failures, 32), waits.poll_retry_max)
    state, spread = jitter(state, backoff / 2)
    due = now + backoff / 2 + spread
    trial = state.trial
    if state.phase is Phase.TRIAL and trial is not None and trial.rollback and state.until is not None:
        # The verdict of this trial is a delivery: give it one more chance before the deadline.
        due = min(due, max(now + waits.poll_retry / 2, state.until - waits.poll_retry))
    not_before = None
    if isinstance(outcome, Polled) and outcome.retry_after is not None:
        not_before = now + min(outcome.retry_after, waits.poll_interval)
    failed = replace(old, last=now, failures=old.failures + 1, not_before=not_before)
    return plan(state, eim_id, patiently(failed, due))


def download_ordered(state: State, now: float) -> State:
    """There is something to be downloaded, at once."""
    old = state.download or Plan(due=now)
    return replace(state, download=patiently(old, now))


def after_download(state: State, action: Download, outcome: Outcome, now: float, waits: Waits) -> State:
    """When it is gone on with: at once, when a server may be told again, or after a backoff.

    What somebody at the gateway ordered is not tried again: they have been told.
    """
    if isinstance(outcome, Downloaded):
        again = None if outcome.again is None else Plan(due=now + outcome.again, last=now)
        state = replace(state, download=again)
        told = state.polls.get(outcome.eim_id or "")
        if told is not None and outcome.eim_id is not None:
            state = plan(state, outcome.eim_id, patiently(told, now))
        return state
    old = state.download
    if action.trigger is not None or old is None:
        return state
    backoff = min(waits.download_retry * 2.0 ** min(old.failures, 32), waits.download_retry_max)
    state, spread = jitter(state, backoff / 2)
    retry_after = outcome.retry_after if isinstance(outcome, Failed) else None
    not_before = None if retry_after is None else now + min(retry_after, waits.poll_interval)
    failed = replace(old, last=now, failures=old.failures + 1, not_before=not_before)
    return replace(state, download=patiently(failed, now + backoff / 2 + spread))


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
    if state.link is not Link.OK or state.phase is Phase.NO_CARD or not state.polls:
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


def due_probe(state: State, now: float) -> Probe | None:
    """The probe that is due."""
    return Probe() if state.probe_at is not None and now >= state.probe_at else None

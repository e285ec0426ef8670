"""The rows of decide, and the words that they are written in.

A row reads: in one of `phases`, on an `event` of these kinds, if every guard holds, (re-)enter `next` and
ask for `action`. The first row that fits is taken. `why` is what log, status, history and the diagram print.

Rows that guard on the link look at what it is, not at the edge: a change that came while an action was in
flight is seen when the action has ended.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ipad.connectivity.link import Link
from ipad.connectivity.state import (
    Action,
    ApplyRemedy,
    Asked,
    CardChanged,
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
    Probed,
    Refused,
    Return,
    Rollback,
    Started,
    State,
    Switched,
    Trial,
    TrialKind,
    hindered,
)
from modem.radio import Remedy

Guard = Callable[[State, Event, float], bool]
Make = Callable[[State, Event], Action]

LADDER = (Remedy.REATTACH, Remedy.BEARER, Remedy.RADIO_CYCLE, Remedy.RESET)
"""Remedies in order of cost."""
REMEDIES: Mapping[Link | None, tuple[Remedy, ...]] = {
    Link.NOT_REGISTERED: (Remedy.REATTACH, Remedy.RADIO_CYCLE, Remedy.RESET),
    Link.REFUSED: (Remedy.RADIO_CYCLE, Remedy.RESET),
    Link.NO_BEARER: LADDER,
    Link.NO_TRAFFIC: LADDER,
    Link.MODEM_STUCK: (Remedy.RESET,),
    Link.NO_SIM: (Remedy.RESET,),
}
"""Those that may help against it: no bearer without a registration, and to ask again does not move a network
that said no. A modem that does not answer, or not see its SIM, understands only a reset."""
SWITCHES = 12
"""Within waits.budget, by the gateway itself. The last one is kept for the way to the bootstrap profile.
Not in it: what an eIM ordered, and the way back from that."""
MISSES = 2
"""So often the modem is reset for a rollback that did not reach the card, before a fallback takes its place."""
LOOKS_PER_RESET = 3
"""Without a card, every so many looks the modem is reset."""


def next_remedy(state: State) -> Remedy | None:
    """The next remedy for the link as it is; None: all were tried in this round."""
    helpful = REMEDIES.get(state.link, ())
    return next((remedy for remedy in LADDER[state.rung :] if remedy in helpful), None)


# Guards: the words that rows are written in.


def due(state: State, _event: Event, now: float) -> bool:
    return state.until is not None and now >= state.until


def link_ok(state: State, _event: Event, _now: float) -> bool:
    return state.link is Link.OK


def link_bad(state: State, _event: Event, _now: float) -> bool:
    return state.link is not None and state.link is not Link.OK


def no_card(state: State, _event: Event, _now: float) -> bool:
    return state.card is None


def usual(state: State, _event: Event, _now: float) -> bool:
    """There is a card, and no emergency."""
    return state.card is not None and not state.card.emergency


def on_trial(state: State, _event: Event, _now: float) -> bool:
    return state.card is not None and state.trial is not None


def new_trial(_state: State, event: Event, _now: float) -> bool:
    match event:
        case Ended(_, Polled(trial=Trial()) | Injected(trial=Trial())):
            return True
    return False


def enabled_at_once(_state: State, event: Event, _now: float) -> bool:
    match event:
        case Ended(_, Downloaded(trial=Trial())):
            return True
    return False


def fell_back(state: State, _event: Event, _now: float) -> bool:
    return state.fell_back


def can_fall_back(state: State, _event: Event, _now: float) -> bool:
    return state.can_fall_back


def rung_left(state: State, _event: Event, _now: float) -> bool:
    return next_remedy(state) is not None


def remedy_due(state: State, _event: Event, now: float) -> bool:
    return state.remedy_at is not None and now >= state.remedy_at


def emergency(state: State, _event: Event, _now: float) -> bool:
    return state.card is not None and state.card.emergency


def an_eim(state: State, _event: Event, _now: float) -> bool:
    return bool(state.polls)


def emergency_too_long(state: State, _event: Event, now: float) -> bool:
    return state.emergency_until is not None and now >= state.emergency_until


def profile_enabled(state: State, _event: Event, _now: float) -> bool:
    return state.card is not None and state.card.enabled is not None


def no_profile(state: State, _event: Event, _now: float) -> bool:
    return state.card is not None and state.card.enabled is None


def affords_fallback(state: State, _event: Event, _now: float) -> bool:
    return len(state.switches) < SWITCHES


def affords_return(state: State, _event: Event, _now: float) -> bool:
    """A return, and the fallback that may have to follow it."""
    return len(state.switches) < SWITCHES - 1


def spent(state: State, event: Event, now: float) -> bool:
    return not affords_return(state, event, now)


def time_to_reset(state: State, _event: Event, _now: float) -> bool:
    return state.rung % LOOKS_PER_RESET == LOOKS_PER_RESET - 1


def rested(state: State, _event: Event, now: float) -> bool:
    """The last fallback is long enough ago to try the other profile, although no link was seen since."""
    return now >= state.rest_until


def may_roll_back(state: State, _event: Event, _now: float) -> bool:
    return state.trial is not None and state.trial.rollback


def no_rollback(state: State, event: Event, now: float) -> bool:
    return not may_roll_back(state, event, now)


def returning(state: State, _event: Event, _now: float) -> bool:
    return state.trial is not None and state.trial.kind is TrialKind.RETURN


def delivered(state: State, event: Event, _now: float) -> bool:
    """The result of the switch on trial was taken by the eIM that ordered it."""
    match event:
        case Ended(Poll(eim_id), Polled(delivered=True)):
            return state.trial is not None and eim_id == state.trial.eim_id
    return False


def proven(state: State, event: Event, _now: float) -> bool:
    """The link is there and something that only a working link can do was done over it."""
    match event:
        case Ended(Poll(), Polled(reached=True)):
            return True
        case Ended(Probe(), Probed(reachable)):
            return state.link is Link.OK and reachable is not False
    return False


def asked(command: Command) -> Guard:
    def guard(_state: State, event: Event, _now: float) -> bool:
        return event == Asked(command)

    guard.__name__ = f"asked_{command.value}"
    return guard


def asked_to_inject(_state: State, event: Event, _now: float) -> bool:
    return isinstance(event, Asked) and isinstance(event.command, Inject)


def asked_to_download(_state: State, event: Event, _now: float) -> bool:
    return isinstance(event, Asked) and isinstance(event.command, Download)


def ended(action: type, *outcomes: type[Outcome]) -> Guard:
    """An action of this kind ended in one of these outcomes; without outcomes, in any but Switched."""

    def guard(_state: State, event: Event, _now: float) -> bool:
        if not isinstance(event, Ended) or not isinstance(event.action, action):
            return False
        return isinstance(event.outcome, outcomes) if outcomes else not isinstance(event.outcome, Switched)

    said = "_or_".join(o.__name__.lower() for o in outcomes) or "not_switched"
    guard.__name__ = f"{action.__name__.lower()}_{said}"
    return guard


def not_reached(action: type) -> Guard:
    """An action of this kind was hindered: the card may do it the next time."""

    def guard(_state: State, event: Event, _now: float) -> bool:
        return isinstance(event, Ended) and isinstance(event.action, action) and hindered(event.outcome)

    guard.__name__ = f"{action.__name__.lower()}_hindered"
    return guard


def resets_left(state: State, _event: Event, _now: float) -> bool:
    """For a rollback that did not reach the card the modem is not reset for ever."""
    return state.trial is not None and state.trial.missed <= MISSES


def refused_as(action: type, code: str) -> Guard:
    def guard(_state: State, event: Event, _now: float) -> bool:
        return (
            isinstance(event, Ended) and isinstance(event.action, action) and event.outcome == Refused(code)
        )

    guard.__name__ = f"{action.__name__.lower()}_refused_{code}"
    return guard


# Actions that rows ask for.


def remedy(state: State, _event: Event) -> Action:
    return ApplyRemedy(next_remedy(state) or LADDER[-1])


def reset(_state: State, _event: Event) -> Action:
    return ApplyRemedy(Remedy.RESET)


def look(_state: State, _event: Event) -> Action:
    return Probe()


def fall_back(_state: State, _event: Event) -> Action:
    return Fallback()


def return_(_state: State, _event: Event) -> Action:
    return Return()


def roll_back(_state: State, _event: Event) -> Action:
    return Rollback()


def poll(state: State, _event: Event) -> Action:
    return Poll(min((plan.due, eim_id) for eim_id, plan in state.polls.items())[1])


def end_emergency(_state: State, _event: Event) -> Action:
    return EndEmergency()


def as_asked(_state: State, event: Event) -> Action:
    assert isinstance(event, Asked)
    assert isinstance(event.command, Inject | Download)
    return event.command


@dataclass(frozen=True, slots=True)
class Row:
    """In `phases`, on an `event` of these kinds, if every guard holds: go to `next`, ask for `action`."""

    phases: tuple[Phase, ...]
    event: type[Event] | tuple[type[Event], ...]
    guards: tuple[Guard, ...]
    next: Phase | None
    action: Make | None
    why: str


ANY = (Started, LinkChanged, CardChanged, Deadline, Asked, Ended)
NO_CARD, OPERATING, REMEDYING, TRIAL, FALLBACK, EMERGENCY = ((phase,) for phase in Phase)
WITH_CARD = (*OPERATING, *REMEDYING, *TRIAL, *FALLBACK, *EMERGENCY)
USUAL = (*OPERATING, *REMEDYING, *TRIAL, *FALLBACK)
ON_THE_WAY = (*OPERATING, *REMEDYING, *TRIAL)

# fmt: off
ROWS: tuple[Row, ...] = (
    Row(WITH_CARD, ANY, (no_card,), Phase.NO_CARD, None, "the card does not answer"),
    Row((*NO_CARD, *USUAL), ANY, (emergency,), Phase.EMERGENCY, None, "an Emergency Profile is enabled: it is left alone"),
    Row(NO_CARD, ANY, (usual, on_trial), Phase.TRIAL, None, "the card is there, with a profile on trial"),
    Row(NO_CARD, ANY, (usual, fell_back), Phase.FALLBACK, None, "the card is there, still fallen back"),
    Row(NO_CARD, ANY, (usual,), Phase.OPERATING, None, "the card is there"),
    Row(NO_CARD, ANY, (due, time_to_reset), Phase.NO_CARD, reset, "still no card: the modem is reset"),
    Row(NO_CARD, ANY, (due,), Phase.NO_CARD, look, "looking for the card again"),

    # A call for help is not to be disturbed: no remedies, polls or switches while it lasts.
    Row(EMERGENCY, ANY, (usual, on_trial), Phase.TRIAL, None, "the emergency is over: the trial starts anew"),
    Row(EMERGENCY, ANY, (usual, fell_back), Phase.FALLBACK, None, "the emergency is over: still fallen back"),
    Row(EMERGENCY, ANY, (usual,), Phase.OPERATING, None, "the emergency is over"),
    Row(EMERGENCY, Ended, (ended(EndEmergency),), Phase.EMERGENCY, None, "the Emergency Profile is still enabled: tried again"),
    Row(EMERGENCY, Asked, (asked(Command.POLL), link_ok, an_eim), None, poll, "a poll asked for at the gateway, in an emergency"),
    Row(EMERGENCY, ANY, (due, emergency_too_long), None, end_emergency, "the Emergency Profile was forgotten: it is disabled"),
    Row(EMERGENCY, ANY, (due,), Phase.EMERGENCY, look, "looking whether the Emergency Profile is still enabled"),

    Row(WITH_CARD, Ended, (new_trial,), Phase.TRIAL, None, "the eIM switched the profile: it is on trial"),
    Row(WITH_CARD, Ended, (enabled_at_once,), Phase.TRIAL, None, "the new profile was enabled at once: it is on trial"),

    # Switches, however they came about, once they are done.
    Row(USUAL, Ended, (ended(Fallback, Switched),), Phase.FALLBACK, None, "fallen back to the bootstrap profile"),
    Row(USUAL, Ended, (ended(Return, Switched),), Phase.TRIAL, None, "returned from fallback: the profile is on trial"),
    Row(USUAL, Ended, (ended(Rollback, Switched),), Phase.TRIAL, None, "rolled back: the former profile is on trial"),
    Row(USUAL, Ended, (not_reached(Fallback), link_bad), Phase.REMEDYING, reset, "the fallback did not reach the card: a modem reset, and once more"),
    Row(USUAL, Ended, (ended(Fallback),), Phase.REMEDYING, None, "the fallback did not happen"),
    Row(USUAL, Ended, (refused_as(Return, "fallbackNotAvailable"),), Phase.OPERATING, None, "the card knows nothing to return to: the eIM decides"),
    Row(FALLBACK, Ended, (ended(Return),), Phase.FALLBACK, None, "the return did not happen"),
    Row(ON_THE_WAY, Ended, (ended(Return),), Phase.REMEDYING, None, "the return did not happen"),
    Row(TRIAL, Ended, (ended(Rollback, Refused), profile_enabled, link_ok), Phase.OPERATING, None, "no rollback, and the link is there: only the eIM is not"),
    Row(TRIAL, Ended, (ended(Rollback), profile_enabled, link_ok), Phase.TRIAL, None, "the rollback did not happen: it will be tried again"),
    Row(TRIAL, Ended, (not_reached(Rollback), resets_left), None, reset, "the rollback did not reach the card: a modem reset, and once more"),
    Row(TRIAL, Ended, (ended(Rollback), can_fall_back), None, fall_back, "no rollback: fallback instead"),
    Row(TRIAL, Ended, (ended(Rollback),), Phase.REMEDYING, None, "no rollback, and no fallback profile"),

    # What somebody at the gateway asks for.
    Row(ON_THE_WAY, Asked, (asked(Command.FALLBACK), can_fall_back), None, fall_back, "fallback asked for at the gateway"),
    Row((*FALLBACK, *REMEDYING), Asked, (asked(Command.RETURN), fell_back), None, return_, "return asked for at the gateway"),
    Row((*OPERATING, *REMEDYING, *FALLBACK), Asked, (asked_to_inject,), None, as_asked, "a package came by hand"),

    Row((*OPERATING, *REMEDYING, *FALLBACK), Asked, (asked_to_download,), None, as_asked, "a download was asked for at the gateway"),

    # An order that leaves no profile enabled: nothing can be waited for, and no remedy helps.
    Row(TRIAL, ANY, (no_profile, may_roll_back), None, roll_back, "no profile is enabled: rollback"),
    Row((*OPERATING, *TRIAL), ANY, (no_profile, can_fall_back), Phase.REMEDYING, fall_back, "no profile is enabled: fallback"),
    Row((*OPERATING, *TRIAL), ANY, (no_profile,), Phase.REMEDYING, None, "no profile is enabled, and there is no fallback profile"),
    Row(REMEDYING, ANY, (due, no_profile, can_fall_back), None, fall_back, "still no profile is enabled: fallback"),
    Row(REMEDYING, ANY, (due, no_profile), Phase.REMEDYING, None, "still no profile is enabled: a package by hand would help"),

    # A profile on trial: a verdict, or the way back.
    Row(TRIAL, Ended, (may_roll_back, delivered), Phase.OPERATING, None, "the result is delivered over the new profile"),
    Row(TRIAL, ANY, (may_roll_back, due), None, roll_back, "the result could not be delivered in time: rollback"),
    Row(TRIAL, Ended, (no_rollback, proven), Phase.OPERATING, None, "the profile works"),
    Row(TRIAL, ANY, (due, returning, can_fall_back), None, fall_back, "the other operator is not back: fallback"),
    Row(TRIAL, ANY, (due, link_ok), Phase.OPERATING, None, "the link is there"),
    Row(TRIAL, ANY, (due, can_fall_back), None, fall_back, "the profile does not work: fallback"),
    Row(TRIAL, ANY, (due,), Phase.REMEDYING, None, "the profile does not work, and there is no other way"),
    Row(TRIAL, ANY, (remedy_due, link_bad), None, reset, "no link halfway through the trial: the modem is reset"),

    # A lost link: remedies in order of cost, then the other profile.
    Row((*OPERATING, *FALLBACK), ANY, (link_bad,), Phase.REMEDYING, None, "there is no link: it may come back by itself"),
    Row(REMEDYING, ANY, (link_ok, fell_back), Phase.FALLBACK, None, "the link is back, on the bootstrap profile"),
    Row(REMEDYING, ANY, (link_ok, profile_enabled), Phase.OPERATING, None, "the link is back"),
    Row(REMEDYING, ANY, (due, link_bad, rung_left), None, remedy, "the link stays lost: next remedy"),
    Row(REMEDYING, ANY, (due, link_bad, can_fall_back, affords_fallback), None, fall_back, "no remedy helped: fallback"),
    Row(REMEDYING, ANY, (due, link_bad, fell_back, rested, affords_return), None, return_, "the bootstrap profile has no link either: trying the other one"),
    Row(REMEDYING, ANY, (due, link_bad), Phase.REMEDYING, None, "no remedy helped: from the start again, with more patience"),

    # On the bootstrap profile nobody can see whether the other operator is back.
    Row(FALLBACK, ANY, (due, spent), Phase.FALLBACK, None, "the switches that it may make in a day are used up: the return waits"),
    Row(FALLBACK, ANY, (due, link_ok), None, return_, "time for the trial of a return"),
)
# fmt: on


def dispatch(rows: tuple[Row, ...]) -> Mapping[Phase, Mapping[type, tuple[Row, ...]]]:
    """The same rows, by phase and kind of event: a fleet has no time to look at all of them each time."""
    return {
        phase: {
            kind: tuple(row for row in rows if phase in row.phases and _is_for(row, kind)) for kind in ANY
        }
        for phase in Phase
    }


def _is_for(row: Row, kind: type[Event]) -> bool:
    return row.event is kind or (isinstance(row.event, tuple) and kind in row.event)

"""The rows of decide, and the words that they are written in.

A row reads: in one of `phases`, on an `event` of these kinds, if every guard holds, (re-)enter `next` and
ask for `action`. The first row that fits is taken. `why` is what log, status, history and the diagram print.

Rows that guard on the link look at what it is, not at the edge: a change that came while an action was in
flight is seen when the action has ended.
"""

from collections.abc import Callable
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
)
from modem.radio import Remedy

Guard = Callable[[State, Event, float], bool]
Make = Callable[[State, Event], Action]

LADDER = (Remedy.REATTACH, Remedy.RADIO_CYCLE, Remedy.RESET)
"""Remedies in order of cost."""
STUCK_LADDER = (Remedy.RESET,)
"""A modem that does not answer understands only this."""
LOOKS_PER_RESET = 3
"""Without a card, every so many looks the modem is reset."""


def ladder(state: State) -> tuple[Remedy, ...]:
    """The remedies for the link as it is."""
    return STUCK_LADDER if state.link is Link.MODEM_STUCK else LADDER


# Guards: the words that rows are written in.


def due(state: State, _event: Event, now: float) -> bool:
    return state.until is not None and now >= state.until


def link_ok(state: State, _event: Event, _now: float) -> bool:
    return state.link is Link.OK


def link_bad(state: State, _event: Event, _now: float) -> bool:
    return state.link is not None and state.link is not Link.OK


def no_card(state: State, _event: Event, _now: float) -> bool:
    return state.card is None


def card_there(state: State, _event: Event, _now: float) -> bool:
    return state.card is not None


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
    return state.rung < len(ladder(state))


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


def refused_as(action: type, code: str) -> Guard:
    def guard(_state: State, event: Event, _now: float) -> bool:
        return (
            isinstance(event, Ended) and isinstance(event.action, action) and event.outcome == Refused(code)
        )

    guard.__name__ = f"{action.__name__.lower()}_refused_{code}"
    return guard


# Actions that rows ask for.


def remedy(state: State, _event: Event) -> Action:
    return ApplyRemedy(ladder(state)[state.rung])


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
NO_CARD, OPERATING, REMEDYING, TRIAL, FALLBACK = (
    (p,) for p in (Phase.NO_CARD, Phase.OPERATING, Phase.REMEDYING, Phase.TRIAL, Phase.FALLBACK)
)
WITH_CARD = (*OPERATING, *REMEDYING, *TRIAL, *FALLBACK)
ON_THE_WAY = (*OPERATING, *REMEDYING, *TRIAL)

# fmt: off
ROWS: tuple[Row, ...] = (
    Row(WITH_CARD, ANY, (no_card,), Phase.NO_CARD, None, "the card does not answer"),
    Row(NO_CARD, ANY, (on_trial,), Phase.TRIAL, None, "the card is there, with a profile on trial"),
    Row(NO_CARD, ANY, (fell_back,), Phase.FALLBACK, None, "the card is there, still fallen back"),
    Row(NO_CARD, ANY, (card_there,), Phase.OPERATING, None, "the card is there"),
    Row(NO_CARD, ANY, (due, time_to_reset), Phase.NO_CARD, reset, "still no card: the modem is reset"),
    Row(NO_CARD, ANY, (due,), Phase.NO_CARD, look, "looking for the card again"),

    Row(WITH_CARD, Ended, (new_trial,), Phase.TRIAL, None, "the eIM switched the profile: it is on trial"),
    Row(WITH_CARD, Ended, (enabled_at_once,), Phase.TRIAL, None, "the new profile was enabled at once: it is on trial"),

    # Switches, however they came about, once they are done.
    Row(WITH_CARD, Ended, (ended(Fallback, Switched),), Phase.FALLBACK, None, "fallen back to the bootstrap profile"),
    Row(WITH_CARD, Ended, (ended(Return, Switched),), Phase.TRIAL, None, "returned from fallback: the profile is on trial"),
    Row(WITH_CARD, Ended, (ended(Rollback, Switched),), Phase.TRIAL, None, "rolled back: the former profile is on trial"),
    Row(WITH_CARD, Ended, (ended(Fallback),), Phase.REMEDYING, None, "the fallback did not happen"),
    Row(WITH_CARD, Ended, (refused_as(Return, "fallbackNotAvailable"),), Phase.OPERATING, None, "the card knows nothing to return to: the eIM decides"),
    Row(FALLBACK, Ended, (ended(Return),), Phase.FALLBACK, None, "the return did not happen"),
    Row(ON_THE_WAY, Ended, (ended(Return),), Phase.REMEDYING, None, "the return did not happen"),
    Row(TRIAL, Ended, (ended(Rollback, Refused), link_ok), Phase.OPERATING, None, "no rollback, and the link is there: only the eIM is not"),
    Row(TRIAL, Ended, (ended(Rollback), link_ok), Phase.TRIAL, None, "the rollback did not happen: it will be tried again"),
    Row(TRIAL, Ended, (ended(Rollback), can_fall_back), None, fall_back, "no rollback: fallback instead"),
    Row(TRIAL, Ended, (ended(Rollback),), Phase.REMEDYING, None, "no rollback, and no fallback profile"),

    # What somebody at the gateway asks for.
    Row(ON_THE_WAY, Asked, (asked(Command.FALLBACK), can_fall_back), None, fall_back, "fallback asked for at the gateway"),
    Row((*FALLBACK, *REMEDYING), Asked, (asked(Command.RETURN), fell_back), None, return_, "return asked for at the gateway"),
    Row((*OPERATING, *REMEDYING, *FALLBACK), Asked, (asked_to_inject,), None, as_asked, "a package came by hand"),

    Row((*OPERATING, *REMEDYING, *FALLBACK), Asked, (asked_to_download,), None, as_asked, "a download was asked for at the gateway"),

    # A profile on trial: a verdict, or the way back.
    Row(TRIAL, Ended, (may_roll_back, delivered), Phase.OPERATING, None, "the result is delivered over the new profile"),
    Row(TRIAL, ANY, (may_roll_back, due), None, roll_back, "the result could not be delivered in time: rollback"),
    Row(TRIAL, Ended, (no_rollback, proven), Phase.OPERATING, None, "the profile works"),
    Row(TRIAL, ANY, (due, returning, can_fall_back), None, fall_back, "the other operator is not back: fallback"),
    Row(TRIAL, ANY, (due, link_ok), Phase.OPERATING, None, "the link is there"),
    Row(TRIAL, ANY, (due, can_fall_back), None, fall_back, "the profile does not work: fallback"),
    Row(TRIAL, ANY, (due,), Phase.REMEDYING, None, "the profile does not work, and there is no other way"),

    # A lost link: remedies in order of cost, then the other profile.
    Row((*OPERATING, *FALLBACK), ANY, (link_bad,), Phase.REMEDYING, None, "there is no link: it may come back by itself"),
    Row(REMEDYING, ANY, (link_ok, fell_back), Phase.FALLBACK, None, "the link is back, on the bootstrap profile"),
    Row(REMEDYING, ANY, (link_ok,), Phase.OPERATING, None, "the link is back"),
    Row(REMEDYING, ANY, (due, link_bad, rung_left), None, remedy, "the link stays lost: next remedy"),
    Row(REMEDYING, ANY, (due, link_bad, can_fall_back), None, fall_back, "no remedy helped: fallback"),
    Row(REMEDYING, ANY, (due, link_bad, fell_back, rested), None, return_, "the bootstrap profile has no link either: trying the other one"),
    Row(REMEDYING, ANY, (due, link_bad), Phase.REMEDYING, None, "no remedy helped: from the start again, with more patience"),

    # On the bootstrap profile nobody can see whether the other operator is back.
    Row(FALLBACK, ANY, (due,), None, return_, "time for the trial of a return"),
)
# fmt: on

"""Performing an action: the procedure that it stands for, and how it ended. Errors end here."""

from ipad.connectivity.state import (
    ApplyRemedy,
    Done,
    Download,
    EndEmergency,
    Failed,
    Fallback,
    Inject,
    Outcome,
    Poll,
    Polled,
    Refused,
    Return,
    Rollback,
    State,
    Switched,
    Unknown,
)
from ipad.errors import EuiccRefused, IpadError, PeerRefused, Throttled, Unreachable, Untrusted
from ipad.procedures import download, inject, poll, switch
from ipad.procedures.gateway import Gateway
from modem.errors import ModemError
from modem.radio import Remedy

_Other = Poll | Fallback | Return | Rollback | EndEmergency | Inject | ApplyRemedy
Deed = _Other | Download
"""All actions but Probe, which is a look and cannot fail."""


def perform(gateway: Gateway, action: Deed, state: State) -> Outcome:
    """Does it, and says how it ended; never raises an IpadError or ModemError. The history is told."""
    if isinstance(action, Download):
        return _download(gateway, action)
    try:
        return _do(gateway, action, state)
    except EuiccRefused as refusal:
        gateway.note("refused", str(refusal))
        return Refused(refusal.name)
    except Unreachable as problem:
        retry_after = problem.retry_after if isinstance(problem, Throttled) else None
        gateway.note("poll", str(problem))
        return _cut_short(gateway, action, state, reached=False, retry_after=retry_after)
    except Untrusted as problem:
        gateway.note("poll", str(problem))
        return _cut_short(gateway, action, state, reached=False)
    except PeerRefused as refusal:
        gateway.note("poll", str(refusal))
        return _cut_short(gateway, action, state, reached=True)
    except ModemError as error:
        gateway.note("modem", str(error))
        return Unknown() if error.executed is None else Failed(str(error))
    except IpadError as error:
        gateway.note("failed", str(error))
        return Failed(str(error))


def _download(gateway: Gateway, action: Download) -> Outcome:
    """Its refusals are outcomes already: what is raised broke it off, and it may be tried again."""
    try:
        return download.run(gateway, action)
    except ModemError as error:
        gateway.note("modem", str(error))
        return Unknown() if error.executed is None else Failed(str(error))
    except IpadError as problem:
        gateway.note("download", f"broken off: {problem}")
        return Failed(str(problem), problem.retry_after if isinstance(problem, Throttled) else None)


def _cut_short(
    gateway: Gateway, action: Deed, state: State, *, reached: bool, retry_after: float | None = None
) -> Polled:
    """A poll that did not come to its end; packages may have been executed, and results taken, before."""
    delivered = isinstance(action, Poll) and not gateway.owes(action.eim_id)
    card = gateway.contents.view() if gateway.contents is not None else None
    changed = card if card != state.card else None
    return Polled(reached, delivered, retry_after, card=changed, finished=False)


def _do(gateway: Gateway, action: _Other, state: State) -> Outcome:
    match action:
        case Poll(eim_id):
            plan = state.polls.get(eim_id)
            return poll.run(gateway, eim_id, plan.tell if plan else None)
        case Fallback():
            return Switched(switch.fall_back(gateway).view())
        case Return():
            return Switched(switch.return_from_fallback(gateway, state.origin).view())
        case Rollback():
            former = state.trial.former if state.trial else None
            return Switched(switch.roll_back(gateway, former).view())
        case EndEmergency():
            return Switched(switch.end_emergency(gateway).view())
        case Inject(octets):
            return inject.run(gateway, octets)
        case ApplyRemedy(remedy):
            return _remedy(gateway, remedy)


def _remedy(gateway: Gateway, remedy: Remedy) -> Outcome:
    if gateway.radio is None:
        return Failed("a card in a reader has no radio")
    gateway.radio.apply(remedy)
    if remedy in (Remedy.RADIO_CYCLE, Remedy.RESET):
        gateway.isdr.reset()
    gateway.note("remedy", remedy.value)
    return Done()

"""Executing a package on a consumer card, so that it can be interrupted anywhere and is executed once.

Its counter is on disk before the card is touched, and each operation before and after it. After an
interruption it goes on where it was: the card's profiles tell whether the last operation was done. If nobody
waits for the package any more nothing more is executed, and the result says interruption(3).

Unlike an IoT card's, the result is signed when the outcome is known: after the switch and not before it.
"""

from ipad.consumer import operations, package
from ipad.consumer.card import Card
from ipad.consumer.device_key import DeviceKey
from ipad.consumer.memory import Memory, Result, Rollback, Running
from ipad.consumer.operations import Deed, Outcome, Place
from ipad.errors import EuiccRefused, IpadError
from ipad.euicc import read
from ipad.euicc.model import PackageResult
from modem.errors import ModemError

MOST_RESUMED = 3
"""How often an interrupted package is taken up again before the rest of it is given up."""


def begin(card: Card, kept: Memory, running: Running, key: DeviceKey) -> PackageResult:
    """Executes an accepted package; what else is changed in `kept` gets on disk with its begin.

    An error that is raised here says nothing of what was done: ask `resume`.
    """
    kept.running = running
    card.store(kept)
    return _execute(card, kept, running, key, go_on=True)


def resume(card: Card, kept: Memory, running: Running, *, over: bool = False) -> None:
    """Brings an interrupted package to its result.

    Executes more of it only as part of its own step, and not if it is `over`. DeviceKeyUnusable: not now.
    """
    key = card.key()
    running.resumed += 1
    if running.resumed > MOST_RESUMED:
        _record(card, kept, running, operations.interrupted())
    else:
        card.store(kept)
    _execute(card, kept, running, key, go_on=not over and _is_waited_for(card, running))


def _is_waited_for(card: Card, running: Running) -> bool:
    step = card.journal.step()
    if step is None or step.kind != "package" or step.octets is None:
        return False
    waiting = package.parse(step.octets)
    return (waiting.eim_id, waiting.counter) == (running.origin.eim_id, running.origin.counter)


def _execute(card: Card, kept: Memory, running: Running, key: DeviceKey, *, go_on: bool) -> PackageResult:
    """Executes what is left of the package, and keeps its signed result."""
    try:
        _work_off(card, kept, running, go_on)
    except EuiccRefused as refused:
        # Not as a refusal of the package: it has been begun.
        raise IpadError(f"an eUICC Package was interrupted: {refused}") from refused
    except ModemError as error:
        error.executed = None  # whatever it says of one APDU
        raise
    seq = kept.take_seq()
    results = "".join(running.results)
    octets = package.result(key, running.origin, seq, bytes.fromhex(results))
    kept.keep(Result(seq, octets.hex()))
    if running.rollback and running.before is not None:
        kept.rollback = Rollback(running.before, running.origin, results, seq)
    kept.running = None
    card.store(kept)
    return read.package_result(octets)


def _work_off(card: Card, kept: Memory, running: Running, go_on: bool) -> None:
    """One operation after the other, up to and with the first that fails."""
    kind, ordered = package.operations(running.operations)
    place = Place(card.isdr, kept, running, card.fallback)
    switched: Deed | None = None
    while not running.ended and len(running.results) < len(ordered):
        if not go_on and not running.begun:
            _record(card, kept, running, operations.interrupted())
            return
        if switched is not None:
            _take_profile(card, switched.leaves)
        found = operations.prepare(place, kind, ordered[len(running.results)])
        if not isinstance(found, Deed):
            _record(card, kept, running, found)
        elif go_on:
            running.begun, running.enabled = True, found.enabled
            card.store(kept)
            _record(card, kept, running, found.perform())
            switched = found if found.switches else None
        else:
            _record(card, kept, running, operations.interrupted())


def _record(card: Card, kept: Memory, running: Running, outcome: Outcome) -> None:
    """What came of an operation is on disk when this returns."""
    running.results.append(outcome.octets.hex())
    running.begun, running.ended = False, not outcome.success
    if outcome.switched:
        kept.fallback_origin = None
        running.rollback = running.rollback or outcome.rollback
    card.store(kept)


def _take_profile(card: Card, iccid: str | None) -> None:
    """The modem has to be done with a switch before the card is told the next thing."""
    card.isdr.reset()
    if card.radio is not None:
        card.radio.take_profile(iccid)

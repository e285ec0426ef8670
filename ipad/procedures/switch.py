"""The one way to switch: written down, done by the card, taken by the modem, read again.

Whatever may change the enabled profile goes through here: an eIM's package, rollback (SGP.32 5.9.16),
fallback (5.9.20), return (5.9.21), the end of an emergency (5.9.23).

After a switch the step stays in the journal until what deciding makes of it is saved, in one transaction
(`Journal.conclude`): a power cut between the two would otherwise forget that a profile is on trial.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from ipad.errors import EuiccRefused, IpadError
from ipad.euicc import es10b
from ipad.journal import Step
from ipad.procedures import apn
from ipad.procedures.gateway import Contents, Gateway
from modem.errors import ChannelLost, ModemError

T = TypeVar("T")


def command(gateway: Gateway, step: Step, do: Callable[[], T], *, begun: bool = False) -> T:
    """Writes `step` down and has the card do it. The caller settles; the step stays if it was a switch.

    begun: it is written down already, together with what led to it.

    Where the card surely did nothing, the step is crossed out again; where nobody knows, it stays in the
    journal to be resumed. Raises IpadError, with nothing done, if `step` cannot be written down.
    """
    try:
        if not begun:
            gateway.journal.begin(step)
    except IpadError as problem:
        if step.kind != "fallback" or gateway.journal.step() is not None:
            raise
        # The way back must not depend on a disk: without its step it only cannot be resumed.
        gateway.note("fallback", f"not written down: {problem}")
    gateway.card_changed()
    try:
        return do()
    except EuiccRefused:
        gateway.journal.finish()
        raise
    except ModemError as error:
        if error.executed is False:
            gateway.journal.finish()
        raise


def settle(gateway: Gateway, target: str | None) -> Contents:
    """Makes the modem use what the card now has enabled, and reads the card.

    target: ICCID of the profile that should be enabled now, None if that is not known.
    """
    gateway.isdr.reset()
    gateway.take_profile(target)
    contents = gateway.read_card()
    if contents.enabled != target:
        gateway.take_profile(contents.enabled)
    apn.bring(gateway, contents)
    return contents


def fall_back(gateway: Gateway) -> Contents:
    """ExecuteFallbackMechanism, with all that follows. Returns what the card holds now."""
    card = gateway.card()
    step = Step("fallback", card.enabled, card.fallback)
    return _switch(gateway, step, gateway.iot.execute_fallback)


def return_from_fallback(gateway: Gateway, origin: str | None) -> Contents:
    """ReturnFromFallback, with all that follows. origin: ICCID of the profile that the fallback left."""
    step = Step("return", gateway.card().enabled, origin)
    return _switch(gateway, step, gateway.iot.return_from_fallback)


def roll_back(gateway: Gateway, former: str | None) -> Contents:
    """ProfileRollback, with all that follows. former: ICCID of the profile that was enabled before.

    The rollback's result takes the place of the package's on the card, and waits there for delivery.
    """
    step = Step("rollback", gateway.card().enabled, former)
    return _switch(gateway, step, gateway.iot.profile_rollback)


def end_emergency(gateway: Gateway) -> Contents:
    """DisableEmergencyProfile, with all that follows: the card enables what was enabled before."""
    step = Step("emergency", gateway.card().enabled)
    command(gateway, step, partial(es10b.disable_emergency_profile, gateway.isdr))
    return settle(gateway, None)


def _switch(gateway: Gateway, step: Step, do: Callable[[], object]) -> Contents:
    try:
        command(gateway, step, do)
    except ChannelLost as lost:
        # A modem that restarted without a word: the card has seen nothing, and a new channel reaches it.
        if lost.executed is not False:
            raise
        gateway.note(step.kind, f"once more, on a new channel: {lost}")
        gateway.isdr.reset()
        command(gateway, step, do)
    return settle(gateway, step.target)


def resume(gateway: Gateway, step: Step) -> Contents | None:
    """Brings an interrupted fallback, return or rollback to its end. None: the card had not done it."""
    try:
        # The modem may be anywhere between the two profiles: it is brought to what the card has enabled.
        target = gateway.read_card().enabled
    except EuiccRefused as refusal:
        if refusal.name != "profileChangeOngoing":
            raise
        # The card has done it, and waits for the modem.
        target = step.target
    contents = settle(gateway, target)
    if contents.enabled != step.before:
        return contents
    gateway.journal.finish()
    return None

"""Rollback, fallback and return on a consumer card (SGP.32 5.9.16, 5.9.20, 5.9.21), by EnableProfile.

What is being switched is on disk before the card is told. After an interruption the card's profiles tell
whether it was done.
"""

from collections.abc import Sequence
from typing import NoReturn

from ipad.consumer import package, profiles
from ipad.consumer.card import Card, enabled, profile
from ipad.consumer.memory import Memory, Result, Rollback, Switch
from ipad.errors import EuiccRefused
from ipad.euicc import read
from ipad.euicc.model import PackageResult, ProfileInfo
from ipad.euicc.refusal import refuse
from modem.errors import ModemError

_ROLLBACK_NOT_ALLOWED, _NOT_IN_DISABLED_STATE, _FALLBACK_NOT_AVAILABLE, _COMMAND_ERROR = 1, 2, 6, 7
"""ProfileRollbackResponse, ExecuteFallbackMechanismResponse, ReturnFromFallbackResponse."""
_ROLLBACK_OK = bytes.fromhex("8C0100")
"""rollbackResult ok, an EuiccResultData."""


def roll_back(card: Card, kept: Memory, listed: Sequence[ProfileInfo]) -> PackageResult | None:
    """ProfileRollback. listed: the profiles as they are. Returns the result that replaces the package's."""
    function = "ProfileRollback"
    card.key_for(function)
    if kept.rollback is None:
        refuse(function, _ROLLBACK_NOT_ALLOWED, "ProfileRollbackResponse", "cmdResult")
    target = profile(listed, kept.rollback.iccid)
    if target is None:
        _command_error(function, "the former profile is not on the card any more")
    return _switch(card, kept, function, Switch("rollback", target.iccid), target)


def fall_back(card: Card, kept: Memory, listed: Sequence[ProfileInfo]) -> None:
    """ExecuteFallbackMechanism: enables the configured profile, and remembers where from.

    Also if no profile is enabled: ES10c leads out of that, which the functions of an IoT card do not.
    """
    function, member = "ExecuteFallbackMechanism", "executeFallbackMechanismResult"
    target = profile(listed, card.fallback)
    if target is None:
        refuse(function, _FALLBACK_NOT_AVAILABLE, f"{function}Response", member)
    if target.enabled:
        refuse(function, _NOT_IN_DISABLED_STATE, f"{function}Response", member)
    _switch(card, kept, function, Switch("fallback", target.iccid, enabled(listed)), target)


def return_(card: Card, kept: Memory, listed: Sequence[ProfileInfo]) -> None:
    """ReturnFromFallback: enables the profile that the fallback left."""
    function, member = "ReturnFromFallback", "returnFromFallbackResult"
    if kept.fallback_origin is None:
        refuse(function, _FALLBACK_NOT_AVAILABLE, f"{function}Response", member)
    target = profile(listed, kept.fallback_origin)
    if target is None:
        _command_error(function, "the profile that the fallback left is not on the card any more")
    _switch(card, kept, function, Switch("return", target.iccid), target)


def settle(card: Card, kept: Memory, switch: Switch, listed: Sequence[ProfileInfo], *, over: bool) -> None:
    """A switch that was begun is done if the card says so; else it is forgotten, if it is `over`.

    DeviceKeyUnusable: it was a rollback, and its result cannot be signed.
    """
    if enabled(listed) == switch.target:
        _done(card, kept, switch)
    elif over:
        _forget(card, kept)


def _switch(
    card: Card, kept: Memory, function: str, switch: Switch, target: ProfileInfo
) -> PackageResult | None:
    kept.switch = switch
    card.store(kept)
    try:
        if not target.enabled:
            profiles.enable(card.isdr, target)
    except EuiccRefused as refused:
        _forget(card, kept)
        if refused.name == "catBusy":
            raise EuiccRefused(function, refused.name, refused.code, refused.advice) from refused
        _command_error(function, str(refused))
    except ModemError as error:
        if error.executed is False:
            _forget(card, kept)
        raise
    return _done(card, kept, switch)


def _done(card: Card, kept: Memory, switch: Switch) -> PackageResult | None:
    """The card has switched: what follows from it, in one go."""
    result = None
    if switch.kind == "rollback" and kept.rollback is not None:
        result = _rolled_back(card, kept, kept.rollback)
    elif switch.kind != "rollback":
        kept.fallback_origin = switch.origin
    kept.rollback = kept.switch = None
    card.store(kept)
    return result


def _rolled_back(card: Card, kept: Memory, rollback: Rollback) -> PackageResult:
    """The result with rollbackResult, in the place of the package's.

    It has a number of its own: a late acknowledgement of the first must not remove it.
    """
    key, seq = card.key(), kept.take_seq()
    octets = package.result(key, rollback.origin, seq, bytes.fromhex(rollback.results) + _ROLLBACK_OK)
    kept.results = [result for result in kept.results if result.seq != rollback.seq]
    kept.keep(Result(seq, octets.hex()))
    return read.package_result(octets)


def _forget(card: Card, kept: Memory) -> None:
    kept.switch = None
    card.store(kept)


def _command_error(function: str, advice: str) -> NoReturn:
    raise EuiccRefused(function, "commandError", _COMMAND_ERROR, advice)

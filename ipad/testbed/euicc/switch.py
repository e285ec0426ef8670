"""Changing the enabled profile, and the functions that do it without the eIM (SGP.32 3.4.5, 5.9.16).

Policy rules bind the eIM's PSMOs. They do not stand in the way of rollback, fallback and return, whose
responses have no name for such a refusal: a gateway must get home.

There is never a rollback and a fallback at once: an enable ends the fallback, a fallback the rollback.
"""

from ipad.asn1 import decode, encode, wrap

from . import package_result, pending, shapes
from .isdr import Function, Isdr
from .state import DISABLE, ENABLE, Profile

OK, CAT_BUSY, COMMAND_ERROR = 0, 5, 7
ROLLBACK_NOT_ALLOWED = 1
PROFILE_NOT_IN_DISABLED_STATE, FALLBACK_NOT_AVAILABLE, ECALL_ACTIVE = 2, 6, 104

ROLLBACK_OK = bytes.fromhex("8C0100")
"""rollbackResult ok, an EuiccResultData."""


def set_enabled(isdr: Isdr, target: Profile | None) -> None:
    """Disables what is enabled, enables `target`, and makes the notifications of both."""
    current = isdr.state.enabled()
    if current is target:
        return
    if current is not None:
        current.enabled = False
        pending.notify(isdr, current, DISABLE)
    if target is not None:
        target.enabled = True
        pending.notify(isdr, target, ENABLE)


def profile_rollback(isdr: Isdr, command: bytes) -> bytes:
    """ProfileRollback (BF58): back to the profile before an enable with rollbackFlag.

    The package's result is replaced by one that ends in rollbackResult, with the same counter and
    transaction and a sequence number of its own: a late acknowledgement of the first result must not
    remove this one.
    """
    refresh = decode("ProfileRollbackRequest", command)["refreshFlag"]
    rollback = isdr.state.rollback
    if rollback is None:
        return encode("ProfileRollbackResponse", {"cmdResult": ROLLBACK_NOT_ALLOWED})
    if isdr.cat_busy():
        return encode("ProfileRollbackResponse", {"cmdResult": CAT_BUSY})
    target = isdr.state.profile(rollback.iccid)
    if target is None:
        return encode("ProfileRollbackResponse", {"cmdResult": COMMAND_ERROR})
    set_enabled(isdr, target)
    isdr.state.rollback = None
    pending.remove(isdr, rollback.result_seq)
    origin = package_result.Origin(
        rollback.eim_id,
        rollback.counter,
        None if rollback.transaction is None else bytes.fromhex(rollback.transaction),
        rollback.token,
    )
    seq = isdr.state.take_seq()
    first = b"" if shapes.ROLLBACK_ALONE in isdr.shapes else bytes.fromhex(rollback.results)
    signed = package_result.sign_result(isdr, origin, seq, first + ROLLBACK_OK)
    pending.keep_result(isdr, seq, rollback.eim_id, signed)
    isdr.refresh = refresh
    return wrap(0xBF58, wrap(0x02, bytes([OK])), signed)


def execute_fallback(isdr: Isdr, command: bytes) -> bytes:
    """ExecuteFallbackMechanism (BF5D): enables the profile with the Fallback Attribute."""
    refresh = decode("ExecuteFallbackMechanismRequest", command)["refreshFlag"]
    return encode(
        "ExecuteFallbackMechanismResponse", {"executeFallbackMechanismResult": _fall_back(isdr, refresh)}
    )


def _fall_back(isdr: Isdr, refresh: bool) -> int:
    target, current = isdr.state.fallback_profile(), isdr.state.enabled()
    if isdr.state.ecall_active():
        return ECALL_ACTIVE
    if target is None:
        return FALLBACK_NOT_AVAILABLE
    if target.enabled:
        return PROFILE_NOT_IN_DISABLED_STATE
    if current is None:
        return COMMAND_ERROR
    if isdr.cat_busy():
        return CAT_BUSY
    isdr.state.fallback_origin = current.iccid
    isdr.state.rollback = None
    set_enabled(isdr, target)
    isdr.refresh = refresh
    return OK


def return_from_fallback(isdr: Isdr, command: bytes) -> bytes:
    """ReturnFromFallback (BF5E): back to the profile that the fallback left."""
    refresh = decode("ReturnFromFallbackRequest", command)["refreshFlag"]
    return encode("ReturnFromFallbackResponse", {"returnFromFallbackResult": _return(isdr, refresh)})


def _return(isdr: Isdr, refresh: bool) -> int:
    if isdr.state.fallback_origin is None:
        return FALLBACK_NOT_AVAILABLE
    target = isdr.state.profile(isdr.state.fallback_origin)
    if target is None or isdr.state.ecall_active():
        return COMMAND_ERROR
    if isdr.cat_busy():
        return CAT_BUSY
    isdr.state.fallback_origin = None
    set_enabled(isdr, target)
    isdr.refresh = refresh
    return OK


FUNCTIONS: dict[int, Function] = {
    0xBF58: profile_rollback,
    0xBF5D: execute_fallback,
    0xBF5E: return_from_fallback,
}

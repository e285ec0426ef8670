"""The Emergency Profile (SGP.32 5.9.22, 5.9.23): enabled for a call for help, disabled after it.

It is the device's alone: no PSMO enables it, nobody is notified of it, and while it is enabled packages,
downloads, fallback and memory resets have to wait (ecallActive). A fallback outlasts an emergency, a chance
to roll back does not.
"""

from ipad.asn1 import decode, encode

from . import switch
from .isdr import Function, Isdr

OK, WRONG_STATE, CAT_BUSY, ECALL_NOT_AVAILABLE = 0, 2, 5, 8


def enable_emergency_profile(isdr: Isdr, command: bytes) -> bytes:
    """EnableEmergencyProfile (BF5B)."""
    refresh = decode("EnableEmergencyProfileRequest", command)["refreshFlag"]
    return encode("EnableEmergencyProfileResponse", {"enableEmergencyProfileResult": _enable(isdr, refresh)})


def _enable(isdr: Isdr, refresh: bool) -> int:
    state = isdr.state
    target = next((p for p in state.profiles if p.ecall), None)
    if target is None:
        return ECALL_NOT_AVAILABLE
    if target.enabled:
        return WRONG_STATE
    if isdr.cat_busy():
        return CAT_BUSY
    current = state.enabled()
    state.emergency_origin = None if current is None else current.iccid
    state.rollback = None
    isdr.installed = None
    if current is not None:
        current.enabled = False
    target.enabled = True
    isdr.refresh = refresh
    return OK


def disable_emergency_profile(isdr: Isdr, command: bytes) -> bytes:
    """DisableEmergencyProfile (BF5C): back to the profile before it; to none if there was none."""
    refresh = decode("DisableEmergencyProfileRequest", command)["refreshFlag"]
    result = _disable(isdr, refresh)
    return encode("DisableEmergencyProfileResponse", {"disableEmergencyProfileResult": result})


def _disable(isdr: Isdr, refresh: bool) -> int:
    state = isdr.state
    if not state.ecall_active():
        return WRONG_STATE
    if isdr.cat_busy():
        return CAT_BUSY
    origin = state.emergency_origin
    state.emergency_origin = None
    switch.set_enabled(isdr, None if origin is None else state.profile(origin))
    isdr.refresh = refresh
    return OK


FUNCTIONS: dict[int, Function] = {
    0xBF5B: enable_emergency_profile,
    0xBF5C: disable_emergency_profile,
}

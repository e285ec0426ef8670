"""ImmediateEnable (SGP.32 5.9.15): the profile that was just downloaded is enabled, without the eIM."""

from ipad.asn1 import decode, encode

from . import switch
from .isdr import Function, Installed, Isdr

OK, NOT_AVAILABLE, NO_SESSION_CONTEXT, CAT_BUSY = 0, 1, 4, 5


def immediate_enable(isdr: Isdr, command: bytes) -> bytes:
    """ImmediateEnable (BF5A): if it is so configured, and for that SM-DP+ if one is named."""
    refresh = decode("ImmediateEnableRequest", command)["refreshFlag"]
    return encode("ImmediateEnableResponse", {"immediateEnableResult": _enable(isdr, refresh)})


def _enable(isdr: Isdr, refresh: bool) -> int:
    state, installed, current = isdr.state, isdr.installed, isdr.state.enabled()
    target = None if installed is None else state.profile(installed.iccid)
    if not state.immediate_enable.flag:
        return NOT_AVAILABLE
    if installed is None or target is None or target.enabled:
        return NO_SESSION_CONTEXT
    if not _from_configured_smdp(isdr, installed) or (current is not None and 1 in current.policy_rules):
        return NOT_AVAILABLE
    if isdr.cat_busy():
        return CAT_BUSY
    isdr.installed = None
    state.rollback = None
    state.fallback_origin = None
    switch.set_enabled(isdr, target)
    isdr.refresh = refresh
    return OK


def _from_configured_smdp(isdr: Isdr, installed: Installed) -> bool:
    wanted = isdr.state.immediate_enable
    return wanted.smdp_oid in (None, installed.smdp_oid) and wanted.smdp_address in (
        None,
        installed.smdp_address,
    )


FUNCTIONS: dict[int, Function] = {0xBF5A: immediate_enable}

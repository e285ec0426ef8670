"""Profile state management operations (SGP.32 2.11.2.1)."""

from typing import Any

from ipad.asn1 import encode
from modem.bcd import iccid_octets

from . import es10_info, es10_profiles, pending, switch
from .eim_config import configure_immediate_enable
from .operations import Operation, Outcome, Run, coded
from .state import DELETE, Profile

OK, NOT_FOUND = 0, 1
WRONG_STATE, DISALLOWED_BY_POLICY, CAT_BUSY = 2, 3, 5
ROLLBACK_NOT_AVAILABLE, RETURN_FALLBACK_PROFILE = 20, 21
"""EnableProfileResult, DisableProfileResult, DeleteProfileResult."""
FALLBACK_NOT_ALLOWED, NO_FALLBACK_ATTRIBUTE, FALLBACK_PROFILE_ENABLED = 2, 2, 3
"""SetFallbackAttributeResult, UnsetFallbackAttributeResult."""


def enable(run: Run, request: Any, _tlv: bytes) -> Outcome:
    """Enables a profile; the enabled one is disabled by it."""
    run.only_once("enable")
    return coded(0x83, _enable(run, _target(run, request), "rollbackFlag" in request))


def _enable(run: Run, target: Profile | None, rollback: bool) -> int:
    state = run.isdr.state
    current = state.enabled()
    if target is None:
        return NOT_FOUND
    if target.enabled:
        return WRONG_STATE
    if target.ecall or (current is not None and 1 in current.policy_rules):
        return DISALLOWED_BY_POLICY
    if rollback and run.before in (None, target.iccid):
        return ROLLBACK_NOT_AVAILABLE
    if run.cat_busy():
        return CAT_BUSY
    switch.set_enabled(run.isdr, target)
    run.rollback = rollback
    state.fallback_origin = None
    return OK


def disable(run: Run, request: Any, _tlv: bytes) -> Outcome:
    """Disables the enabled profile: none is enabled then."""
    run.only_once("disable")
    return coded(0x84, _disable(run, _target(run, request)))


def _disable(run: Run, target: Profile | None) -> int:
    if target is None:
        return NOT_FOUND
    if not target.enabled:
        return WRONG_STATE
    if 1 in target.policy_rules:
        return DISALLOWED_BY_POLICY
    if run.cat_busy():
        return CAT_BUSY
    switch.set_enabled(run.isdr, None)
    run.isdr.state.fallback_origin = None
    return OK


def delete(run: Run, request: Any, _tlv: bytes) -> Outcome:
    """Deletes a disabled profile, but not one that a rollback or a return would need."""
    return coded(0x85, _delete(run, _target(run, request)))


def _delete(run: Run, target: Profile | None) -> int:
    state = run.isdr.state
    if target is None:
        return NOT_FOUND
    if target.enabled:
        return WRONG_STATE
    if 2 in target.policy_rules:
        return DISALLOWED_BY_POLICY
    if run.rollback and target.iccid == run.before:
        return ROLLBACK_NOT_AVAILABLE
    if target.iccid == state.fallback_origin:
        return RETURN_FALLBACK_PROFILE
    state.profiles.remove(target)
    pending.notify(run.isdr, target, DELETE)
    return OK


def list_profile_info(run: Run, _request: Any, tlv: bytes) -> Outcome:
    """The same as ES10c's function, in a package."""
    answer = es10_profiles.listed(run.isdr, tlv)
    return Outcome(answer, es10_profiles.is_list(answer))


def get_rat(_run: Run, _request: Any, _tlv: bytes) -> Outcome:
    """The rules authorisation table."""
    return Outcome(
        encode("EuiccResultData", ("getRATResult", es10_info.rules_authorisation_table())), success=True
    )


def configure_immediate_enabling(run: Run, request: Any, _tlv: bytes) -> Outcome:
    """What the device's own ConfigureImmediateProfileEnabling may do only without an eIM."""
    configure_immediate_enable(run.isdr.state, request)
    return coded(0x87, OK)


def set_fallback_attribute(run: Run, request: Any, _tlv: bytes) -> Outcome:
    """Moves the Fallback Attribute to a profile that allows it; not while its holder is enabled."""
    return coded(0x8D, _set_fallback_attribute(run, _target(run, request)))


def _set_fallback_attribute(run: Run, target: Profile | None) -> int:
    holder = run.isdr.state.fallback_profile()
    if target is None:
        return NOT_FOUND
    if not target.fallback_allowed:
        return FALLBACK_NOT_ALLOWED
    if holder is target:
        return OK
    if holder is not None:
        if holder.enabled:
            return FALLBACK_PROFILE_ENABLED
        holder.fallback_attribute = False
    target.fallback_attribute = True
    return OK


def unset_fallback_attribute(run: Run, _request: Any, _tlv: bytes) -> Outcome:
    """Takes the Fallback Attribute from its holder; not while that is enabled."""
    holder = run.isdr.state.fallback_profile()
    if holder is None:
        return coded(0x8E, NO_FALLBACK_ATTRIBUTE)
    if holder.enabled:
        return coded(0x8E, FALLBACK_PROFILE_ENABLED)
    holder.fallback_attribute = False
    return coded(0x8E, OK)


def set_default_dp_address(run: Run, _request: Any, tlv: bytes) -> Outcome:
    """The same as ES10b's function, in a package."""
    return Outcome(es10_info.set_default_dp_address(run.isdr, tlv), success=True)


def _target(run: Run, request: Any) -> Profile | None:
    """The profile whose ICCID the operation names."""
    return next((p for p in run.isdr.state.profiles if iccid_octets(p.iccid) == request["iccid"]), None)


OPERATIONS: dict[str, Operation] = {
    "enable": enable,
    "disable": disable,
    "delete": delete,
    "listProfileInfo": list_profile_info,
    "getRAT": get_rat,
    "configureImmediateEnable": configure_immediate_enabling,
    "setFallbackAttribute": set_fallback_attribute,
    "unsetFallbackAttribute": unset_fallback_attribute,
    "setDefaultDpAddress": set_default_dp_address,
}

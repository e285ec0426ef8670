"""EuiccMemoryReset (SGP.32 5.9.5, SGP.22 5.7.19): the device's owner clears the card, rules or not."""

from collections.abc import Callable

from ipad.asn1 import decode, encode

from . import pending
from .isdr import Function, Isdr
from .state import (
    DELETE,
    OPERATIONAL_CLASS,
    PROVISIONING_CLASS,
    TEST_CLASS,
    ImmediateEnable,
    Profile,
)

OK, NOTHING_TO_DELETE, CAT_BUSY, ECALL_ACTIVE = 0, 1, 5, 104
EIM_RESET_NOT_SUPPORTED, IMMEDIATE_ENABLE_RESET_NOT_SUPPORTED = 2, 1

SMDP_ADDRESS, EIMS, IMMEDIATE_ENABLE = 2, 5, 6
"""Bits of resetOptions; the others are which profiles go."""
_PROFILES: dict[int, Callable[[Profile], bool]] = {
    0: lambda profile: profile.profile_class == OPERATIONAL_CLASS,
    1: lambda profile: profile.profile_class == TEST_CLASS and not profile.preloaded,
    3: lambda profile: profile.profile_class == TEST_CLASS and profile.preloaded,
    4: lambda profile: profile.profile_class == PROVISIONING_CLASS,
}


def euicc_memory_reset(isdr: Isdr, command: bytes) -> bytes:
    """EuiccMemoryReset (BF64): each of its parts has a result of its own, where it was asked for."""
    options = _bits(decode("EuiccMemoryResetRequest", command)["resetOptions"])
    results = {"resetResult": ECALL_ACTIVE if isdr.state.ecall_active() else _reset(isdr, options)}
    if results["resetResult"] in (OK, NOTHING_TO_DELETE):
        if EIMS in options:
            results["resetEimResult"] = _reset_eims(isdr)
        if IMMEDIATE_ENABLE in options:
            results["resetImmediateEnableConfigResult"] = _reset_immediate_enable(isdr)
    return encode("EuiccMemoryResetResponse", results)


def consumer_memory_reset(isdr: Isdr, command: bytes) -> bytes:
    """A consumer card's eUICCMemoryReset (BF34): the first three options, one result."""
    options = _bits(decode("sgp22:EuiccMemoryResetRequest", command)["resetOptions"]) & {0, 1, SMDP_ADDRESS}
    return encode("sgp22:EuiccMemoryResetResponse", {"resetResult": _reset(isdr, options)})


def _bits(value: tuple[bytes, int]) -> set[int]:
    octets, count = value
    return {number for number in range(count) if octets[number // 8] & (0x80 >> number % 8)}


def _reset(isdr: Isdr, options: set[int]) -> int:
    """Deletes the profiles and the address that `options` name, enabled or not; resetResult.

    Policy rules do not stand in the way, and a switch that was to be undone is not any more.
    """
    state = isdr.state
    wanted = [test for bit, test in _PROFILES.items() if bit in options]
    gone = [profile for profile in state.profiles if any(test(profile) for test in wanted)]
    address = SMDP_ADDRESS in options and state.default_dp_address != ""
    if not gone and not address:
        return NOTHING_TO_DELETE
    if any(profile.enabled for profile in gone) and isdr.cat_busy():
        return CAT_BUSY
    for profile in gone:
        state.profiles.remove(profile)
        pending.notify(isdr, profile, DELETE)
    if gone:
        state.rollback = state.fallback_origin = None
        isdr.refresh = True
    if address:
        state.default_dp_address = ""
    return OK


def _reset_eims(isdr: Isdr) -> int:
    if not isdr.state.eim_reset_supported:
        return EIM_RESET_NOT_SUPPORTED
    if not isdr.state.eims:
        return NOTHING_TO_DELETE
    isdr.state.eims.clear()
    isdr.state.rollback = None
    return OK


def _reset_immediate_enable(isdr: Isdr) -> int:
    if not isdr.state.immediate_enable_reset_supported:
        return IMMEDIATE_ENABLE_RESET_NOT_SUPPORTED
    isdr.state.immediate_enable = ImmediateEnable()
    return OK


FUNCTIONS: dict[int, Function] = {0xBF64: euicc_memory_reset}

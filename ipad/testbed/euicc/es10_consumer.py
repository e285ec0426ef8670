"""What only a consumer eUICC has: ES10c's profile management by the device itself (SGP.22 5.7.15 to 5.7.21).

Such a card does not know what SGP.32 added: eIMs, packages, rollback, fallback. What both kinds have stands
in the other files.
"""

from dataclasses import replace

from ipad.asn1 import DecodeError, decode, encode, wrap
from modem.bcd import iccid_octets

from . import es10_notifications, es10_profiles, pending, switch
from .isdr import Function, Isdr
from .memory_reset import consumer_memory_reset
from .shapes import AID_ONLY, NO_REFRESH
from .state import DELETE, Profile

OK, NOT_FOUND, WRONG_STATE, DISALLOWED_BY_POLICY, CAT_BUSY = 0, 1, 2, 3, 5
UNDEFINED_ERROR = 127
"""EnableProfileResponse, DisableProfileResponse, DeleteProfileResponse."""

UNKNOWN = frozenset({0xBF51, *range(0xBF55, 0xBF60), 0xBF64, 0xBF65})
"""Functions that SGP.32 added."""

_UNKNOWN_TAGS = frozenset({0x9F26, 0x9F67, 0x9F7B})
"""Members of ProfileInfo that SGP.32 added."""


def as_made(profile: Profile) -> Profile:
    """The profile as a consumer card holds it: without what it knows nothing of."""
    return replace(profile, fallback_attribute=False, fallback_allowed=False, ecall=False)


def profile_info_list(isdr: Isdr, command: bytes) -> bytes:
    """ProfileInfoListRequest (5.7.15). A tag list with tags that the card does not know is refused."""
    tags = decode("ProfileInfoListRequest", command).get("tagList")
    if tags is not None:
        try:
            unknown = not _UNKNOWN_TAGS.isdisjoint(es10_profiles.tags(tags))
        except DecodeError:
            unknown = True
        if unknown:
            return wrap(0xBF2D, wrap(0x81, bytes([es10_profiles.INCORRECT_INPUT_VALUES])))
    return es10_profiles.listed(isdr, command)


def enable_profile(isdr: Isdr, command: bytes) -> bytes:
    """EnableProfile (5.7.16): the profile that is enabled gives way to it."""
    request = decode("EnableProfileRequest", command)
    result = _enable(isdr, _managed(isdr, request["profileIdentifier"]), request["refreshFlag"])
    return encode("EnableProfileResponse", {"enableResult": result})


def _enable(isdr: Isdr, target: Profile | None, refresh: bool) -> int:
    current = isdr.state.enabled()
    if target is None:
        return NOT_FOUND
    if target.enabled:
        return WRONG_STATE
    if current is not None and 1 in current.policy_rules:
        return DISALLOWED_BY_POLICY
    return _switch(isdr, target, refresh)


def disable_profile(isdr: Isdr, command: bytes) -> bytes:
    """DisableProfile (5.7.17): none is enabled then."""
    request = decode("DisableProfileRequest", command)
    result = _disable(isdr, _managed(isdr, request["profileIdentifier"]), request["refreshFlag"])
    return encode("DisableProfileResponse", {"disableResult": result})


def _disable(isdr: Isdr, target: Profile | None, refresh: bool) -> int:
    if target is None:
        return NOT_FOUND
    if not target.enabled:
        return WRONG_STATE
    if 1 in target.policy_rules:
        return DISALLOWED_BY_POLICY
    return _switch(isdr, None, refresh)


def _switch(isdr: Isdr, target: Profile | None, refresh: bool) -> int:
    if refresh and NO_REFRESH in isdr.shapes:
        return UNDEFINED_ERROR
    if isdr.cat_busy():
        return CAT_BUSY
    switch.set_enabled(isdr, target)
    isdr.refresh = refresh
    return OK


def delete_profile(isdr: Isdr, command: bytes) -> bytes:
    """DeleteProfile (5.7.18): only one that is disabled."""
    target = _managed(isdr, decode("DeleteProfileRequest", command))
    if target is None:
        result = NOT_FOUND
    elif target.enabled:
        result = WRONG_STATE
    elif 2 in target.policy_rules:
        result = DISALLOWED_BY_POLICY
    else:
        isdr.state.profiles.remove(target)
        pending.notify(isdr, target, DELETE)
        result = OK
    return encode("DeleteProfileResponse", {"deleteResult": result})


def set_nickname(isdr: Isdr, command: bytes) -> bytes:
    """SetNickname (5.7.21); an empty one removes it."""
    request = decode("SetNicknameRequest", command)
    target = _target(isdr, ("iccid", request["iccid"]))
    if target is not None:
        target.nickname = request["profileNickname"]
    return encode("SetNicknameResponse", {"setNicknameResult": OK if target else NOT_FOUND})


def set_default_dp_address(isdr: Isdr, command: bytes) -> bytes:
    """SetDefaultDpAddress (5.7.4); an empty one removes it."""
    isdr.state.default_dp_address = decode("sgp22:SetDefaultDpAddressRequest", command)["defaultDpAddress"]
    return encode("sgp22:SetDefaultDpAddressResponse", {"setDefaultDpAddressResult": OK})


def retrieve_notifications_list(isdr: Isdr, command: bytes) -> bytes:
    """RetrieveNotificationsList (5.7.10): of package results this card has not heard."""
    decode("sgp22:RetrieveNotificationsListRequest", command)
    return es10_notifications.retrieve_notifications_list(isdr, command)


def _managed(isdr: Isdr, identifier: tuple[str, bytes]) -> Profile | None:
    """The profile that is to be enabled, disabled or deleted."""
    return None if identifier[0] == "iccid" and AID_ONLY in isdr.shapes else _target(isdr, identifier)


def _target(isdr: Isdr, identifier: tuple[str, bytes]) -> Profile | None:
    """The profile that an ICCID or an ISD-P AID names."""
    kind, wanted = identifier

    def named(profile: Profile) -> bytes:
        return iccid_octets(profile.iccid) if kind == "iccid" else bytes.fromhex(profile.aid)

    return next((profile for profile in isdr.state.profiles if named(profile) == wanted), None)


FUNCTIONS: dict[int, Function] = {
    0xBF29: set_nickname,
    0xBF2B: retrieve_notifications_list,
    0xBF2D: profile_info_list,
    0xBF31: enable_profile,
    0xBF32: disable_profile,
    0xBF33: delete_profile,
    0xBF34: consumer_memory_reset,
    0xBF3F: set_default_dp_address,
}

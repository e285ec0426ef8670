"""ES10c: ProfileInfoList (SGP.22 5.7.15), as a function and as a PSMO."""

from collections.abc import Callable, Iterator

from ipad.asn1 import DecodeError, decode, encode, find, wrap
from modem.bcd import iccid_octets, plmn_octets

from . import pending
from .isdr import Function, Isdr
from .state import Profile

INCORRECT_INPUT_VALUES, PROFILE_CHANGE_ONGOING = 1, 11
"""ProfileInfoListError."""

_ONLY_WHEN_ASKED = frozenset({0x9F67, 0x9F7B})

# Each member of ProfileInfo that this card has: its tag, name and value. None: the profile has none.
_MEMBERS: dict[int, tuple[str, Callable[[Profile], object]]] = {
    0x5A: ("iccid", lambda p: iccid_octets(p.iccid)),
    0x4F: ("isdpAid", lambda p: bytes.fromhex(p.aid)),
    0x9F70: ("profileState", lambda p: int(p.enabled)),
    0x90: ("profileNickname", lambda p: p.nickname or None),
    0x91: ("serviceProviderName", lambda p: p.provider),
    0x92: ("profileName", lambda p: p.name),
    0x95: ("profileClass", lambda p: p.profile_class),
    0xB6: ("notificationConfigurationInfo", lambda p: _notification_configuration(p) or None),
    0xB7: ("profileOwner", lambda p: {"mccMnc": plmn_octets(p.owner)} if p.owner else None),
    0x99: ("profilePolicyRules", lambda p: _policy_rules(p) if p.policy_rules else None),
    0x9F7B: ("ecallIndication", lambda p: p.ecall),
    0x9F26: ("fallbackAttribute", lambda p: p.fallback_attribute or None),
    0x9F67: ("fallbackAllowed", lambda p: p.fallback_allowed),
}


def profile_info_list(isdr: Isdr, command: bytes) -> bytes:
    """ProfileInfoListRequest over ES10c."""
    if isdr.switching:
        return _error(PROFILE_CHANGE_ONGOING)
    return listed(isdr, command)


def listed(isdr: Isdr, command: bytes) -> bytes:
    """The profiles that a ProfileInfoListRequest asks for, with the members that its tag list names.

    In a package this runs after an enable has been accepted, and shows the states that it leads to.
    """
    request = decode("ProfileInfoListRequest", command)
    criterion = request.get("searchCriteria")
    try:
        wanted = set(tags(request["tagList"])) if "tagList" in request else set(_MEMBERS) - _ONLY_WHEN_ASKED
    except DecodeError:
        return _error(INCORRECT_INPUT_VALUES)
    found = [p for p in isdr.state.profiles if criterion is None or _matches(p, *criterion)]
    return wrap(0xBF2D, wrap(0xA0, *(_profile_info(profile, wanted) for profile in found)))


def is_list(answer: bytes) -> bool:
    """Whether a ProfileInfoListResponse is a list and not an error."""
    return find(answer, 0xBF2D, 0xA0) is not None


def _profile_info(profile: Profile, wanted: set[int]) -> bytes:
    members = {name: get(profile) for tag, (name, get) in _MEMBERS.items() if tag in wanted}
    return encode("ProfileInfo", {name: value for name, value in members.items() if value is not None})


def _matches(profile: Profile, name: str, wanted: object) -> bool:
    if name == "iccid":
        return iccid_octets(profile.iccid) == wanted
    if name == "isdpAid":
        return bytes.fromhex(profile.aid) == wanted
    return name == "profileClass" and profile.profile_class == wanted


def tags(octets: bytes) -> Iterator[int]:
    """The tags in a tag list: one octet, or more where the first says so (X.690 8.1.2)."""
    rest = iter(octets)
    for first in rest:
        tag = first
        if first & 0x1F == 0x1F:
            more = 0x80
            while more & 0x80:
                more = next(rest, -1)
                if more < 0 or tag > 0xFFFF:
                    raise DecodeError("a cut off tag in a tag list")
                tag = tag << 8 | more
        yield tag


def _notification_configuration(profile: Profile) -> list[dict[str, object]]:
    return [
        {
            "profileManagementOperation": pending.event_bits(*entry.events),
            "notificationAddress": entry.address,
        }
        for entry in profile.notify
    ]


def _policy_rules(profile: Profile) -> tuple[bytes, int]:
    bits = sum(0x80 >> rule for rule in profile.policy_rules)
    return bytes([bits]), max(profile.policy_rules) + 1


def _error(code: int) -> bytes:
    return wrap(0xBF2D, wrap(0x81, bytes([code])))


FUNCTIONS: dict[int, Function] = {0xBF2D: profile_info_list}

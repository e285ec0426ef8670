"""Shapes that cards in the field answer in, instead of the standard's: for `--shape`.

The card's own logic stays the standard's; here its answers are put into another frame, and what is signed
in them stays as it was signed. Exceptions are `rollback-alone`, which is about what is signed, `event-list`,
which is about the session, and what a consumer card refuses.
"""

from collections.abc import Callable, Iterable

from ipad.asn1 import find, tlvs, value, wrap
from ipad.errors import ConfigError, DecodeError

from .apdu import Refused, Sw

NO_TAG_LISTS = "no-tag-lists"
ROLLBACK_ALONE = "rollback-alone"
EVENT_LIST = "event-list"
UNKNOWN_6D00, AID_ONLY, NO_REFRESH = "unknown-6d00", "aid-only", "no-refresh"

SHAPES = {
    "bare-package-result": "a package result is BF51 {30…}, without the tag of the CHOICE",
    "bare-profile-list": "a profile list is BF2D {30 {E3…}}",
    "bare-list-error": "the error of a profile list is BF2D {02…}",
    "whole-certificates": "GetCerts has whole certificates (30…) under A5 and A6",
    "bare-key-data": "the eIM configuration has bare keys and certificates (30…) under A5 and A6",
    NO_TAG_LISTS: "a profile list with a tag list is refused with 6A80",
    ROLLBACK_ALONE: "the result of a rollback has nothing but rollbackResult",
    EVENT_LIST: "it sends SET UP EVENT LIST at the start, and is busy until that is answered",
    UNKNOWN_6D00: "a function that it does not have is refused with 6D00",
    AID_ONLY: "a consumer card enables, disables and deletes a profile by its ISD-P AID only",
    NO_REFRESH: "a consumer card refuses to enable or disable a profile with a REFRESH",
}
"""Every name, and what the card does then."""


def checked(names: Iterable[str]) -> frozenset[str]:
    """The names as a set; ConfigError with the list of all for one that there is not."""
    found = frozenset(names)
    for name in sorted(found - set(SHAPES)):
        known = "\n".join(f"  {shape}: {what}" for shape, what in SHAPES.items())
        raise ConfigError(f"no shape {name!r}; there are\n{known}")
    return found


def refuse(shapes: frozenset[str], command: bytes) -> None:
    """Refuses a command that such a card does not take."""
    if NO_TAG_LISTS in shapes and command.startswith(b"\xbf\x2d"):
        try:
            refused = find(command, 0xBF2D, 0x5C) is not None
        except DecodeError:
            return  # the function itself has a word for it
        if refused:
            raise Refused(Sw.WRONG_DATA)


def shaped(shapes: frozenset[str], answer: bytes) -> bytes:
    """An ES10 answer of the standard's shape in the one that this card sends."""
    for name, change in _CHANGES.items():
        if name in shapes:
            answer = change(answer)
    return answer


def _bare_package_result(answer: bytes) -> bytes:
    """In LoadEuiccPackage's answer, in a rollback's, and in the list of those that the card keeps."""
    if answer.startswith(b"\xbf\x51"):
        [(_, arm)] = tlvs(value(answer))
        return wrap(0xBF51, wrap(0x30, value(arm)))
    if answer.startswith(b"\xbf\x58"):
        return wrap(0xBF58, *(_bare_package_result(tlv) for _, tlv in tlvs(value(answer))))
    results = find(answer, 0xBF2B, 0xA2)
    if results is not None:
        return wrap(0xBF2B, wrap(0xA2, *(_bare_package_result(tlv) for _, tlv in tlvs(value(results)))))
    return answer


def _bare_profile_list(answer: bytes) -> bytes:
    return _retagged(answer, 0xBF2D, {0xA0: 0x30})


def _bare_list_error(answer: bytes) -> bytes:
    return _retagged(answer, 0xBF2D, {0x81: 0x02})


def _retagged(answer: bytes, outer: int, tags: dict[int, int]) -> bytes:
    if find(answer, outer) is None:
        return answer
    return wrap(outer, *(wrap(tags.get(tag, tag), value(tlv)) for tag, tlv in tlvs(value(answer))))


def _whole_certificates(answer: bytes) -> bytes:
    certificates = find(answer, 0xBF56, 0xA0)
    if certificates is None:
        return answer
    whole = (wrap(tag, wrap(0x30, value(tlv))) for tag, tlv in tlvs(value(certificates)))
    return wrap(0xBF56, wrap(0xA0, *whole))


def _bare_key_data(answer: bytes) -> bytes:
    configurations = find(answer, 0xBF55, 0xA0)
    if configurations is None:
        return answer
    bare = (wrap(0x30, *map(_bare_key, tlvs(value(tlv)))) for _, tlv in tlvs(value(configurations)))
    return wrap(0xBF55, wrap(0xA0, *bare))


def _bare_key(member: tuple[int, bytes]) -> bytes:
    tag, tlv = member
    if tag not in (0xA5, 0xA6):
        return tlv
    [(_, arm)] = tlvs(value(tlv))
    return wrap(tag, wrap(0x30, value(arm)))


_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "bare-package-result": _bare_package_result,
    "bare-profile-list": _bare_profile_list,
    "bare-list-error": _bare_list_error,
    "whole-certificates": _whole_certificates,
    "bare-key-data": _bare_key_data,
}

"""The operations of a package on a consumer card: PSMOs by ES10c, eCOs in the agent's own memory.

Most have their outcome at once: they only ask, change nothing but the memory, or may be done twice. What
changes profiles is a `Deed`: that the card is told is written down first, and after an interruption the
card's profiles tell whether it was done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ipad.asn1 import decode, encode, find, member, tlvs, value, wrap
from ipad.asn1.schema import named_numbers
from ipad.consumer import eims, profiles
from ipad.consumer.memory import Memory, Running
from ipad.consumer.package import INTERRUPTION, UNDEFINED, UNKNOWN_OR_DAMAGED, terminated
from ipad.errors import DecodeError, EuiccRefused
from ipad.esipa.package import tag_list
from ipad.euicc import es10a, es10b, es10c, shapes
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import ProfileInfo
from ipad.euicc.refusal import refuse
from modem.bcd import unswapped
from modem.errors import CardRefused

OK, NOT_FOUND, WRONG_STATE = 0, 1, 2
ROLLBACK_NOT_AVAILABLE, RETURN_FALLBACK_PROFILE = 20, 21
"""EnableProfileResult, DisableProfileResult, DeleteProfileResult."""
FALLBACK_NOT_ALLOWED, NO_FALLBACK_ATTRIBUTE, COMMAND_ERROR = 2, 2, 7
"""SetFallbackAttributeResult, UnsetFallbackAttributeResult, ConfigureImmediateEnableResult."""
EIM_NOT_FOUND, LAST_EIM_DELETED = 1, 2
"""DeleteEimResult, UpdateEimResult."""

_ENABLE, _DISABLE, _DELETE = 0x83, 0x84, 0x85
"""Tags of their results."""
_INCORRECT_INPUT_VALUES, _PROFILE_CHANGE_ONGOING = 1, 11
"""ProfileInfoListError."""
_ICCID_TAG, _FALLBACK_TAG = 0x5A, 0x9F26
_ONLY_IOT = frozenset({_FALLBACK_TAG, 0x9F67, 0x9F7B})
"""Tags of ProfileInfo that SGP.32 added: a consumer card may refuse a list with them."""
_FALLBACK_ATTRIBUTE = wrap(_FALLBACK_TAG, b"\xff")


@dataclass(frozen=True, slots=True)
class Outcome:
    """An operation's EuiccResultData; the package goes on only after a success."""

    octets: bytes
    success: bool
    switched: bool = False
    """The enabled profile is another now."""
    rollback: bool = False
    """By an enable with rollbackFlag."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What the card has to be told."""

    tag: int
    """Of its result."""
    codes: str
    """The type of its result code."""
    do: Callable[[], None]
    enabled: str | None
    """ICCID that is enabled before it."""
    switches: bool = True
    """It changes which profile is enabled."""
    leaves: str | None = None
    """ICCID that is enabled after a switch."""
    rollback: bool = False
    """rollbackFlag."""

    def done(self) -> Outcome:
        """Of a deed that the card has done."""
        return Outcome(wrap(self.tag, bytes([OK])), True, self.switches, self.rollback)

    def perform(self) -> Outcome:
        """Tells the card. Raises ModemErrors after which nobody knows, and DecodeError."""
        try:
            self.do()
        except EuiccRefused as refused:
            codes = {name: code for code, name in named_numbers(self.codes).items()}
            return coded(self.tag, codes.get(refused.name, UNDEFINED))
        except CardRefused as refused:
            if refused.sw in profiles.PASSING:
                raise
            return coded(self.tag, UNDEFINED)
        return self.done()


@dataclass(frozen=True, slots=True)
class Place:
    """What the operations of a package work on."""

    isdr: Isdr
    memory: Memory
    running: Running
    fallback: str
    """The configured ICCID; "" if there is none."""

    def ci_pk_ids(self) -> tuple[bytes, ...]:
        """CI keys that the card knows."""
        return es10b.info2(self.isdr).ci_pk_ids_verification


def prepare(place: Place, kind: str, tlv: bytes) -> Outcome | Deed:
    """The outcome of an operation, or what the card has to be told for it. kind: "Psmo" or "Eco".

    Of a deed that was begun and interrupted, this is the outcome if the card has done it. Raises what the
    way to the card raises.
    """
    try:
        name, request = _ECOS_WITH_KEYS.get((kind, tlv[0])) or decode(kind, tlv)
    except DecodeError:
        return damaged()
    return _OPERATIONS[name](place, request, tlv)


def interrupted() -> Outcome:
    """In the place of what is not executed any more."""
    return Outcome(terminated(INTERRUPTION), success=False)


def damaged() -> Outcome:
    """Of an operation that cannot be understood, or has no place in the package."""
    return Outcome(terminated(UNKNOWN_OR_DAMAGED), success=False)


def coded(tag: int, code: int, successes: tuple[int, ...] = (0,)) -> Outcome:
    """A result that is one INTEGER under `tag`."""
    return Outcome(wrap(tag, bytes([code])), code in successes)


# PSMOs


def _enable(place: Place, request: Any, _tlv: bytes) -> Outcome | Deed:
    running, rollback = place.running, "rollbackFlag" in request
    if _had(running, _ENABLE):
        return damaged()
    target, enabled = _look(place, request)
    if target is None:
        return coded(_ENABLE, NOT_FOUND)
    deed = Deed(
        _ENABLE,
        "EnableProfileResult",
        lambda: profiles.enable(place.isdr, target),
        enabled,
        leaves=target.iccid,
        rollback=rollback,
    )
    if target.enabled:
        return (
            deed.done() if running.begun and running.enabled != target.iccid else coded(_ENABLE, WRONG_STATE)
        )
    if rollback and running.before in (None, target.iccid):
        return coded(_ENABLE, ROLLBACK_NOT_AVAILABLE)
    return deed


def _disable(place: Place, request: Any, _tlv: bytes) -> Outcome | Deed:
    running = place.running
    if _had(running, _DISABLE):
        return damaged()
    target, enabled = _look(place, request)
    if target is None:
        return coded(_DISABLE, NOT_FOUND)
    deed = Deed(_DISABLE, "DisableProfileResult", lambda: profiles.disable(place.isdr, target), enabled)
    if target.enabled:
        return deed
    by_us = running.begun and running.enabled == target.iccid
    return deed.done() if by_us else coded(_DISABLE, WRONG_STATE)


def _delete(place: Place, request: Any, _tlv: bytes) -> Outcome | Deed:
    running = place.running
    target, enabled = _look(place, request)
    if target is None:
        return coded(_DELETE, OK if running.begun else NOT_FOUND)
    if target.enabled:
        return coded(_DELETE, WRONG_STATE)
    if running.rollback and target.iccid == running.before:
        return coded(_DELETE, ROLLBACK_NOT_AVAILABLE)
    if target.iccid == place.memory.fallback_origin:
        return coded(_DELETE, RETURN_FALLBACK_PROFILE)
    return Deed(
        _DELETE,
        "DeleteProfileResult",
        lambda: profiles.delete(place.isdr, target),
        enabled,
        switches=False,
    )


def _had(running: Running, tag: int) -> bool:
    """A package holds at most one enable and one disable: the second is damage."""
    return any(bytes.fromhex(result)[0] == tag for result in running.results)


def _look(place: Place, request: Any) -> tuple[ProfileInfo | None, str | None]:
    """The profile that the operation names, and the ICCID of the enabled one."""
    iccid = unswapped(request["iccid"])
    listed = es10c.profiles(place.isdr)
    return (
        next((profile for profile in listed if profile.iccid == iccid), None),
        next((profile.iccid for profile in listed if profile.enabled), None),
    )


def _list_profile_info(place: Place, request: Any, _tlv: bytes) -> Outcome:
    """What the card says, and which of them is the fallback profile where that was asked for."""
    try:
        tags = tag_list(request["tagList"]) if "tagList" in request else None
    except DecodeError:
        return _no_profile_list(_INCORRECT_INPUT_VALUES)
    if tags is not None:
        request = {**request, "tagList": _for_the_card(tags)}
    try:
        answer = place.isdr.store_data("GetProfilesInfo", encode("ProfileInfoListRequest", request))
    except CardRefused as refused:
        if refused.sw in profiles.PASSING:
            raise
        return _no_profile_list(UNDEFINED)
    answer = shapes.profile_list(answer)
    listed = find(answer, 0xBF2D, 0xA0)
    if listed is None:
        return _refused_list(int.from_bytes(value(member(answer, 0xBF2D, 0x81)), "big"))
    marked = tags is None or _FALLBACK_TAG in tags
    infos = [_marked(place, tlv) if marked else tlv for _, tlv in tlvs(value(listed))]
    return Outcome(wrap(0xBF2D, wrap(0xA0, *infos)), success=True)


def _for_the_card(tags: Sequence[int]) -> bytes:
    """The tag list without what SGP.32 added, and with the ICCID, by which that can be added."""
    known = [tag for tag in tags if tag not in _ONLY_IOT]
    if len(known) < len(tags) and _ICCID_TAG not in known:
        known.insert(0, _ICCID_TAG)
    return b"".join(tag.to_bytes(max(1, (tag.bit_length() + 7) // 8), "big") for tag in known)


def _refused_list(code: int) -> Outcome:
    if code == _PROFILE_CHANGE_ONGOING:  # about the moment
        refuse("GetProfilesInfo", code, "ProfileInfoListError")
    return _no_profile_list(code if code == _INCORRECT_INPUT_VALUES else UNDEFINED)


def _no_profile_list(code: int) -> Outcome:
    return Outcome(wrap(0xBF2D, wrap(0x81, bytes([code]))), success=False)


def _marked(place: Place, info: bytes) -> bytes:
    iccid = find(info, 0xE3, _ICCID_TAG)
    if not place.fallback or iccid is None or unswapped(value(iccid)) != place.fallback:
        return info
    return wrap(0xE3, value(info), _FALLBACK_ATTRIBUTE)


def _get_rat(place: Place, _request: Any, _tlv: bytes) -> Outcome:
    try:
        table = es10b.get_rat(place.isdr)
    except CardRefused as refused:
        if refused.sw in profiles.PASSING:
            raise
        return Outcome(terminated(UNDEFINED), success=False)  # RulesAuthorisationTable has no error
    return Outcome(wrap(0xA6, value(table)), success=True)


def _set_default_dp_address(place: Place, request: Any, _tlv: bytes) -> Outcome:
    code = OK
    try:
        es10a.set_default_dp_address(place.isdr, request["defaultDpAddress"], consumer=True)
    except EuiccRefused:
        code = UNDEFINED
    except CardRefused as refused:
        if refused.sw in profiles.PASSING:
            raise
        code = UNDEFINED
    return Outcome(wrap(0xBF65, wrap(0x80, bytes([code]))), success=code == OK)


def _configure_immediate_enable(_place: Place, _request: Any, _tlv: bytes) -> Outcome:
    """The card has no immediate enabling."""
    return coded(0x87, COMMAND_ERROR)


def _set_fallback_attribute(place: Place, request: Any, _tlv: bytes) -> Outcome:
    """No profile of a consumer card has fallbackAllowed; which one is fallen back to is configured."""
    target, _ = _look(place, request)
    return coded(0x8D, FALLBACK_NOT_ALLOWED if target else NOT_FOUND)


def _unset_fallback_attribute(place: Place, _request: Any, _tlv: bytes) -> Outcome:
    return coded(0x8E, COMMAND_ERROR if place.fallback else NO_FALLBACK_ATTRIBUTE)


# eCOs


def _add_eim(place: Place, _request: Any, tlv: bytes) -> Outcome:
    try:
        token = eims.add(place.memory, value(tlv), place.ci_pk_ids)
    except DecodeError:
        return damaged()
    except eims.Rejected as rejected:
        return Outcome(wrap(0xA8, wrap(0x02, bytes([rejected.code]))), success=False)
    if token is None:
        return Outcome(wrap(0xA8, wrap(0x02, bytes([OK]))), success=True)
    return Outcome(wrap(0xA8, wrap(0x84, eims.integer(token))), success=True)


def _delete_eim(place: Place, request: Any, _tlv: bytes) -> Outcome:
    """Also the one of the eIM that asks. lastEimDeleted is a success."""
    eim = place.memory.eim(request["eimId"])
    if eim is None:
        return coded(0x89, EIM_NOT_FOUND)
    place.memory.eims.remove(eim)
    return coded(0x89, OK if place.memory.eims else LAST_EIM_DELETED, successes=(OK, LAST_EIM_DELETED))


def _update_eim(place: Place, _request: Any, tlv: bytes) -> Outcome:
    try:
        found = eims.update(place.memory, value(tlv), place.ci_pk_ids)
    except DecodeError:
        return damaged()
    except eims.Rejected as rejected:
        return coded(0x8A, rejected.code)
    return coded(0x8A, OK if found else EIM_NOT_FOUND)


def _list_eim(place: Place, _request: Any, _tlv: bytes) -> Outcome:
    infos = [
        wrap(0x30, wrap(0x80, eim.eim_id.encode()), bytes.fromhex(eim.members.get("82", "")))
        for eim in place.memory.eims
    ]
    return Outcome(wrap(0xAB, wrap(0xA0, *infos)), success=True)


_ECOS_WITH_KEYS = {("Eco", 0xA8): ("addEim", None), ("Eco", 0xAA): ("updateEim", None)}
"""Read by `eims`, because keys in them come in odd shapes too."""

_OPERATIONS: dict[str, Callable[[Place, Any, bytes], Outcome | Deed]] = {
    "enable": _enable,
    "disable": _disable,
    "delete": _delete,
    "listProfileInfo": _list_profile_info,
    "getRAT": _get_rat,
    "configureImmediateEnable": _configure_immediate_enable,
    "setFallbackAttribute": _set_fallback_attribute,
    "unsetFallbackAttribute": _unset_fallback_attribute,
    "setDefaultDpAddress": _set_default_dp_address,
    "addEim": _add_eim,
    "deleteEim": _delete_eim,
    "updateEim": _update_eim,
    "listEim": _list_eim,
}

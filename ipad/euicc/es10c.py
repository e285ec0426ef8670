"""ES10c (SGP.22 5.7.15 to 5.7.21; SGP.32 5.9.13): what is on the card.

What changes profiles here is for consumer cards; on an IoT card that is the eIM's to order.
"""

from ipad import asn1
from ipad.errors import EuiccRefused
from ipad.euicc import read, shapes
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import ProfileInfo
from ipad.euicc.refusal import answers, refuse, run
from modem.bcd import iccid_octets
from modem.errors import CardRefused

TAGS = bytes.fromhex("5A 4F 9F70 90 91 92 95 99 9F26 9F67 9F7B")
"""What is asked for of each profile. 9F67 and 9F7B come only if asked for."""


@answers("GetProfilesInfo")
def profiles(
    isdr: Isdr,
    *,
    tags: bytes | None = TAGS,
    iccid: str | None = None,
    aid: bytes | None = None,
    profile_class: str | None = None,
) -> tuple[ProfileInfo, ...]:
    """GetProfilesInfo (BF2D): all profiles, or those that one criterion selects.

    tags: the tag list, tags one after the other; None: the card's own choice. A consumer card may refuse
    a list with tags that it does not know: then it is asked without one, from then on. iccid: digits.
    profile_class: "test", "provisioning", "operational". Raises EuiccRefused.
    """
    request: dict[str, object] = {}
    if iccid is not None:
        request["searchCriteria"] = ("iccid", iccid_octets(iccid))
    elif aid is not None:
        request["searchCriteria"] = ("isdpAid", aid)
    elif profile_class is not None:
        request["searchCriteria"] = ("profileClass", read.PROFILE_CLASSES.index(profile_class))
    if tags is None or isdr.refuses_tag_list:
        return _profiles(isdr, request)
    try:
        return _profiles(isdr, {**request, "tagList": tags})
    except (EuiccRefused, CardRefused) as refused:
        if not _dislikes_request(refused):
            raise
    found = _profiles(isdr, request)
    isdr.refuses_tag_list = True
    return found


def _dislikes_request(refused: EuiccRefused | CardRefused) -> bool:
    if isinstance(refused, CardRefused):
        return refused.sw == 0x6A80
    return refused.name in ("incorrectInputValues", "undefinedError")


def _profiles(isdr: Isdr, request: dict[str, object]) -> tuple[ProfileInfo, ...]:
    answer = isdr.store_data("GetProfilesInfo", asn1.encode("ProfileInfoListRequest", request))
    answer = shapes.profile_list(answer)
    found = asn1.find(answer, 0xBF2D, 0xA0)
    if found is None:
        error, code = asn1.decode("ProfileInfoListResponse", answer)
        refuse("GetProfilesInfo", code, "ProfileInfoListResponse", error)
    return tuple(read.profile(tlv) for _, tlv in asn1.tlvs(asn1.value(found)))


@answers("GetEID")
def eid(isdr: Isdr) -> bytes:
    """GetEID (BF3E): 16 octets, which read as the EID's 32 digits."""
    answer = isdr.store_data("GetEID", asn1.encode("GetEuiccDataRequest", {"tagList": b"\x5a"}))
    value: bytes = asn1.decode("GetEuiccDataResponse", answer)["eidValue"]
    return value


@answers("EnableProfile")
def enable_profile(isdr: Isdr, profile: str | bytes, refresh: bool = True) -> None:
    """EnableProfile (BF31), on a consumer card. profile: its ICCID's digits, or its ISD-P AID.

    refresh: whether the card shall end the switch with a REFRESH; some cards want it the other way round,
    and some know profiles by AID only. Raises EuiccRefused.
    """
    request = {"profileIdentifier": _identified(profile), "refreshFlag": refresh}
    run(isdr, "EnableProfile", request, "enableResult")


@answers("DisableProfile")
def disable_profile(isdr: Isdr, profile: str | bytes, refresh: bool = True) -> None:
    """DisableProfile (BF32), on a consumer card; see enable_profile."""
    request = {"profileIdentifier": _identified(profile), "refreshFlag": refresh}
    run(isdr, "DisableProfile", request, "disableResult")


@answers("DeleteProfile")
def delete_profile(isdr: Isdr, profile: str | bytes) -> None:
    """DeleteProfile (BF33), on a consumer card. profile: its ICCID's digits, or its ISD-P AID."""
    run(isdr, "DeleteProfile", _identified(profile), "deleteResult")


@answers("SetNickname")
def set_nickname(isdr: Isdr, iccid: str, nickname: str) -> None:
    """SetNickname (BF29), on a consumer card. nickname: up to 64 octets of UTF-8; "" removes it."""
    request = {"iccid": iccid_octets(iccid), "profileNickname": nickname}
    run(isdr, "SetNickname", request, "setNicknameResult")


def _identified(profile: str | bytes) -> tuple[str, bytes]:
    return ("iccid", iccid_octets(profile)) if isinstance(profile, str) else ("isdpAid", profile)

"""ES10c (SGP.22 5.7.15, 5.7.20; SGP.32 5.9.13): what is on the card."""

from ipad import asn1
from ipad.errors import EuiccRefused
from ipad.euicc import read, shapes
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import ProfileInfo
from ipad.euicc.refusal import refuse
from modem.bcd import iccid_octets
from modem.errors import CardRefused

TAGS = bytes.fromhex("5A 4F 9F70 90 91 92 95 99 9F26 9F67 9F7B")
"""What is asked for of each profile. 9F67 and 9F7B come only if asked for."""


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
    kind, value = asn1.decode("ProfileInfoListResponse", shapes.profile_list(answer))
    if kind != "profileInfoListOk":
        refuse("GetProfilesInfo", value, "ProfileInfoListResponse", kind)
    return tuple(read.profile_info(item) for item in value)


def eid(isdr: Isdr) -> bytes:
    """GetEID (BF3E): 16 octets, which read as the EID's 32 digits."""
    answer = isdr.store_data("GetEID", asn1.encode("GetEuiccDataRequest", {"tagList": b"\x5a"}))
    value: bytes = asn1.decode("GetEuiccDataResponse", answer)["eidValue"]
    return value

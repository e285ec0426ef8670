"""StoreMetadata: what the SM-DP+ says of a profile, and whether the card takes such a one (SGP.22 5.5.3)."""

from collections.abc import Mapping, Sequence
from typing import Any

from ipad.asn1 import DecodeError, decode
from modem.bcd import iccid_digits, plmn_digits

from .defaults import isdp_aid
from .es10_info import rules_authorisation_table
from .state import OPERATIONAL_CLASS, PROVISIONING_CLASS, Notify, Profile, State

INCORRECT_INPUT_VALUES, UNSUPPORTED_PROFILE_CLASS, ICCID_ALREADY_EXISTS, PPR_NOT_ALLOWED = 1, 6, 9, 15
"""ErrorReason."""


class NotAcceptable(Exception):
    """The card does not take such a profile: an ErrorReason, and the ICCID where it could be read."""

    def __init__(self, reason: int, iccid: str | None = None) -> None:
        self.reason = reason
        self.iccid = iccid
        super().__init__(reason)


def new_profile(state: State, store_metadata: bytes) -> Profile:
    """The profile that a StoreMetadataRequest (BF25) describes, not yet in the card. NotAcceptable."""
    try:
        metadata = decode("StoreMetadataRequest", store_metadata)
        iccid = iccid_digits(metadata["iccid"])
        profile = _profile(state, iccid, metadata)
    except (DecodeError, ValueError) as error:
        raise NotAcceptable(INCORRECT_INPUT_VALUES) from error
    if state.profile(iccid) is not None:
        raise NotAcceptable(ICCID_ALREADY_EXISTS, iccid)
    # Test profiles would need rspCapability testProfileSupport.
    if profile.profile_class not in (PROVISIONING_CLASS, OPERATIONAL_CLASS):
        raise NotAcceptable(UNSUPPORTED_PROFILE_CLASS, iccid)
    if not allowed(rules_authorisation_table(), profile.policy_rules, metadata.get("profileOwner")):
        raise NotAcceptable(PPR_NOT_ALLOWED, iccid)
    return profile


def allowed(
    table: Sequence[Mapping[str, Any]], rules: Sequence[int], owner: Mapping[str, bytes] | None
) -> bool:
    """Whether the RAT authorises each of the rules for this profileOwner (SGP.22 2.9.2.1).

    A rule whose owner is not named is authorised for nobody.
    """
    return all(
        any(
            _has_bit(rule["pprIds"], number)
            and any(_is_operator(operator, owner) for operator in rule["allowedOperators"])
            for rule in table
        )
        for number in rules
    )


def _is_operator(permitted: Mapping[str, bytes], owner: Mapping[str, bytes] | None) -> bool:
    """Each digit of the RAT's mccMnc may be a wildcard E; a GID that is not there or empty is any."""
    if owner is None:
        return False
    digits = zip(permitted["mccMnc"].hex().upper(), owner["mccMnc"].hex().upper(), strict=True)
    return all(mine in ("E", theirs) for mine, theirs in digits) and all(
        not permitted.get(gid) or permitted[gid] == owner.get(gid) for gid in ("gid1", "gid2")
    )


def _profile(state: State, iccid: str, metadata: Mapping[str, Any]) -> Profile:
    owner = metadata.get("profileOwner")
    return Profile(
        iccid=iccid,
        imsi=None,
        aid=_free_aid(state),
        name=metadata["profileName"],
        provider=metadata["serviceProviderName"],
        profile_class=metadata["profileClass"],
        owner=None if owner is None else plmn_digits(owner["mccMnc"]),
        policy_rules=[n for n in range(8) if _has_bit(metadata.get("profilePolicyRules", (b"", 0)), n)],
        notify=[
            Notify(
                [n for n in range(4) if _has_bit(entry["profileManagementOperation"], n)],
                entry["notificationAddress"],
            )
            for entry in metadata.get("notificationConfigurationInfo", [])
        ],
        fallback_allowed=metadata.get("fallbackAllowed", False),
        ecall=metadata.get("ecallIndication", False),
    )


def _free_aid(state: State) -> str:
    taken = {profile.aid for profile in state.profiles}
    return next(aid for aid in map(isdp_aid, range(1, 0xFFEF)) if aid not in taken)


def _has_bit(bits: tuple[bytes, int], number: int) -> bool:
    octets, count = bits
    return number < count and bool(octets[number // 8] & (0x80 >> number % 8))

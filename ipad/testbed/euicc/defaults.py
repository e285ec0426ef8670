"""The card that the test world starts with: a bootstrap profile, and two of operators at home there."""

from ipad.asn1 import wrap
from modem.bcd import luhn_digit

from .state import DELETE, DISABLE, ENABLE, INSTALL, PROVISIONING_CLASS, Notify, Profile

SMDP = "smdp.testbed.example"


def default_profiles() -> list[Profile]:
    """Bootstrap (enabled, with the Fallback Attribute; roams everywhere), Nord (00101), Sued (00102)."""
    return [
        Profile(
            iccid=_with_check_digit("8999990000000000001"),
            imsi="999990000000001",
            aid=isdp_aid(1),
            name="Bootstrap",
            provider="Everywhere",
            profile_class=PROVISIONING_CLASS,
            enabled=True,
            owner="99999",
            notify=[Notify([INSTALL, ENABLE, DISABLE, DELETE], SMDP)],
            fallback_attribute=True,
            fallback_allowed=True,
            preloaded=True,
        ),
        _operational(2, "890010100000000001", "00101", "Nord"),
        _operational(3, "890010200000000001", "00102", "Sued"),
    ]


def emergency_profile() -> Profile:
    """A profile for calls for help: the device enables it, no eIM does."""
    return Profile(
        iccid=_with_check_digit("890011200000000001"),
        imsi="001120000000001",
        aid=isdp_aid(9),
        name="Emergency",
        provider="Everywhere",
        ecall=True,
        preloaded=True,
    )


def isdp_aid(number: int) -> str:
    """The AID of the `number`th ISD-P (SGP.02 annex H)."""
    return f"A0000005591010FFFFFFFF8900{0x10 + number:04X}00"


def _operational(number: int, iccid: str, plmn: str, name: str) -> Profile:
    return Profile(
        iccid=_with_check_digit(iccid),
        imsi=f"{plmn}0000000001",
        aid=isdp_aid(number),
        name=f"{name} IoT",
        provider=name,
        owner=plmn,
        notify=[Notify([INSTALL, ENABLE, DISABLE, DELETE], SMDP)],
        preloaded=True,
        http_params=_access_point("iot", name.lower(), "example").hex(),
    )


def _access_point(*labels: str) -> bytes:
    """Network Access Name (TS 102 223 8.70)."""
    return wrap(0x47, *(bytes([len(label)]) + label.encode() for label in labels))


def _with_check_digit(iccid: str) -> str:
    return iccid + luhn_digit(iccid)

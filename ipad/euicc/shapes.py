"""Shapes that cards in the field send, put into the standard's before they are decoded.

Only the frame is touched, never what was signed.
"""

from ipad import asn1
from ipad.errors import DecodeError


def package_result(der: bytes) -> bytes:
    """EuiccPackageResult: `BF51 { 30… }`, without the CHOICE's own tag, becomes `BF51 { A0/A1/A2 {…} }`."""
    inner = _only(der, "EuiccPackageResult")
    if inner is None or inner[0] != 0x30:
        return der
    content = asn1.value(inner)
    data = asn1.find(content, 0x30)
    if data is None:
        arm = 0xA2  # EuiccPackageErrorUnsigned starts with the eimId
    elif asn1.find(data, 0x30, 0x83) is not None:
        arm = 0xA0  # only a result has a seqNumber
    else:
        arm = 0xA1
    return asn1.wrap(0xBF51, asn1.wrap(arm, content))


def profile_list(der: bytes) -> bytes:
    """ProfileInfoListResponse: `BF2D { 30 { E3… } }` becomes `BF2D { A0 { E3… } }`, `02` becomes `81`."""
    inner = _only(der, "ProfileInfoListResponse")
    match inner[0] if inner else None:
        case 0x30:
            return asn1.wrap(0xBF2D, asn1.wrap(0xA0, asn1.value(inner or b"")))
        case 0x02:
            return asn1.wrap(0xBF2D, asn1.wrap(0x81, asn1.value(inner or b"")))
        case _:
            return der

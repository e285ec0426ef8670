"""Shapes that cards in the field send, put into the standard's before they are decoded.

Only the frame is touched, never what was signed.
"""

from ipad import asn1


def package_result(der: bytes) -> bytes:
    """EuiccPackageResult: `BF51 { 30… }`, without the CHOICE's own tag, becomes `BF51 { A0/A1/A2 {…} }`.

    As a member it can come as BF51 in BF51, from those who take its tag for an explicit one.
    """
    der = asn1.find(der, 0xBF51, 0xBF51) or der
    content = asn1.find(der, 0xBF51, 0x30)
    if content is None:
        return der
    if asn1.find(content, 0x30, 0x30) is None:
        arm = 0xA2  # EuiccPackageErrorUnsigned starts with the eimId
    elif asn1.find(content, 0x30, 0x30, 0x83) is not None:
        arm = 0xA0  # only a result has a seqNumber
    else:
        arm = 0xA1
    return asn1.wrap(0xBF51, asn1.wrap(arm, asn1.value(content)))


def profile_list(der: bytes) -> bytes:
    """ProfileInfoListResponse: `BF2D { 30 { E3… } }` becomes `BF2D { A0 { E3… } }`, `02` becomes `81`."""
    for seen, standard in ((0x30, 0xA0), (0x02, 0x81)):
        inner = asn1.find(der, 0xBF2D, seen)
        if inner is not None:
            return asn1.wrap(0xBF2D, asn1.wrap(standard, asn1.value(inner)))
    return der

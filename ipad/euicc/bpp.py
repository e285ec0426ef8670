"""A BoundProfilePackage cut into what the card takes one at a time (SGP.22 2.5.5, 5.7.6)."""

from ipad import asn1
from ipad.errors import DecodeError

MAX_SEGMENT = 1036
"""Octets in one 86, 87 or 88. The standard's limit is 1020; some servers send up to 1036."""

_ELEMENTS = {0xA0: 0x87, 0xA1: 0x88, 0xA2: 0x87, 0xA3: 0x86}
"""The one tag that each sequence's elements have."""
_CUT = (0xA1, 0xA3)
"""The sequences that are cut into their elements; the others go as a whole."""
_ORDER = ((0xBF23, 0xA0, 0xA1, 0xA3), (0xBF23, 0xA0, 0xA1, 0xA2, 0xA3))


def segments(bpp: bytes) -> tuple[bytes, ...]:
    """The cuts of a BoundProfilePackage (BF36…), each to be sent as a STORE DATA chain of its own.

    Put together again they are its octets. Raises DecodeError for a package that is none.
    """
    content = asn1.value(bpp)
    parts = list(asn1.tlvs(content))
    if asn1.find(bpp, 0xBF36) is None or tuple(tag for tag, _ in parts) not in _ORDER:
        found = " ".join(f"{tag:X}" for tag, _ in parts)
        raise DecodeError(f"not a BoundProfilePackage (BF36 with BF23 A0 A1 [A2] A3): {found or 'empty'}")
    cuts: list[bytes] = []
    for tag, tlv in parts:
        if tag == 0xBF23:
            cuts.append(_head(bpp) + tlv)
            continue
        elements = _elements(tag, tlv)
        cuts += [_head(tlv), *elements] if tag in _CUT else [tlv]
    return tuple(cuts)


def _elements(tag: int, tlv: bytes) -> list[bytes]:
    wanted = _ELEMENTS[tag]
    elements = []
    for inner, element in asn1.tlvs(asn1.value(tlv)):
        if inner != wanted:
            raise DecodeError(
                f"a BoundProfilePackage with {inner:X} in {tag:X}, where only {wanted:X} may be"
            )
        if len(asn1.value(element)) > MAX_SEGMENT:
            raise DecodeError(f"a BoundProfilePackage with a segment of more than {MAX_SEGMENT} octets")
        elements.append(element)
    return elements


def _head(tlv: bytes) -> bytes:
    """Tag and length alone."""
    return tlv[: len(tlv) - len(asn1.value(tlv))]

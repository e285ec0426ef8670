"""A BoundProfilePackage cut into what the card takes one at a time (SGP.22 2.5.5, 5.7.6)."""

from collections.abc import Iterator

from ipad import asn1
from ipad.errors import DecodeError

MAX_SEGMENT = 1036
"""Octets in one 86, 87 or 88. The standard's limit is 1020; some servers send up to 1036."""

_ELEMENTS = {0xA0: 0x87, 0xA1: 0x88, 0xA2: 0x87, 0xA3: 0x86}
"""The one tag that each sequence's elements have."""
_CUT = (0xA1, 0xA3)
"""The sequences that are cut into their elements; the others go as a whole."""
_ORDER = ((0xBF23, 0xA0, 0xA1, 0xA3), (0xBF23, 0xA0, 0xA1, 0xA2, 0xA3))


_MAC = 8
"""Octets at the end of a segment."""


def segments(bpp: bytes) -> Iterator[bytes]:
    """The cuts of a BoundProfilePackage (BF36…), each to be sent as a STORE DATA chain of its own.

    Put together again they are its octets; only one is there at a time. Raises DecodeError for a package that
    is none, before the first cut is given out.
    """
    cuts = list(_cuts(bpp))
    return (bpp[start:end] for start, end in cuts)


def metadata(bpp: bytes) -> bytes:
    """The StoreMetadataRequest (BF25…) in it, which is not encrypted, only with a MAC in each segment.

    Raises DecodeError for a package that is none.
    """
    stored = [bpp[start:end] for start, end in _cuts(bpp) if bpp[start] == 0x88]
    octets = b"".join(asn1.value(segment)[:-_MAC] for segment in stored)
    asn1.value(octets)
    return asn1.member(octets, 0xBF25)


def _cuts(bpp: bytes) -> Iterator[tuple[int, int]]:
    """Where each cut starts and ends."""
    whole = list(asn1.spans(bpp, 0, len(bpp)))
    parts = list(asn1.spans(bpp, whole[0][2], whole[0][3])) if len(whole) == 1 else []
    if [tag for tag, *_ in whole] != [0xBF36] or tuple(tag for tag, *_ in parts) not in _ORDER:
        found = " ".join(f"{tag:X}" for tag, *_ in parts)
        raise DecodeError(f"not a BoundProfilePackage (BF36 with BF23 A0 A1 [A2] A3): {found or 'empty'}")
    for tag, start, content, end in parts:
        elements = [] if tag == 0xBF23 else _elements(bpp, tag, content, end)
        if tag == 0xBF23:
            yield 0, end
        elif tag in _CUT:
            yield start, content
            yield from elements
        else:
            yield start, end


def _elements(bpp: bytes, tag: int, start: int, end: int) -> list[tuple[int, int]]:
    wanted = _ELEMENTS[tag]
    elements = []
    for inner, offset, content, following in asn1.spans(bpp, start, end):
        if inner != wanted:
            raise DecodeError(
                f"a BoundProfilePackage with {inner:X} in {tag:X}, where only {wanted:X} may be"
            )
        if following - content > MAX_SEGMENT:
            raise DecodeError(f"a BoundProfilePackage with a segment of more than {MAX_SEGMENT} octets")
        elements.append((offset, following))
    return elements

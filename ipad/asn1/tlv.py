"""BER-TLV octets without their meaning (X.690 8.1, in DER's form): walking, slicing, putting together.

Everything here takes definite lengths in their shortest form only (X.690 10.1) and raises DecodeError
for anything else, so that the decoder behind `check` never sees octets that it could trip over.
"""

from collections.abc import Iterator

from ipad.errors import DecodeError

MAX_DEPTH = 32
"""Elements inside one another. Ten is what the standard's own messages need."""
MAX_ELEMENTS = 65536
"""Elements in one message: a BoundProfilePackage has one a kilobyte, a notifications list dozens."""
MAX_TAG_OCTETS = 3


def _tag_end(octets: bytes, offset: int, end: int) -> int:
    """The offset behind the tag that starts at offset (X.690 8.1.2)."""
    first = octets[offset]
    if first == 0:
        raise DecodeError(f"octet {offset}: end-of-contents, which only an indefinite length would have")
    offset += 1
    if first & 0x1F != 0x1F:
        return offset
    start = offset
    while offset < end and offset - start < MAX_TAG_OCTETS - 1:
        octet = octets[offset]
        offset += 1
        if octet & 0x80:
            continue
        if octets[start] == 0x80 or (offset == start + 1 and octet < 0x1F):
            raise DecodeError(f"octet {start - 1}: a tag that is not in its shortest form")
        return offset
    raise DecodeError(f"octet {start - 1}: a tag that is cut off or longer than {MAX_TAG_OCTETS} octets")


def _header(octets: bytes, offset: int, end: int) -> tuple[int, int, int]:
    """The element at offset, which must end by `end`: where its tag ends, its contents start and end."""
    tag_end = _tag_end(octets, offset, end)
    if tag_end >= end:
        raise DecodeError(f"octet {offset}: cut off before its length")
    length = octets[tag_end]
    start = tag_end + 1
    if length & 0x80:
        count = length & 0x7F
        if count == 0:
            raise DecodeError(f"octet {tag_end}: an indefinite length")
        start += count
        length = int.from_bytes(octets[tag_end + 1 : start], "big")
    if start + length > end:
        raise DecodeError(f"octet {offset}: an element that is cut off at octet {end}")
    if start > tag_end + 1 and (length < 0x80 or octets[tag_end + 1] == 0):
        raise DecodeError(f"octet {tag_end}: a length that is not in its shortest form")
    return tag_end, start, start + length


def check(octets: bytes) -> None:
    """Sees to it that octets are exactly one well-formed element, constructed ones down to their leaves.

    Raises DecodeError if something is cut off, left over, not in its shortest form, or if there are more
    than MAX_DEPTH levels or MAX_ELEMENTS elements.
    """
    if not octets:
        raise DecodeError("no octets at all")
    offset = 0
    ends = [len(octets)]
    count = 0
    while ends:
        if offset == ends[-1]:
            ends.pop()
            continue
        count += 1
        if count > MAX_ELEMENTS:
            raise DecodeError(f"more than {MAX_ELEMENTS} elements")
        _, start, end = _header(octets, offset, ends[-1])
        if len(ends) == 1 and end != len(octets):
            raise DecodeError(f"{len(octets) - end} octets left over at the end")
        if octets[offset] & 0x20:
            if len(ends) > MAX_DEPTH:
                raise DecodeError(f"octet {offset}: more than {MAX_DEPTH} elements inside one another")
            ends.append(end)
            offset = start
        else:
            offset = end


def tlvs(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of `content`, one after the other: (tag, the whole element's octets).

    Tags are numbers as written: 0x30, 0xBF51, 0x5F37. Raises DecodeError where the octets end to be
    elements; the elements before that have been given out by then.
    """
    content = bytes(content)
    offset = 0
    while offset < len(content):
        tag_end, _, end = _header(content, offset, len(content))
        yield int.from_bytes(content[offset:tag_end], "big"), content[offset:end]
        offset = end


def spans(octets: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """As `tlvs`, of the octets from start to end, without copying any: (tag, its offset, the offset of the
    contents, their end).
    """
    offset = start
    while offset < end:
        tag_end, content, following = _header(octets, offset, end)
        yield int.from_bytes(octets[offset:tag_end], "big"), offset, content, following
        offset = following


def value(tlv: bytes) -> bytes:
    """The contents of one element. Raises DecodeError if tlv is not exactly one."""
    tlv = bytes(tlv)
    if not tlv:
        raise DecodeError("no octets at all")
    _, start, end = _header(tlv, 0, len(tlv))
    if end != len(tlv):
        raise DecodeError(f"{len(tlv) - end} octets left over at the end")
    return tlv[start:end]


def find(der: bytes, *tags: int) -> bytes | None:
    """As `member`; None where a tag on the way is not there. Malformed octets still raise DecodeError."""
    found = bytes(der)
    for depth, wanted in enumerate(tags):
        content = value(found) if depth else found
        for tag, tlv in tlvs(content):
            if tag == wanted:
                found = tlv
                break
        else:
            return None
    return found


def member(der: bytes, *tags: int) -> bytes:
    """Walks down: the first element with the first tag in der, in its contents the first with the next...

    The first tag is thus der's own, or that of one of several elements in a row. Returns the whole last
    element, tag and length included, as it stood there: signatures hold over it.
    Raises DecodeError if it is not there, or if the octets on the way are malformed.
    """
    found = find(der, *tags)
    if found is None:
        raise DecodeError("no element " + " > ".join(f"{tag:X}" for tag in tags))
    return found


def wrap(tag: int, *octets: bytes) -> bytes:
    """One element: the tag (0x30, 0xBF51), the length, and the octets given, in a row."""
    content = b"".join(octets)
    head = tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big")
    try:
        well_formed = _tag_end(head, 0, len(head)) == len(head)
    except DecodeError:
        well_formed = False
    if not well_formed:
        raise ValueError(f"not a tag: {tag:X}")
    length = len(content)
    if length < 0x80:
        return head + bytes((length,)) + content
    count = (length.bit_length() + 7) // 8
    return head + bytes((0x80 | count,)) + length.to_bytes(count, "big") + content

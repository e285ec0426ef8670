"""ICCIDs as they are on the wire: nibble-swapped (TS 102 221 13.2).

Some operators' ICCIDs have letters A to E among their digits; the card's listing must survive them.
"""

_DIGITS = frozenset("0123456789ABCDE")


def unswapped(octets: bytes) -> str:
    """The digits, without the padding (F) at the end."""
    return "".join(f"{octet & 0x0F:X}{octet >> 4:X}" for octet in octets).rstrip("F")


def swapped(digits: str, size: int = 10) -> bytes:
    """`digits` in `size` octets, padded with F. Raises ValueError if they are no digits, or too many."""
    if not _DIGITS.issuperset(digits) or len(digits) > 2 * size:
        raise ValueError(f"{digits!r} is not a number of at most {2 * size} digits")
    padded = digits.ljust(2 * size, "F")
    return bytes.fromhex("".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2)))

"""Digits as cards store them: two in an octet, the first in the low nibble (TS 102 221 13.2)."""


def swapped(digits: str, octets: int) -> bytes:
    """`digits` (decimal, or F) in nibble-swapped BCD, filled up with F to `octets`."""
    padded = digits.ljust(2 * octets, "F")
    return bytes.fromhex("".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2)))


def digits(octets: bytes) -> str:
    """The digits in nibble-swapped BCD, without the filling."""
    text = octets.hex().upper()
    return "".join(text[i + 1] + text[i] for i in range(0, len(text), 2)).rstrip("F")


def iccid_octets(iccid: str) -> bytes:
    """An ICCID's ten octets."""
    return swapped(iccid, 10)

"""Digits in octets, as cards and networks store them: nibbles swapped, filled up with F.

Every function raises ValueError for what can't be such a number.
"""

_NIBBLES = frozenset("0123456789ABCDE")


def unswapped(octets: bytes) -> str:
    """The digits of nibble-swapped BCD, without the filler F at the end.

    Letters A to E come back as they are: some operators' ICCIDs have them.
    """
    return "".join(f"{octet & 0x0F:X}{octet >> 4:X}" for octet in octets).rstrip("F")


def swapped(digits: str, size: int) -> bytes:
    """`digits`, 0 to 9 and A to E, in `size` octets of nibble-swapped BCD, filled up with F."""
    if not _NIBBLES.issuperset(digits) or len(digits) > 2 * size:
        raise ValueError(f"{digits!r} is not a number of at most {2 * size} digits")
    padded = digits.ljust(2 * size, "F")
    return bytes.fromhex("".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2)))


def iccid_digits(ef_iccid: bytes) -> str:
    """The ICCID in EF_ICCID, up to 20 digits (TS 102 221 13.2)."""
    if len(ef_iccid) != 10:
        raise ValueError(f"EF_ICCID has 10 octets, not {len(ef_iccid)}")
    return unswapped(ef_iccid)


def same_iccid(one: str, other: str) -> bool:
    """Whether two readings are of the same ICCID: some modems leave the last digits off."""
    return min(len(one), len(other)) >= 18 and (one.startswith(other) or other.startswith(one))


def iccid_octets(iccid: str) -> bytes:
    """EF_ICCID of an ICCID (TS 102 221 13.2)."""
    return swapped(iccid, 10)


def imsi_digits(ef_imsi: bytes) -> str:
    """The IMSI in EF_IMSI: its length, then a parity nibble and the digits (TS 31.102 4.2.2)."""
    if len(ef_imsi) != 9 or not 1 <= ef_imsi[0] <= 8:
        raise ValueError(f"not an EF_IMSI: {ef_imsi.hex().upper()}")
    return _digits(unswapped(ef_imsi[1 : 1 + ef_imsi[0]])[1:], "an IMSI")


def imsi_octets(imsi: str) -> bytes:
    """EF_IMSI of an IMSI of 6 to 15 digits (TS 31.102 4.2.2, coding of TS 24.008 10.5.1.4)."""
    if not 6 <= len(_digits(imsi, "an IMSI")) <= 15:
        raise ValueError(f"an IMSI has 6 to 15 digits, not {len(imsi)}")
    parity_and_type = "9" if len(imsi) % 2 else "1"
    length = len(imsi) // 2 + 1
    return bytes((length,)) + swapped(parity_and_type + imsi, length).ljust(8, b"\xff")


def plmn_octets(plmn: str) -> bytes:
    """MCC and MNC, five or six digits, as three octets (TS 24.008 10.5.1.3)."""
    if len(_digits(plmn, "a PLMN")) not in (5, 6):
        raise ValueError(f"a PLMN has five or six digits, not {plmn!r}")
    third = plmn[5:] or "F"
    return bytes.fromhex(plmn[1] + plmn[0] + third + plmn[2] + plmn[4] + plmn[3])


def plmn_digits(octets: bytes) -> str:
    """MCC and MNC of three octets (TS 24.008 10.5.1.3)."""
    if len(octets) != 3:
        raise ValueError(f"a PLMN has three octets, not {len(octets)}")
    n = octets.hex().upper()
    third = "" if n[2] == "F" else n[2]
    return _digits(n[1] + n[0] + n[3] + n[5] + n[4] + third, "a PLMN")


def luhn_digit(digits: str) -> str:
    """The check digit to add to an ICCID's or IMEI's other digits (ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, digit in enumerate(reversed(_digits(digits, "a number"))):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def _digits(text: str, what: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{what} with something else than digits: {text!r}")
    return text

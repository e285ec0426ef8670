"""C-APDUs as a T=0 card takes them apart (TS 102 221 10.1, ISO 7816-4 5.1)."""

from dataclasses import dataclass
from enum import IntEnum


class Sw(IntEnum):
    """Status words (TS 102 221 10.2.1)."""

    OK = 0x9000
    MEMORY_PROBLEM = 0x6581
    WRONG_LENGTH = 0x6700
    CHANNEL_NOT_SUPPORTED = 0x6881
    SECURE_MESSAGING_NOT_SUPPORTED = 0x6882
    CHAINING_NOT_SUPPORTED = 0x6884
    WRONG_FILE_STRUCTURE = 0x6981
    CONDITIONS_NOT_SATISFIED = 0x6985
    NO_EF_SELECTED = 0x6986
    WRONG_DATA = 0x6A80
    FUNCTION_NOT_SUPPORTED = 0x6A81
    FILE_NOT_FOUND = 0x6A82
    RECORD_NOT_FOUND = 0x6A83
    NOT_ENOUGH_MEMORY = 0x6A84
    WRONG_P1_P2 = 0x6A86
    REFERENCED_DATA_NOT_FOUND = 0x6A88
    WRONG_OFFSET = 0x6B00
    INS_NOT_SUPPORTED = 0x6D00
    CLA_NOT_SUPPORTED = 0x6E00


def wrong_le(available: int) -> int:
    """6Cxx: the same command again with this Le."""
    return 0x6C00 | (available & 0xFF)


class Refused(Exception):
    """The command ends here, with this status word and no data."""

    def __init__(self, sw: int) -> None:
        self.sw = sw
        super().__init__(f"{sw:04X}")


@dataclass(frozen=True, slots=True)
class Command:
    """A C-APDU taken apart."""

    proprietary: bool
    """CLA 8X or CX rather than 0X or 4X."""
    channel: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int | None
    """1 to 256; None where there is no Le."""


def parse(apdu: bytes) -> Command:
    """Takes a C-APDU apart; Refused with what the card answers to one that it cannot read."""
    if len(apdu) < 4:
        raise Refused(Sw.WRONG_LENGTH)
    channel = _channel(apdu[0])
    data, le = _body(apdu[4:])
    return Command(bool(apdu[0] & 0x80), channel, apdu[1], apdu[2], apdu[3], data, le)


def _channel(cla: int) -> int:
    """The logical channel in CLA: 0 to 3 in 0X and 8X, 4 to 19 in 4X and CX (TS 102 221 10.1.1)."""
    further = bool(cla & 0x40)
    if cla == 0xFF or (not further and cla & 0x20):
        raise Refused(Sw.CLA_NOT_SUPPORTED)
    if cla & 0x10:
        raise Refused(Sw.CHAINING_NOT_SUPPORTED)
    if cla & (0x20 if further else 0x0C):
        raise Refused(Sw.SECURE_MESSAGING_NOT_SUPPORTED)
    return (cla & 0x0F) + 4 if further else cla & 0x03


def _body(body: bytes) -> tuple[bytes, int | None]:
    if not body:
        return b"", None
    if len(body) == 1:
        return b"", body[0] or 256
    lc = body[0]
    if lc == 0:  # an extended length, which the card has not declared
        raise Refused(Sw.WRONG_LENGTH)
    if len(body) == 1 + lc:
        return body[1:], None
    if len(body) == 2 + lc:
        return body[1:-1], body[-1] or 256
    raise Refused(Sw.WRONG_LENGTH)

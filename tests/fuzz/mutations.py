"""Octets that went wrong: each way in which a message can be spoilt, systematically and at random."""

import json
import random
from collections.abc import Iterator
from typing import Any

from ipad import asn1
from ipad.errors import DecodeError

HUGE = ("84FFFFFFFF", "847FFFFFFF", "8300FFFF", "82FFFF", "81FF", "7F", "80", "85FFFFFFFFFF", "FF", "00")
"""Lengths that no message of this size has; 80 is the indefinite one."""
UNKNOWN_TAGS = ("DF7F", "9F8101", "BFFF7F", "1F", "00", "C1", "E1", "BF8100")
DEEP = 3000


def spoilt(der: bytes) -> Iterator[bytes]:
    """Every systematic mutation of one message in DER: some hundreds for some hundred octets."""
    yield from (der[:end] for end in range(len(der)))
    yield from _lengths_and_tags(der)
    yield from (der + bytes.fromhex(tail) for tail in ("00", "0000", "3000", "DF7F0101", "FF" * 64))
    yield from nested(der)


def nested(der: bytes) -> Iterator[bytes]:
    """The message inside, or filled with, elements in elements in elements."""
    for tag in (0x30, 0xA0):
        deep = b""
        for _ in range(DEEP):
            deep = asn1.wrap(tag, deep)
        yield deep
        yield der + deep
        for at, _, value_at, end in elements(der):
            if der[at] & 0x20:
                yield _filled(der, value_at, end, deep)


def elements(der: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, int, int]]:
    """All elements, outer ones first: where the tag, the length and the value begin, and where it ends."""
    at, end = start, len(der) if end is None else end
    while at < end:
        try:
            tag, tlv = next(asn1.tlvs(der[at:end]))
        except (DecodeError, StopIteration):
            return
        value_at = at + len(tlv) - len(asn1.value(tlv))
        yield at, at + (tag.bit_length() + 7) // 8, value_at, at + len(tlv)
        if der[at] & 0x20:
            yield from elements(der, value_at, at + len(tlv))
        at += len(tlv)


def _lengths_and_tags(der: bytes) -> Iterator[bytes]:
    for at, length_at, value_at, end in elements(der):
        for length in HUGE:
            yield der[:length_at] + bytes.fromhex(length) + der[value_at:]
        for tag in UNKNOWN_TAGS:
            yield der[:at] + bytes.fromhex(tag) + der[length_at:]
        yield der[:at] + der[end:]
        yield der[:end] + der[at:end] + der[end:]


def _filled(der: bytes, value_at: int, end: int, inside: bytes) -> bytes:
    """`inside` in the place of one element's value; the lengths around it are put right."""
    out = inside
    inner = None
    for at, length_at, start, stop in reversed(
        [e for e in elements(der) if e[2] <= value_at and e[3] >= end]
    ):
        before = b"" if inner is None else der[start : inner[0]]
        after = b"" if inner is None else der[inner[1] : stop]
        out = asn1.wrap(int.from_bytes(der[at:length_at]), before + out + after)
        inner = (at, stop)
    return out


def shaken(octets: bytes, random_: random.Random) -> bytes:
    """The message with one to four random changes."""
    out = bytearray(octets)
    for _ in range(random_.randint(1, 4)):
        at = random_.randrange(len(out) + 1)
        match random_.randrange(7):
            case 0:
                out[at : at + 1] = random_.randbytes(1)
            case 1 if at < len(out):
                out[at] ^= 1 << random_.randrange(8)
            case 2:
                del out[at : at + random_.randint(1, 8)]
            case 3:
                out[at:at] = random_.randbytes(random_.randint(1, 8))
            case 4:
                out[at:at] = out[at : at + random_.randint(1, 40)]
            case 5:
                del out[at:]
            case _:
                out[at : at + 4] = bytes.fromhex(random_.choice(HUGE))
    return bytes(out)


_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 1e308, 10**400, "", "*", "A" * 10_000, [], [[]], {}, {"status": 1}, "0" * 31,
    "٣" * 32,
)  # fmt: skip


def spoilt_json(body: bytes) -> Iterator[bytes]:
    """Every systematic mutation of one message in JSON."""
    yield from (body[:end] for end in range(0, len(body), 1 + len(body) // 300))
    yield from (
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"null",
        b"[]",
        b'""',
        b"NaN",
        b"1e999",
        b"\xff\xfe" + body,
    )
    yield body + b"{}"
    message = json.loads(body)
    for path in _paths(message):
        for odd in _ODD:
            yield json.dumps(_replaced(message, path, odd)).encode()
        yield json.dumps(_replaced(message, path, ...)).encode()


def _paths(value: Any) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield (name,)
            yield from ((name, *rest) for rest in _paths(member))


def _replaced(value: Any, path: tuple[str, ...], by: Any) -> Any:
    first, *rest = path
    if rest:
        return {**value, first: _replaced(value[first], tuple(rest), by)}
    without = {name: member for name, member in value.items() if name != first}
    return without if by is ... else {**without, first: by}


_ODD_TOML = (
    "-1",
    "1e308",
    '""',
    '"x"',
    "[]",
    "[[]]",
    "{}",
    "true",
    "nan",
    "1979-05-27",
    "9" * 5000,
    '"' + "A" * 10_000 + '"',
)


def spoilt_text(text: bytes) -> Iterator[bytes]:
    """Every systematic mutation of a file in TOML."""
    yield from (text[:end] for end in range(len(text)))
    yield from (
        b"a = " + b"[" * 20_000,
        b"\xff\xfe" + text,
        b"\x00" * 100,
        text + text,
        b"a." * 20_000 + b"b = 1",
        b"[" + b"a." * 20_000 + b"b]",
    )
    lines = text.splitlines()
    for at, line in enumerate(lines):
        yield b"\n".join(lines[:at] + lines[at + 1 :])
        key, equals, _ = line.partition(b" = ")
        if equals:
            for odd in _ODD_TOML:
                yield b"\n".join([*lines[:at], key + equals + odd.encode(), *lines[at + 1 :]])

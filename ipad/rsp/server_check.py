"""What the agent compares before the card is asked to trust a server (SGP.22 3.0.1, 4.1; SGP.32 3.2.3).

The card verifies the server's chain and signature, but knows neither which server was called, nor whom the
activation code names, nor what day it is. Nothing here takes cryptography: the certificate is sliced.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ipad import asn1
from ipad.errors import DecodeError
from ipad.net.address import host_and_port
from ipad.net.trust import EARLIEST
from ipad.server_answers import InitiateAuthenticationOk

_SUBJECT_ALT_NAME = bytes.fromhex("0603551D11")
_REGISTERED_ID = 0x88
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_LONGEST_OID = 64
_LONGEST_ADDRESS = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    name: Literal[
        "smdpAddressMismatch",
        "smdpOidMismatch",
        "certificateNotYetValid",
        "certificateExpired",
        "clockUnknown",
    ]
    text: str
    """A sentence for the log."""
    refuses: bool
    """The download must not go on; else it is to be reported only."""


def server(
    called: str, oid: str, answer: InitiateAuthenticationOk, now: float | None = None
) -> list[Finding]:
    """All that speaks against the server that answered.

    called: the address, `host` or `host:port`. oid: of the activation code; empty if it names none. now:
    seconds since 1970, the wall clock's without. Raises DecodeError for a certificate that can't be read.
    """
    return [
        *_address(called, answer.server_address),
        *_oid(oid, answer.certificate),
        *dates(answer.certificate, now),
    ]


def _address(called: str, answered: str) -> Iterator[Finding]:
    if not same_address(called, answered):
        yield Finding(
            "smdpAddressMismatch",
            f"{called} was called, and what answered signs as {answered[:_LONGEST_ADDRESS]!r}",
            True,
        )


def same_address(called: str, answered: str) -> bool:
    """Whether both name the same host, and the same port if the answer names one."""
    there, here = host_and_port(called), host_and_port(answered)
    if there is None or here is None or there[0].lower() != here[0].lower():
        return False
    return there[1] == here[1] or answered.lower() in (here[0].lower(), f"[{here[0].lower()}]")


def _oid(expected: str, certificate: bytes) -> Iterator[Finding]:
    if not expected:
        return
    found = registered_ids(certificate)
    if expected not in found:
        named = " and ".join(found) or "nobody"
        yield Finding(
            "smdpOidMismatch",
            f"the activation code names {expected}, and the server's certificate {named}",
            True,
        )


def dates(certificate: bytes, now: float | None = None) -> list[Finding]:
    """What the certificate's dates say against it.

    A clock that was never set says nothing: that is reported, and allowed, for the card has verified or
    will verify the chain.
    """
    first, last = validity(certificate)
    moment = time.time() if now is None else now
    if moment < EARLIEST:
        text = "the clock of this gateway was never set: the server's certificate dates are not checked"
        return [Finding("clockUnknown", text, False)]
    if moment < first:
        return [Finding("certificateNotYetValid", f"the server's certificate begins {_day(first)}", True)]
    if moment > last:
        return [Finding("certificateExpired", f"the server's certificate ended {_day(last)}", True)]
    return []


def registered_ids(certificate: bytes) -> tuple[str, ...]:
    """The registeredIDs of the certificate's subjectAltName (RFC 5280 4.2.1.6), dotted.

    Raises DecodeError for a certificate that can't be read.
    """
    with _certificate():
        return tuple(_registered_ids(certificate))


def _registered_ids(certificate: bytes) -> Iterator[str]:
    with_extensions = asn1.find(certificate, 0x30, 0x30, 0xA3, 0x30)
    if with_extensions is None:
        return
    for _, extension in asn1.tlvs(asn1.value(with_extensions)):
        parts = [tlv for _, tlv in asn1.tlvs(asn1.value(extension))]
        if parts[:1] == [_SUBJECT_ALT_NAME]:
            names = asn1.value(asn1.member(asn1.value(parts[-1]), 0x30))
            yield from (_dotted(asn1.value(tlv)) for tag, tlv in asn1.tlvs(names) if tag == _REGISTERED_ID)


def validity(certificate: bytes) -> tuple[float, float]:
    """notBefore and notAfter (RFC 5280 4.1.2.5) in seconds since 1970. Raises DecodeError."""
    with _certificate():
        to_be_signed = asn1.value(asn1.member(certificate, 0x30, 0x30))
        # After serialNumber, signature and issuer; [0] is the version.
        members = [tlv for tag, tlv in asn1.tlvs(to_be_signed) if tag != 0xA0]
        if len(members) < 4:
            raise DecodeError("no dates")
        moments = [_moment(tag, asn1.value(tlv)) for tag, tlv in asn1.tlvs(asn1.value(members[3]))]
        if len(moments) != 2:
            raise DecodeError(f"{len(moments)} dates")
        return moments[0], moments[1]


@contextmanager
def _certificate() -> Iterator[None]:
    """Says of what an error is."""
    try:
        yield
    except DecodeError as problem:
        raise DecodeError(f"the server's certificate: {problem}") from None


def _moment(tag: int, content: bytes) -> float:
    text = content.decode("latin-1")
    if tag == _UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    parts = [text[:4], *(text[at : at + 2] for at in range(4, 14, 2))]
    if tag not in (_UTC_TIME, _GENERALIZED_TIME) or text[14:] != "Z" or not all(map(_is_number, parts)):
        raise DecodeError("a date that is none")
    year, month, day, hour, minute, second = map(int, parts)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        raise DecodeError("a date that is none") from None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def _dotted(content: bytes) -> str:
    """An OBJECT IDENTIFIER's contents as numbers with dots (X.690 8.19)."""
    if not 0 < len(content) <= _LONGEST_OID or content[-1] & 0x80:
        raise DecodeError("an object identifier that is none")
    arcs: list[int] = []
    arc, begins = 0, True
    for octet in content:
        if begins and octet == 0x80:
            raise DecodeError("an object identifier that is not in its shortest form")
        arc = arc << 7 | octet & 0x7F
        begins = not octet & 0x80
        if begins:
            arcs.append(arc)
            arc = 0
    root = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (root, arcs[0] - 40 * root, *arcs[1:]))

"""Whom the agent takes for the eIM in TLS (SGP.32 2.6.1, trustedPublicKeyDataTls).

With a certificate as anchor (the server's own, or a CA's) the chain must lead to it and the host name
must match. With a bare key the key is the identity: the server's certificate must hold exactly that
SubjectPublicKeyInfo, and neither its names nor its dates matter. Without an anchor: a CA store.
"""

import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ipad import asn1
from ipad.eim import TlsAnchor
from ipad.errors import ConfigError, DecodeError, Untrusted

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which ssl.VerifyFlags has no name for
EARLIEST = 1_735_689_600
"""2025-01-01, when none of this existed: a clock that says earlier has never been set."""


@dataclass(slots=True)
class Trust:
    """What one server is checked against, and the last TLS session with it."""

    context: ssl.SSLContext
    pinned: bytes | None = None
    """SubjectPublicKeyInfo that the server's certificate must hold."""
    session: ssl.SSLSession | None = None
    whom: str = "the eIM that the card trusts"
    """Who the server should be, for messages."""


@dataclass(slots=True)
class Trusts:
    """The trust in each server, kept from one connection to the next so that TLS can resume.

    Resumption skips the check of the host name, so an entry holds only while everything that it was
    made of stays: host, port, anchor, CA file, and whether dates count.
    """

    _kept: dict[tuple[str, ...], tuple[tuple[object, ...], Trust]] = field(default_factory=dict)

    def of(self, eim_id: str, host: str, port: int, anchor: TlsAnchor | None, ca_file: str | None) -> Trust:
        """The trust for this eIM at this address; a new one, without session, if anything has changed."""
        made_of = (host, port, anchor, ca_file, clock_is_set())
        return self.keep(("eim", eim_id), made_of, lambda: trust(anchor, ca_file))

    def keep(self, whose: tuple[str, ...], made_of: tuple[object, ...], make: Callable[[], Trust]) -> Trust:
        """The trust that was kept under `whose`; what `make` makes if anything that it is made of changed."""
        kept = self._kept.get(whose)
        if kept is None or kept[0] != made_of:
            kept = self._kept[whose] = (made_of, make())
        return kept[1]


def clock_is_set() -> bool:
    """False while the wall clock stands where no running gateway can be (1970 after a power cut)."""
    return time.time() >= EARLIEST


def trust(anchor: TlsAnchor | None, ca_file: str | None = None) -> Trust:
    """A context for `anchor`; without one for the CAs in `ca_file` (PEM), or the system's.

    Raises Untrusted for an anchor that is no certificate, ConfigError for an unusable CA file.
    """
    context = _context()
    if anchor is None:
        _load_store(context, ca_file)
        return Trust(context)
    if anchor.kind == "key":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # `check_pin` is the check
        return Trust(context, pinned=anchor.der)
    try:
        context.load_verify_locations(cadata=anchor.der)
    except (ssl.SSLError, ValueError) as problem:
        raise Untrusted(f"the eIM's TLS anchor on the card is no certificate: {problem}") from None
    _anchored(context)
    return Trust(context)


def trust_in(authorities: Iterable[bytes], whom: str) -> Trust:
    """A context for these certificates (DER) as anchors; host names are checked. whom: for messages.

    Raises ConfigError for one that is no certificate.
    """
    context = _context()
    try:
        context.load_verify_locations(cadata=b"".join(authorities))
    except (ssl.SSLError, ValueError) as problem:
        raise ConfigError(f"certificates of {whom}: {problem}") from None
    _anchored(context)
    return Trust(context, whom=whom)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.11.2, Debian 12's, sets it: an answer that somebody cut off would pass for a whole one.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


def _anchored(context: ssl.SSLContext) -> None:
    """What holds where the anchors are few and chosen: any of them ends the chain."""
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not clock_is_set():
        # Without a clock every certificate is "not yet valid", and the gateway could never ask its eIM
        # for anything. The anchor still has to match.
        context.verify_flags |= _NO_CHECK_TIME


def _load_store(context: ssl.SSLContext, ca_file: str | None) -> None:
    if ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as problem:
        raise ConfigError(f"CA file {ca_file}: {problem}; expected certificates in PEM") from None


def check_pin(trust: Trust, certificate: bytes | None, server: str) -> None:
    """Raises Untrusted unless the server's certificate (DER) holds the pinned key; no pin, no check."""
    if trust.pinned is None:
        return
    if certificate is None:
        raise Untrusted(f"{server} showed no certificate; its key is pinned")
    try:
        key = subject_public_key_info(certificate)
    except DecodeError as problem:
        raise Untrusted(f"{server} showed a certificate that can't be read: {problem}") from None
    if key != trust.pinned:
        raise Untrusted(f"{server} has another key than the one that the card says is the eIM's")


def subject_public_key_info(certificate: bytes) -> bytes:
    """SubjectPublicKeyInfo of an X.509 certificate, sliced out (RFC 5280 4.1)."""
    to_be_signed = asn1.value(asn1.member(certificate, 0x30, 0x30))
    members = [tlv for tag, tlv in asn1.tlvs(to_be_signed) if tag != 0xA0]  # [0] is the version
    if len(members) < 6 or members[5][0] != 0x30:
        raise DecodeError("an X.509 certificate without a public key")
    return members[5]  # after serialNumber, signature, issuer, validity, subject

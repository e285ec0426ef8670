"""A server that is not what it should be: its answers, changed on demand and signed as if they were right.

What is changed is only what goes out. The server itself goes on with what is right, and so finds out about a
client that did not look.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ipad.asn1 import member, tlvs, value, wrap
from ipad.testbed import pki
from ipad.testbed.faults import Fault, Faults
from ipad.testbed.signature import sign

from . import mutual
from .core import Authenticated, Smdp
from .mutual import Initiated

_OF_INITIATE = ("wrong-address", "wrong-challenge")
_OF_BOTH = ("wrong-signature", "wrong-transaction", "wrong-oid", "wrong-certificate", "expired-certificate")
_OF_CLIENT = ("wrong-metadata",)
_OF_PACKAGE = ("bpp-short", "bpp-cut", "bpp-oversize", "bpp-order", "bpp-mac", "bpp-garbage")
OF_INITIATION = (*_OF_INITIATE, *_OF_BOTH)
KINDS = (*OF_INITIATION, *_OF_CLIENT, *_OF_PACKAGE)
"""Of InitiateAuthentication; of it and of AuthenticateClient; of this alone; of GetBoundProfilePackage.

wrong-oid: a certificate of another owner. wrong-certificate: one under another CI with the same name.
wrong-metadata: of a profile with another name than the package brings. bpp-short: whole, with half of its
profile; bpp-cut: half of the octets.
"""

OTHER_ADDRESS = "elsewhere.testbed.example"
OTHER_OID = "2.999.66"
LARGEST = 4 * 1024 * 1024
"""Octets of a package that can be ordered."""
_OVER = datetime(2021, 1, 1, tzinfo=UTC)


class ForgedInitiation:
    """Changes the answers to InitiateAuthentication of an SM-DP+ or SM-DS as the faults say."""

    def __init__(self, auth: pki.Identity, role: str, pki_dir: Path, faults: Faults) -> None:
        """auth: CERT.DPauth or CERT.DSauth, whose `role` that is."""
        self._auth = auth
        self._role = role
        self._pki = pki_dir
        self._faults = faults

    def initiated(self, answer: Initiated) -> Initiated:
        fault = self._faults.take(OF_INITIATION, "InitiateAuthentication")
        if fault is None:
            return answer
        signed1 = answer.server_signed1
        match fault.kind:
            case "wrong-address":
                return self._signed1(answer, _replaced(signed1, 0x83, OTHER_ADDRESS.encode()))
            case "wrong-challenge":
                return self._signed1(answer, _replaced(signed1, 0x81, bytes(16)))
            case "wrong-transaction":
                return replace(answer, transaction_id=_flipped(answer.transaction_id))
            case "wrong-signature":
                return replace(answer, server_signature1=_flipped(answer.server_signature1))
            case kind:
                other = _other(kind, self._role, self._auth, self._pki)
                return replace(
                    answer,
                    server_signature1=wrap(0x5F37, sign(other.key, signed1)),
                    certificate=mutual.der(other),
                )

    def _signed1(self, answer: Initiated, signed1: bytes) -> Initiated:
        signature1 = wrap(0x5F37, sign(self._auth.key, signed1))
        return replace(answer, server_signed1=signed1, server_signature1=signature1)


class Forge(ForgedInitiation):
    """Changes all answers of an SM-DP+ as the faults say; see `es9.Forger`."""

    def __init__(self, smdp: Smdp, pki_dir: Path, faults: Faults) -> None:
        self._pb = smdp.pb
        super().__init__(smdp.auth, pki.ROLE_DP_AUTH, pki_dir, faults)

    def authenticated(self, answer: Authenticated, response: bytes) -> Authenticated:
        fault = self._faults.take((*_OF_BOTH, *_OF_CLIENT), "AuthenticateClient")
        if fault is None:
            return answer
        signed2, signer = answer.smdp_signed2, self._pb
        match fault.kind:
            case "wrong-metadata":
                return replace(answer, metadata=_renamed(answer.metadata))
            case "wrong-signature":
                return replace(answer, smdp_signature2=_flipped(answer.smdp_signature2))
            case "wrong-transaction":
                signed2 = _replaced(signed2, 0x80, _flipped(answer.transaction_id))
            case kind:
                signer = _other(kind, pki.ROLE_DP_PB, self._pb, self._pki)
        signature1 = member(response, 0xBF38, 0xA0, 0x5F37)
        return replace(
            answer,
            smdp_signed2=signed2,
            smdp_signature2=wrap(0x5F37, sign(signer.key, signed2 + signature1)),
            certificate=mutual.der(signer),
        )

    def bound(self, package: bytes) -> bytes:
        fault = self._faults.take(_OF_PACKAGE, "GetBoundProfilePackage")
        return package if fault is None else _PACKAGES[fault.kind](package, fault)


def _other(kind: str, role: str, own: pki.Identity, pki_dir: Path) -> pki.Identity:
    """Not the server's own certificate, though for the same role and on the same curve."""
    curve = own.key.curve
    if kind == "wrong-certificate":
        return pki.make_rsp_server(pki.make_ci(), role, curve=curve)
    where = pki.paths(pki_dir)
    ci = pki.read_identity(where.ci, where.ci_key)
    if kind == "expired-certificate":
        return pki.make_rsp_server(ci, role, oid=pki.registered_id(own.certificate), curve=curve, until=_OVER)
    return pki.make_rsp_server(ci, role, oid=OTHER_OID, curve=curve)


def _replaced(sequence: bytes, tag: int, content: bytes) -> bytes:
    """The same SEQUENCE with another content in one of its members."""
    return wrap(0x30, *(wrap(tag, content) if found == tag else tlv for found, tlv in tlvs(value(sequence))))


def _renamed(metadata: bytes) -> bytes:
    """A StoreMetadataRequest with another profileName."""
    members = (wrap(0x92, b"Gift") if tag == 0x92 else tlv for tag, tlv in tlvs(value(metadata)))
    return wrap(0xBF25, *members)


def _flipped(octets: bytes) -> bytes:
    """With one bit of the last octet flipped."""
    return octets[:-1] + bytes([octets[-1] ^ 1])


def _with_segments(package: bytes, change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """The package with other segments in A3."""
    parts = [
        wrap(0xA3, *change([segment for _, segment in tlvs(value(tlv))])) if tag == 0xA3 else tlv
        for tag, tlv in tlvs(value(package))
    ]
    return wrap(0xBF36, *parts)


def _short(package: bytes, _fault: Fault) -> bytes:
    return _with_segments(package, lambda segments: segments[: len(segments) // 2])


def _cut(package: bytes, _fault: Fault) -> bytes:
    return package[: len(package) // 2]


def _oversize(package: bytes, fault: Fault) -> bytes:
    def longer(segments: list[bytes]) -> list[bytes]:
        more = max(0, fault.size - len(package)) // len(segments[0]) + 1
        return [*segments[:-1], *[segments[0]] * more, segments[-1]]

    return _with_segments(package, longer)


def _order(package: bytes, _fault: Fault) -> bytes:
    return _with_segments(package, lambda segments: [*segments[1:], segments[0]])


def _mac(package: bytes, _fault: Fault) -> bytes:
    def changed(segments: list[bytes]) -> list[bytes]:
        middle = len(segments) // 2
        return [*segments[:middle], _flipped(segments[middle]), *segments[middle + 1 :]]

    return _with_segments(package, changed)


def _garbage(package: bytes, _fault: Fault) -> bytes:
    """Over a segment's tag and length too."""

    def overwritten(segments: list[bytes]) -> list[bytes]:
        content = b"".join(segments)
        start = sum(map(len, segments[: len(segments) // 2]))
        return [content[:start] + b"\xff" * 64 + content[start + 64 :]]

    return _with_segments(package, overwritten)


_PACKAGES = {
    "bpp-short": _short,
    "bpp-cut": _cut,
    "bpp-oversize": _oversize,
    "bpp-order": _order,
    "bpp-mac": _mac,
    "bpp-garbage": _garbage,
}

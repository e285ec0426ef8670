"""What an SM-DP+ or SM-DS sends: each function's answer, its certificate, an activation code, and a package.

The answers go through the client itself. A package is taken apart before anything of it reaches the card.
"""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from ipad import asn1
from ipad.euicc import es10b
from ipad.net.http import Answer, Uplink
from ipad.rsp import activation_code, server_check
from ipad.rsp.connection import Connection
from ipad.rsp.es9 import Es9
from ipad.rsp.es11 import Es11
from ipad.rsp.settings import RspSettings
from ipad.rsp.status import _PAIRS
from ipad.server_answers import InitiateAuthenticationOk
from ipad.waits import Waits
from tests.fuzz.from_card import isdr_that_says
from tests.fuzz.samples import vectors
from tests.fuzz.target import Target

_TRANSACTION = bytes.fromhex("0123456789ABCDEF")


class SaysTheSame(Connection):
    """A connection to a server that answers everything with the same body."""

    def __init__(self, interface: str, body: bytes) -> None:
        super().__init__(interface, "localhost", Waits(), Uplink(), RspSettings())
        self._body = body

    def _post(self, *_asked: object) -> Answer:
        return Answer(200, "application/json", self._body)


def _es9(body: bytes) -> Es9:
    es9 = Es9("localhost", Waits(), Uplink(), RspSettings())
    es9._connection = SaysTheSame("ES9+", body)
    return es9


def _es11(body: bytes) -> Es11:
    es11 = Es11("localhost", Waits(), Uplink(), RspSettings())
    es11._connection = SaysTheSame("ES11", body)
    return es11


_FUNCTIONS: dict[str, Callable[[bytes], object]] = {
    "ES9+.InitiateAuthentication": lambda body: _es9(body).initiate_authentication(
        bytes(16), b"\xbf\x20\x00"
    ),
    "ES9+.AuthenticateClient": lambda body: _es9(body).authenticate_client(_TRANSACTION, b"\xbf\x38\x00"),
    "ES9+.GetBoundProfilePackage": lambda body: _es9(body).get_bound_profile_package(
        _TRANSACTION, b"\xbf\x21\x00"
    ),
    "ES9+.HandleNotification": lambda body: _es9(body).handle_notification(b"\xbf\x37\x00"),
    "ES9+.CancelSession": lambda body: _es9(body).cancel_session(_TRANSACTION, b"\xbf\x41\x00"),
    "ES11.InitiateAuthentication": lambda body: _es11(body).initiate_authentication(
        bytes(16), b"\xbf\x20\x00"
    ),
    "ES11.AuthenticateClient": lambda body: _es11(body).authenticate_client(_TRANSACTION, b"\xbf\x38\x00"),
}


def _b64(der: bytes) -> str:
    return b64encode(der).decode()


def _certificate() -> bytes:
    """As an SM-DP+'s, with what is looked at in it."""
    sequence = bytes.fromhex("3000")
    dates = asn1.wrap(0x30, asn1.wrap(0x17, b"250601000000Z"), asn1.wrap(0x18, b"20500101000000Z"))
    names = asn1.wrap(0x30, asn1.wrap(0x82, b"localhost"), asn1.wrap(0x88, bytes.fromhex("88370A")))
    extension = asn1.wrap(0x30, bytes.fromhex("0603551D110101FF"), asn1.wrap(0x04, names))
    other = asn1.wrap(0x30, bytes.fromhex("0603551D0E"), asn1.wrap(0x04, b"\x04\x01\x00"))
    extensions = asn1.wrap(0xA3, asn1.wrap(0x30, other, extension))
    version = bytes.fromhex("A003020102")
    tbs = asn1.wrap(0x30, version, b"\x02\x01\x01", sequence, sequence, dates, sequence, sequence, extensions)
    return asn1.wrap(0x30, tbs, sequence, b"\x03\x02\x00\xff")


_SIGNATURE = _b64(asn1.wrap(0x5F37, bytes(64)))
_INITIATED: dict[str, Any] = {
    "transactionId": _TRANSACTION.hex(),
    "serverSigned1": _b64(vectors("sgp22:ServerSigned1")[0]),
    "serverSignature1": _SIGNATURE,
    "euiccCiPKIdToBeUsed": _b64(asn1.wrap(0x04, bytes(20))),
    "serverCertificate": _b64(_certificate()),
}
_MEMBERS: dict[str, list[dict[str, Any]]] = {
    "ES9+.InitiateAuthentication": [_INITIATED],
    "ES9+.AuthenticateClient": [
        {
            "transactionId": _TRANSACTION.hex(),
            "profileMetadata": _b64(vectors("StoreMetadataRequest")[0]),
            "smdpSigned2": _b64(vectors("sgp22:SmdpSigned2")[0]),
            "smdpSignature2": _SIGNATURE,
            "smdpCertificate": _b64(_certificate()),
        }
    ],
    "ES9+.GetBoundProfilePackage": [
        {
            "transactionId": _TRANSACTION.hex(),
            "boundProfilePackage": _b64(vectors("sgp22:BoundProfilePackage")[0]),
        }
    ],
    "ES9+.HandleNotification": [{}],
    "ES9+.CancelSession": [{}],
    "ES11.InitiateAuthentication": [_INITIATED],
    "ES11.AuthenticateClient": [
        {
            "transactionId": _TRANSACTION.hex(),
            "eventEntries": [
                {"eventId": "1-A", "rspServerAddress": "localhost"},
                {"eventId": "1-B", "rspServerAddress": "localhost:8443"},
            ],
        },
        {"transactionId": _TRANSACTION.hex(), "eventEntries": []},
    ],
}


def _bodies(function: str) -> tuple[bytes, ...]:
    status = {"functionExecutionStatus": {"status": "Executed-Success"}}
    bodies = [{"header": status, **members} for members in _MEMBERS[function]]
    for pair in [*_PAIRS.get(function, {}), "9.9/9.9"]:
        subject, reason = pair.split("/")
        data = {"subjectCode": subject, "reasonCode": reason, "message": "no"}
        failed = {"functionExecutionStatus": {"status": "Failed", "statusCodeData": data}}
        bodies.append({"header": failed})
    return tuple(json.dumps(body).encode() for body in bodies)


def _load(package: bytes) -> object:
    return es10b.load_bound_profile_package(isdr_that_says(b""), package)


def _check(certificate: bytes) -> object:
    answer = InitiateAuthenticationOk(_TRANSACTION, "localhost", b"", b"", b"", certificate)
    return server_check.server("localhost", "2.999.10", answer, 1_900_000_000)


def _code(octets: bytes) -> object:
    return activation_code.parse(octets.decode(errors="surrogateescape"))


TARGETS = (
    *(Target(function, _bodies(function), call, "json") for function, call in _FUNCTIONS.items()),
    Target("certificate", (_certificate(),), _check),
    Target(
        "activation code",
        (b"LPA:1$smdp.example$04386-AGYFT$1.3.6.1.4.1.31746$1", b"1$smdp.example:8443$"),
        _code,
        "text",
    ),
    Target("LoadBoundProfilePackage", vectors("sgp22:BoundProfilePackage"), _load),
)

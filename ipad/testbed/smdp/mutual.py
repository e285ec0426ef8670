"""Common mutual authentication (SGP.22 3.0.1), the server's part: that of an SM-DP+ and of an SM-DS."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ipad.asn1 import DecodeError, decode, encode, member, tlvs, value, wrap
from ipad.testbed import pki
from ipad.testbed.signature import sign

from . import euicc
from .euicc import Euicc
from .refusal import UNDEFINED_ERROR, SmdpRefused


@dataclass(frozen=True)
class Server:
    """Who a server is towards cards."""

    ci: x509.Certificate
    auth: pki.Identity
    """CERT.DPauth or CERT.DSauth."""
    # Read once: a certificate of cryptography before 42 may not be read by two threads at a time.
    ci_pk_id: bytes = field(init=False)
    auth_der: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ci_pk_id", pki.subject_key_id(self.ci))
        object.__setattr__(self, "auth_der", der(self.auth))


@dataclass(frozen=True, slots=True)
class Initiated:
    """InitiateAuthenticationOk."""

    transaction_id: bytes
    server_signed1: bytes
    """30..."""
    server_signature1: bytes
    """5F37..."""
    ci_pk_id: bytes
    """20 octets."""
    certificate: bytes
    """CERT.DPauth or CERT.DSauth, 30..."""


def check(server: Server, info1: bytes) -> None:
    """Whether the server can talk to a card with this EUICCInfo1 (BF20...). SmdpRefused."""
    function = "InitiateAuthentication"
    info = decode("EUICCInfo1", info1)
    if not euicc.supported(info["svn"]):
        raise SmdpRefused(function, "euiccVersionNotSupportedByDp")
    if server.ci_pk_id not in info["euiccCiPKIdListForVerification"]:
        raise SmdpRefused(function, "ciPKNotSupported")
    if server.ci_pk_id not in info["euiccCiPKIdListForSigning"]:
        raise SmdpRefused(function, "ciPKNotSupported", "8.8.2", "3.1")


def initiated(
    server: Server, transaction_id: bytes, challenge: bytes, address: str, server_challenge: bytes
) -> Initiated:
    """The answer to InitiateAuthentication."""
    signed1 = encode(
        "ServerSigned1",
        {
            "transactionId": transaction_id,
            "euiccChallenge": challenge,
            "serverAddress": address,
            "serverChallenge": server_challenge,
        },
    )
    signature1 = wrap(0x5F37, sign(server.auth.key, signed1))
    return Initiated(transaction_id, signed1, signature1, server.ci_pk_id, server.auth_der)


def authenticated(
    server: Server, response: bytes, transaction_id: bytes, signed_to: tuple[str, bytes], now: datetime
) -> tuple[Euicc, dict[str, Any], str]:
    """The card, its EUICCInfo2 and the matching id, once everything in its response is verified.

    response: AuthenticateServerResponse, BF38..., in full. signed_to: the address and the challenge that the
    card has to have signed. SmdpRefused.
    """
    function = "AuthenticateClient"
    arm, told = decode("AuthenticateServerResponse", response)
    if arm != "authenticateResponseOk":
        refused_by_card(function, arm, "authenticateResponseError")
    signed1, own, eum, *_ = (tlv for tag, tlv in tlvs(value(member(response, 0xBF38, 0xA0))) if tag == 0x30)
    try:
        card = euicc.certified(server.ci, eum, own, now)
    except euicc.Unacceptable as error:
        raise SmdpRefused(function, error.name) from error
    if not card.signed(member(response, 0xBF38, 0xA0, 0x5F37), signed1):
        raise SmdpRefused(function, "euiccSignatureInvalid")
    signed = told["euiccSigned1"]
    if signed["transactionId"] != transaction_id:
        raise SmdpRefused(function, "invalidTransactionId")
    if (signed["serverAddress"], signed["serverChallenge"]) != signed_to:
        raise SmdpRefused(function, "euiccSignatureInvalid")
    _, context = signed["ctxParams1"]
    return card, signed["euiccInfo2"], context.get("matchingId", "")


def refused_by_card(function: str, arm: str, error: str) -> None:
    """The card answered with an error, which ends the session, or in a form that only an eIM reads."""
    if arm == error:
        raise SmdpRefused(function, UNDEFINED_ERROR, "8.1", "4.2")
    raise DecodeError(f"{function}: {arm} is for an eIM to rebuild")


def der(identity: pki.Identity) -> bytes:
    """The certificate."""
    return identity.certificate.public_bytes(Encoding.DER)

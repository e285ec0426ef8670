"""ES9+'s JSON binding (SGP.22 6.5.2): a request to the SM-DP+'s functions, their answers to JSON."""

from collections.abc import Mapping
from typing import Any, Protocol

from ipad.asn1 import find, value, wrap
from ipad.errors import DecodeError
from ipad.testbed import rsp_json
from ipad.testbed.rsp_json import base64_of, needed, succeeded, transaction_id
from ipad.testbed.rsp_server import Answer

from .core import Authenticated
from .functions import Es9
from .mutual import Initiated
from .refusal import SmdpRefused

PREFIX = "/gsma/rsp2/es9plus/"
CHALLENGE_OCTETS = 16
NAMES = (
    "InitiateAuthentication",
    "AuthenticateClient",
    "GetBoundProfilePackage",
    "HandleNotification",
    "CancelSession",
)
FUNCTIONS = {PREFIX + name[:1].lower() + name[1:]: name for name in NAMES}
"""Names by path."""


class Forger(Protocol):
    """Changes answers on their way out; does nothing where nothing is due."""

    def initiated(self, answer: Initiated) -> Initiated: ...

    def authenticated(self, answer: Authenticated, response: bytes) -> Authenticated: ...

    def bound(self, package: bytes) -> bytes: ...


def call(smdp: Es9, forger: Forger, function: str, request: Mapping[str, Any]) -> Answer:
    """One request. DecodeError: it cannot be read."""
    transaction = request.get("transactionId")
    told: dict[str, Any] = {"transactionId": transaction} if isinstance(transaction, str) else {}
    try:
        message = _call(smdp, forger, function, request)
    except SmdpRefused as refused:
        codes = {"subject": refused.subject, "reason": refused.reason}
        summary = {**told, "answer": refused.name, **codes}
        if function == "HandleNotification":  # it has no answer to say it with
            return Answer(None, summary)
        return Answer(rsp_json.failed(refused.subject, refused.reason, refused.name), summary)
    if message is not None and "transactionId" in message:
        told = {"transactionId": message["transactionId"]}
    if function == "CancelSession":
        reason = find(needed(request, "cancelSessionResponse"), 0xBF41, 0xA0, 0x30, 0x82)
        told["cancelSessionReason"] = None if reason is None else value(reason)[0]
    return Answer(message, {**told, "answer": "ok"})


def _call(smdp: Es9, forger: Forger, function: str, request: Mapping[str, Any]) -> dict[str, Any] | None:
    match function:
        case "InitiateAuthentication":
            return initiated(forger.initiated(initiate(smdp, request)))
        case "AuthenticateClient":
            response = needed(request, "authenticateServerResponse")
            answer = smdp.authenticate_client(transaction_id(request), response)
            return _authenticated(forger.authenticated(answer, response))
        case "GetBoundProfilePackage":
            transaction = transaction_id(request)
            response = needed(request, "prepareDownloadResponse")
            package = forger.bound(smdp.get_bound_profile_package(transaction, response))
            return succeeded(transactionId=_hex(transaction), boundProfilePackage=base64_of(package))
        case "CancelSession":
            smdp.cancel_session(transaction_id(request), needed(request, "cancelSessionResponse"))
            return succeeded()
        case _:
            smdp.handle_notification(needed(request, "pendingNotification"))
            return None


class Initiates(Protocol):
    """Whoever can be authenticated with: an SM-DS too."""

    def initiate_authentication(self, challenge: bytes, address: str, info1: bytes) -> Initiated: ...


def initiate(server: Initiates, request: Mapping[str, Any], address_member: str = "smdpAddress") -> Initiated:
    """InitiateAuthentication of a request. DecodeError; SmdpRefused."""
    address = request.get(address_member)
    if not isinstance(address, str):
        raise DecodeError(f"{address_member}: a text wanted")
    challenge = needed(request, "euiccChallenge")
    if len(challenge) != CHALLENGE_OCTETS:
        raise DecodeError(f"euiccChallenge: {CHALLENGE_OCTETS} octets wanted")
    return server.initiate_authentication(challenge, address, needed(request, "euiccInfo1"))


def initiated(answer: Initiated) -> dict[str, Any]:
    """The answer to InitiateAuthentication."""
    return succeeded(
        transactionId=_hex(answer.transaction_id),
        serverSigned1=base64_of(answer.server_signed1),
        serverSignature1=base64_of(answer.server_signature1),
        euiccCiPKIdToBeUsed=base64_of(wrap(0x04, answer.ci_pk_id)),
        serverCertificate=base64_of(answer.certificate),
    )


def _authenticated(answer: Authenticated) -> dict[str, Any]:
    return succeeded(
        transactionId=_hex(answer.transaction_id),
        profileMetadata=base64_of(answer.metadata),
        smdpSigned2=base64_of(answer.smdp_signed2),
        smdpSignature2=base64_of(answer.smdp_signature2),
        smdpCertificate=base64_of(answer.certificate),
    )


def _hex(octets: bytes) -> str:
    return octets.hex().upper()

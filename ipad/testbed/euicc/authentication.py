"""AuthenticateServer, PrepareDownload and CancelSession (SGP.22 5.7.13, 5.7.5, 5.7.14; SGP.32 5.9)."""

from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ipad.asn1 import certificate_der, decode, encode, member, wrap
from ipad.testbed import chain, pki, scp03t

from . import keys
from .es10_info import euicc_info2
from .isdr import Function, Isdr
from .session import Session
from .state import OneTimeKey

INVALID_CERTIFICATE, INVALID_SIGNATURE, UNSUPPORTED_CURVE, NO_SESSION_CONTEXT = 1, 2, 3, 4
"""AuthenticateErrorCode and DownloadErrorCode."""
INVALID_OID, EUICC_CHALLENGE_MISMATCH, CI_PK_UNKNOWN = 5, 6, 7
"""AuthenticateErrorCode."""
INVALID_TRANSACTION_ID = 5
"""DownloadErrorCode and CancelSessionResponse."""
UNDEFINED_ERROR = 127


class Rejected(Exception):
    """The function ends with an error code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


def authenticate_server(isdr: Isdr, command: bytes) -> bytes:
    """AuthenticateServer (BF38). A challenge is good for one attempt, however that ends."""
    request = decode("AuthenticateServerRequest", command)
    challenge, isdr.challenge, isdr.session = isdr.challenge, None, None
    try:
        server = _authenticated(isdr, command, request, challenge)
    except Rejected as rejected:
        return _refusal(0xBF38, request["serverSigned1"]["transactionId"], rejected)
    signed1 = wrap(
        0x30,
        *(member(command, 0xBF38, 0x30, tag) for tag in (0x80, 0x83, 0x84)),
        encode("EUICCInfo2", euicc_info2(isdr)),
        member(command, 0xBF38, 0xA0),
    )
    signature1 = isdr.keys.sign(signed1)
    isdr.session = Session(
        transaction_id=request["serverSigned1"]["transactionId"],
        server=server,
        server_address=request["serverSigned1"]["serverAddress"],
        euicc_signature1=signature1,
    )
    own = isdr.keys.euicc_certificate, isdr.keys.eum_certificate
    return wrap(0xBF38, wrap(0xA0, signed1, signature1, *own))


def _authenticated(
    isdr: Isdr, command: bytes, request: dict[str, Any], challenge: bytes | None
) -> chain.Server:
    if isdr.state.ecall_active():
        raise Rejected(UNDEFINED_ERROR)
    if challenge is None:
        raise Rejected(NO_SESSION_CONTEXT)
    if request["euiccCiPKIdToBeUsed"] != isdr.keys.ci_key_id:
        raise Rejected(CI_PK_UNKNOWN)
    roles = (pki.ROLE_DP_AUTH, pki.ROLE_DS_AUTH)
    server = _certified(isdr, request["serverCertificate"], roles)
    if not keys.verify(server.key, request["serverSignature1"], member(command, 0xBF38, 0x30)):
        raise Rejected(INVALID_SIGNATURE)
    if request["serverSigned1"]["euiccChallenge"] != challenge:
        raise Rejected(EUICC_CHALLENGE_MISMATCH)
    return server


def _certified(isdr: Isdr, certificate: dict[str, bytes], roles: tuple[str, ...]) -> chain.Server:
    """The certificate checked up to the CI; its dates are not, since a card has no clock."""
    try:
        server = chain.load(certificate_der(certificate))
        return chain.verify_server(isdr.keys.ci, server, roles, now=None)
    except chain.UnsupportedCurve as error:
        raise Rejected(UNSUPPORTED_CURVE) from error
    except chain.WrongRole as error:
        raise Rejected(INVALID_OID) from error
    except chain.NotTrusted as error:
        raise Rejected(INVALID_CERTIFICATE) from error


def prepare_download(isdr: Isdr, command: bytes) -> bytes:
    """PrepareDownload (BF21): the one-time key, signed. A refused one ends the session."""
    request = decode("PrepareDownloadRequest", command)
    session, isdr.session = isdr.session, None
    try:
        if session is None or isdr.state.ecall_active():
            raise Rejected(UNDEFINED_ERROR if session else NO_SESSION_CONTEXT)
        session.binding = _download_server(isdr, session, command, request)
        wanted = request["smdpSigned2"].get("bppEuiccOtpk")
        session.one_time_key = _one_time_key(isdr, session.binding, wanted)
        signed2 = wrap(
            0x30,
            wrap(0x80, session.transaction_id),
            wrap(0x5F49, scp03t.public_point(session.one_time_key)),
            *_hash_cc(request),
        )
    except Rejected as rejected:
        return _refusal(0xBF21, request["smdpSigned2"]["transactionId"], rejected)
    session.loading = None
    isdr.session = session
    return wrap(0xBF21, wrap(0xA0, signed2, isdr.keys.sign(signed2 + member(command, 0xBF21, 0x5F37))))


def _download_server(isdr: Isdr, session: Session, command: bytes, request: dict[str, Any]) -> chain.Server:
    if request["smdpSigned2"]["transactionId"] != session.transaction_id:
        raise Rejected(INVALID_TRANSACTION_ID)
    try:
        server = _certified(isdr, request["smdpCertificate"], (pki.ROLE_DP_PB,))
    except Rejected as rejected:
        if rejected.code == INVALID_OID:  # DownloadErrorCode has no name of its own for a wrong role
            raise Rejected(INVALID_CERTIFICATE) from rejected
        raise
    if session.server.role != pki.ROLE_DP_AUTH or server.oid != session.server.oid:
        raise Rejected(INVALID_CERTIFICATE)
    signed = member(command, 0xBF21, 0x30) + session.euicc_signature1
    if not keys.verify(server.key, request["smdpSignature2"], signed):
        raise Rejected(INVALID_SIGNATURE)
    return server


def _hash_cc(request: dict[str, Any]) -> list[bytes]:
    """The hashed confirmation code, if the SM-DP+ wants one."""
    if not request["smdpSigned2"]["ccRequiredFlag"]:
        return []
    if "hashCc" not in request:
        raise Rejected(UNDEFINED_ERROR)
    return [wrap(0x04, request["hashCc"])]


def _one_time_key(isdr: Isdr, server: chain.Server, wanted: bytes | None) -> ec.EllipticCurvePrivateKey:
    """The key that this SM-DP+ has bound a package to already, if it is still there; a new one if not."""
    kept = isdr.state.one_time_key
    if kept and wanted and kept.smdp_oid == server.oid and bytes.fromhex(kept.public) == wanted:
        key = serialization.load_der_private_key(bytes.fromhex(kept.private), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key
    new = scp03t.generate(server.key.curve)
    der, pkcs8 = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    private = new.private_bytes(der, pkcs8, serialization.NoEncryption())
    isdr.state.one_time_key = OneTimeKey(scp03t.public_point(new).hex(), private.hex(), server.oid)
    return new


def cancel_session(isdr: Isdr, command: bytes) -> bytes:
    """CancelSession (BF41): ends the session and whatever has been loaded in it."""
    request = decode("CancelSessionRequest", command)
    session = isdr.session
    if session is None or session.transaction_id != request["transactionId"]:
        return wrap(0xBF41, wrap(0x81, bytes([INVALID_TRANSACTION_ID])))
    isdr.session = None
    signed = encode(
        "EuiccCancelSessionSigned",
        {
            "transactionId": session.transaction_id,
            "smdpOid": session.server.oid,
            "reason": request["reason"],
        },
    )
    return wrap(0xBF41, wrap(0xA0, signed, isdr.keys.sign(signed)))


def _refusal(tag: int, transaction_id: bytes, rejected: Rejected) -> bytes:
    return wrap(tag, wrap(0xA1, wrap(0x80, transaction_id), wrap(0x02, bytes([rejected.code]))))


FUNCTIONS: dict[int, Function] = {
    0xBF38: authenticate_server,
    0xBF21: prepare_download,
    0xBF41: cancel_session,
}

"""Downloads through the eIM (SGP.32 3.2.3.2, 5.14.1 to 5.14.4): ESipa's functions, relayed to an SM-DP+.

What the standard makes the eIM's to check is checked here: the order behind eimTransactionId, the SM-DP+'s
address and OID, the EID, the profile's policy rules, its metadata. Compact forms are rebuilt and their
signature is verified before the SM-DP+ sees them; of full ones that is the SM-DP+'s to do.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ipad.asn1 import decode, find, member, tlvs, value, wrap
from ipad.errors import ConfigError
from ipad.testbed import chain, pki
from ipad.testbed.eim import expand
from ipad.testbed.eim.eim import Answer, Eim
from ipad.testbed.eim.euicc_data import DEVICE_INFO, EUICC_INFO1, EUICC_INFO2, IPA_CAPABILITIES, RAT
from ipad.testbed.eim.operations import Wanted, wanted_of
from ipad.testbed.eim.records import FAILED, SENT, Package, Session
from ipad.testbed.signature import verify
from ipad.testbed.smdp import SmdpRefused
from ipad.testbed.smdp.functions import Es9

_METADATA_VERIFICATION, _MINIMIZE = 4, 5
"""Bits of ipaFeatures: eimProfileMetadataVerification, minimizeEsipaBytes."""
_UNDEFINED_ERROR = ("undefinedError", 127)
_ADDRESS_MISMATCH = ("smdpAddressMismatch", 50)
_OID_MISMATCH = ("smdpOidMismatch", 51)
_NO_SUCH_ORDER = ("invalidEimTransactionId", 52)
_EUICC_CERTIFICATE = ("euiccCertificateInvalid", 3)
_SIGNATURE_OF_AUTHENTICATION = ("euiccSignatureInvalid", 5)
_EID_MISMATCH = ("eidMismatch", 7)
_PPR_NOT_ALLOWED = ("pprNotAllowed", 50)
_SIGNATURE_OF_DOWNLOAD = ("euiccSignatureInvalid", 1)
_METADATA_MISMATCH = ("metadataMismatch", 50)
_SIGNATURE_OF_CANCELLATION = ("euiccSignatureInvalid", 2)

_COME_BACK = (1, 2)
"""CancelSessionReason postponed and timeout: the order stays."""
_MAC_OCTETS = 8


@dataclass(frozen=True, slots=True)
class _Function:
    carry_out: Callable[[Eim, Es9, bytes], Answer]
    tag: int
    error_tag: int
    """Of the arm of the answer that holds an error."""
    no_session: int
    """invalidTransactionId."""


class _Refusal(Exception):
    """One of the function's named errors."""

    def __init__(self, named: tuple[str, int], reason: str, eid: str | None = None) -> None:
        self.name, self.code = named
        self.eid = eid
        super().__init__(reason)


class _NoSession(Exception):
    """No session has this transactionId."""


def carry_out(eim: Eim, smdp: Es9, function: str, message: bytes) -> Answer:
    """One of the four functions. Every failure is one of the standard's named errors."""
    how = FUNCTIONS[function]
    try:
        return how.carry_out(eim, smdp, message)
    except _Refusal as refusal:
        return _error(how, refusal.name, refusal.code, str(refusal), refusal.eid)
    except _NoSession as error:
        return _error(how, "invalidTransactionId", how.no_session, str(error))
    except SmdpRefused as refused:
        return _error(how, refused.name, refused.code, f"the SM-DP+: {refused}")
    except expand.Missing as missing:
        return _error(how, *_UNDEFINED_ERROR, f"not known: {missing}")
    except chain.NotTrusted as error:
        return _error(how, *_UNDEFINED_ERROR, str(error))


def _error(how: _Function, name: str, code: int, reason: str, eid: str | None = None) -> Answer:
    octets = wrap(how.tag, wrap(how.error_tag, bytes([code])))
    return Answer(octets, eid, {"answer": name, "reason": reason}, refused=True)


# InitiateAuthentication


def _initiate(eim: Eim, smdp: Es9, message: bytes) -> Answer:
    request = decode("InitiateAuthenticationRequestEsipa", message)
    package = _ordered(eim, request)
    eid = package.eid if package else None
    wanted = wanted_of(package.request) if package else Wanted()
    address = request.get("smdpAddress") or wanted.address or smdp.address
    if wanted.address not in (None, address):
        raise _Refusal(_ADDRESS_MISMATCH, f"ordered from {wanted.address}", eid)
    info1 = find(message, 0xBF39, 0xBF20) or _info1(eim, eid)
    initiated = smdp.initiate_authentication(request["euiccChallenge"], address, info1)
    if decode("ServerSigned1", initiated.server_signed1)["serverAddress"] != address:
        raise _Refusal(_ADDRESS_MISMATCH, "the SM-DP+ signed another address", eid)
    certificate = chain.load(initiated.certificate)
    server = chain.verify_server(eim.identity.ci, certificate, (pki.ROLE_DP_AUTH,), datetime.now(UTC))
    if wanted.oid not in (None, server.oid):
        raise _Refusal(_OID_MISMATCH, f"ordered from {wanted.oid}, this is {server.oid}", eid)
    context = _ctx_params1(eim, eid, wanted)
    parts = {"server_signed1": initiated.server_signed1, "oid": server.oid.encode(), "ctx_params1": context}
    session = Session(initiated.transaction_id, eid, package.id if package else None, parts)
    eim.records.open_session(session)
    matching_id = wanted.matching_id if not context else None
    octets = wrap(
        0xBF39,
        wrap(
            0xA0,
            _transaction(eim, session),
            initiated.server_signed1,
            initiated.server_signature1,
            wrap(0x04, initiated.ci_pk_id),
            initiated.certificate,
            b"" if matching_id is None else wrap(0x0C, matching_id.encode()),
            wrap(0xA2, context) if context else b"",
        ),
    )
    told = {"answer": "ok", "smdpAddress": address, "package": session.package, "ctxParams1": bool(context)}
    return Answer(octets, eid, told)


def _ordered(eim: Eim, request: dict[str, Any]) -> Package | None:
    """The order behind a request; None: the IPA began by itself, with an address of its own."""
    transaction = request.get("eimTransactionId")
    if transaction is None:
        if "smdpAddress" in request:
            return None
        raise _Refusal(_NO_SUCH_ORDER, "neither eimTransactionId nor smdpAddress")
    package = eim.records.triggered(transaction)
    if package is None or package.state != SENT:
        raise _Refusal(_NO_SUCH_ORDER, f"no download with {transaction.hex().upper()} is out")
    return package


def _info1(eim: Eim, eid: str | None) -> bytes:
    """The card's EUICCInfo1 from what is remembered of it; EUICCInfo2 has all of its members."""
    info1 = eim.records.remembered(eid, EUICC_INFO1) if eid else None
    if info1 is not None:
        return info1
    info2 = expand.known(eim.records.remembered(eid, EUICC_INFO2) if eid else None, "EUICCInfo1")
    return wrap(0xBF20, *(member(info2, 0xBF22, tag) for tag in (0x82, 0xA9, 0xAA)))


def _ctx_params1(eim: Eim, eid: str | None, wanted: Wanted) -> bytes:
    """ctxParams1 of the eIM's making, if that was ordered and the DeviceInfo is known; else nothing."""
    device = eim.records.remembered(eid, DEVICE_INFO) if eid and wanted.ctx_params else None
    if device is None:
        return b""
    matching_id = wrap(0x80, wanted.matching_id.encode()) if wanted.matching_id else b""
    return wrap(0xA0, matching_id, wrap(0xA1, value(device)))


# AuthenticateClient


def _authenticate(eim: Eim, smdp: Es9, message: bytes) -> Answer:
    session = _session(eim, message)
    response = member(message, 0xBF3B, 0xBF38)
    if find(response, 0xBF38, 0xA2) is not None:
        response = _whole_authentication(eim, session, response)
    certificates = _certificates(response)
    eid = _eid(certificates) or session.eid
    if session.eid not in (None, eid):
        raise _Refusal(_EID_MISMATCH, "the download was ordered for another eUICC", session.eid)
    authenticated = smdp.authenticate_client(session.transaction, response)
    if eid is not None:
        eim.records.remember(eid, EUICC_INFO2, member(response, 0xBF38, 0xA0, 0x30, 0xBF22))
    verifies = _capable(eim, eid, _METADATA_VERIFICATION)
    if verifies and not _ppr_allowed(eim, eid, authenticated.metadata):
        raise _Refusal(_PPR_NOT_ALLOWED, "the eUICC's RAT does not allow the profile's policy rules", eid)
    hash_cc = _hash_cc(eim, session)
    session = eim.records.extend_session(
        session,
        eid,
        {
            "euicc": certificates[0],
            "eum": certificates[1],
            "metadata": authenticated.metadata,
            "smdp_signed2": authenticated.smdp_signed2,
            "smdp_signature2": authenticated.smdp_signature2,
            "hash_cc": hash_cc,
        },
    )
    octets = wrap(
        0xBF3B,
        wrap(
            0xA0,
            _transaction(eim, session),
            b"" if verifies and _capable(eim, eid, _MINIMIZE) else authenticated.metadata,
            authenticated.smdp_signed2,
            authenticated.smdp_signature2,
            authenticated.certificate,
            hash_cc,
        ),
    )
    return Answer(octets, eid, {"answer": "ok", "package": session.package})


def _whole_authentication(eim: Eim, session: Session, response: bytes) -> bytes:
    """Rebuilt, and verified."""
    known = eim.records.euicc(session.eid) if session.eid else None
    whole = expand.authenticate_server_response(
        response,
        server_signed1=session.parts["server_signed1"],
        info2=eim.records.remembered(session.eid, EUICC_INFO2) if session.eid else None,
        ctx_params1=session.parts["ctx_params1"],
        euicc=known.euicc if known else None,
        eum=known.eum if known else None,
    )
    euicc, _ = _certificates(whole)
    if known and known.euicc and euicc != known.euicc:
        raise _Refusal(_EUICC_CERTIFICATE, "not the registered certificate", session.eid)
    if not _signed(whole, 0xBF38, euicc):
        raise _Refusal(_SIGNATURE_OF_AUTHENTICATION, "the rebuilt euiccSigned1 does not verify", session.eid)
    return whole


def _certificates(response: bytes) -> tuple[bytes, bytes]:
    """The eUICC's and the EUM's, behind euiccSigned1; empty in an error."""
    arm = find(response, 0xBF38, 0xA0)
    if arm is None:
        return b"", b""
    _, euicc, eum = (tlv for tag, tlv in tlvs(value(arm)) if tag == 0x30)
    return euicc, eum


def _eid(certificates: tuple[bytes, bytes]) -> str | None:
    """As the certificate says it; what that is worth is the SM-DP+'s to verify."""
    try:
        return pki.eid_of(chain.load(certificates[0]))
    except (chain.NotTrusted, ConfigError):
        return None


def _ppr_allowed(eim: Eim, eid: str | None, metadata: bytes) -> bool:
    """Whether each policy rule of the profile is in a line of the RAT (SGP.22 2.9.2.1) that needs no consent.

    The operator's identity in a line is not looked at: this eIM serves all operators alike.
    """
    rules = find(metadata, 0xBF25, 0x99)
    if rules is None or not any(_bits(value(rules))[1:]):
        return True
    rat = eim.records.remembered(eid, RAT) if eid else None
    lines = [] if rat is None else decode("RulesAuthorisationTable", rat)
    allowed: set[int] = set()
    for line in lines:
        octets, count = line["pprIds"]
        consent = line["pprFlags"][0][:1] >= b"\x80"
        if not consent:
            allowed |= {bit for bit, is_set in enumerate(_flags(octets)[:count]) if is_set}
    return {bit for bit, is_set in enumerate(_bits(value(rules))) if is_set and bit} <= allowed


def _bits(content: bytes) -> list[bool]:
    """Of a BIT STRING's contents: without the octet that counts unused bits."""
    return _flags(content[1:])


def _flags(octets: bytes) -> list[bool]:
    return [bool(octet & 0x80 >> bit) for octet in octets for bit in range(8)]


def _hash_cc(eim: Eim, session: Session) -> bytes:
    """hashCc (SGP.22 4.1) of the order's confirmation code; nothing without one."""
    package = eim.records.package(session.package) if session.package else None
    code = wanted_of(package.request).confirmation_code if package else None
    if code is None:
        return b""
    inner = hashlib.sha256(code.encode()).digest()
    return wrap(0x04, hashlib.sha256(inner + session.transaction).digest())


# GetBoundProfilePackage


def _get_bound_profile_package(eim: Eim, smdp: Es9, message: bytes) -> Answer:
    session = _session(eim, message)
    response = member(message, 0xBF3A, 0xBF21)
    if "smdp_signature2" not in session.parts:
        raise _NoSession("the client has not been authenticated")
    if find(response, 0xBF21, 0xA2) is not None:
        response = _whole_preparation(session, response)
    bound = smdp.get_bound_profile_package(session.transaction, response)
    if _stored_metadata(bound) != session.parts["metadata"]:
        raise _Refusal(_METADATA_MISMATCH, "StoreMetadata is not what was announced", session.eid)
    octets = wrap(0xBF3A, wrap(0xA0, _transaction(eim, session), bound))
    return Answer(octets, session.eid, {"answer": "ok", "package": session.package})


def _whole_preparation(session: Session, response: bytes) -> bytes:
    whole = expand.prepare_download_response(
        response,
        transaction=session.transaction,
        otpk=find(session.parts["smdp_signed2"], 0x30, 0x5F49),
        hash_cc=session.parts["hash_cc"],
    )
    if not _signed(whole, 0xBF21, session.parts["euicc"], session.parts["smdp_signature2"]):
        raise _Refusal(_SIGNATURE_OF_DOWNLOAD, "the rebuilt euiccSigned2 does not verify", session.eid)
    return whole


def _stored_metadata(bound: bytes) -> bytes:
    """StoreMetadataRequest in a BoundProfilePackage: MAC'd and not encrypted (SGP.22 2.5.5)."""
    segments = (value(tlv) for _, tlv in tlvs(value(member(bound, 0xBF36, 0xA1))))
    return b"".join(segment[:-_MAC_OCTETS] for segment in segments)


# CancelSession


def _cancel(eim: Eim, smdp: Es9, message: bytes) -> Answer:
    session = _session(eim, message)
    response = wrap(0xBF41, value(member(message, 0xBF41, 0xA1)))
    if find(response, 0xBF41, 0xA2) is not None:
        response = _whole_cancellation(eim, session, response)
    smdp.cancel_session(session.transaction, response)
    eim.records.close_session(session.transaction)
    reason = find(response, 0xBF41, 0xA0, 0x30, 0x82)
    code = None if reason is None else int.from_bytes(value(reason))
    package = eim.records.package(session.package) if session.package else None
    if package is not None and package.state == SENT and code not in _COME_BACK:
        eim.records.end(package.id, FAILED, {"cancelSessionReason": code})
    summary = {"answer": "ok", "package": session.package, "reason": code}
    return Answer(wrap(0xBF41, wrap(0xA0)), session.eid, summary)


def _whole_cancellation(eim: Eim, session: Session, response: bytes) -> bytes:
    known = eim.records.euicc(session.eid) if session.eid else None
    registered = known.euicc if known else None
    certificate = expand.known(session.parts.get("euicc") or registered, "the eUICC's certificate")
    oid = session.parts["oid"].decode()
    for whole in expand.cancel_session_responses(response, transaction=session.transaction, oid=oid):
        if _signed(whole, 0xBF41, certificate):
            return whole
    raise _Refusal(_SIGNATURE_OF_CANCELLATION, "the rebuilt response does not verify", session.eid)


# all of them


def _session(eim: Eim, message: bytes) -> Session:
    (tag, _), *_rest = tlvs(message)
    transaction = value(member(message, tag, 0x80))
    session = eim.records.session(transaction)
    if session is None:
        raise _NoSession(f"no session {transaction.hex().upper()}")
    return session


def _transaction(eim: Eim, session: Session) -> bytes:
    """transactionId, for an IPA that does not read it from what the SM-DP+ signed."""
    if _capable(eim, session.eid, _MINIMIZE):
        return b""
    return wrap(0x80, session.transaction)


def _capable(eim: Eim, eid: str | None, feature: int) -> bool:
    """Whether the IPA has said that it has this bit of ipaFeatures."""
    capabilities = eim.records.remembered(eid, IPA_CAPABILITIES) if eid else None
    if capabilities is None:
        return False
    octets, count = decode("IpaCapabilities", wrap(0x30, value(capabilities)))["ipaFeatures"]
    return feature < count and _flags(octets)[feature]


def _signed(whole: bytes, tag: int, certificate: bytes, behind: bytes = b"") -> bool:
    """Whether the certificate's key verifies the signed data of an OK arm; `behind`: what follows it."""
    key = chain.public_key(chain.load(certificate))
    signature = value(member(whole, tag, 0xA0, 0x5F37))
    return verify(key, signature, member(whole, tag, 0xA0, 0x30) + behind)


FUNCTIONS = {
    "InitiateAuthentication": _Function(_initiate, 0xBF39, 0x81, _UNDEFINED_ERROR[1]),
    "AuthenticateClient": _Function(_authenticate, 0xBF3B, 0x82, 10),
    "GetBoundProfilePackage": _Function(_get_bound_profile_package, 0xBF3A, 0x81, 95),
    "CancelSession": _Function(_cancel, 0xBF41, 0x81, 1),
}

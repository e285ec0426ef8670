"""Compact forms of what the card signed, for links that cost by the octet (minimizeEsipaBytes, SGP.32 6.3.2).

A compact form leaves out what the eIM knows, and keeps the signature over the whole: so the eIM must be
able to put it together again octet for octet. What it must know for that:

- any: the card's EUM and eUICC certificates, of the CI that signed (euiccCiPKIdentifierToBeUsed).
- AuthenticateServerResponse: serverSigned1 of the session (transactionId, serverAddress, serverChallenge)
  and EUICCInfo2 of the card, in which extCardResource alone is new each time and therefore sent. Without
  ctxParams1 in it, those that the eIM itself sent with InitiateAuthentication.
- PrepareDownloadResponse: the transactionId. Without euiccOtpk, that is smdpSigned2's bppEuiccOtpk; without
  hashCc, the one that the eIM itself sent with AuthenticateClient, if it sent one.
- CancelSessionResponse: the transactionId, and smdpOid from the server's certificate. The reason is sent.
- ProfileInstallationResult: by transactionId the server's address (notificationAddress), its OID and the
  profile's ICCID, which is part of the metadata unless iccidPresent is FALSE; the operation is install; the
  AID is that of an ISD-P (SGP.02 annex H), of which octets 14 and 15 are sent; simaResponse, where it is
  left out, is the nine octets of a success.
- OtherSignedNotification: nothing but the certificates; eidValue is sent.

Everything here gives the full form back where the rest would not follow from that: nothing is lost by
asking. Certificates and EUICCInfo2 are what `minimize` in the configuration promises the eIM to have.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Concatenate, ParamSpec

from ipad import asn1
from ipad.errors import DecodeError
from ipad.esipa.model import AuthenticateClientOkDp, InitiateAuthenticationOk

P = ParamSpec("P")

_ISD_P = bytes.fromhex("A0000005591010FFFFFFFF8900"), b"\x00"
"""What stands before and after the two octets of an ISD-P's AID in which they differ."""
_SIMA_SUCCESS = bytes.fromhex("3007A0053003800100")
_MAC = 8
"""Octets at the end of a segment."""
_INSTALL = bytes.fromhex("81020780")
_NO_ICCID = bytes.fromhex("010100")


@dataclass(frozen=True, slots=True)
class Session:
    """What this eIM has said in a download that goes through it."""

    server: InitiateAuthenticationOk
    profile: AuthenticateClientOkDp | None = None
    iccid: bytes | None = None
    """The profile's (5A…)."""

    def offered(self, profile: AuthenticateClientOkDp) -> "Session":
        """After AuthenticateClient."""
        metadata = profile.metadata
        return replace(self, profile=profile, iccid=metadata and asn1.find(metadata, 0xBF25, 0x5A))

    def bound(self, package: bytes) -> "Session":
        """After GetBoundProfilePackage: metadata that the eIM kept to itself are in its package (BF36…)."""
        return self if self.iccid else replace(self, iccid=_iccid_in(package))


class _Kept(DecodeError):
    """The eIM could not put this together again."""


def _or_full(shorten: Callable[Concatenate[bytes, P], bytes]) -> Callable[Concatenate[bytes, P], bytes]:
    @wraps(shorten)
    def attempt(full: bytes, /, *args: P.args, **kwargs: P.kwargs) -> bytes:
        try:
            return shorten(full, *args, **kwargs)
        except DecodeError:
            return full

    return attempt


@_or_full
def authenticate_server_response(full: bytes, session: Session | None) -> bytes:
    """AuthenticateServerResponse (BF38…) with compactAuthenticateResponseOk."""
    server = _of(session).server
    (ok,) = _parts(full, 0xBF38, 0xA0)
    signed, signature, _euicc, _eum = _parts(ok, 0xA0, 0x30, 0x5F37, 0x30, 0x30)
    *said, info2, ctx_params1 = _parts(signed, 0x30, 0x80, 0x83, 0x84, 0xBF22, 0xA0)
    _same(said, [asn1.member(server.server_signed1, 0x30, tag) for tag in (0x80, 0x83, 0x84)])
    told = b"" if ctx_params1 == server.ctx_params1 else asn1.wrap(0xA2, ctx_params1)
    compact = asn1.wrap(0xA0, asn1.member(info2, 0xBF22, 0x84), told)
    return asn1.wrap(0xBF38, asn1.wrap(0xA2, compact, signature))


@_or_full
def prepare_download_response(full: bytes, session: Session | None) -> bytes:
    """PrepareDownloadResponse (BF21…) with compactDownloadResponseOk."""
    session = _of(session)
    if session.profile is None:
        raise _Kept("no profile was offered")
    (ok,) = _parts(full, 0xBF21, 0xA0)
    signed, signature = _parts(ok, 0xA0, 0x30, 0x5F37)
    transaction, otpk, *hash_cc = _parts(signed, 0x30, 0x80, 0x5F49, 0x04, optional=1)
    _same(transaction, asn1.wrap(0x80, session.server.transaction_id))
    if otpk == asn1.find(session.profile.smdp_signed2, 0x30, 0x5F49):
        otpk = b""
    if session.profile.hash_cc is not None:
        if not hash_cc:
            raise _Kept("the eIM would put its own hashCc in")
        hash_cc = [cc for cc in hash_cc if cc != asn1.wrap(0x04, session.profile.hash_cc)]
    return asn1.wrap(0xBF21, asn1.wrap(0xA2, asn1.wrap(0x30, otpk, *hash_cc), signature))


@_or_full
def cancel_session_response(full: bytes, session: Session | None) -> bytes:
    """CancelSessionResponse (BF41…) with compactCancelSessionResponseOk."""
    server = _of(session).server
    (ok,) = _parts(full, 0xBF41, 0xA0)
    signed, signature = _parts(ok, 0xA0, 0x30, 0x5F37)
    transaction, oid, reason = _parts(signed, 0x30, 0x80, 0x81, 0x82)
    _same(transaction, asn1.wrap(0x80, server.transaction_id))
    _named_in(oid, server.certificate)
    compact = asn1.wrap(0x30, asn1.wrap(0x80, asn1.value(reason)))
    return asn1.wrap(0xBF41, asn1.wrap(0xA2, compact, signature))


@_or_full
def pending_notification(full: bytes, eid: bytes, session: Session | None) -> bytes:
    """PendingNotification: A0… for a ProfileInstallationResult, A1… for an OtherSignedNotification.

    session: the download that the result is of, if it went through this eIM.
    """
    if asn1.find(full, 0xBF37) is not None:
        return _installation_result(full, _of(session))
    tbs, signature, _euicc, _eum = _parts(full, 0x30, 0xBF2F, 0x5F37, 0x30, 0x30)
    return asn1.wrap(0xA1, asn1.wrap(0x5A, eid), tbs, signature)


def _installation_result(full: bytes, session: Session) -> bytes:
    server = session.server
    data, signature = _parts(full, 0xBF37, 0xBF27, 0x5F37)
    transaction, metadata, oid, final = _parts(data, 0xBF27, 0x80, 0xBF2F, 0x06, 0xA2)
    seq, operation, address, *iccid = _parts(metadata, 0xBF2F, 0x80, 0x81, 0x0C, 0x5A, optional=1)
    _same(transaction, asn1.wrap(0x80, server.transaction_id))
    _same(operation, _INSTALL)
    _same(asn1.value(address), asn1.value(asn1.member(server.server_signed1, 0x30, 0x83)))
    _named_in(oid, server.certificate)
    if iccid:
        _same(iccid, [session.iccid])
    data = asn1.wrap(
        0xA0,
        transaction,
        asn1.wrap(0x02, asn1.value(seq)),
        b"" if iccid else _NO_ICCID,
        asn1.wrap(0xA2, _final_result(final)),
    )
    return asn1.wrap(0xA0, data, signature)


def _final_result(final: bytes) -> bytes:
    content = asn1.value(final)
    if asn1.find(content, 0xA0) is None:
        _parts(final, 0xA2, 0xA1)
        return content
    (success,) = _parts(final, 0xA2, 0xA0)
    tlv, sima = _parts(success, 0xA0, 0x4F, 0x04)
    aid, (before, after) = asn1.value(tlv), _ISD_P
    _same([aid[:-3], aid[-1:]], [before, after])
    return asn1.wrap(0xA0, asn1.wrap(0x4F, aid[-3:-1]), b"" if asn1.value(sima) == _SIMA_SUCCESS else sima)


def _iccid_in(package: bytes) -> bytes | None:
    """Of StoreMetadata, which is in the 88s and not encrypted, only with a MAC each (SGP.22 2.5.5)."""
    try:
        segments = asn1.tlvs(asn1.value(asn1.member(package, 0xBF36, 0xA1)))
        return asn1.find(b"".join(asn1.value(tlv)[:-_MAC] for _, tlv in segments), 0xBF25, 0x5A)
    except DecodeError:
        return None  # the card will say so


def _of(session: Session | None) -> Session:
    if session is None:
        raise _Kept("no download goes through this eIM")
    return session


def _parts(tlv: bytes, tag: int, *tags: int, optional: int = 0) -> list[bytes]:
    """The elements in `tlv`, which must have exactly these tags; the last `optional` ones may be missing."""
    content = asn1.value(tlv)
    if asn1.find(tlv, tag) is None:
        raise _Kept(f"not {tag:X}")
    parts = list(asn1.tlvs(content))
    if [found for found, _ in parts] not in [list(tags[: len(tags) - n]) for n in range(optional + 1)]:
        raise _Kept(f"other members in {tag:X} than the standard's")
    return [part for _, part in parts]


def _same(said: object, known: object) -> None:
    if said != known:
        raise _Kept("the eIM knows something else")


def _named_in(oid: bytes, certificate: bytes) -> None:
    """The server's OID is the registeredID of its certificate's subjectAltName."""
    if asn1.wrap(0x88, asn1.value(oid)) not in certificate:
        raise _Kept("the certificate names another server")

"""PendingNotifications: rebuilt where they are compact, verified, counted once (SGP.32 3.7, 6.3.2.4)."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from ipad.asn1 import decode, find, member, tlvs, value
from ipad.testbed import chain
from ipad.testbed.eim import expand
from ipad.testbed.eim.desk import Desk, Refused
from ipad.testbed.eim.readable import readable
from ipad.testbed.eim.records import DONE, FAILED, Euicc, Result, Session
from ipad.testbed.signature import verify
from ipad.testbed.smdp import SmdpRefused


def accepted(take: Callable[[bytes], int | None], items: Iterable[bytes]) -> list[int]:
    """Takes one after the other; the seqNumbers of those that were not refused."""
    numbers = []
    for item in items:
        try:
            number = take(item)
        except Refused:
            continue
        if number is not None:
            numbers.append(number)
    return numbers


def notification(desk: Desk, octets: bytes, euicc: Euicc | None = None) -> int:
    """A PendingNotification, whole TLV. The seqNumber to acknowledge. Refused.

    euicc: whose message it came in, if that said so; a compact form may lean on it.
    """
    tag, _ = next(tlvs(octets))
    return _FORMS[tag](desk, octets, euicc)


def _compact_other(desk: Desk, octets: bytes, euicc: Euicc | None) -> int:
    """A CompactOtherSignedNotification (A1): of an eUICC whose certificates are known."""
    named = find(octets, 0xA1, 0x5A)
    if named is not None:
        owner = desk.records.euicc(value(named).hex().upper())
    else:
        owner = euicc or _signer(desk, octets, 0xA1, 0x5F37, 0xBF2F)
    if owner is None or not owner.euicc:
        unread = Result(None, None, "compactOtherSignedNotification", None, None, None, None, octets)
        desk.refuse(unread, "a compact form of an eUICC whose certificates are not known")
    return _other(desk, expand.other_notification(octets, owner.euicc, owner.eum), owner)


def _other(desk: Desk, octets: bytes, _euicc: Euicc | None) -> int:
    """An OtherSignedNotification: its own certificates say whose it is."""
    name, decoded = decode("PendingNotification", octets)
    metadata = decoded["tbsOtherNotification"]
    euicc_octets, eum_octets = [tlv for tag, tlv in tlvs(value(octets)) if tag == 0x30]
    seq, content = int(metadata["seqNumber"]), readable(metadata)
    try:
        certificate = chain.load(euicc_octets)
        eid = chain.verify(desk.identity.ci, chain.load(eum_octets), certificate, datetime.now(UTC))
    except chain.NotTrusted as error:
        desk.refuse(Result(None, None, name, None, None, seq, content, octets), str(error))
    result = Result(eid, None, name, None, None, seq, content, octets)
    signed = verify(
        chain.public_key(certificate), value(member(octets, 0x30, 0x5F37)), member(octets, 0x30, 0xBF2F)
    )
    desk.check(result, signed, "the signature is not the eUICC's")
    if desk.smdp is not None and metadata["notificationAddress"] == desk.smdp.address:
        pass_on(desk, result, octets)
    desk.accept(result, None, DONE)
    return seq


def _compact_installation(desk: Desk, octets: bytes, euicc: Euicc | None) -> int:
    """A CompactProfileInstallationResult (A0): of a download that went through this eIM."""
    session = desk.records.session(value(member(octets, 0xA0, 0xA0, 0x80)))
    unread = Result(None, None, "compactProfileInstallationResult", None, None, None, None, octets)
    if session is None or "metadata" not in session.parts:
        desk.refuse(unread, "a compact form of a download that did not go through this eIM")
    metadata = session.parts["metadata"]
    server = decode("ServerSigned1", session.parts["server_signed1"])["serverAddress"]
    meant = expand.installation_results(
        octets,
        addresses=[server, *_addresses(metadata)],
        oid=session.parts["oid"].decode(),
        iccid=find(metadata, 0xBF25, 0x5A),
    )
    certificate = session.parts["euicc"]
    signed = (whole for whole in meant if _verifies(certificate, whole, 0xBF37, 0x5F37, 0xBF27))
    whole = next(signed, None)
    if whole is None:
        desk.refuse(unread, "the signature is not the eUICC's, over what was rebuilt")
    return _installation(desk, whole, euicc)


def _addresses(metadata: bytes) -> list[str]:
    """Where the profile's notifications are to go, other than to its SM-DP+."""
    configured = decode("StoreMetadataRequest", metadata).get("notificationConfigurationInfo", [])
    return [each["notificationAddress"] for each in configured]


def _installation(desk: Desk, octets: bytes, _euicc: Euicc | None) -> int:
    """A ProfileInstallationResult: it carries no certificate and no EID; its key shows whose it is."""
    _, decoded = decode("PendingNotification", octets)
    data = decoded["profileInstallationResultData"]
    seq = int(data["notificationMetadata"]["seqNumber"])
    session = desk.records.session(data["transactionId"])
    eid = _installer(desk, session, octets)
    package = desk.records.package(session.package) if session and session.package else None
    result = Result(
        eid=eid,
        package=package.id if package else None,
        kind="profileInstallationResult",
        counter=None,
        transaction=None,
        seq=seq,
        content=readable(data),
        octets=octets,
    )
    desk.check(result, eid is not None, "the signature is no registered eUICC's")
    if session is not None:
        pass_on(desk, result, octets)
    desk.accept(result, package, DONE if data["finalResult"][0] == "successResult" else FAILED)
    return seq


def _installer(desk: Desk, session: Session | None, octets: bytes) -> str | None:
    """The EID of whoever signed: the eUICC of the session, or one that is registered; None: neither."""
    if session is not None and "euicc" in session.parts:
        return session.eid if _verifies(session.parts["euicc"], octets, 0xBF37, 0x5F37, 0xBF27) else None
    signer = _signer(desk, octets, 0xBF37, 0x5F37, 0xBF27)
    return signer.eid if signer else None


def pass_on(desk: Desk, result: Result, octets: bytes) -> None:
    """HandleNotification of ES9+, once. Refused, if the SM-DP+ does not take it."""
    if desk.smdp is None or desk.records.known(result) is not None:
        return
    try:
        desk.smdp.handle_notification(octets)
    except SmdpRefused as refused:
        desk.refuse(result, f"the SM-DP+ does not take it: {refused}")


def check_installation(desk: Desk, result: Result, euicc: Euicc, installed: bytes) -> None:
    """Refuses a result whose ProfileInstallationResult (BF37) this eUICC did not sign."""
    holds = _signed_by(euicc, installed, 0xBF37, 0x5F37, 0xBF27)
    desk.check(result, holds, "the signature is not the eUICC's")


def _signer(desk: Desk, octets: bytes, tag: int, signature: int, data: int) -> Euicc | None:
    """The registered eUICC that signed; None: none of them."""
    signed = (each for each in desk.records.euiccs() if _signed_by(each, octets, tag, signature, data))
    return next(signed, None)


def _signed_by(euicc: Euicc, octets: bytes, tag: int, signature: int, data: int) -> bool:
    """Whether its certificate's key verifies `octets`, which has `signature` over `data` inside `tag`."""
    return bool(euicc.euicc) and _verifies(euicc.euicc, octets, tag, signature, data)


def _verifies(certificate: bytes, octets: bytes, tag: int, signature: int, data: int) -> bool:
    key = chain.public_key(chain.load(certificate))
    return verify(key, value(member(octets, tag, signature)), member(octets, tag, data))


_FORMS: dict[int, Callable[[Desk, bytes, Euicc | None], int]] = {
    0xBF37: _installation,
    0x30: _other,
    0xA0: _compact_installation,
    0xA1: _compact_other,
}

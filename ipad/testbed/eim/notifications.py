"""PendingNotifications: rebuilt where they are compact, verified, counted once (SGP.32 3.7, 6.3.2.5)."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from ipad.asn1 import decode, find, member, tlvs, value
from ipad.testbed import chain
from ipad.testbed.eim import expand
from ipad.testbed.eim.desk import Desk, Refused
from ipad.testbed.eim.readable import readable
from ipad.testbed.eim.records import DONE, Euicc, Result
from ipad.testbed.signature import verify


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
    return {0xBF37: _installation, 0x30: _other, 0xA1: _compact_other}[tag](desk, octets, euicc)


def _compact_other(desk: Desk, octets: bytes, euicc: Euicc | None) -> int:
    """A CompactOtherSignedNotification (A1)."""
    named = find(octets, 0xA1, 0x5A)
    if named is not None:
        euicc = desk.records.euicc(value(named).hex().upper())
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
    desk.accept(result, None, DONE)
    return seq


def _installation(desk: Desk, octets: bytes, _euicc: Euicc | None) -> int:
    """A ProfileInstallationResult: it carries no certificate and no EID; its key shows whose it is."""
    _, decoded = decode("PendingNotification", octets)
    data = decoded["profileInstallationResultData"]
    seq = int(data["notificationMetadata"]["seqNumber"])
    signer = _signer(desk, octets, 0xBF37, 0x5F37, 0xBF27)
    eid = signer.eid if signer else None
    result = Result(eid, None, "profileInstallationResult", None, None, seq, readable(data), octets)
    desk.check(result, signer is not None, "the signature is no registered eUICC's")
    desk.accept(result, None, DONE)
    return seq


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
    if not euicc.euicc:
        return False
    key = chain.public_key(chain.load(euicc.euicc))
    return verify(key, value(member(octets, tag, signature)), member(octets, tag, data))

"""What comes back to the eIM: verified against the card's chain, matched to its package, counted once.

SGP.32 2.11.1, 2.11.2 and 5.14.6. Everything signed is verified as the octets that came.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from ipad.asn1 import decode, member, tlvs, value, wrap
from ipad.testbed import chain
from ipad.testbed.eim.identity import Identity
from ipad.testbed.eim.readable import readable
from ipad.testbed.eim.records import CANCELLED, DONE, FAILED, ROLLED_BACK, Euicc, Package, Records, Result
from ipad.testbed.signature import token_tlv, verify


class Refused(Exception):
    """Something that the eIM does not accept; the message says why. It has been recorded."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where results are handed in."""

    records: Records
    identity: Identity

    def package_result(self, euicc: Euicc, octets: bytes) -> int | None:
        """An EuiccPackageResult (BF51). The seqNumber to acknowledge; None if it has none. Refused."""
        arm, content = next(tlvs(value(octets)))
        return {0xA0: self._signed_result, 0xA1: self._signed_error, 0xA2: self._unsigned_error}[arm](
            euicc, octets, content
        )

    def _signed_result(self, euicc: Euicc, octets: bytes, arm: bytes) -> int | None:
        data, signature = member(arm, 0xA0, 0x30), value(member(arm, 0xA0, 0x5F37))
        decoded = decode("EuiccPackageResultDataSigned", data)
        package = self._package_of(euicc, decoded)
        result = _result(euicc, package, "euiccPackageResult", decoded, octets)
        self._check_card(result, euicc, package, decoded, data, signature)
        rollback = any(name == "rollbackResult" for name, _ in decoded["euiccResult"])
        return self._accept(result, package, ROLLED_BACK if rollback else DONE)

    def _signed_error(self, euicc: Euicc, octets: bytes, arm: bytes) -> int | None:
        data, signature = member(arm, 0xA1, 0x30), value(member(arm, 0xA1, 0x5F37))
        decoded = decode("EuiccPackageErrorDataSigned", data)
        package = self._package_of(euicc, decoded)
        result = _result(euicc, package, "euiccPackageErrorSigned", decoded, octets)
        self._check_card(result, euicc, package, decoded, data, signature)
        return self._accept(result, package, FAILED)

    def _unsigned_error(self, euicc: Euicc, octets: bytes, _arm: bytes) -> None:
        _, decoded = decode("EuiccPackageResult", octets)
        package = self._package_of(euicc, decoded)
        result = _result(euicc, package, "euiccPackageErrorUnsigned", decoded, octets)
        self._check(result, decoded["eimId"] == self.identity.eim_id, "meant for another eIM")
        self._check_handed_out(result, package)
        # Nobody signed it, so it can only end a package that waits, never undo a result.
        self._accept(result, package, FAILED)

    def _check_card(
        self,
        result: Result,
        euicc: Euicc,
        package: Package | None,
        decoded: Any,
        data: bytes,
        signature: bytes,
    ) -> None:
        key = chain.public_key(chain.load(euicc.euicc))
        signed = verify(key, signature, data + token_tlv(euicc.token))
        self._check(result, signed, "the signature is not the eUICC's")
        self._check(result, decoded["eimId"] == self.identity.eim_id, "meant for another eIM")
        known = package is not None and package.counter == decoded["counterValue"]
        self._check(result, known, "no package with this counter and transaction was handed out")

    def package_error(self, euicc: Euicc, octets: bytes) -> None:
        """An EimPackageResultResponseError (A0): the IPA could not even start."""
        decoded = decode("EimPackageResultResponseError", wrap(0x30, value(octets)))
        package = self._package_of(euicc, decoded)
        result = _result(euicc, package, "eimPackageResultResponseError", decoded, octets)
        self._check_handed_out(result, package)
        self._accept(result, package, FAILED)

    def data_response(self, euicc: Euicc, octets: bytes) -> list[int] | None:
        """An IpaEuiccDataResponse (BF52).

        The seqNumbers of what it contained and was accepted; None if it contained nothing that has one.
        """
        name, decoded = decode("IpaEuiccDataResponse", octets)
        package = self._package_of(euicc, decoded)
        result = _result(euicc, package, name, decoded, octets)
        self._check_handed_out(result, package, "data")
        self._accept(result, package, DONE if name == "ipaEuiccData" else FAILED)
        (_, content), *_rest = tlvs(value(octets))
        items = dict(tlvs(value(content))) if name == "ipaEuiccData" else {}
        if 0xA0 not in items and 0xA2 not in items:
            return None
        notifications = [tlv for _, tlv in tlvs(value(items[0xA0]))] if 0xA0 in items else []
        results = [tlv for _, tlv in tlvs(value(items[0xA2]))] if 0xA2 in items else []
        return [
            *self.accepted(lambda tlv: self.package_result(euicc, tlv), results),
            *self.accepted(self.notification, notifications),
        ]

    def trigger_result(self, euicc: Euicc, octets: bytes) -> None:
        """A ProfileDownloadTriggerResult (BF54). What is installed in it is the SM-DP+'s still."""
        decoded = decode("ProfileDownloadTriggerResult", octets)
        package = self._package_of(euicc, decoded)
        result = _result(euicc, package, "profileDownloadTriggerResult", decoded, octets)
        self._check_handed_out(result, package, "download")
        arm, data = decoded["profileDownloadTriggerResultData"]
        state = FAILED
        if arm == "profileInstallationResult":
            installed = member(octets, 0xBF54, 0xBF37)
            self._check(result, _installation_signed(euicc, installed), "the signature is not the eUICC's")
            if data["profileInstallationResultData"]["finalResult"][0] == "successResult":
                state = DONE
        self._accept(result, package, state)

    def notification(self, octets: bytes) -> int:
        """A PendingNotification, whole TLV. The seqNumber to acknowledge. Refused."""
        tag, _ = next(tlvs(octets))
        name, decoded = decode("PendingNotification", octets)
        if tag == 0xBF37:
            return self._installation(octets, decoded)
        if tag != 0x30:
            self._refuse(
                Result(None, None, name, None, None, None, readable(decoded), octets), "compact form"
            )
        metadata = decoded["tbsOtherNotification"]
        euicc_octets, eum_octets = [tlv for tag, tlv in tlvs(value(octets)) if tag == 0x30]
        content = readable(metadata)
        try:
            certificate = chain.load(euicc_octets)
            eid = chain.verify(self.identity.ci, chain.load(eum_octets), certificate, datetime.now(UTC))
        except chain.NotTrusted as error:
            self._refuse(
                Result(None, None, name, None, None, metadata["seqNumber"], content, octets), str(error)
            )
        result = Result(eid, None, name, None, None, metadata["seqNumber"], content, octets)
        signed = verify(
            chain.public_key(certificate), value(member(octets, 0x30, 0x5F37)), member(octets, 0x30, 0xBF2F)
        )
        self._check(result, signed, "the signature is not the eUICC's")
        self._accept(result, None, DONE)
        return int(metadata["seqNumber"])

    def _installation(self, octets: bytes, decoded: Any) -> int:
        data = decoded["profileInstallationResultData"]
        seq = data["notificationMetadata"]["seqNumber"]
        # It carries no certificate and no EID: whose it is shows the key that verifies it.
        signer = next((e for e in self.records.euiccs() if _installation_signed(e, octets)), None)
        eid = signer.eid if signer else None
        result = Result(eid, None, "profileInstallationResult", None, None, seq, readable(data), octets)
        self._check(result, signer is not None, "the signature is no registered eUICC's")
        self._accept(result, None, DONE)
        return int(seq)

    def accepted(self, take: Callable[[bytes], int | None], items: Iterable[bytes]) -> list[int]:
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

    def _package_of(self, euicc: Euicc, decoded: Any) -> Package | None:
        return self.records.sent_package(euicc.eid, decoded.get("eimTransactionId"))

    def _check(self, result: Result, holds: bool, otherwise: str) -> None:
        if not holds:
            self._refuse(result, otherwise)

    def _check_handed_out(self, result: Result, package: Package | None, kind: str | None = None) -> None:
        """A repeated one without a transaction finds no package any more; it is taken again all the same."""
        if package is None:
            self._check(result, self.records.known(result) is not None, "no such package was handed out")
        else:
            self._check(result, kind in (None, package.kind), f"package {package.id} is no {kind} request")

    def _refuse(self, result: Result, reason: str) -> NoReturn:
        self.records.keep(result, refused=reason)
        raise Refused(reason)

    def _accept(self, result: Result, package: Package | None, state: str) -> int | None:
        """Counts it, unless it has been counted before. The result of a rollback supersedes the package's."""
        known = self.records.known(result)
        if known is not None:
            self.records.count(known)
        else:
            self.records.keep(result)
            if package is not None and _supersedes(state, package.state):
                self.records.end(package.id, state, result.content)
        return result.seq


def _result(euicc: Euicc, package: Package | None, kind: str, decoded: Any, octets: bytes) -> Result:
    return Result(
        eid=euicc.eid,
        package=package.id if package else None,
        kind=kind,
        counter=decoded.get("counterValue"),
        transaction=decoded.get("eimTransactionId"),
        seq=decoded.get("seqNumber"),
        content=readable(decoded.get("euiccResult", decoded)),
        octets=octets,
    )


def _supersedes(new: str, old: str) -> bool:
    """Whether a package's state gives way to another.

    A rollback's result replaces the one before it (SGP.32 5.9.16), whichever comes first; what the card
    signed is worth more than an unsigned error.
    """
    if old == DONE:
        return new == ROLLED_BACK
    if old in (FAILED, CANCELLED):
        return new in (DONE, ROLLED_BACK)
    return old != ROLLED_BACK


def _installation_signed(euicc: Euicc, octets: bytes) -> bool:
    """Whether this eUICC signed the ProfileInstallationResult (BF37)."""
    key = chain.public_key(chain.load(euicc.euicc))
    return verify(key, value(member(octets, 0xBF37, 0x5F37)), member(octets, 0xBF37, 0xBF27))

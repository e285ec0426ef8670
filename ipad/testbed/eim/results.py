"""What answers a package: verified, matched, counted once (SGP.32 2.11.1, 2.11.2, 5.14.6).

Everything signed is verified as the octets that came.
"""

from typing import Any

from ipad.asn1 import decode, find, member, tlvs, value, wrap
from ipad.testbed import chain
from ipad.testbed.eim import device_key, euicc_data
from ipad.testbed.eim.desk import Desk, result_of
from ipad.testbed.eim.notifications import accepted, check_installation, notification, pass_on
from ipad.testbed.eim.records import DONE, FAILED, ROLLED_BACK, Euicc, Package, Result
from ipad.testbed.signature import token_tlv, verify


def package_result(desk: Desk, euicc: Euicc, octets: bytes) -> int | None:
    """An EuiccPackageResult (BF51). The seqNumber to acknowledge; None if it has none. Refused."""
    arm, content = next(tlvs(value(octets)))
    return {0xA0: _signed_result, 0xA1: _signed_error, 0xA2: _unsigned_error}[arm](
        desk, euicc, octets, content
    )


def _signed_result(desk: Desk, euicc: Euicc, octets: bytes, arm: bytes) -> int | None:
    data, signature = member(arm, 0xA0, 0x30), value(member(arm, 0xA0, 0x5F37))
    decoded = decode("EuiccPackageResultDataSigned", data)
    package = desk.package_of(euicc, decoded)
    result = result_of(euicc, package, "euiccPackageResult", decoded, octets)
    _check_card(desk, result, euicc, package, decoded, data, signature)
    rollback = any(name == "rollbackResult" for name, _ in decoded["euiccResult"])
    rat = find(data, 0x30, 0x30, 0xA6)
    if rat is not None:
        desk.records.remember(euicc.eid, euicc_data.RAT, wrap(0x30, value(rat)))
    return desk.accept(result, package, ROLLED_BACK if rollback else DONE)


def _signed_error(desk: Desk, euicc: Euicc, octets: bytes, arm: bytes) -> int | None:
    data, signature = member(arm, 0xA1, 0x30), value(member(arm, 0xA1, 0x5F37))
    decoded = decode("EuiccPackageErrorDataSigned", data)
    package = desk.package_of(euicc, decoded)
    result = result_of(euicc, package, "euiccPackageErrorSigned", decoded, octets)
    _check_card(desk, result, euicc, package, decoded, data, signature)
    return desk.accept(result, package, FAILED)


def _unsigned_error(desk: Desk, euicc: Euicc, octets: bytes, _arm: bytes) -> None:
    _, decoded = decode("EuiccPackageResult", octets)
    package = desk.package_of(euicc, decoded)
    result = result_of(euicc, package, "euiccPackageErrorUnsigned", decoded, octets)
    desk.check(result, decoded["eimId"] == desk.identity.eim_id, "meant for another eIM")
    desk.check_handed_out(result, package)
    # Nobody signed it, so it can only end a package that waits, never undo a result.
    desk.accept(result, package, FAILED)


def _check_card(
    desk: Desk,
    result: Result,
    euicc: Euicc,
    package: Package | None,
    decoded: Any,
    data: bytes,
    signature: bytes,
) -> None:
    signed = data + token_tlv(euicc.token)
    if euicc.device_key is not None:
        # A consumer card signs no package result; the agent in front of it does, for this EID only.
        holds = verify(device_key.load(euicc.device_key), signature, signed)
        desk.check(result, holds, "the signature is not that of the device key")
    else:
        holds = bool(euicc.euicc) and verify(chain.public_key(chain.load(euicc.euicc)), signature, signed)
        desk.check(result, holds, "the signature is not the eUICC's, and no device key is known for it")
    desk.check(result, decoded["eimId"] == desk.identity.eim_id, "meant for another eIM")
    known = package is not None and package.counter == decoded["counterValue"]
    desk.check(result, known, "no package with this counter and transaction was handed out")


def result_and_notifications(desk: Desk, euicc: Euicc, octets: bytes) -> list[int]:
    """An ePRAndNotifications (30): the seqNumbers of what was accepted. Refused: the result is not."""
    number = package_result(desk, euicc, member(octets, 0x30, 0xBF51))
    pending = [tlv for _, tlv in tlvs(value(member(octets, 0x30, 0xA0)))]
    return [
        *([] if number is None else [number]),
        *accepted(lambda tlv: notification(desk, tlv, euicc), pending),
    ]


def package_error(desk: Desk, euicc: Euicc, octets: bytes) -> None:
    """An EimPackageResultResponseError (A0): the IPA could not even start."""
    decoded = decode("EimPackageResultResponseError", wrap(0x30, value(octets)))
    package = desk.package_of(euicc, decoded)
    result = result_of(euicc, package, "eimPackageResultResponseError", decoded, octets)
    desk.check_handed_out(result, package)
    desk.accept(result, package, FAILED)


def data_response(desk: Desk, euicc: Euicc, octets: bytes) -> list[int] | None:
    """An IpaEuiccDataResponse (BF52).

    The seqNumbers of what it contained and was accepted; None if it contained nothing that has one.
    """
    name, decoded = decode("IpaEuiccDataResponse", octets)
    package = desk.package_of(euicc, decoded)
    result = result_of(euicc, package, name, decoded, octets)
    desk.check_handed_out(result, package, "data")
    (_, content), *_rest = tlvs(value(octets))
    items = dict(tlvs(value(content))) if name == "ipaEuiccData" else {}
    wrong = euicc_data.contradiction(euicc, items, desk.identity.ci)
    desk.check(result, wrong is None, str(wrong))
    desk.accept(result, package, DONE if name == "ipaEuiccData" else FAILED)
    euicc_data.remember(desk.records, euicc, items)
    if 0xA0 not in items and 0xA2 not in items:
        return None
    pending = [tlv for _, tlv in tlvs(value(items[0xA0]))] if 0xA0 in items else []
    results = [tlv for _, tlv in tlvs(value(items[0xA2]))] if 0xA2 in items else []
    return [
        *accepted(lambda tlv: package_result(desk, euicc, tlv), results),
        *accepted(lambda tlv: notification(desk, tlv, euicc), pending),
    ]


def trigger_result(desk: Desk, euicc: Euicc, octets: bytes) -> None:
    """A ProfileDownloadTriggerResult (BF54).

    The SM-DP+ hears from the eIM only what came through it; of a direct download the IPA tells it.
    """
    decoded = decode("ProfileDownloadTriggerResult", octets)
    package = desk.package_of(euicc, decoded)
    result = result_of(euicc, package, "profileDownloadTriggerResult", decoded, octets)
    desk.check_handed_out(result, package, "download")
    arm, data = decoded["profileDownloadTriggerResultData"]
    state = FAILED
    if arm == "profileInstallationResult":
        installed = member(octets, 0xBF54, 0xBF37)
        check_installation(desk, result, euicc, installed)
        if desk.records.session(data["profileInstallationResultData"]["transactionId"]) is not None:
            pass_on(desk, result, installed)
        if data["profileInstallationResultData"]["finalResult"][0] == "successResult":
            state = DONE
    desk.accept(result, package, state)

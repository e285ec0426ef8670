"""The functions of ESipa (SGP.32 5.14): one message in, one answer out. Knows no HTTP and no binding.

A message is an EsipaMessageFromIpaToEim in DER, whichever binding it came by.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ipad.asn1 import decode, encode, member, tlvs, value
from ipad.errors import DecodeError
from ipad.testbed.eim import download, results
from ipad.testbed.eim.desk import Desk, Refused
from ipad.testbed.eim.eim import Answer, Eim
from ipad.testbed.eim.notifications import notification
from ipad.testbed.eim.odd import standard
from ipad.testbed.eim.packages import hand_out
from ipad.testbed.eim.readable import readable
from ipad.testbed.eim.records import Euicc
from ipad.testbed.eim.shapes import OWN_NUMBER

NO_PACKAGE, EID_NOT_FOUND, MISSING_EID, UNDEFINED_ERROR = 1, 2, 4, 127
"""eimPackageError, provideEimPackageResultError."""

FUNCTIONS = {
    0xBF39: "InitiateAuthentication",
    0xBF3B: "AuthenticateClient",
    0xBF3A: "GetBoundProfilePackage",
    0xBF41: "CancelSession",
    0xBF3D: "HandleNotification",
    0xBF4E: "TransferEimPackage",
    0xBF4F: "GetEimPackage",
    0xBF50: "ProvideEimPackageResult",
}


class NotOffered(Exception):
    """A function of ESipa that this eIM does not have."""


def function_of(message: bytes) -> str:
    """The function's name. DecodeError: the octets do not begin as any does."""
    tag, _ = next(tlvs(message), (0, b""))
    if tag not in FUNCTIONS:
        raise DecodeError(f"no function of ESipa has tag {tag:X}")
    return FUNCTIONS[tag]


def handle(eim: Eim, message: bytes) -> Answer:
    """Carries out one function. DecodeError: not a well-formed message; NotOffered."""
    function = function_of(message)
    if not (function in _HANDLERS or (function in download.FUNCTIONS and eim.smdp)):
        raise NotOffered(function)
    message = standard(message)
    decode("EsipaMessageFromIpaToEim", message)
    with eim.records.transaction():
        if function in _HANDLERS:
            return _HANDLERS[function](eim, message)
        assert eim.smdp is not None
        return download.carry_out(eim, eim.smdp, function, message)


def _get_eim_package(eim: Eim, message: bytes) -> Answer:
    request = decode("GetEimPackageRequest", message)
    eid = request["eidValue"].hex().upper()
    asked = _asked(request)
    euicc = eim.records.euicc(eid)
    if euicc is None:
        octets = encode("GetEimPackageResponse", ("eimPackageError", EID_NOT_FOUND))
        return Answer(octets, eid, asked | {"answer": "eidNotFound"})
    handed = hand_out(eim.records, eim.identity, eim.faults, euicc)
    if handed is None:
        octets = encode("GetEimPackageResponse", ("eimPackageError", NO_PACKAGE))
        return Answer(octets, eid, asked | {"answer": "noEimPackageAvailable"})
    package, octets = handed
    told = {"answer": "package", "package": package.id, "kind": package.kind, "again": package.sent > 0}
    return Answer(octets, eid, asked | told)


def _asked(request: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: readable(member, name) for name, member in request.items() if name != "eidValue"}
    return told | ({"notifyStateChange": True} if "notifyStateChange" in told else {})


def _provide_eim_package_result(eim: Eim, message: bytes) -> Answer:
    decoded = decode("ProvideEimPackageResult", message)
    if "eidValue" not in decoded:
        return _result_error(MISSING_EID, None, {"answer": "missingEid"})
    eid = decoded["eidValue"].hex().upper()
    euicc = eim.records.euicc(eid)
    if euicc is None:
        return _result_error(EID_NOT_FOUND, eid, {"answer": "eidNotFound"})
    (octets,) = (tlv for tag, tlv in tlvs(value(message)) if tag in _ARMS)
    kind, _ = decoded["eimPackageResult"]
    summary: dict[str, Any] = {"kind": kind}
    try:
        numbers = _ARMS[next(tlvs(octets))[0]](Desk(eim.records, eim.identity, eim.smdp), euicc, octets)
    except Refused as refused:
        return _result_error(UNDEFINED_ERROR, eid, summary | {"answer": "refused", "reason": str(refused)})
    if numbers is not None and "own-numbers" in eim.shapes:
        numbers = [*numbers, OWN_NUMBER]
    if numbers is None:
        return Answer(_result_response(("emptyResponse", {})), eid, summary | {"answer": "emptyResponse"})
    acknowledged = _result_response(("eimAcknowledgements", numbers))
    return Answer(acknowledged, eid, summary | {"answer": "eimAcknowledgements", "seqNumbers": numbers})


def _result_response(arm: tuple[str, Any]) -> bytes:
    return encode("ProvideEimPackageResultResponse", arm)


def _result_error(code: int, eid: str | None, summary: Mapping[str, Any]) -> Answer:
    return Answer(_result_response(("provideEimPackageResultError", code)), eid, summary, refused=True)


def _package_result(desk: Desk, euicc: Euicc, octets: bytes) -> list[int] | None:
    number = results.package_result(desk, euicc, octets)
    return None if number is None else [number]


_ARMS: dict[int, Callable[[Desk, Euicc, bytes], list[int] | None]] = {
    0xBF51: _package_result,
    0x30: results.result_and_notifications,
    0xBF52: results.data_response,
    0xBF54: results.trigger_result,
    0xA0: results.package_error,
}
"""EimPackageResult's arms by tag."""


def _handle_notification(eim: Eim, message: bytes) -> Answer:
    arm, decoded = decode("HandleNotificationEsipa", message)
    if arm == "provideEimPackageResult":
        answer = _provide_eim_package_result(eim, member(message, 0xBF3D, 0xBF50))
        return Answer(None, answer.eid, {"arm": arm, **answer.summary}, answer.refused)
    summary = {"arm": arm, "kind": decoded[0], "notification": _metadata(decoded)}
    try:
        notification(Desk(eim.records, eim.identity, eim.smdp), value(member(message, 0xBF3D, 0xA0)))
    except Refused as refused:
        return Answer(None, None, summary | {"answer": "refused", "reason": str(refused)}, refused=True)
    return Answer(None, None, summary | {"answer": "accepted"})


def _metadata(pending: tuple[str, Any]) -> Any:
    match pending:
        case ("otherSignedNotification" | "compactOtherSignedNotification", content):
            return readable(content["tbsOtherNotification"])
        case ("profileInstallationResult", content):
            return readable(content["profileInstallationResultData"]["notificationMetadata"])
    return None


_HANDLERS: dict[str, Callable[[Eim, bytes], Answer]] = {
    "GetEimPackage": _get_eim_package,
    "ProvideEimPackageResult": _provide_eim_package_result,
    "HandleNotification": _handle_notification,
}

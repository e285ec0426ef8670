"""ESipa's JSON binding (SGP.32 6.4): a request to the message's DER, the DER answer to JSON.

The functions know no binding: they get and give EsipaMessage… in DER. ASN.1 objects travel as base64 of
their whole TLV, a few members plainly (6.4.1). Of an answer nothing is decoded that is only passed on.
"""

import json
from collections.abc import Callable, Mapping, Set
from typing import Any

from ipad.asn1 import encode, find, member, tlvs, value, wrap
from ipad.errors import DecodeError
from ipad.testbed.rsp_json import base64_of, hexadecimal, needed, optional, succeeded, transaction_id
from ipad.testbed.rsp_json import failed as failed_with

PREFIX = "/gsma/rsp2/esipa/"
MEDIA_TYPE = "application/json"

INVALID_EID, MISSING_EID, UNDEFINED_ERROR = 3, 4, 127

_EID_DIGITS = 32
_EXECUTION_ERROR = ("8.1", "4.2")
"""Subject and reason of an error that has no pair of its own, undefinedError above all."""


class EidError(Exception):
    """A request whose eidValue is missing or is no EID: `code` is the standard's error for it."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__({INVALID_EID: "invalidEid", MISSING_EID: "missingEid"}[code])


def message(function: str, body: bytes) -> bytes:
    """EsipaMessageFromIpaToEim of a request's body. DecodeError; EidError."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"{function}: not JSON: {error}") from None
    if not isinstance(request, dict):
        raise DecodeError(f"{function}: not a JSON object")
    try:
        return _REQUESTS[function](request)
    except ValueError as error:
        raise DecodeError(f"{function}: {error}") from None


# requests


def _get_eim_package(request: Mapping[str, Any]) -> bytes:
    eid = _eid(request)
    if eid is None:
        raise EidError(MISSING_EID)
    members: dict[str, Any] = {"eidValue": eid}
    if request.get("notifyStateChange") not in (None, False, True):
        raise DecodeError("notifyStateChange: true wanted")
    if request.get("notifyStateChange"):
        members["notifyStateChange"] = None
    if (cause := request.get("stateChangeCause")) is not None:
        if not isinstance(cause, int) or isinstance(cause, bool):
            raise DecodeError("stateChangeCause: a number wanted")
        members["stateChangeCause"] = cause
    if (plmn := optional(request, "rPlmn")) is not None:
        members["rPLMN"] = plmn
    return encode("GetEimPackageRequest", members)


def _provide_eim_package_result(request: Mapping[str, Any]) -> bytes:
    eid = _eid(request)
    return wrap(0xBF50, b"" if eid is None else wrap(0x5A, eid), needed(request, "eimPackageResult"))


def _handle_notification(request: Mapping[str, Any]) -> bytes:
    pending = optional(request, "pendingNotification")
    if pending is not None:
        return wrap(0xBF3D, wrap(0xA0, pending))
    return wrap(0xBF3D, needed(request, "provideEimPackageResult"))


def _initiate_authentication(request: Mapping[str, Any]) -> bytes:
    address = request.get("smdpAddress")
    if not isinstance(address, str | None):
        raise DecodeError("smdpAddress: a text wanted")
    transaction = hexadecimal(request, "eimTransactionId")
    return wrap(
        0xBF39,
        wrap(0x81, needed(request, "euiccChallenge")),
        b"" if address is None else wrap(0x83, address.encode()),
        optional(request, "euiccInfo1") or b"",
        b"" if transaction is None else wrap(0x82, transaction),
    )


def _authenticate_client(request: Mapping[str, Any]) -> bytes:
    return wrap(0xBF3B, _transaction(request), needed(request, "authenticateServerResponse"))


def _get_bound_profile_package(request: Mapping[str, Any]) -> bytes:
    return wrap(0xBF3A, _transaction(request), needed(request, "prepareDownloadResponse"))


def _cancel_session(request: Mapping[str, Any]) -> bytes:
    response = member(needed(request, "cancelSessionResponse"), 0xBF41)
    return wrap(0xBF41, _transaction(request), wrap(0xA1, value(response)))


def _eid(request: Mapping[str, Any]) -> bytes | None:
    eid = request.get("eidValue")
    if eid is None:
        return None
    if not isinstance(eid, str) or len(eid) != _EID_DIGITS or not (eid.isascii() and eid.isdecimal()):
        raise EidError(INVALID_EID)
    return bytes.fromhex(eid)


def _transaction(request: Mapping[str, Any]) -> bytes:
    return wrap(0x80, transaction_id(request))


_REQUESTS: dict[str, Callable[[Mapping[str, Any]], bytes]] = {
    "GetEimPackage": _get_eim_package,
    "ProvideEimPackageResult": _provide_eim_package_result,
    "HandleNotification": _handle_notification,
    "InitiateAuthentication": _initiate_authentication,
    "AuthenticateClient": _authenticate_client,
    "GetBoundProfilePackage": _get_bound_profile_package,
    "CancelSession": _cancel_session,
}
FUNCTIONS = {PREFIX + function[:1].lower() + function[1:]: function for function in _REQUESTS}
"""The functions' names by path."""


# answers


def answer(function: str, octets: bytes, shapes: Set[str] = frozenset()) -> bytes:
    """The JSON of an EsipaMessageFromEimToIpa; `shapes`: see `shapes.SHAPES`."""
    return json.dumps(_ANSWERS[function](octets, shapes)).encode()


def failed(function: str, code: int) -> bytes:
    """The JSON of one of the function's named errors."""
    return json.dumps(_failed(function, code)).encode()


def _failed(function: str, code: int) -> dict[str, Any]:
    subject, reason, name = _CODES[function].get(code, (*_EXECUTION_ERROR, "undefinedError"))
    return failed_with(subject, reason, name)


def _package(octets: bytes, shapes: Set[str]) -> dict[str, Any]:
    tag, package = _inside(octets)
    if tag == 0x02:
        code = int.from_bytes(value(package), "big")
        if code != _NO_PACKAGE or "no-package-header" in shapes:
            return _failed("GetEimPackage", code)
        return succeeded(eimPackageError=code)
    # What is none of the three was ordered as raw octets: it goes out as a package.
    name = _PACKAGES.get(tag, "euiccPackageRequest")
    zero = 0 if "error-zero" in shapes else None
    return succeeded(**{name: base64_of(package)}, eimPackageError=zero)


def _inside(octets: bytes) -> tuple[int, bytes]:
    """The one element in a message; raw octets may be anything."""
    try:
        [(tag, element)] = tlvs(value(octets))
    except (DecodeError, ValueError):
        return 0, octets
    return tag, element


def _acknowledgements(octets: bytes, _shapes: Set[str]) -> dict[str, Any]:
    [(tag, element)] = tlvs(value(octets))
    if tag == 0x02:
        return _failed("ProvideEimPackageResult", int.from_bytes(value(element), "big"))
    if tag == 0x30:
        return succeeded(emptyResponse={})
    return succeeded(eimAcknowledgements=base64_of(element))


def _initiated(octets: bytes, shapes: Set[str]) -> dict[str, Any]:
    [(tag, arm)] = tlvs(value(octets))
    if tag != 0xA0:
        return _failed("InitiateAuthentication", int.from_bytes(value(arm), "big"))
    signed, certificate = _sequences(arm)
    matching_id, context = find(arm, 0xA0, 0x0C), find(arm, 0xA0, 0xA2)
    return succeeded(
        transactionId=_hex_of(arm),
        serverSigned1=base64_of(signed),
        serverSignature1=_signature(arm, 0x5F37, shapes),
        euiccCiPKIdentifierToBeUsed=_signature(arm, 0x04, shapes),
        serverCertificate=base64_of(certificate),
        matchingId=None if matching_id is None else value(matching_id).decode(),
        ctxParams1=None if context is None else base64_of(value(context)),
    )


def _authenticated(octets: bytes, shapes: Set[str]) -> dict[str, Any]:
    [(tag, arm)] = tlvs(value(octets))
    if tag == 0x82:
        return _failed("AuthenticateClient", int.from_bytes(value(arm), "big"))
    if tag == 0xA1:
        trigger = find(arm, 0xA1, 0xBF54)
        return succeeded(
            transactionId=_hex_of(arm), profileDownloadTrigger=None if trigger is None else base64_of(trigger)
        )
    signed, certificate = _sequences(arm)
    metadata, hash_cc = find(arm, 0xA0, 0xBF25), find(arm, 0xA0, 0x04)
    name = "profileMetaData" if "meta-data-name" in shapes else "profileMetadata"
    return succeeded(
        transactionId=_hex_of(arm),
        **{name: None if metadata is None else base64_of(metadata)},
        smdpSigned2=base64_of(signed),
        smdpSignature2=_signature(arm, 0x5F37, shapes),
        smdpCertificate=base64_of(certificate),
        hashCc=None if hash_cc is None else base64_of(hash_cc),
    )


def _bound(octets: bytes, _shapes: Set[str]) -> dict[str, Any]:
    [(tag, arm)] = tlvs(value(octets))
    if tag != 0xA0:
        return _failed("GetBoundProfilePackage", int.from_bytes(value(arm), "big"))
    return succeeded(transactionId=_hex_of(arm), boundProfilePackage=base64_of(member(arm, 0xA0, 0xBF36)))


def _cancelled(octets: bytes, _shapes: Set[str]) -> dict[str, Any]:
    [(tag, arm)] = tlvs(value(octets))
    return succeeded() if tag == 0xA0 else _failed("CancelSession", int.from_bytes(value(arm), "big"))


def _sequences(arm: bytes) -> tuple[bytes, bytes]:
    """The signed data and the certificate: the two 30… of an arm, in this order."""
    first, second = (tlv for tag, tlv in tlvs(value(arm)) if tag == 0x30)
    return first, second


def _hex_of(arm: bytes) -> str | None:
    (tag, _), *_rest = tlvs(arm)
    found = find(arm, tag, 0x80)
    return None if found is None else value(found).hex().upper()


def _signature(arm: bytes, tag: int, shapes: Set[str]) -> str:
    found = member(arm, 0xA0, tag)
    return base64_of(value(found) if "raw-signatures" in shapes else found)


_ANSWERS: dict[str, Callable[[bytes, Set[str]], dict[str, Any]]] = {
    "GetEimPackage": _package,
    "ProvideEimPackageResult": _acknowledgements,
    "InitiateAuthentication": _initiated,
    "AuthenticateClient": _authenticated,
    "GetBoundProfilePackage": _bound,
    "CancelSession": _cancelled,
}

_NO_PACKAGE = 1
_PACKAGES = {
    0xBF51: "euiccPackageRequest",
    0xBF52: "ipaEuiccDataRequest",
    0xBF54: "profileDownloadTriggerRequest",
}

_EID_CODES = {
    2: ("8.1.1", "3.9", "eidNotFound"),
    INVALID_EID: ("8.1.1", "2.1", "invalidEid"),
    MISSING_EID: ("8.1.1", "2.2", "missingEid"),
}
_CODES: dict[str, dict[int, tuple[str, str, str]]] = {
    "GetEimPackage": {_NO_PACKAGE: ("8.1.1", "3.7", "noEimPackageAvailable"), **_EID_CODES},
    "ProvideEimPackageResult": _EID_CODES,
    "InitiateAuthentication": {
        1: ("8.8.1", "3.8", "invalidDpAddress"),
        2: ("8.8.3", "3.1", "euiccVersionNotSupportedByDp"),
        3: ("8.8.4", "3.7", "ciPKIdNotSupported"),
        50: ("8.8.1", "3.10", "smdpAddressMismatch"),
        51: ("8.8", "3.10", "smdpOidMismatch"),
        52: ("8.10.1", "3.9", "invalidEimTransactionId"),
    },
    "AuthenticateClient": {
        1: ("8.1.2", "6.1", "eumCertificateInvalid"),
        2: ("8.1.2", "6.3", "eumCertificateExpired"),
        3: ("8.1.3", "6.1", "euiccCertificateInvalid"),
        4: ("8.1.3", "6.3", "euiccCertificateExpired"),
        5: ("8.1", "6.1", "euiccSignatureInvalid"),
        6: ("8.2.6", "3.8", "matchingIdRefused"),
        7: ("8.1.1", "3.8", "eidMismatch"),
        8: ("8.2.5", "4.3", "noEligibleProfile"),
        9: ("8.11.1", "3.9", "ciPKUnknown"),
        10: ("8.10.1", "3.9", "invalidTransactionId"),
        11: ("8.1", "4.8", "insufficientMemory"),
        50: ("8.2.8", "3.8", "pprNotAllowed"),
        56: ("8.9.5", "3.9", "eventIdUnknown"),
    },
    "GetBoundProfilePackage": {
        1: ("8.1", "6.1", "euiccSignatureInvalid"),
        2: ("8.2.7", "2.2", "confirmationCodeMissing"),
        3: ("8.2.7", "3.8", "confirmationCodeRefused"),
        4: ("8.2.7", "6.4", "confirmationCodeRetriesExceeded"),
        5: ("8.2", "3.7", "bppRebindingRefused"),
        6: ("8.8.5", "4.10", "downloadOrderExpired"),
        50: ("8.2.9", "3.10", "metadataMismatch"),
        95: ("8.10.1", "3.9", "invalidTransactionId"),
    },
    "CancelSession": {
        1: ("8.10.1", "3.9", "invalidTransactionId"),
        2: ("8.1", "6.1", "euiccSignatureInvalid"),
    },
}
"""Of each function's named errors: subject code, reason code (SGP.22 5.2.6), name."""

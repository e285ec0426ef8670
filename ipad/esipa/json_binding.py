"""ESipa's JSON binding (SGP.32 6.4): a path a function, one JSON object in each direction.

What is ASN.1 in the other binding is here the base64 of its whole element, with these exceptions: eidValue
is 32 digits, transaction identifiers are hex, euiccChallenge and rPlmn the base64 of the bare octets, text
and numbers what JSON has for them. Answers have a header that says how it went; HTTP says 200 to both.
"""

import binascii
import json
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import Any, NoReturn

from ipad import asn1
from ipad.errors import DecodeError
from ipad.esipa import answers, package
from ipad.esipa.binding import Call
from ipad.esipa.model import (
    Acknowledged,
    AuthenticateClientOk,
    EimPackage,
    EmptyResponse,
    GetBoundProfilePackageOk,
    InitiateAuthenticationOk,
    Malformed,
    NoPackage,
)
from ipad.esipa.refusal import error_of, refuse, refuse_status

_PACKAGES = ("euiccPackageRequest", "ipaEuiccDataRequest", "profileDownloadTriggerRequest")
_NO_ERROR, _NO_PACKAGE = 0, 1
_SUCCESS = ("Executed-Success", "Executed-WithWarning")
_FAILURE = ("Failed", "Expired")

_MOST_CONTAINERS = 64
"""Objects and lists in an answer, inside one another or not: four are what the standard's have, ..."""
_MOST_COMMAS = 1000
"""... with a dozen members. Each one costs the parser many times its octets."""
_LARGE = 64 * 1024
"""Octets from which on an answer has to be ASCII, as base64 is: other text takes four times its octets."""
_LARGEST_NUMBER = 2**31 - 1
_SIGNATURE, _KEY_ID = 64, 20


@dataclass(frozen=True, slots=True)
class JsonBinding:
    """path: what the function's name is put behind. media_type: the standard's, or an eIM's own."""

    path: str
    media_type: str
    name: str = "json"

    def get_eim_package(
        self, eid: bytes, notify_state_change: bool, cause: int | None, rplmn: bytes | None
    ) -> Call:
        request: dict[str, object] = {"eidValue": eid.hex()}
        if notify_state_change:
            request["notifyStateChange"] = True
        if cause is not None:
            request["stateChangeCause"] = cause
        if rplmn is not None:
            request["rPlmn"] = _base64(rplmn)
        return self._call("GetEimPackage", request)

    def eim_package(self, body: bytes) -> EimPackage:
        answer = _Answer("GetEimPackage", body)
        if answer.error == "noEimPackageAvailable":
            return NoPackage()
        answer.accept()
        code = answer.number("eimPackageError")
        if code == _NO_PACKAGE:
            return NoPackage()
        if code not in (None, _NO_ERROR):
            refuse("GetEimPackage", code)
        names = [name for name in _PACKAGES if answer.has(name)]
        if len(names) > 1 or (not names and not answer.more):
            raise DecodeError(f"{len(names)} packages in the answer")
        if not names:
            return Malformed("the eIM sent a package of a kind that is not known", "unknownPackage")
        try:
            der = answer.element(names[0])
            asn1.value(der)  # one element
            return package.read(der)
        except DecodeError as problem:
            return Malformed(f"the eIM sent a malformed package: {problem}", "invalidPackageFormat")

    def provide_eim_package_result(self, eid: bytes, arm: bytes) -> Call:
        request = {"eidValue": eid.hex(), "eimPackageResult": _base64(arm)}
        return self._call("ProvideEimPackageResult", request)

    def acknowledgement(self, body: bytes) -> Acknowledged | EmptyResponse:
        answer = _Answer("ProvideEimPackageResult", body)
        answer.accept()
        code = answer.number("provideEimPackageResultError")
        if code not in (None, _NO_ERROR):
            refuse("ProvideEimPackageResult", code)
        if answer.has("eimAcknowledgements"):
            acknowledgements = answer.element("eimAcknowledgements")
            return Acknowledged(tuple(asn1.decode("EimAcknowledgements", acknowledgements)))
        if answer.has("emptyResponse") or answer.succeeded:
            return EmptyResponse()
        raise DecodeError("neither eimAcknowledgements nor emptyResponse")

    def handle_notification(self, pending_notification: bytes) -> Call:
        return self._call("HandleNotification", {"pendingNotification": _base64(pending_notification)})

    def handle_result(self, eid: bytes, arm: bytes) -> Call:
        result = asn1.wrap(0xBF50, asn1.wrap(0x5A, eid), arm)
        return self._call("HandleNotification", {"provideEimPackageResult": _base64(result)})

    def taken(self, body: bytes) -> None:
        if body:
            _Answer("HandleNotification", body).accept()

    def initiate_authentication(
        self,
        euicc_challenge: bytes,
        smdp_address: str | None,
        euicc_info1: bytes | None,
        eim_transaction_id: bytes | None,
    ) -> Call:
        request = {"euiccChallenge": _base64(euicc_challenge)}
        if smdp_address is not None:
            request["smdpAddress"] = smdp_address
        if euicc_info1 is not None:
            request["euiccInfo1"] = _base64(euicc_info1)
        if eim_transaction_id is not None:
            request["eimTransactionId"] = _hex(eim_transaction_id)
        return self._call("InitiateAuthentication", request)

    def initiate_authentication_ok(self, body: bytes) -> InitiateAuthenticationOk:
        answer = _Answer("InitiateAuthentication", body)
        answer.accept()
        return answers.initiate_authentication_ok(
            answer.transaction(),
            answer.element("serverSigned1"),
            answer.element("serverSignature1", raw=(0x5F37, _SIGNATURE)),
            answer.element("euiccCiPKIdentifierToBeUsed", raw=(0x04, _KEY_ID)),
            answer.element("serverCertificate"),
            answer.text("matchingId"),
            answer.optional("ctxParams1"),
        )

    def authenticate_client(self, transaction_id: bytes, authenticate_server_response: bytes) -> Call:
        request = {
            "transactionId": _hex(transaction_id),
            "authenticateServerResponse": _base64(authenticate_server_response),
        }
        return self._call("AuthenticateClient", request)

    def authenticate_client_ok(self, body: bytes) -> AuthenticateClientOk:
        answer = _Answer("AuthenticateClient", body)
        answer.accept()
        transaction_id = answer.transaction()
        if not answer.has("smdpSigned2"):
            if transaction_id is None:
                raise DecodeError("neither smdpSigned2 nor transactionId")
            return answers.authenticate_client_ok_ds(
                transaction_id, answer.optional("profileDownloadTrigger")
            )
        # The ASN.1 member is called profileMetaData, the JSON one profileMetadata.
        metadata = "profileMetadata" if answer.has("profileMetadata") else "profileMetaData"
        return answers.authenticate_client_ok_dp(
            transaction_id,
            answer.optional(metadata),
            answer.element("smdpSigned2"),
            answer.element("smdpSignature2", raw=(0x5F37, _SIGNATURE)),
            answer.element("smdpCertificate"),
            answer.optional("hashCc"),
        )

    def get_bound_profile_package(self, transaction_id: bytes, prepare_download_response: bytes) -> Call:
        request = {
            "transactionId": _hex(transaction_id),
            "prepareDownloadResponse": _base64(prepare_download_response),
        }
        return self._call("GetBoundProfilePackage", request)

    def get_bound_profile_package_ok(self, body: bytes) -> GetBoundProfilePackageOk:
        answer = _Answer("GetBoundProfilePackage", body)
        answer.accept()
        return answers.get_bound_profile_package_ok(
            answer.transaction(), answer.element("boundProfilePackage")
        )

    def cancel_session(self, transaction_id: bytes, cancel_session_response: bytes) -> Call:
        request = {
            "transactionId": _hex(transaction_id),
            "cancelSessionResponse": _base64(cancel_session_response),
        }
        return self._call("CancelSession", request)

    def cancel_session_ok(self, body: bytes) -> None:
        answer = _Answer("CancelSession", body)
        answer.accept()
        if not answer.succeeded:
            raise DecodeError("no word of success")

    def _call(self, function: str, request: dict[str, Any]) -> Call:
        path = f"{self.path.rstrip('/')}/{function[0].lower()}{function[1:]}"
        return Call(function, path, self.media_type, json.dumps(request, separators=(",", ":")).encode())


class _Answer:
    """An answer's members; null is as good as absent, and what is not known here does not matter."""

    def __init__(self, function: str, body: bytes) -> None:
        self._function = function
        self._members = _object(_parsed(body), "the answer")
        self.more = bool(self._members.keys() - {"header", "eimPackageError"})
        """There is more than the frame."""
        self._status, self._codes = self._header()

    def _header(self) -> tuple[str | None, tuple[str, str, str] | None]:
        """The status, and subject code, reason code and message of a failure."""
        if not self.has("header"):
            return None, None
        header = _object(self._members["header"], "header")
        execution = _object(header.get("functionExecutionStatus"), "functionExecutionStatus")
        status = _string(execution.get("status"), "status")
        if status in _SUCCESS:
            return status, None
        if status not in _FAILURE:
            raise DecodeError(f"status {status[:40]!r}")
        data = execution.get("statusCodeData")
        code = {} if data is None else _object(data, "statusCodeData")
        subject, reason, message = (
            "" if code.get(name) is None else _string(code[name], name)
            for name in ("subjectCode", "reasonCode", "message")
        )
        return status, (subject, reason, message)

    @property
    def error(self) -> str | None:
        """The standard's name of the failure that the header reports, if it has one."""
        return None if self._codes is None else error_of(self._function, *self._codes[:2])

    @property
    def succeeded(self) -> bool:
        """The header says so."""
        return self._status in _SUCCESS

    def accept(self) -> None:
        """Raises PeerRefused if the header reports a failure."""
        if self._codes is not None:
            refuse_status(self._function, *self._codes)

    def has(self, name: str) -> bool:
        return self._members.get(name) is not None

    def number(self, name: str) -> int | None:
        value = self._members.get(name)
        if value is None:
            return None
        if type(value) is not int or abs(value) > _LARGEST_NUMBER:  # bool is an int in Python
            raise DecodeError(f"{name} is not a number, or not one of the standard's")
        return value

    def text(self, name: str) -> str | None:
        if not self.has(name):
            return None
        text = _string(self._members[name], name)
        if any("\ud800" <= c <= "\udfff" for c in text):
            raise DecodeError(f"{name} has half a character in it")
        return text

    def transaction(self) -> bytes | None:
        text = self.text("transactionId")
        if text is None:
            return None
        if not re.fullmatch("(?:[0-9A-Fa-f]{2}){1,16}", text):
            raise DecodeError("transactionId is not hex of 1 to 16 octets")
        return bytes.fromhex(text)

    def element(self, name: str, raw: tuple[int, int] | None = None) -> bytes:
        """The element in base64 under this name.

        raw: tag and length of one that some eIMs send without its tag.
        """
        octets = _octets(_string(self._members.get(name), name), name)
        if raw is not None and len(octets) == raw[1]:
            return asn1.wrap(raw[0], octets)
        return octets

    def optional(self, name: str) -> bytes | None:
        return self.element(name) if self.has(name) else None


def _parsed(body: bytes) -> object:
    if len(body) > _LARGE and not body.isascii():
        raise DecodeError("the answer has text in it where only base64 should be")
    if body.count(b"{") + body.count(b"[") > _MOST_CONTAINERS or body.count(b",") > _MOST_COMMAS:
        raise DecodeError("the answer is nested too deep, or has too many members")
    try:
        return json.loads(body.decode(), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise DecodeError("the answer is not JSON: no UTF-8") from None
    except ValueError as problem:  # also numbers of thousands of digits
        raise DecodeError(f"the answer is not JSON: {problem}") from None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DecodeError(f"{name} is not a JSON object")
    return value


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise DecodeError(f"{name} is not a string" if value is not None else f"no {name}")
    return value


def _octets(text: str, name: str) -> bytes:
    padded = text if text.endswith("=") else text + "=" * (-len(text) % 4)
    try:
        return binascii.a2b_base64(padded, strict_mode=True)
    except ValueError:
        raise DecodeError(f"{name} is not base64") from None


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode()


def _hex(octets: bytes) -> str:
    return octets.hex().upper()

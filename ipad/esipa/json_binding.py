"""ESipa's JSON binding (SGP.32 6.4): a path a function, one JSON object in each direction.

What is ASN.1 in the other binding is here the base64 of its whole element, with these exceptions: eidValue
is 32 digits, transaction identifiers are hex, euiccChallenge and rPlmn the base64 of the bare octets, text
and numbers what JSON has for them. Answers have a header that says how it went; HTTP says 200 to both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ipad import asn1, server_answers
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
from ipad.net import gsma_json
from ipad.net.gsma_json import base64

_PACKAGES = ("euiccPackageRequest", "ipaEuiccDataRequest", "profileDownloadTriggerRequest")
_NO_ERROR, _NO_PACKAGE = 0, 1
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
            request["rPlmn"] = base64(rplmn)
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
        request = {"eidValue": eid.hex(), "eimPackageResult": base64(arm)}
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
        return self._call("HandleNotification", {"pendingNotification": base64(pending_notification)})

    def handle_result(self, eid: bytes, arm: bytes) -> Call:
        result = asn1.wrap(0xBF50, asn1.wrap(0x5A, eid), arm)
        return self._call("HandleNotification", {"provideEimPackageResult": base64(result)})

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
        request = {"euiccChallenge": base64(euicc_challenge)}
        if smdp_address is not None:
            request["smdpAddress"] = smdp_address
        if euicc_info1 is not None:
            request["euiccInfo1"] = base64(euicc_info1)
        if eim_transaction_id is not None:
            request["eimTransactionId"] = gsma_json.transaction(eim_transaction_id)
        return self._call("InitiateAuthentication", request)

    def initiate_authentication_ok(self, body: bytes) -> InitiateAuthenticationOk:
        answer = _Answer("InitiateAuthentication", body)
        answer.accept()
        return server_answers.initiate_authentication_ok(
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
            "transactionId": gsma_json.transaction(transaction_id),
            "authenticateServerResponse": base64(authenticate_server_response),
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
        return server_answers.authenticate_client_ok_dp(
            transaction_id,
            answer.optional(metadata),
            answer.element("smdpSigned2"),
            answer.element("smdpSignature2", raw=(0x5F37, _SIGNATURE)),
            answer.element("smdpCertificate"),
            answer.optional("hashCc"),
        )

    def get_bound_profile_package(self, transaction_id: bytes, prepare_download_response: bytes) -> Call:
        request = {
            "transactionId": gsma_json.transaction(transaction_id),
            "prepareDownloadResponse": base64(prepare_download_response),
        }
        return self._call("GetBoundProfilePackage", request)

    def get_bound_profile_package_ok(self, body: bytes) -> GetBoundProfilePackageOk:
        answer = _Answer("GetBoundProfilePackage", body)
        answer.accept()
        return server_answers.get_bound_profile_package_ok(
            answer.transaction(), answer.element("boundProfilePackage")
        )

    def cancel_session(self, transaction_id: bytes, cancel_session_response: bytes) -> Call:
        request = {
            "transactionId": gsma_json.transaction(transaction_id),
            "cancelSessionResponse": base64(cancel_session_response),
        }
        return self._call("CancelSession", request)

    def cancel_session_ok(self, body: bytes) -> None:
        answer = _Answer("CancelSession", body)
        answer.accept()
        if not answer.succeeded:
            raise DecodeError("no word of success")

    def _call(self, function: str, request: Mapping[str, object]) -> Call:
        path = f"{self.path.rstrip('/')}/{function[0].lower()}{function[1:]}"
        return Call(function, path, self.media_type, gsma_json.body(request))


class _Answer(gsma_json.Answer):
    """The answer to a function of ESipa."""

    def __init__(self, function: str, body: bytes) -> None:
        super().__init__(gsma_json.parsed(body))
        self._function = function
        self.more = bool(self.names - {"header", "eimPackageError"})
        """There is more than the frame."""

    @property
    def error(self) -> str | None:
        """The standard's name of the failure that the header reports, if it has one."""
        failure = self.failure
        return None if failure is None else error_of(self._function, failure.subject, failure.reason)

    def accept(self) -> None:
        """Raises PeerRefused if the header reports a failure."""
        if self.failure is not None:
            refuse_status(self._function, self.failure.subject, self.failure.reason, self.failure.message)

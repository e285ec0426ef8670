"""ESipa's ASN.1 binding (SGP.32 6.3): one path, one DER message in each direction."""

from collections.abc import Iterable
from dataclasses import dataclass

from ipad import asn1, server_answers
from ipad.errors import DecodeError, PeerRefused
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
from ipad.esipa.refusal import refuse

_NO_PACKAGE = 1


@dataclass(frozen=True, slots=True)
class Asn1Binding:
    """path and media_type: the standard's, or what an eIM wants in their place."""

    path: str
    media_type: str
    name: str = "asn1"

    def get_eim_package(
        self, eid: bytes, notify_state_change: bool, cause: int | None, rplmn: bytes | None
    ) -> Call:
        request: dict[str, object] = {"eidValue": eid}
        if notify_state_change:
            request["notifyStateChange"] = None
        if cause is not None:
            request["stateChangeCause"] = cause
        if rplmn is not None:
            request["rPLMN"] = rplmn
        return self._call("GetEimPackage", asn1.encode("GetEimPackageRequest", request))

    def eim_package(self, body: bytes) -> EimPackage:
        message = _message(body, 0xBF4F)
        try:
            tag, arm = _arm(message)
        except DecodeError as problem:
            return Malformed(f"the eIM sent a malformed package: {problem}", "invalidPackageFormat")
        if tag == 0x02:
            code = _code(arm)
            return NoPackage() if code == _NO_PACKAGE else refuse("GetEimPackage", code)
        return package.read(arm)

    def provide_eim_package_result(self, eid: bytes, arm: bytes) -> Call:
        return self._call("ProvideEimPackageResult", _result(eid, arm))

    def acknowledgement(self, body: bytes) -> Acknowledged | EmptyResponse:
        tag, arm = _arm(_message(body, 0xBF50))
        if tag == 0xBF53:
            return Acknowledged(tuple(asn1.decode("EimAcknowledgements", arm)))
        if tag == 0x30:
            return EmptyResponse()
        if tag == 0x02:
            refuse("ProvideEimPackageResult", _code(arm))
        raise _unknown_arm(tag)

    def handle_notification(self, pending_notification: bytes) -> Call:
        body = asn1.wrap(0xBF3D, asn1.wrap(0xA0, pending_notification))
        return self._call("HandleNotification", body)

    def handle_result(self, eid: bytes, arm: bytes) -> Call:
        return self._call("HandleNotification", asn1.wrap(0xBF3D, _result(eid, arm)))

    def taken(self, body: bytes) -> None:
        if body:
            said = f"an answer of {len(body)} octets where none is expected"
            raise PeerRefused("HandleNotification", said)

    def initiate_authentication(
        self,
        euicc_challenge: bytes,
        smdp_address: str | None,
        euicc_info1: bytes | None,
        eim_transaction_id: bytes | None,
    ) -> Call:
        members = [asn1.wrap(0x81, euicc_challenge)]
        if smdp_address is not None:
            members.append(asn1.wrap(0x83, smdp_address.encode()))
        if euicc_info1 is not None:
            members.append(euicc_info1)
        if eim_transaction_id is not None:
            members.append(asn1.wrap(0x82, eim_transaction_id))
        return self._call("InitiateAuthentication", asn1.wrap(0xBF39, *members))

    def initiate_authentication_ok(self, body: bytes) -> InitiateAuthenticationOk:
        tag, arm = _arm(_message(body, 0xBF39))
        if tag == 0x81:
            refuse("InitiateAuthentication", _code(arm))
        if tag != 0xA0:
            raise _unknown_arm(tag)
        found = _Members(arm)
        signed, certificate = found.all(0x30, 2)
        matching_id = found.optional(0x0C)
        ctx_params1 = found.optional(0xA2)  # the CHOICE's own tag is inside
        return server_answers.initiate_authentication_ok(
            found.transaction(),
            signed,
            found.one(0x5F37),
            found.one(0x04),
            certificate,
            None if matching_id is None else _text(matching_id),
            None if ctx_params1 is None else asn1.value(ctx_params1),
        )

    def authenticate_client(self, transaction_id: bytes, authenticate_server_response: bytes) -> Call:
        body = asn1.wrap(0xBF3B, asn1.wrap(0x80, transaction_id), authenticate_server_response)
        return self._call("AuthenticateClient", body)

    def authenticate_client_ok(self, body: bytes) -> AuthenticateClientOk:
        tag, arm = _arm(_message(body, 0xBF3B))
        if tag == 0x82:
            refuse("AuthenticateClient", _code(arm))
        if tag not in (0xA0, 0xA1):
            raise _unknown_arm(tag)
        found = _Members(arm)
        transaction_id = found.transaction()
        if tag == 0xA1:
            if transaction_id is None:
                raise DecodeError("no transactionId")
            return answers.authenticate_client_ok_ds(transaction_id, found.optional(0xBF54))
        signed, certificate = found.all(0x30, 2)
        return server_answers.authenticate_client_ok_dp(
            transaction_id,
            found.optional(0xBF25),
            signed,
            found.one(0x5F37),
            certificate,
            found.optional(0x04),
        )

    def get_bound_profile_package(self, transaction_id: bytes, prepare_download_response: bytes) -> Call:
        body = asn1.wrap(0xBF3A, asn1.wrap(0x80, transaction_id), prepare_download_response)
        return self._call("GetBoundProfilePackage", body)

    def get_bound_profile_package_ok(self, body: bytes) -> GetBoundProfilePackageOk:
        tag, arm = _arm(_message(body, 0xBF3A))
        if tag == 0x81:
            refuse("GetBoundProfilePackage", _code(arm))
        if tag != 0xA0:
            raise _unknown_arm(tag)
        found = _Members(arm)
        return server_answers.get_bound_profile_package_ok(found.transaction(), found.one(0xBF36))

    def cancel_session(self, transaction_id: bytes, cancel_session_response: bytes) -> Call:
        # A tagged CHOICE: A1 stands around the arm in the place of BF41.
        response = asn1.wrap(0xA1, asn1.value(cancel_session_response))
        body = asn1.wrap(0xBF41, asn1.wrap(0x80, transaction_id), response)
        return self._call("CancelSession", body)

    def cancel_session_ok(self, body: bytes) -> None:
        tag, arm = _arm(_message(body, 0xBF41))
        if tag == 0x81:
            refuse("CancelSession", _code(arm))
        if tag != 0xA0:
            raise _unknown_arm(tag)

    def _call(self, function: str, body: bytes) -> Call:
        return Call(function, self.path, self.media_type, body)


class _Members:
    """The members of a SEQUENCE as they came, by tag; those of later versions do not matter."""

    def __init__(self, tlv: bytes) -> None:
        self._found: dict[int, list[bytes]] = {}
        for tag, member in asn1.tlvs(asn1.value(tlv)):
            self._found.setdefault(tag, []).append(member)

    def all(self, tag: int, count: int) -> Iterable[bytes]:
        found = self._found.get(tag, [])
        if len(found) != count:
            raise DecodeError(f"{len(found)} elements {tag:X}, not {count}")
        return found

    def one(self, tag: int) -> bytes:
        (found,) = self.all(tag, 1)
        return found

    def optional(self, tag: int) -> bytes | None:
        return self.one(tag) if tag in self._found else None

    def transaction(self) -> bytes | None:
        found = self.optional(0x80)
        return None if found is None else server_answers.transaction(asn1.value(found))


def _result(eid: bytes, arm: bytes) -> bytes:
    # Always with eidValue: an eIM cannot tell otherwise whose an error or data response is.
    return asn1.wrap(0xBF50, asn1.wrap(0x5A, eid), arm)


def _message(body: bytes, tag: int) -> bytes:
    try:
        [(outer, message)] = asn1.tlvs(body)
    except ValueError:
        raise DecodeError("the answer is not one message") from None
    if outer != tag:
        raise DecodeError(f"the answer is a message with tag {outer:X}, not {tag:X}")
    return message


def _arm(message: bytes) -> tuple[int, bytes]:
    try:
        [(tag, arm)] = asn1.tlvs(asn1.value(message))
    except ValueError:
        raise DecodeError("a message without exactly one value in it") from None
    return tag, arm


def _unknown_arm(tag: int) -> DecodeError:
    return DecodeError(f"an answer with tag {tag:X} in it")


def _code(tlv: bytes) -> int:
    content = asn1.value(tlv)
    if not 1 <= len(content) <= 8:
        raise DecodeError(f"an error code of {len(content)} octets")
    return int.from_bytes(content, "big", signed=True)


def _text(tlv: bytes) -> str:
    try:
        return asn1.value(tlv).decode()
    except UnicodeDecodeError:
        raise DecodeError("text that is not UTF-8") from None

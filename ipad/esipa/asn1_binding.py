"""ESipa's ASN.1 binding (SGP.32 6.4.2): one path, one DER message in each direction."""

from dataclasses import dataclass
from typing import NoReturn

from ipad import asn1
from ipad.errors import DecodeError, PeerRefused
from ipad.esipa import package
from ipad.esipa.binding import Call
from ipad.esipa.model import Acknowledged, EimPackage, EmptyResponse, Malformed, NoPackage

_ERRORS = {
    1: "noEimPackageAvailable",
    2: "eidNotFound",
    3: "invalidEid",
    4: "missingEid",
    127: "undefinedError",
}
_NO_PACKAGE = 1


@dataclass(frozen=True, slots=True)
class Asn1Binding:
    """path and media_type: the standard's, or what an eIM wants in their place."""

    path: str
    media_type: str

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
        return Call("GetEimPackage", self.path, asn1.encode("GetEimPackageRequest", request))

    def eim_package(self, body: bytes) -> EimPackage:
        message = _message("GetEimPackage", body, 0xBF4F)
        try:
            tag, arm = _arm(message)
        except DecodeError as problem:
            return Malformed(f"the eIM sent a malformed package: {problem}", "invalidPackageFormat")
        if tag == 0x02:
            code = _code(arm)
            return NoPackage() if code == _NO_PACKAGE else _refused("GetEimPackage", code)
        return package.read(arm)

    def provide_eim_package_result(self, eid: bytes, arm: bytes) -> Call:
        # Always with eidValue: an eIM cannot tell otherwise whose an error or data response is.
        body = asn1.wrap(0xBF50, asn1.wrap(0x5A, eid), arm)
        return Call("ProvideEimPackageResult", self.path, body)

    def acknowledgement(self, body: bytes) -> Acknowledged | EmptyResponse:
        function = "ProvideEimPackageResult"
        tag, arm = _arm(_message(function, body, 0xBF50))
        if tag == 0xBF53:
            return Acknowledged(tuple(asn1.decode("EimAcknowledgements", arm)))
        if tag == 0x30:
            return EmptyResponse()
        if tag == 0x02:
            _refused(function, _code(arm))
        raise DecodeError(f"{function}: an answer with tag {tag:X} in it")

    def handle_notification(self, pending_notification: bytes) -> Call:
        body = asn1.wrap(0xBF3D, asn1.wrap(0xA0, pending_notification))
        return Call("HandleNotification", self.path, body)


def _message(function: str, body: bytes, tag: int) -> bytes:
    try:
        [(outer, message)] = asn1.tlvs(body)
    except ValueError:
        raise DecodeError(f"{function}: the answer is not one message") from None
    if outer != tag:
        raise DecodeError(f"{function}: the answer is a message with tag {outer:X}, not {tag:X}")
    return message


def _arm(message: bytes) -> tuple[int, bytes]:
    try:
        [(tag, arm)] = asn1.tlvs(asn1.value(message))
    except ValueError:
        raise DecodeError("a message without exactly one value in it") from None
    return tag, arm


def _code(tlv: bytes) -> int:
    content = asn1.value(tlv)
    if not 1 <= len(content) <= 8:
        raise DecodeError(f"an error code of {len(content)} octets")
    return int.from_bytes(content, "big", signed=True)


def _refused(function: str, code: int) -> NoReturn:
    name = _ERRORS.get(code, "unknown")
    advice = "is this gateway's EID known to the eIM?" if name == "eidNotFound" else ""
    raise PeerRefused(function, name, code, advice)

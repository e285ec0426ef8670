"""An eIM's answers as HTTP bodies in each binding, written by hand from SGP.32 6.3 and 6.4."""

import json
from base64 import b64encode
from typing import Any, Protocol

from ipad.asn1 import wrap
from ipad.esipa.asn1_binding import Asn1Binding
from ipad.esipa.binding import Binding
from ipad.esipa.json_binding import JsonBinding
from ipad.esipa.settings import EsipaSettings

SUCCESS = {"functionExecutionStatus": {"status": "Executed-Success"}}

_PACKAGES = {
    0xBF51: "euiccPackageRequest",
    0xBF52: "ipaEuiccDataRequest",
    0xBF54: "profileDownloadTriggerRequest",
}
_OK = {"initiateAuthentication": 0xBF39, "authenticateClient": 0xBF3B, "getBoundProfilePackage": 0xBF3A}


class Says(Protocol):
    """What the tests need of an eIM."""

    binding: Binding

    def package(self, arm: bytes) -> bytes: ...
    def no_package(self) -> bytes: ...
    def acknowledgement(self, arm: bytes) -> bytes: ...
    def ok(self, function: str, members: dict[str, bytes | None]) -> bytes: ...
    def cancelled(self) -> bytes: ...
    def refusal(self, function: str, code: int, pair: str) -> bytes:
        """code: in the ASN.1 binding. pair: subject and reason code in the JSON one."""
        ...


class Asn1Says:
    """The ASN.1 binding: one element, its arm inside."""

    binding: Binding = Asn1Binding(EsipaSettings().path, EsipaSettings().media_type)

    def package(self, arm: bytes) -> bytes:
        return wrap(0xBF4F, arm)

    def no_package(self) -> bytes:
        return wrap(0xBF4F, b"\x02\x01\x01")

    def acknowledgement(self, arm: bytes) -> bytes:
        return wrap(0xBF50, arm)

    def ok(self, function: str, members: dict[str, bytes | None]) -> bytes:
        given = {name: octets for name, octets in members.items() if octets is not None}
        if "transactionId" in given:
            given["transactionId"] = wrap(0x80, given["transactionId"])
        if "matchingId" in given:
            given["matchingId"] = wrap(0x0C, given["matchingId"])
        if "ctxParams1" in given:
            given["ctxParams1"] = wrap(0xA2, given["ctxParams1"])
        arm = 0xA1 if function == "authenticateClient" and "smdpSigned2" not in given else 0xA0
        return wrap(_OK[function], wrap(arm, *given.values()))

    def cancelled(self) -> bytes:
        return bytes.fromhex("BF4102A000")

    def refusal(self, function: str, code: int, _pair: str) -> bytes:
        outer, inner = {
            "getEimPackage": (0xBF4F, 0x02),
            "provideEimPackageResult": (0xBF50, 0x02),
            "initiateAuthentication": (0xBF39, 0x81),
            "authenticateClient": (0xBF3B, 0x82),
            "getBoundProfilePackage": (0xBF3A, 0x81),
            "cancelSession": (0xBF41, 0x81),
        }[function]
        return wrap(outer, wrap(inner, bytes((code,))))


class JsonSays:
    """The JSON binding: a header, and members by name."""

    binding: Binding = JsonBinding(EsipaSettings().json_path, EsipaSettings().json_media_type)

    def package(self, arm: bytes) -> bytes:
        tag = int.from_bytes(arm[:2], "big")
        return success(**{_PACKAGES.get(tag, "euiccPackageRequest"): base64(arm)})

    def no_package(self) -> bytes:
        return success(eimPackageError=1)

    def acknowledgement(self, arm: bytes) -> bytes:
        if arm == b"\x30\x00":
            return success(emptyResponse={})
        return success(eimAcknowledgements=base64(arm))

    def ok(self, _function: str, members: dict[str, bytes | None]) -> bytes:
        given: dict[str, Any] = {}
        for name, octets in members.items():
            if octets is None:
                continue
            if name == "transactionId":
                given[name] = octets.hex().upper()
            elif name == "matchingId":
                given[name] = octets.decode()
            else:
                given[name] = base64(octets)
        return success(**given)

    def cancelled(self) -> bytes:
        return success()

    def refusal(self, _function: str, _code: int, pair: str) -> bytes:
        return failed(*pair.split("/"))


def base64(octets: bytes) -> str:
    return b64encode(octets).decode()


def success(**members: Any) -> bytes:
    return json.dumps({"header": SUCCESS, **members}).encode()


def failed(subject: str, reason: str, **more: Any) -> bytes:
    data = {"subjectCode": subject, "reasonCode": reason, **more}
    status = {"status": "Failed", "statusCodeData": data}
    return json.dumps({"header": {"functionExecutionStatus": status}}).encode()

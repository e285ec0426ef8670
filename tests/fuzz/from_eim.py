"""What the eIM says: the answer to each function of ESipa, in both bindings, through the client itself."""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from ipad import asn1
from ipad.eim import EimConfiguration
from ipad.esipa.binding import Call
from ipad.esipa.client import Esipa
from ipad.esipa.settings import EsipaSettings
from ipad.net.http import Answer, Uplink
from ipad.waits import Waits
from tests.fuzz.samples import vectors
from tests.fuzz.target import Form, Target

_EID = bytes.fromhex("89049032123451234512345678901235")
_TRANSACTION = bytes.fromhex("0123456789ABCDEF")


class SaysTheSame(Esipa):
    """A client whose eIM answers everything with the same body."""

    def __init__(self, binding: Form, body: bytes) -> None:
        settings = EsipaSettings(binding="json" if binding == "json" else "asn1", minimize=True)
        super().__init__(EimConfiguration("eim", fqdn="localhost"), _EID, Waits(), Uplink(), settings)
        self._body = body

    def _post(self, call: Call) -> Answer:
        return Answer(200, call.media_type, self._body)


_FUNCTIONS: dict[str, Callable[[Esipa], object]] = {
    "GetEimPackage": lambda e: e.get_eim_package(),
    "ProvideEimPackageResult": lambda e: e.provide_eim_package_result(b"\xbf\x51\x00"),
    "InitiateAuthentication": lambda e: e.initiate_authentication(bytes(16)),
    "AuthenticateClient": lambda e: e.authenticate_client(_TRANSACTION, b"\xbf\x38\x00"),
    "GetBoundProfilePackage": lambda e: e.get_bound_profile_package(_TRANSACTION, b"\xbf\x21\x00"),
    "CancelSession": lambda e: e.cancel_session(_TRANSACTION, b"\xbf\x41\x00"),
    "HandleNotification": lambda e: e.handle_notification(b"\x30\x00"),
}


def _target(function: str, form: Form, samples: tuple[bytes, ...]) -> Target:
    call = _FUNCTIONS[function]
    return Target(function, samples, lambda body: call(SaysTheSame(form, body)), form)


def _asn1(function: str) -> Target:
    if function == "HandleNotification":
        return _target(function, "der", (b"\xbf\x3d\x00",))
    response = "Response" if function in ("GetEimPackage", "ProvideEimPackageResult") else "ResponseEsipa"
    return _target(function, "der", vectors(function + response))


def _json(function: str) -> Target:
    status = {"functionExecutionStatus": {"status": "Executed-Success"}}
    failed = {
        "status": "Failed",
        "statusCodeData": {"subjectCode": "8.1.1", "reasonCode": "3.9", "message": "no such eUICC"},
    }
    bodies = [{"header": status, **members} for members in _MEMBERS[function]]
    bodies.append({"header": {"functionExecutionStatus": failed}})
    return _target(function, "json", tuple(json.dumps(body).encode() for body in bodies))


def _b64(der: bytes) -> str:
    return b64encode(der).decode()


def _vector(type_name: str) -> str:
    return _b64(vectors(type_name)[0])


_SIGNATURE = _b64(asn1.wrap(0x5F37, bytes(64)))
_MEMBERS: dict[str, list[dict[str, Any]]] = {
    "GetEimPackage": [
        {"euiccPackageRequest": _vector("EuiccPackageRequest")},
        {"ipaEuiccDataRequest": _vector("IpaEuiccDataRequest")},
        {"profileDownloadTriggerRequest": _vector("ProfileDownloadTriggerRequest")},
        {"eimPackageError": 1},
    ],
    "ProvideEimPackageResult": [
        {"eimAcknowledgements": _vector("EimAcknowledgements")},
        {"emptyResponse": {}},
        {"provideEimPackageResultError": 2},
    ],
    "InitiateAuthentication": [
        {
            "transactionId": _TRANSACTION.hex(),
            "serverSigned1": _vector("sgp22:ServerSigned1"),
            "serverSignature1": _SIGNATURE,
            "euiccCiPKIdentifierToBeUsed": _b64(asn1.wrap(0x04, bytes(20))),
            "serverCertificate": _b64(asn1.member(vectors("sgp22:PrepareDownloadRequest")[0], 0xBF21, 0x30)),
            "matchingId": "",
            "ctxParams1": _vector("sgp22:CtxParams1"),
        }
    ],
    "AuthenticateClient": [
        {
            "transactionId": _TRANSACTION.hex(),
            "profileMetadata": _vector("StoreMetadataRequest"),
            "smdpSigned2": _vector("sgp22:SmdpSigned2"),
            "smdpSignature2": _SIGNATURE,
            "smdpCertificate": _b64(asn1.member(vectors("sgp22:PrepareDownloadRequest")[0], 0xBF21, 0x30)),
            "hashCc": _b64(asn1.wrap(0x04, bytes(32))),
        },
        {
            "transactionId": _TRANSACTION.hex(),
            "profileDownloadTrigger": _vector("ProfileDownloadTriggerRequest"),
        },
    ],
    "GetBoundProfilePackage": [
        {"transactionId": _TRANSACTION.hex(), "boundProfilePackage": _vector("sgp22:BoundProfilePackage")}
    ],
    "CancelSession": [{}],
    "HandleNotification": [{}],
}

TARGETS = (*map(_asn1, _FUNCTIONS), *map(_json, _FUNCTIONS))

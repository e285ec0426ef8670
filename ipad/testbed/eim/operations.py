"""What can be ordered of a gateway: JSON as the REST interface takes it, into the standard's values.

A request has `eid` and one of
- `operations`: PSMOs, `{"enable": ICCID, "rollback": true}`, `{"disable": ICCID}`, `{"delete": ICCID}`,
  `{"listProfileInfo": {"tagList": HEX, "iccid": ICCID}}`, `{"getRAT": {}}`, `{"configureImmediateEnable":
  {"immediateEnableFlag": true, "defaultSmdpOid": OID, "defaultSmdpAddress": TEXT}}`,
  `{"setFallbackAttribute": ICCID}`, `{"unsetFallbackAttribute": {}}`, `{"setDefaultDpAddress": TEXT}`; or
  eCOs, `{"addEim": HEX}`, `{"updateEim": HEX}` (DER of EimConfigurationData), `{"deleteEim": ID}`,
  `{"listEim": {}}`;
- `data`: an IpaEuiccDataRequest, `{"tagList": HEX, "ciPkId": HEX, "notificationSeq": N or
  "notificationEvent": "install", "enable", "disable" or "delete", "resultSeq": N}`, only tagList needed;
- `download`: a ProfileDownloadTriggerRequest, `{"activationCode": TEXT}`, `{"defaultSmdp": true}` or
  `{"smds": ADDRESS}` ("" for the card's own); or, for one that goes through this eIM, `{"eim": true,
  "matchingId": TEXT, "confirmationCode": TEXT, "smdpAddress": TEXT, "smdpOid": OID, "ctxParams": true}`,
  all but the first optional;
- `raw`: octets of a whole answer to GetEimPackage, HEX, whatever they are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ipad.asn1 import decode, encode, value, wrap
from ipad.errors import DecodeError
from ipad.testbed.eim import odd
from modem.bcd import iccid_octets

MAX_OPERATIONS = 64


class BadOrder(Exception):
    """A request that is not one of those above; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be handed out: `package`, a value of EuiccPackage, needs to be signed first."""

    kind: str
    """"psmo", "eco", "data", "download", "raw"."""
    package: bytes = b""
    """The EuiccPackage: the whole A0 or A1 TLV."""
    answer: bytes = b""
    """Of unsigned kinds: the GetEimPackageResponse."""


def order(request: Mapping[str, Any], transaction: bytes) -> Order:
    """Of a request; `transaction`: the eimTransactionId of those kinds that carry it unsigned. BadOrder."""
    kinds = [kind for kind in _KINDS if kind in request]
    if len(kinds) != 1:
        raise BadOrder(f"wanted one of {', '.join(_KINDS)}")
    try:
        return _KINDS[kinds[0]](request[kinds[0]], transaction)
    except (DecodeError, ValueError, TypeError) as error:
        raise BadOrder(f"{kinds[0]}: {error}") from error


def _package(operations: Any, _transaction: bytes) -> Order:
    if not isinstance(operations, Sequence) or isinstance(operations, str) or not operations:
        raise BadOrder("operations: a list with at least one wanted")
    if len(operations) > MAX_OPERATIONS:
        raise BadOrder(f"operations: more than {MAX_OPERATIONS}")
    built = [_operation(operation) for operation in operations]
    arms = {arm for arm, _ in built}
    if len(arms) != 1:
        raise BadOrder("operations: PSMOs and eCOs do not go into one package (SGP.32 2.11.1.1)")
    (arm,) = arms
    kind = {"psmoList": "psmo", "ecoList": "eco"}[arm]
    return Order(kind, package=wrap(_ARMS[arm], *(octets for _, octets in built)))


def _operation(operation: Any) -> tuple[str, bytes]:
    """Its list in the EuiccPackage, and its octets."""
    if not isinstance(operation, Mapping):
        raise BadOrder(f"operations: not an object: {operation!r}")
    names = [name for name in operation if name in _PSMOS or name in _ECOS]
    allowed = {*names, "rollback"} if names == ["enable"] else set(names)
    if len(names) != 1 or not set(operation) <= allowed:
        raise BadOrder(f"operations: not an operation: {dict(operation)!r}")
    (name,) = names
    value = operation[name]
    if name in _ECOS:
        return "ecoList", _ECOS[name](value)
    built = _PSMOS[name](value)
    if operation.get("rollback"):
        built["rollbackFlag"] = None
    return "psmoList", encode("Psmo", (name, built))


def _iccid(value: Any) -> dict[str, Any]:
    if not isinstance(value, str) or not value.isdecimal() or not 18 <= len(value) <= 20:
        raise BadOrder(f"not an ICCID: {value!r}")
    return {"iccid": iccid_octets(value)}


def _nothing(value: Any) -> dict[str, Any]:
    if value != {}:
        raise BadOrder(f"takes nothing but {{}}: {value!r}")
    return {}


def _list_profile_info(value: Any) -> dict[str, Any]:
    members = _members(value, "tagList", "iccid")
    built: dict[str, Any] = {}
    if "iccid" in members:
        built["searchCriteria"] = ("iccid", _iccid(members["iccid"])["iccid"])
    if "tagList" in members:
        built["tagList"] = bytes.fromhex(members["tagList"])
    return built


def _immediate_enable(value: Any) -> dict[str, Any]:
    members = _members(value, "immediateEnableFlag", "defaultSmdpOid", "defaultSmdpAddress")
    built = {name: _text(text) for name, text in members.items() if name != "immediateEnableFlag"}
    return built | ({"immediateEnableFlag": None} if members.get("immediateEnableFlag") else {})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadOrder(f"not a text: {value!r}")
    return value


def _members(value: Any, *known: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not set(value) <= set(known):
        raise BadOrder(f"takes {', '.join(known)}: {value!r}")
    return dict(value)


def _eim_configuration(tag: int) -> Callable[[Any], bytes]:
    """As it was given, also in an odd shape: the octets of EimConfigurationData under the eCO's tag."""

    def eco(given: Any) -> bytes:
        der = bytes.fromhex(given)
        decode("EimConfigurationData", odd.configuration(der))
        return wrap(tag, value(der))

    return eco


_PSMOS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "enable": _iccid,
    "disable": _iccid,
    "delete": _iccid,
    "listProfileInfo": _list_profile_info,
    "getRAT": _nothing,
    "configureImmediateEnable": _immediate_enable,
    "setFallbackAttribute": _iccid,
    "unsetFallbackAttribute": _nothing,
    "setDefaultDpAddress": lambda value: {"defaultDpAddress": _text(value)},
}
_ECOS: dict[str, Callable[[Any], bytes]] = {
    "addEim": _eim_configuration(0xA8),
    "updateEim": _eim_configuration(0xAA),
    "deleteEim": lambda given: encode("Eco", ("deleteEim", {"eimId": _text(given)})),
    "listEim": lambda given: encode("Eco", ("listEim", _nothing(given))),
}
_ARMS = {"psmoList": 0xA0, "ecoList": 0xA1}


_EVENTS = {"install": (b"\x80", 1), "enable": (b"\x40", 2), "disable": (b"\x20", 3), "delete": (b"\x10", 4)}


def _data(value: Any, transaction: bytes) -> Order:
    members = _members(value, "tagList", "ciPkId", "notificationSeq", "notificationEvent", "resultSeq")
    if not members.get("tagList"):
        raise BadOrder(f"data: takes tagList: {value!r}")
    request: dict[str, Any] = {
        "tagList": bytes.fromhex(members["tagList"]),
        "eimTransactionId": transaction,
    }
    if "ciPkId" in members:
        request["euiccCiPKIdentifierToBeUsed"] = bytes.fromhex(members["ciPkId"])
    if {"notificationSeq", "notificationEvent"} <= set(members):
        raise BadOrder("data: notificationSeq and notificationEvent exclude one another")
    if "notificationSeq" in members:
        request["searchCriteriaNotification"] = ("seqNumber", _number(members["notificationSeq"]))
    if "notificationEvent" in members:
        event = _EVENTS.get(members["notificationEvent"])
        if event is None:
            raise BadOrder(f"notificationEvent: one of {', '.join(_EVENTS)} wanted")
        request["searchCriteriaNotification"] = ("profileManagementOperation", event)
    if "resultSeq" in members:
        request["searchCriteriaEuiccPackageResult"] = ("seqNumber", _number(members["resultSeq"]))
    return Order("data", answer=encode("GetEimPackageResponse", ("ipaEuiccDataRequest", request)))


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadOrder(f"not a number: {value!r}")
    return value


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an order says of a download that goes through the eIM; None: nothing."""

    address: str | None = None
    oid: str | None = None
    """The SM-DP+'s."""
    matching_id: str | None = None
    """None: the IPA has it."""
    confirmation_code: str | None = None
    ctx_params: bool = False
    """The eIM makes ctxParams1, for an IPA with eimCtxParams1Generation."""


def wanted_of(request: Mapping[str, Any]) -> Wanted:
    """Of a request with `download`. With an activation code the IPA knows the rest (SGP.22 4.1)."""
    given: Mapping[str, Any] = request.get("download", {})
    if given.get("eim"):
        return Wanted(
            address=given.get("smdpAddress"),
            oid=given.get("smdpOid"),
            matching_id=given.get("matchingId", ""),
            confirmation_code=given.get("confirmationCode"),
            ctx_params=given.get("ctxParams", False),
        )
    code: str = given.get("activationCode", "")
    _, address, _, oid, *_rest = [*code.removeprefix("LPA:").split("$"), "", "", ""]
    return Wanted(address=address or None, oid=oid or None)


def _download(value: Any, transaction: bytes) -> Order:
    match value:
        case {"activationCode": str() as code}:
            data: tuple[str, Any] | None = ("activationCode", code)
        case {"defaultSmdp": True}:
            data = ("contactDefaultSmdp", None)
        case {"smds": str() as address}:
            data = ("contactSmds", {"smdsAddress": address} if address else {})
        case {"eim": True}:
            data = None
            members = _members(value, "eim", "ctxParams", *_DOWNLOAD_TEXTS)
            for name in set(members) & set(_DOWNLOAD_TEXTS):
                _text(members[name])
            if not isinstance(members.get("ctxParams", False), bool):
                raise BadOrder("ctxParams: true or false wanted")
        case _:
            raise BadOrder(f"download: takes activationCode, defaultSmdp, smds or eim: {value!r}")
    request: dict[str, Any] = {"eimTransactionId": transaction}
    if data is not None:
        request["profileDownloadData"] = data
    return Order(
        "download", answer=encode("GetEimPackageResponse", ("profileDownloadTriggerRequest", request))
    )


_DOWNLOAD_TEXTS = ("matchingId", "confirmationCode", "smdpAddress", "smdpOid")


def _raw(value: Any, _transaction: bytes) -> Order:
    return Order("raw", answer=bytes.fromhex(value))


_KINDS: dict[str, Callable[[Any, bytes], Order]] = {
    "operations": _package,
    "data": _data,
    "download": _download,
    "raw": _raw,
}

"""The SM-DP+'s REST interface, JSON over HTTP on loopback: to order and to look.

- `GET /smdp`: who it is.
- `POST /orders {"iccid", ...}` releases a profile for download, see `_ordered`; the answer has its activation
  code. `GET /orders`: each with its state.
- `GET /notifications`: what cards have told, ProfileInstallationResults and the others, all of them verified.
- `GET /log?after=ID`: every exchange. `POST /faults` (see `faults`), `GET /faults`, `DELETE /faults`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ipad.asn1 import decode
from ipad.testbed import rsp_server
from ipad.testbed.rest import Refusal, RestServer, Route, fault_routes, integer
from ipad.testbed.rsp_server import RspServer
from modem.bcd import iccid_digits

from . import forge
from .catalogue import PACKAGES
from .core import Smdp
from .es12 import Events
from .orders import Download, Order
from .profiles import DELETE, DISABLE, ENABLE, INSTALL, ProfileOrder

KINDS = (*rsp_server.KINDS, *forge.KINDS)
_ALL_EVENTS = (INSTALL, ENABLE, DISABLE, DELETE)

_PPRS = (1, 2)
_EID_DIGITS = 32

_TEXTS = ("iccid", "imsi", "name", "provider", "matchingId", "eid", "confirmationCode", "package", "expires")
_FLAGS = ("fallbackAllowed", "rebinding", "notify", "event")
_MEMBERS = (*_TEXTS, *_FLAGS, "size", "policyRules")


class AdminServer(RestServer):
    """The REST interface on 127.0.0.1. OSError if the port is taken."""

    def __init__(self, smdp: Smdp, server: RspServer, port: int, events: Events | None = None) -> None:
        self._smdp = smdp
        self._server = server
        self._events = events
        routes: dict[tuple[str, str], Route] = {
            ("GET", "smdp"): self._show,
            ("POST", "orders"): self._order,
            ("GET", "orders"): self._orders,
            ("GET", "notifications"): self._notifications,
            ("GET", "log"): self._log,
        }
        super().__init__({**routes, **fault_routes(server.faults, KINDS)}, port)

    def _show(self, _query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        url = f"https://localhost:{self._server.server_address[1]}"
        return 200, {"smdpAddress": self._smdp.address, "oid": self._smdp.oid, "url": url}

    def _order(self, _query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if not isinstance(body, Mapping) or "iccid" not in body or not set(body) <= set(_MEMBERS):
            raise Refusal(400, f"an order takes {', '.join(_MEMBERS)}; iccid is needed")
        if body.get("event") and (self._events is None or "eid" not in body):
            raise Refusal(400, "event: wants an eid, and an SM-DS (--smds)")
        try:
            matching_id = self._smdp.order(_ordered(body, self._smdp.address), **_terms(body))
        except (TypeError, ValueError) as error:
            raise Refusal(400, str(error)) from error
        if body.get("event") and self._events is not None:
            self._events.register(body["eid"], matching_id)
        code = f"1${self._smdp.address}${matching_id}" + ("$$1" if "confirmationCode" in body else "")
        told = {"matchingId": matching_id, "smdpAddress": self._smdp.address, "activationCode": code}
        return 201, told

    def _orders(self, _query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        return 200, [_shown(order) for order in self._smdp.orders()]

    def _notifications(self, _query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        results = [
            _result(transaction, download)
            for order in self._smdp.orders()
            for transaction, download in order.downloads.items()
            if download.result is not None
        ]
        others = [
            {"kind": "otherSignedNotification", "eid": told.eid, "iccid": told.iccid, "seqNumber": told.seq}
            | {"events": told.events}
            for told in self._smdp.notifications()
        ]
        return 200, results + others

    def _log(self, query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        return 200, self._server.log.show(integer(query, "after", 0) or 0)


def _ordered(body: Mapping[str, Any], address: str) -> ProfileOrder:
    """The profile. package: a name in the catalogue; size: octets of filler; policyRules: numbers of PPRs.

    notify: whether the card is to tell this SM-DP+ of every change; it does by default.
    """
    for name in _TEXTS:
        if not isinstance(body.get(name, ""), str):
            raise TypeError(f"{name}: a text wanted")
    for name in _FLAGS:
        if not isinstance(body.get(name, True), bool):
            raise TypeError(f"{name}: true or false wanted")
    package = body.get("package", "small")
    if package not in PACKAGES:
        raise ValueError(f"package: one of {', '.join(PACKAGES)} wanted")
    members = dict(PACKAGES[package])
    for name, member in ("imsi", "imsi"), ("name", "name"), ("provider", "provider"), ("size", "size"):
        if name in body:
            members[member] = body[name]
    if not isinstance(members["size"], int) or not 0 <= members["size"] <= forge.LARGEST:
        raise ValueError(f"size: 0 to {forge.LARGEST} wanted")
    if "policyRules" in body:
        rules = tuple(body["policyRules"])
        if not all(rule in _PPRS for rule in rules):
            raise ValueError(f"policyRules: of {_PPRS} wanted")
        members["policy_rules"] = rules
    if "fallbackAllowed" in body:
        members["fallback_allowed"] = body["fallbackAllowed"]
    if body.get("notify", True):
        members["notify"] = ((_ALL_EVENTS, address),)
    return ProfileOrder(body["iccid"], **members)


def _terms(body: Mapping[str, Any]) -> dict[str, Any]:
    """Who may have it, and until when."""
    eid = body.get("eid")
    if eid is not None and (len(eid) != _EID_DIGITS or not (eid.isascii() and eid.isdecimal())):
        raise ValueError(f"eid: not {_EID_DIGITS} digits")
    expires = datetime.fromisoformat(body["expires"]) if "expires" in body else None
    if expires is not None and expires.tzinfo is None:
        raise ValueError("expires: a time with its zone wanted")
    return {
        "matching_id": body.get("matchingId", ""),
        "eid": eid,
        "confirmation_code": body.get("confirmationCode"),
        "expires": expires,
        "rebinding": body.get("rebinding", True),
    }


def _shown(order: Order) -> dict[str, Any]:
    return {
        "iccid": order.profile.iccid,
        "matchingId": order.matching_id,
        "eid": order.eid,
        "state": order.state,
        "attempts": order.attempts,
        "wrongCodes": order.wrong_codes,
        "expires": order.expires,
    }


def _result(transaction: str, download: Download) -> dict[str, Any]:
    """A ProfileInstallationResult in words."""
    data = decode("ProfileInstallationResult", bytes.fromhex(download.result or ""))
    told = data["profileInstallationResultData"]
    arm, result = told["finalResult"]
    metadata = told["notificationMetadata"]
    return {
        "kind": "profileInstallationResult",
        "transactionId": transaction.upper(),
        "eid": download.eid,
        "iccid": iccid_digits(metadata["iccid"]) if "iccid" in metadata else None,
        "seqNumber": metadata["seqNumber"],
        "result": arm,
        "error": None if arm == "successResult" else [result["bppCommandId"], result["errorReason"]],
    }

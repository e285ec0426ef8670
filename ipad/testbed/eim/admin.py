"""The eIM's REST interface, JSON over HTTP on loopback: to order and to look.

- `GET /eim`: who it is. `GET /config?token=-1&counter=N&key=bare&eid=EID`: EimConfigurationData for a
  card; the counter is by default where this eIM stands with that EID, else 0.
- `POST /euiccs {"eid", "eum", "euicc", "token", "deviceKey"}` registers a card with its certificates (PEM)
  and its association token, or changes those of a known one. deviceKey (HEX, SubjectPublicKeyInfo) is that
  of an agent that signs in the place of a consumer card; with eid it is enough. `GET /euiccs`.
- `POST /packages {"eid", ..., "forge", "transaction"}` orders (see `operations`; the eimTransactionId is
  by default a new one); `GET /packages?eid=`: each with state, results and outcome; `DELETE /packages/ID`.
- `GET /results?eid=`: all that came back, refused ones too. `GET /log?eid=&after=ID`: every exchange.
- `POST /profiles {"iccid", "imsi", "name", "matchingId", "eid", "confirmationCode"}` releases a profile at
  the SM-DP+ behind this eIM, all but the first optional; `GET /profiles`: what became of them.
- `POST /faults` (see `faults`), `GET /faults`, `DELETE /faults`.
"""

import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ipad.testbed import chain
from ipad.testbed.eim import device_key, faults, odd
from ipad.testbed.eim.eim import Eim
from ipad.testbed.eim.identity import configuration
from ipad.testbed.eim.operations import BadOrder, order
from ipad.testbed.eim.packages import TRANSACTION_OCTETS, new_transaction
from ipad.testbed.eim.records import MAX_COUNTER, Euicc
from ipad.testbed.rest import Refusal, RestServer, Route, fault_routes, integer
from ipad.testbed.smdp import ProfileOrder, Smdp

EID_DIGITS = 32


class AdminServer(RestServer):
    """The REST interface on 127.0.0.1. OSError if the port is taken."""

    def __init__(self, eim: Eim, port: int, esipa_url: str) -> None:
        self.eim = eim
        self.esipa_url = esipa_url
        routes: dict[tuple[str, str], Route] = {how: partial(route, self) for how, route in _ROUTES.items()}
        super().__init__({**routes, **fault_routes(eim.faults, faults.KINDS)}, port)


def _show_eim(server: AdminServer, _query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
    identity = server.eim.identity
    key = identity.certificate.public_key()
    return 200, {
        "eimId": identity.eim_id,
        "eimFqdn": identity.fqdn,
        "esipa": server.esipa_url,
        "anchor": identity.anchor,
        "publicKey": key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex().upper(),
    }


def _config(server: AdminServer, query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
    known = server.eim.records.euicc(query["eid"]) if "eid" in query else None
    counter = integer(query, "counter", known.counter if known else 0)
    token = integer(query, "token", None)
    if counter is None or not 0 <= counter <= MAX_COUNTER:
        raise Refusal(400, f"counter: wanted 0 to {MAX_COUNTER}")
    indirect = server.eim.smdp is not None and query.get("downloads") != "direct"
    der = configuration(server.eim.identity, counter, token, query.get("key") == "bare", indirect)
    if "bare-key-data" in server.eim.shapes:
        der = odd.bare_configuration(der)
    return 200, {"eimConfigurationData": der.hex().upper()}


def _show_euiccs(server: AdminServer, query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
    return 200, [_shown(server, euicc) for euicc in server.eim.records.euiccs(query.get("eid"))]


def _register(server: AdminServer, _query: Mapping[str, str], body: Any) -> tuple[int, Any]:
    records = server.eim.records
    match body:
        case {"eum": str() as eum_pem, "euicc": str() as euicc_pem}:
            eum, euicc = _der(eum_pem), _der(euicc_pem)
            eid = chain.verify(server.eim.identity.ci, chain.load(eum), chain.load(euicc), datetime.now(UTC))
            if body.get("eid", eid) != eid:
                raise Refusal(400, f"the certificate is that of {eid}")
            token = body.get("token")
        case {"eid": str() as eid, **more} if "token" in more or "deviceKey" in more:
            if len(eid) != EID_DIGITS or not (eid.isascii() and eid.isdecimal()):
                raise Refusal(400, f"eid: not {EID_DIGITS} digits")
            known = records.euicc(eid)
            if known is None and "deviceKey" not in more:
                raise Refusal(404, f"no eUICC {eid}: register it with its certificates or a device key")
            eum, euicc = (known.eum, known.euicc) if known else (b"", b"")
            token = more.get("token", known.token if known else None)
        case _:
            raise Refusal(400, "wanted eum and euicc (PEM), or eid and token or deviceKey")
    if token is not None and (not isinstance(token, int) or token < 0):
        raise Refusal(400, "token: wanted the number that the card gave, or null")
    key = _device_key(body.get("deviceKey"))
    with records.transaction():
        records.register(eid, eum, euicc, token)
        if key is not None:
            records.set_device_key(eid, key)
    return 201, next(_shown(server, euicc) for euicc in records.euiccs(eid))


def _device_key(given: Any) -> bytes | None:
    if given is None:
        return None
    try:
        return device_key.der(device_key.load(bytes.fromhex(given)))
    except (TypeError, ValueError, device_key.BadKey) as error:
        raise Refusal(400, f"deviceKey: {error}") from error


def _shown(server: AdminServer, euicc: Euicc) -> dict[str, Any]:
    remembered = server.eim.records.all_remembered(euicc.eid)
    return {
        "eid": euicc.eid,
        "token": euicc.token,
        "counter": euicc.counter,
        "certificates": bool(euicc.euicc),
        "deviceKey": euicc.device_key.hex().upper() if euicc.device_key else None,
        "remembered": {what: octets.hex().upper() for what, octets in remembered.items()},
    }


def _order(server: AdminServer, _query: Mapping[str, str], body: Any) -> tuple[int, Any]:
    if not isinstance(body, Mapping):
        raise Refusal(400, "wanted an object")
    eid, forge = body.get("eid"), body.get("forge")
    records = server.eim.records
    if not isinstance(eid, str) or records.euicc(eid) is None:
        raise Refusal(404, f"no eUICC {eid!r}")
    if forge is not None and forge not in faults.FORGED:
        raise Refusal(400, f"forge: wanted one of {', '.join(faults.FORGED)}")
    transaction = _transaction(body.get("transaction"))
    try:
        ordered = order(body, transaction)
    except BadOrder as error:
        raise Refusal(400, str(error)) from error
    number = records.queue(eid, ordered.kind, body, transaction, ordered.package, ordered.answer, forge)
    return 201, {"id": number, "kind": ordered.kind, "transaction": transaction.hex()}


def _transaction(given: Any) -> bytes:
    """The order's own, or a new one."""
    if given is None:
        return new_transaction()
    try:
        octets = bytes.fromhex(given)
    except (TypeError, ValueError) as error:
        raise Refusal(400, f"transaction: {error}") from error
    if not 1 <= len(octets) <= TRANSACTION_OCTETS:
        raise Refusal(400, f"transaction: 1 to {TRANSACTION_OCTETS} octets wanted")
    return octets


def _cancel(server: AdminServer, query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
    number = query["rest"]
    if not number.isdecimal() or not server.eim.records.cancel(int(number)):
        raise Refusal(404, f"no package {number!r} that waits for its result")
    return 200, {"id": int(number), "state": "cancelled"}


def _show_packages(server: AdminServer, query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
    return 200, server.eim.records.show_packages(query.get("eid"))


def _show_results(server: AdminServer, query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
    return 200, server.eim.records.show_results(query.get("eid"))


def _show_log(server: AdminServer, query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
    return 200, server.eim.records.show_log(query.get("eid"), integer(query, "after", 0) or 0)


def _release(server: AdminServer, _query: Mapping[str, str], body: Any) -> tuple[int, Any]:
    smdp = _smdp(server)
    texts = {"iccid", "imsi", "name", "matchingId", "eid", "confirmationCode"}
    if not isinstance(body, Mapping) or not {"iccid"} <= set(body) <= texts:
        raise Refusal(400, f"a profile takes {', '.join(sorted(texts))}; iccid is needed")
    if not all(isinstance(text, str) for text in body.values()):
        raise Refusal(400, "a profile takes texts")
    more = {name: body[name] for name in ("imsi", "name") if name in body}
    try:
        matching_id = smdp.order(
            ProfileOrder(body["iccid"], **more),
            matching_id=body.get("matchingId", ""),
            eid=body.get("eid"),
            confirmation_code=body.get("confirmationCode"),
        )
    except ValueError as error:
        raise Refusal(400, str(error)) from error
    return 201, {"matchingId": matching_id, "smdpAddress": smdp.address}


def _show_profiles(server: AdminServer, _query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
    return 200, [
        {"iccid": each.profile.iccid, "matchingId": each.matching_id, "eid": each.eid, "state": each.state}
        for each in _smdp(server).orders()
    ]


def _smdp(server: AdminServer) -> Smdp:
    if not isinstance(server.eim.smdp, Smdp):
        raise Refusal(404, "this eIM has no SM-DP+ of its own behind it")
    return server.eim.smdp


_ROUTES: dict[tuple[str, str], Callable[[AdminServer, Mapping[str, str], Any], tuple[int, Any]]] = {
    ("GET", "eim"): _show_eim,
    ("GET", "config"): _config,
    ("GET", "euiccs"): _show_euiccs,
    ("POST", "euiccs"): _register,
    ("GET", "packages"): _show_packages,
    ("POST", "packages"): _order,
    ("DELETE", "packages"): _cancel,
    ("GET", "results"): _show_results,
    ("GET", "log"): _show_log,
    ("GET", "profiles"): _show_profiles,
    ("POST", "profiles"): _release,
}


def _der(pem: str) -> bytes:
    try:
        return ssl.PEM_cert_to_DER_cert(pem.strip())
    except ValueError as error:
        raise Refusal(400, f"not a PEM certificate: {error}") from error

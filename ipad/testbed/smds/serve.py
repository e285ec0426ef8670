"""An SM-DS as a process or as a part of a test: ES11 and the REST interface, each in a thread.

REST, JSON over HTTP on loopback: `GET /smds`: who it is. `POST /events {"eid", "eventId",
"rspServerAddress"}` registers an event, `DELETE /events/EID/ID` deletes it, `GET /events`: all of them.
`GET /log?after=ID`: every exchange. `POST /faults` (see `faults`), `GET /faults`, `DELETE /faults`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ipad.testbed import pki, rsp_server
from ipad.testbed.https import tls_context
from ipad.testbed.rest import Refusal, RestServer, Route, fault_routes, integer
from ipad.testbed.rsp_server import RspServer, Service
from ipad.testbed.smdp.forge import OF_INITIATION, ForgedInitiation
from ipad.testbed.threads import serving

from . import es11
from .core import Event, Smds

KINDS = (*rsp_server.KINDS, *OF_INITIATION)
EID_DIGITS = 32
TEXT_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Settings:
    """How an SM-DS is set up."""

    state: Path
    port: int = 0
    """Of ES11; 0: any that is free."""
    admin_port: int = 0
    pki: Path | None = None
    """By default a folder in `state`; what is missing in it is made."""
    fqdn: str | None = None
    """Its address as it signs it, HOST or HOST:PORT; by default localhost and the port."""
    paths: str = "both"
    """Or only one of `es11.PREFIXES`."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running SM-DS."""

    smds: Smds
    es11: str
    """https://localhost:PORT."""
    admin: str
    """http://127.0.0.1:PORT."""


@contextmanager
def running(settings: Settings) -> Iterator[Running]:
    """Serves until the end of the block. ConfigError; OSError: a port is taken."""
    folder = settings.pki or settings.state / "pki"
    where = pki.make_smds_pki(folder)
    with RspServer(tls_context(where.ds_tls, where.ds_tls_key), settings.port) as server:
        address = f"localhost:{server.server_address[1]}"
        smds = Smds(settings.state, folder, settings.fqdn or address)
        forge = ForgedInitiation(smds.auth, pki.ROLE_DS_AUTH, folder, server.faults)
        server.service = Service(es11.functions(settings.paths), partial(es11.call, smds, forge.initiated))
        with RestServer(_routes(smds, server), settings.admin_port) as admin, serving(server, admin):
            yield Running(smds, f"https://{address}", f"http://127.0.0.1:{admin.server_address[1]}")


def _routes(smds: Smds, server: RspServer) -> dict[tuple[str, str], Route]:
    def show(_query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        return 200, {"smdsAddress": smds.address, "url": f"https://localhost:{server.server_address[1]}"}

    def register(_query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        event = _event(body)
        if not smds.register(event):
            raise Refusal(409, f"there is an event {event.event_id} already for this EID")
        return 201, body

    def delete(query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        eid, _, event_id = query["rest"].partition("/")
        if not smds.delete(eid, event_id):
            raise Refusal(404, "no such event")
        return 200, {}

    def events(_query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        names = {"eid": "eid", "event_id": "eventId", "rsp_server_address": "rspServerAddress"}
        return 200, [{names[name]: text for name, text in asdict(e).items()} for e in smds.events()]

    def log(query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        return 200, server.log.show(integer(query, "after", 0) or 0)

    return {
        ("GET", "smds"): show,
        ("POST", "events"): register,
        ("DELETE", "events"): delete,
        ("GET", "events"): events,
        ("GET", "log"): log,
        **fault_routes(server.faults, KINDS),
    }


def _event(body: Any) -> Event:
    match body:
        case {"eid": str() as eid, "eventId": str() as event_id, "rspServerAddress": str() as address}:
            pass
        case _:
            raise Refusal(400, "wanted eid, eventId and rspServerAddress")
    if len(eid) != EID_DIGITS or not (eid.isascii() and eid.isdecimal()):
        raise Refusal(400, f"eid: not {EID_DIGITS} digits")
    if not (0 < len(event_id) <= TEXT_LIMIT and 0 < len(address) <= TEXT_LIMIT):
        raise Refusal(400, f"eventId, rspServerAddress: 1 to {TEXT_LIMIT} characters wanted")
    return Event(eid, event_id, address)

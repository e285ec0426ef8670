"""An SM-DP+ as a process or as a part of a test: ES9+ and the REST interface, each in a thread."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from ipad.testbed import pki
from ipad.testbed.https import tls_context
from ipad.testbed.rsp_server import Answer, RspServer, Service
from ipad.testbed.threads import serving

from . import bpp, es9
from .admin import AdminServer
from .core import Smdp
from .es12 import Events
from .forge import Forge

CURVES: dict[str, type[ec.EllipticCurve]] = {"P-256": ec.SECP256R1, "brainpoolP256r1": ec.BrainpoolP256R1}


@dataclass(frozen=True, slots=True)
class Settings:
    """How an SM-DP+ is set up."""

    state: Path
    port: int = 0
    """Of ES9+; 0: any that is free."""
    admin_port: int = 0
    pki: Path | None = None
    """By default a folder in `state`; what is missing in it is made."""
    fqdn: str | None = None
    """Its address as it signs it, HOST or HOST:PORT; by default localhost and the port."""
    segment: int = bpp.SEGMENT
    replace_keys: bool = False
    curve: str = "P-256"
    """Of the keys that it signs with; TLS stays with its certificate's."""
    smds: str | None = None
    """Of an SM-DS's REST interface, for orders with an event."""
    tls_certificate: Path | None = None
    """Serve with another one; a key comes with it."""
    tls_key: Path | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A running SM-DP+."""

    smdp: Smdp
    server: RspServer
    es9: str
    """https://localhost:PORT."""
    admin: str
    """http://127.0.0.1:PORT."""


@contextmanager
def running(settings: Settings) -> Iterator[Running]:
    """Serves until the end of the block. ConfigError; OSError: a port is taken."""
    folder = settings.pki or settings.state / "pki"
    where = pki.make_smdp_pki(folder)
    context = tls_context(settings.tls_certificate or where.dp_tls, settings.tls_key or where.dp_tls_key)
    with RspServer(context, settings.port) as server:
        address = f"localhost:{server.server_address[1]}"
        smdp = Smdp(
            settings.state,
            folder,
            settings.fqdn or address,
            segment=settings.segment,
            replace_keys=settings.replace_keys,
            curve=CURVES[settings.curve](),
        )
        events = None if settings.smds is None else Events(settings.smds, smdp)
        server.service = service(smdp, Forge(smdp, folder, server.faults), events)
        with AdminServer(smdp, server, settings.admin_port, events) as admin, serving(server, admin):
            yield Running(smdp, server, f"https://{address}", f"http://127.0.0.1:{admin.server_address[1]}")


def service(smdp: Smdp, forge: Forge, events: Events | None) -> Service:
    """What is served of this SM-DP+."""

    def call(function: str, request: Mapping[str, Any]) -> Answer:
        answer = es9.call(smdp, forge, function, request)
        if events is not None and function in ("HandleNotification", "CancelSession"):
            events.settle()
        return answer

    return Service(es9.FUNCTIONS, call)

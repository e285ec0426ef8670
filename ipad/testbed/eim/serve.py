"""An eIM as a process or as a part of a test: ESipa and the REST interface, each in a thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ipad.testbed import pki
from ipad.testbed.eim import identity
from ipad.testbed.eim.admin import AdminServer
from ipad.testbed.eim.eim import Eim
from ipad.testbed.eim.records import Records
from ipad.testbed.eim.server import EsipaServer
from ipad.testbed.eim.shapes import chosen
from ipad.testbed.https import tls_context
from ipad.testbed.smdp.functions import Es9
from ipad.testbed.threads import serving

EIM_ID = "eim.testbed.example"


@dataclass(frozen=True, slots=True)
class Settings:
    """How an eIM is set up."""

    state: Path
    port: int = 0
    """Of ESipa; 0: any that is free."""
    admin_port: int = 0
    pki: Path | None = None
    """By default a folder in `state`; what is missing in it is made."""
    fqdn: str | None = None
    """eimFqdn, by default localhost and the port."""
    eim_id: str = EIM_ID
    anchor: str = "ca"
    tls_certificate: Path | None = None
    """Serve with this one, whatever the cards are told to trust; a key comes with it."""
    tls_key: Path | None = None
    bindings: str = "both"
    """Or only "asn1" or "json"."""
    shapes: frozenset[str] = frozenset()
    """Odd ones to send: see `shapes`. ConfigError: one that there is not."""
    smdp: Es9 | None = None
    """That downloads through this eIM are relayed to; None: such downloads are not offered."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running eIM."""

    eim: Eim
    esipa: str
    """https://127.0.0.1:PORT."""
    admin: str
    """http://127.0.0.1:PORT."""


@contextmanager
def running(settings: Settings) -> Iterator[Running]:
    """Serves until the end of the block. ConfigError; OSError: a port is taken."""
    shapes = chosen(settings.shapes)
    folder = settings.pki or settings.state / "pki"
    where = pki.make_pki(folder)
    context = tls_context(settings.tls_certificate or where.eim_tls, settings.tls_key or where.eim_tls_key)
    records = Records(settings.state)
    me = identity.load(folder, settings.eim_id, settings.fqdn or "", settings.anchor)
    eim = Eim(me, records, shapes=shapes, smdp=settings.smdp)
    with EsipaServer(eim, context, settings.port, settings.bindings) as esipa:
        port = esipa.server_address[1]
        if settings.fqdn is None:
            esipa.eim = eim = replace(eim, identity=replace(me, fqdn=f"localhost:{port}"))
        url = f"https://127.0.0.1:{port}"
        with AdminServer(eim, settings.admin_port, url) as admin, serving(esipa, admin):
            yield Running(eim, url, f"http://127.0.0.1:{admin.server_address[1]}")
    records.close()

"""Identities for the TLS tests, made once; an Esipa against a Peer; a card in a modem."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ipad.eim import EimConfiguration, TlsAnchor
from ipad.esipa.client import Esipa
from ipad.esipa.settings import EsipaSettings
from ipad.net.http import Uplink
from ipad.waits import Waits

from .card_site import Build, Site, card_site
from .https_peer import EID, Identity, MakeEsipa, Peer, make_identity


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="session")
def ca(folder: Path) -> Identity:
    return make_identity(folder, "ca", ca=True)


@pytest.fixture(scope="session")
def server(folder: Path, ca: Identity) -> Identity:
    return make_identity(folder, "server", issuer=ca)


@pytest.fixture(scope="session")
def stranger(folder: Path) -> Identity:
    return make_identity(folder, "stranger")


@pytest.fixture
def make_esipa() -> Iterator[MakeEsipa]:
    """Makes an Esipa to a Peer; all are closed at the end."""
    made: list[Esipa] = []

    def make(
        peer: Peer,
        anchor: TlsAnchor | None,
        *,
        uplink: Uplink | None = None,
        host: str = "localhost",
        connect: float = 20.0,
        http: float = 20.0,
        **settings: Any,
    ) -> Esipa:
        config = EimConfiguration("eim.example", f"{host}:{peer.port}", tls_anchor=anchor)
        waits = Waits(connect=connect, http=http)
        made.append(Esipa(config, EID, waits, uplink or Uplink(), EsipaSettings(**settings)))
        return made[-1]

    yield make
    for esipa in made:
        esipa.close()


@pytest.fixture
def build(tmp_path: Path, pki_dir: Path) -> Iterator[Build]:
    """Makes a site; `shapes`, `consumer` as of VirtualEuicc.open."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(card_site(tmp_path, pki_dir, **options))


@pytest.fixture
def site(build: Build) -> Site:
    return build()

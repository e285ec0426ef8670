"""A certificate issuer, its directory, and clients of a Peer whose certificate it made."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipad.net.http import Uplink
from ipad.rsp.es9 import Es9
from ipad.rsp.es11 import Es11
from ipad.rsp.settings import RspSettings
from ipad.waits import Waits
from tests.agent.https_peer import Identity, Peer, make_identity

Make = Callable[..., Any]
"""(peer, host=, uplink=, settings...): an Es9 or an Es11."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rsp")


@pytest.fixture(scope="session")
def ci(folder: Path) -> Identity:
    return make_identity(folder, "ci", ca=True)


@pytest.fixture(scope="session")
def server(folder: Path, ci: Identity) -> Identity:
    return make_identity(folder, "server", issuer=ci)


@pytest.fixture(scope="session")
def ci_certificates(tmp_path_factory: pytest.TempPathFactory, ci: Identity) -> Path:
    directory = tmp_path_factory.mktemp("ci")
    (directory / "gsma.der").write_bytes(ci.der)
    return directory


def _maker(kind: type[Es9] | type[Es11], directory: Path) -> Iterator[Make]:
    made: list[Es9 | Es11] = []

    def make(
        peer: Peer, *, host: str = "localhost", uplink: Uplink | None = None, **settings: Any
    ) -> Es9 | Es11:
        chosen = RspSettings(**{"ci_certificates": str(directory), **settings})
        waits = Waits(connect=20.0, http=20.0)
        made.append(kind(f"{host}:{peer.port}", waits, uplink or Uplink(), chosen))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def make_es9(ci_certificates: Path) -> Iterator[Make]:
    yield from _maker(Es9, ci_certificates)


@pytest.fixture
def make_es11(ci_certificates: Path) -> Iterator[Make]:
    yield from _maker(Es11, ci_certificates)

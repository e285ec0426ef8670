"""A server that is not the eIM: refused before a byte of a message, for each kind of anchor on the card."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ipad.testbed import pki
from ipad.testbed.gateway import Gateway
from tests.system.conftest import Start
from tests.system.world import LIST, ipad, operates, says, until, works


@pytest.fixture(scope="module", params=["ca", "leaf", "key"])
def running(request: pytest.FixtureRequest, start: Start) -> Iterator[Gateway]:
    """A gateway whose card holds this of the eIM's TLS certificate."""
    with start(anchor=request.param) as gateway:
        gateway.provision()
        gateway.start_agent()
        operates(gateway)
        works(gateway)
        yield gateway


def test_a_server_with_a_certificate_of_somebody_else_s_ca_gets_nothing(
    gateway: Gateway, tmp_path: Path
) -> None:
    somebody = pki.make_tls_server(pki.make_tls_ca(), ["localhost"])
    is_refused(gateway, somebody, tmp_path)


def test_a_server_with_another_key_of_the_same_ca_gets_nothing_but_with_the_ca_as_anchor(
    gateway: Gateway, tmp_path: Path
) -> None:
    where = pki.paths(gateway.pki)
    ca = pki.read_identity(where.eim_tls_ca, where.eim_tls_ca_key)
    another = pki.make_tls_server(ca, ["localhost"])
    if gateway.anchor == "ca":
        with served(gateway, another, tmp_path):
            works(gateway)
    else:
        is_refused(gateway, another, tmp_path)


def test_a_server_with_the_ca_s_certificate_for_another_name_gets_nothing(
    gateway: Gateway, tmp_path: Path
) -> None:
    where = pki.paths(gateway.pki)
    ca = pki.read_identity(where.eim_tls_ca, where.eim_tls_ca_key)
    is_refused(gateway, pki.make_tls_server(ca, ["somebody.example"]), tmp_path)


def is_refused(gateway: Gateway, somebody: pki.Identity, directory: Path) -> None:
    """The eIM shows this certificate: no exchange comes about, and the gateway goes on asking."""
    with served(gateway, somebody, directory):
        package = gateway.order(LIST)
        last = max(exchange["id"] for exchange in gateway.eim("GET", "/log"))
        before = failures(gateway)
        assert ipad(gateway, "poll").returncode == 1
        until("more tries", lambda: failures(gateway) > before + 1)
        assert [e for e in gateway.eim("GET", "/log", after=last) if e["function"] != "TLS"] == []
        assert gateway.state_of(package) == "queued"
        assert says(gateway, "localhost", "the card")
        operates(gateway)
    until("the package, from the right one", lambda: gateway.state_of(package) == "done")


def failures(gateway: Gateway) -> int:
    """Polls that failed in a row."""
    return int(gateway.status()["eims"][gateway.eim_id]["failures"])


@contextmanager
def served(gateway: Gateway, identity: pki.Identity, directory: Path) -> Iterator[None]:
    """The eIM's server shows this certificate; afterwards its own again."""
    certificate, key = directory / "tls.pem", directory / "tls.key"
    certificate.write_bytes(identity.certificate.public_bytes(Encoding.PEM))
    key.write_bytes(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    gateway.kill_eim()
    gateway.start_eim("--tls-cert", str(certificate), "--tls-key", str(key))
    try:
        yield
    finally:
        gateway.kill_eim()
        gateway.start_eim()

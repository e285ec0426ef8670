"""Whom the agent takes for an SM-DP+: whoever an issuer in the directory vouches for. Real TLS throughout."""

import os
import ssl
from pathlib import Path
from typing import Any

import pytest

from ipad.errors import ConfigError, IpadError, Untrusted
from ipad.net import trust
from ipad.net.http import Uplink
from tests.agent.https_peer import Behaviour, Identity, Peer, http_answer, make_identity, read_request

from .conftest import Make


def taking() -> Behaviour:
    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        while read_request(connection):
            connection.sendall(http_answer(b""))

    return behave


def pem_of(*identities: Identity) -> bytes:
    return b"# a comment\n" + b"".join(ssl.DER_cert_to_PEM_cert(i.der).encode() for i in identities)


def reached(make_es9: Make, server: Identity, **how: Any) -> Peer:
    with Peer(server, taking()) as peer:
        make_es9(peer, **how).handle_notification(b"")
    return peer


def refused(make_es9: Make, server: Identity, error: type[IpadError], **how: Any) -> str:
    """The error's text; nothing was sent to the server."""
    with Peer(server, taking()) as peer, pytest.raises(error) as refusal:
        make_es9(peer, **how).handle_notification(b"")
    assert peer.received == []
    return str(refusal.value)


@pytest.mark.parametrize("name", ["gsma.pem", "gsma.crt", "GSMA.CER", "gsma.der"])
@pytest.mark.parametrize("form", ["pem", "der"])
def test_an_issuer_may_be_pem_or_der_under_each_name(
    name: str, form: str, make_es9: Make, server: Identity, ci: Identity, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(pem_of(ci) if form == "pem" else ci.der)
    (tmp_path / "README").write_text("no certificate")
    (tmp_path / "more.pem").mkdir()
    reached(make_es9, server, ci_certificates=str(tmp_path))


def test_any_of_several_issuers_will_do(
    make_es9: Make, server: Identity, ci: Identity, folder: Path, tmp_path: Path
) -> None:
    others = [make_identity(folder, f"other-ci-{n}", ca=True) for n in range(3)]
    (tmp_path / "all.pem").write_bytes(pem_of(*others, ci))
    (tmp_path / "a.der").write_bytes(others[0].der)
    reached(make_es9, server, ci_certificates=str(tmp_path))


@pytest.mark.parametrize("there", [True, False])
def test_without_issuers_nobody_is_trusted_and_it_says_what_to_do(
    there: bool, make_es9: Make, server: Identity, tmp_path: Path
) -> None:
    directory = tmp_path / "ci"
    if there:
        directory.mkdir()
        (directory / "notes.txt").write_text("to do")
    text = refused(make_es9, server, Untrusted, ci_certificates=str(directory))
    assert str(directory) in text
    assert "[rsp] ci_certificates" in text


def test_a_server_of_another_issuer_is_refused(make_es9: Make, folder: Path, ci_certificates: Path) -> None:
    stranger = make_identity(folder, "stranger", issuer=make_identity(folder, "stranger-ci", ca=True))
    text = refused(make_es9, stranger, Untrusted)
    assert "localhost is not vouched for by the certificate issuers in" in text
    assert str(ci_certificates) in text
    assert "eIM" not in text


def test_a_self_signed_server_is_refused(make_es9: Make, folder: Path) -> None:
    refused(make_es9, make_identity(folder, "alone"), Untrusted)


def test_a_certificate_for_another_name_is_refused(make_es9: Make, folder: Path, ci: Identity) -> None:
    other = make_identity(folder, "other", issuer=ci, names=("other.example",))
    assert "localhost" in refused(make_es9, other, Untrusted)


@pytest.mark.parametrize("days", [(-10, -1), (1, 10)])
def test_a_certificate_outside_its_dates_is_refused(
    days: tuple[int, int], make_es9: Make, folder: Path, ci: Identity
) -> None:
    refused(make_es9, make_identity(folder, f"dated{days[0]}", issuer=ci, days=days), Untrusted)


def test_with_a_clock_that_was_never_set_dates_do_not_count_but_the_issuer_does(
    make_es9: Make, folder: Path, ci: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "clock_is_set", lambda: False)
    reached(make_es9, make_identity(folder, "past", issuer=ci, days=(-10, -1)))
    refused(make_es9, make_identity(folder, "alone-then"), Untrusted)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"hello",
        b"\x30\x03\x02\x01\x01",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMIIB",
        b"-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----\n",
        b"\x30" * 70_000,
    ],
    ids=lambda octets: repr(octets[-12:]),
)
def test_a_file_that_is_no_certificate_is_named(
    octets: bytes, make_es9: Make, server: Identity, ci: Identity, tmp_path: Path
) -> None:
    (tmp_path / "good.pem").write_bytes(pem_of(ci))
    (tmp_path / "bad.pem").write_bytes(octets)
    assert str(tmp_path / "bad.pem") in refused(make_es9, server, ConfigError, ci_certificates=str(tmp_path))


def test_a_path_that_is_no_directory_is_named(make_es9: Make, server: Identity, tmp_path: Path) -> None:
    (tmp_path / "ci").write_text("")
    assert str(tmp_path / "ci") in refused(
        make_es9, server, ConfigError, ci_certificates=str(tmp_path / "ci")
    )


def test_a_directory_of_everything_is_not_read(make_es9: Make, server: Identity, tmp_path: Path) -> None:
    for number in range(65):
        (tmp_path / f"{number}.pem").touch()
    assert "more than 64" in refused(make_es9, server, ConfigError, ci_certificates=str(tmp_path))


def test_a_session_is_resumed_until_the_issuers_change(
    make_es9: Make, server: Identity, ci: Identity, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "gsma.pem"
    path.write_bytes(pem_of(ci))
    with Peer(server, taking()) as peer:
        es9 = make_es9(peer, uplink=Uplink(), ci_certificates=str(tmp_path))
        for _ in range(2):
            es9.handle_notification(b"")
            es9.close()
        assert peer.resumed == [False, True]
        path.write_bytes(pem_of(make_identity(folder, "new-ci", ca=True)))
        os.utime(path, ns=(1, 1))
        with pytest.raises(Untrusted):
            es9.handle_notification(b"")

"""Whom the agent talks to: only the eIM that the card names. Real TLS throughout."""

import ssl
from pathlib import Path

import pytest

from ipad.eim import TlsAnchor
from ipad.errors import ConfigError, Unreachable, Untrusted
from ipad.esipa.model import NoPackage
from ipad.net import trust
from ipad.net.http import Uplink

from .https_peer import (
    NO_PACKAGE,
    Identity,
    MakeEsipa,
    Peer,
    answering,
    certificate_of,
    key_of,
    make_identity,
)

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["own certificate", "CA", "key"])
def test_each_kind_of_anchor_reaches_its_eim(
    kind: str, version: ssl.TLSVersion, server: Identity, ca: Identity, make_esipa: MakeEsipa
) -> None:
    anchors = {"own certificate": certificate_of(server), "CA": certificate_of(ca), "key": key_of(server)}
    with Peer(server, answering(NO_PACKAGE), version=version) as peer:
        assert make_esipa(peer, anchors[kind]).get_eim_package() == NoPackage()
    assert peer.server_names == ["localhost"]


def test_an_intermediate_ca_is_an_anchor_by_itself(folder: Path, ca: Identity, make_esipa: MakeEsipa) -> None:
    intermediate = make_identity(folder, "intermediate", issuer=ca, ca=True)
    leaf = make_identity(folder, "leaf", issuer=intermediate)
    with Peer(leaf, answering(NO_PACKAGE)) as peer:
        assert make_esipa(peer, certificate_of(intermediate)).get_eim_package() == NoPackage()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["certificate", "key"])
def test_another_server_is_refused_and_gets_not_one_octet(
    kind: str, version: ssl.TLSVersion, server: Identity, stranger: Identity, make_esipa: MakeEsipa
) -> None:
    anchor = certificate_of(server) if kind == "certificate" else key_of(server)
    with Peer(stranger, answering(NO_PACKAGE), version=version) as peer, pytest.raises(Untrusted):
        make_esipa(peer, anchor).get_eim_package()
    assert peer.connections == 1
    assert peer.received == []


def test_a_certificate_for_another_name_is_refused(folder: Path, ca: Identity, make_esipa: MakeEsipa) -> None:
    other = make_identity(folder, "other", issuer=ca, names=("other.example",))
    with Peer(other, answering(NO_PACKAGE)) as peer:
        with pytest.raises(Untrusted, match="localhost"):
            make_esipa(peer, certificate_of(ca)).get_eim_package()
        assert make_esipa(peer, key_of(other)).get_eim_package() == NoPackage()
    assert len(peer.received) == 1


def test_an_address_counts_as_a_name(folder: Path, ca: Identity, make_esipa: MakeEsipa) -> None:
    by_address = make_identity(folder, "by_address", issuer=ca, names=("127.0.0.1",))
    with Peer(by_address, answering(NO_PACKAGE)) as peer:
        esipa = make_esipa(peer, certificate_of(ca), host="127.0.0.1")
        assert esipa.get_eim_package() == NoPackage()


def test_without_an_anchor_the_ca_file_decides(
    folder: Path, server: Identity, stranger: Identity, ca: Identity, make_esipa: MakeEsipa
) -> None:
    with Peer(server, answering(NO_PACKAGE)) as peer:
        assert make_esipa(peer, None, ca_file=str(ca.pem)).get_eim_package() == NoPackage()
        with pytest.raises(Untrusted):
            make_esipa(peer, None, ca_file=str(stranger.pem)).get_eim_package()
        with pytest.raises(Untrusted):  # the system's store does not know it either
            make_esipa(peer, None).get_eim_package()
        with pytest.raises(ConfigError, match="no-such-file"):
            make_esipa(peer, None, ca_file=str(folder / "no-such-file")).get_eim_package()


def test_an_expired_certificate_counts_only_while_the_clock_has_never_been_set(
    folder: Path, ca: Identity, make_esipa: MakeEsipa, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = make_identity(folder, "expired", issuer=ca, days=(-30, -3))
    with Peer(expired, answering(NO_PACKAGE)) as peer:
        uplink = Uplink()
        with pytest.raises(Untrusted, match="expired"):
            make_esipa(peer, certificate_of(ca), uplink=uplink).get_eim_package()
        monkeypatch.setattr(trust, "clock_is_set", lambda: False)
        esipa = make_esipa(peer, certificate_of(ca), uplink=uplink)
        assert esipa.get_eim_package() == NoPackage()
        esipa.close()
        monkeypatch.undo()
        with pytest.raises(Untrusted, match="expired"):
            esipa.get_eim_package()


def test_an_anchor_that_is_no_certificate_is_untrusted(server: Identity, make_esipa: MakeEsipa) -> None:
    with Peer(server, answering(NO_PACKAGE)) as peer, pytest.raises(Untrusted, match="anchor"):
        make_esipa(peer, TlsAnchor("certificate", b"\x30\x00")).get_eim_package()
    assert peer.connections == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_server_that_offers_only_tls_1_1_is_unreachable(server: Identity, make_esipa: MakeEsipa) -> None:
    old = Peer(server, answering(NO_PACKAGE), version=ssl.TLSVersion.TLSv1_1)
    with old as peer, pytest.raises(Unreachable, match="TLS"):
        make_esipa(peer, key_of(server)).get_eim_package()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["certificate", "key"])
def test_a_later_connection_resumes_the_session_and_costs_less(
    kind: str, version: ssl.TLSVersion, server: Identity, make_esipa: MakeEsipa
) -> None:
    anchor = certificate_of(server) if kind == "certificate" else key_of(server)
    uplink = Uplink()
    octets = []
    with Peer(server, answering(NO_PACKAGE), version=version) as peer:
        for _ in range(2):
            before = uplink.traffic.sent + uplink.traffic.received
            esipa = make_esipa(peer, anchor, uplink=uplink)
            assert esipa.get_eim_package() == NoPackage()
            esipa.close()
            octets.append(uplink.traffic.sent + uplink.traffic.received - before)
    assert peer.resumed == [False, True]
    assert octets[1] < octets[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_that_was_resumed_is_kept_for_the_next_time(
    version: ssl.TLSVersion, server: Identity, make_esipa: MakeEsipa
) -> None:
    anchor = certificate_of(server)
    uplink = Uplink()
    kept = []
    with Peer(server, answering(NO_PACKAGE), version=version) as peer:
        for _ in range(3):
            esipa = make_esipa(peer, anchor, uplink=uplink)
            assert esipa.get_eim_package() == NoPackage()
            esipa.close()
            kept.append(uplink.trusts.of("eim.example", "localhost", peer.port, anchor, None).session)
    assert peer.resumed == [False, True, True]
    assert kept[0] is not None
    # The same object: every other would be a look at `session`, which loses memory.
    assert kept[1] is kept[0]
    assert kept[2] is kept[0]


def test_a_changed_anchor_or_host_starts_without_the_old_session(
    server: Identity, ca: Identity, stranger: Identity, make_esipa: MakeEsipa
) -> None:
    uplink = Uplink()
    with Peer(server, answering(NO_PACKAGE)) as peer:
        for anchor in (key_of(server), certificate_of(ca), certificate_of(server)):
            esipa = make_esipa(peer, anchor, uplink=uplink)
            assert esipa.get_eim_package() == NoPackage()
            esipa.close()
        assert peer.resumed == [False, False, False]
        # The session of a host that was checked must not let an unchecked name in.
        with pytest.raises(Untrusted):
            make_esipa(peer, certificate_of(server), uplink=uplink, host="127.0.0.1").get_eim_package()
        with pytest.raises(Untrusted):
            make_esipa(peer, certificate_of(stranger), uplink=uplink).get_eim_package()
        with pytest.raises(Untrusted):
            make_esipa(peer, key_of(stranger), uplink=uplink).get_eim_package()


def test_the_key_of_a_certificate_is_sliced_out_exactly(server: Identity, ca: Identity) -> None:
    for identity in (server, ca):
        assert trust.subject_public_key_info(identity.der) == identity.spki

"""The test world's certificates."""

import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ipad.errors import ConfigError
from ipad.testbed import pki
from ipad.testbed.euicc import VirtualEuicc, default_profiles


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
    return certificate.issuer == issuer.subject


def test_the_cards_chain_holds_from_ci_to_euicc(pki_dir: Path) -> None:
    where = pki.paths(pki_dir)
    ci, eum, euicc = (pki.read_certificate(path) for path in (where.ci, where.eum, where.euicc))
    assert signed_by(ci, ci)
    assert signed_by(eum, ci)
    assert signed_by(euicc, eum)
    policies = euicc.extensions.get_extension_for_class(x509.CertificatePolicies)
    assert policies.critical
    assert policies.value[0].policy_identifier.dotted_string == "2.23.146.1.2.1.1"


def test_the_eum_may_certify_only_eids_with_its_prefix(pki_dir: Path) -> None:
    where = pki.paths(pki_dir)
    constraints = pki.read_certificate(where.eum).extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    [permitted] = constraints.value.permitted_subtrees or []
    [prefix] = permitted.value.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    assert pki.eid_of(pki.read_certificate(where.euicc)).startswith(prefix.value)


@pytest.mark.parametrize("number", [1, 2, 100000])
def test_eids_have_their_check_digits(number: int) -> None:
    eid = pki.make_eid(number)
    assert len(eid) == 32
    assert int(eid) % 97 == 1


def test_iccids_have_their_check_digit() -> None:
    for profile in default_profiles():
        digits = [int(digit) for digit in profile.iccid]
        doubled = [sum(divmod(2 * d, 10)) if i % 2 else d for i, d in enumerate(reversed(digits))]
        assert sum(doubled) % 10 == 0
        assert len(digits) in (19, 20)


def test_what_exists_is_kept(tmp_path: Path) -> None:
    where = pki.make_pki(tmp_path)
    pki.make_smds_pki(tmp_path)
    before = [path.read_bytes() for path in astuple(where)]
    assert pki.make_pki(tmp_path) == pki.make_smds_pki(tmp_path) == where
    assert [path.read_bytes() for path in astuple(where)] == before


def test_keys_are_for_their_owner_only(pki_dir: Path) -> None:
    assert pki.paths(pki_dir).euicc_key.stat().st_mode & 0o077 == 0


def test_several_at_once_make_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: pki.make_pki(tmp_path).euicc.read_bytes(), range(4)))
    assert len(set(made)) == 1


def test_somebody_elses_certificates_need_no_key_of_the_ci(tmp_path: Path) -> None:
    pki.make_euicc_chain(tmp_path, pki.make_eid(7))
    pki.paths(tmp_path).ci_key.unlink()
    card = VirtualEuicc.open(tmp_path / "card", tmp_path)
    assert card.eid == pki.make_eid(7)


def test_an_eum_cannot_be_made_without_the_key_of_the_ci(tmp_path: Path) -> None:
    where = pki.make_euicc_chain(tmp_path)
    for path in where.ci_key, where.eum:
        path.unlink()
    with pytest.raises(ConfigError, match=r"ci\.key"):
        pki.make_euicc_chain(tmp_path)


@pytest.mark.parametrize("names", [["euicc_key"], ["eum"], ["ci"], ["euicc", "euicc_key"]])
def test_certificates_that_do_not_fit_together_are_refused(tmp_path: Path, names: list[str]) -> None:
    where = pki.make_euicc_chain(tmp_path / "one")
    other = pki.make_euicc_chain(tmp_path / "two")
    for name in names:
        getattr(where, name).write_bytes(getattr(other, name).read_bytes())
    with pytest.raises(ConfigError):
        VirtualEuicc.open(tmp_path / "card", tmp_path / "one")


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    where = pki.make_euicc_chain(tmp_path)
    where.euicc.write_text("nothing")
    with pytest.raises(ConfigError, match=r"euicc\.pem"):
        VirtualEuicc.open(tmp_path / "card", tmp_path)


def test_the_eims_tls_certificate_holds_for_its_names(pki_dir: Path) -> None:
    """A real handshake in memory, with everything strict that OpenSSL has."""
    where = pki.paths(pki_dir)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(where.eim_tls, where.eim_tls_key)
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    client_context.load_verify_locations(where.eim_tls_ca)
    for name in "localhost", "eim.testbed.example":
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_context.wrap_bio(down, up, server_hostname=name)
        server = server_context.wrap_bio(up, down, server_side=True)
        waiting = [client, server]
        for _ in range(10):
            for side in list(waiting):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                waiting.remove(side)
        assert waiting == []

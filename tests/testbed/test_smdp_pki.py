"""The SM-DP+'s certificates: whose they are, what they are for, and when they are made."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from ipad.errors import ConfigError
from ipad.testbed import pki
from ipad.testbed.chain import NotTrusted, WrongRole, verify_server

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_each_certificate_is_for_its_role_and_of_the_same_owner(pki_dir: Path) -> None:
    where = pki.make_smdp_pki(pki_dir)
    ci = pki.read_certificate(where.ci)
    for path, role in (
        (where.dpauth, pki.ROLE_DP_AUTH),
        (where.dppb, pki.ROLE_DP_PB),
        (where.dp_tls, pki.ROLE_DP_TLS),
    ):
        certificate = pki.read_certificate(path)
        server = verify_server(ci, certificate, [role], NOW)
        assert (server.role, server.oid) == (role, pki.SMDP_OID)
        with pytest.raises(WrongRole):
            verify_server(ci, certificate, [pki.ROLE_DS_AUTH], NOW)
        with pytest.raises(NotTrusted, match="valid from"):
            verify_server(ci, certificate, [role], NOW.replace(year=2060))


def test_the_tls_certificate_names_the_server(pki_dir: Path) -> None:
    certificate = pki.read_certificate(pki.make_smdp_pki(pki_dir).dp_tls)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == list(pki.SMDP_NAMES)


def test_what_is_missing_is_made_and_what_is_there_is_kept(tmp_path: Path) -> None:
    where = pki.make_pki(tmp_path)
    kept = where.dpauth.read_bytes()
    where.dppb.unlink()
    pki.make_smdp_pki(tmp_path)
    assert where.dpauth.read_bytes() == kept
    assert pki.read_identity(where.dppb, where.dppb_key)


def test_a_folder_without_the_cis_key_serves_a_card_and_an_eim_but_no_smdp(tmp_path: Path) -> None:
    where = pki.make_euicc_chain(tmp_path)
    where.ci_key.unlink()
    pki.make_pki(tmp_path)
    assert where.eim.exists()
    assert not where.dpauth.exists()
    with pytest.raises(ConfigError, match=r"ci\.key"):
        pki.make_smdp_pki(tmp_path)


def test_a_certificate_without_its_owners_oid_is_no_servers(pki_dir: Path) -> None:
    where = pki.make_smdp_pki(pki_dir)
    ci = pki.read_certificate(where.ci)
    with pytest.raises(ConfigError, match="OID"):
        pki.registered_id(ci)
    with pytest.raises(NotTrusted, match="not for signatures"):
        verify_server(ci, ci, [pki.ROLE_DP_AUTH], NOW)

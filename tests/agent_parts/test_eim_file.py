"""The factory's file: each key, and what is said of each that is wrong."""

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipad import asn1, eim_file
from ipad.errors import IpadError
from ipad.euicc import read
from ipad.testbed import pki
from tests.agent_parts.workbench import toml


@pytest.fixture(scope="module")
def pems(pki_dir: Path) -> Path:
    return pki_dir


@pytest.fixture
def good(pems: Path) -> dict[str, Any]:
    return {"eimId": "eim.example", "eimCertificate": str(pems / "eim.pem")}


def loaded(tmp_path: Path, values: dict[str, Any], further: str = "") -> eim_file.Factory:
    file = tmp_path / "eim.toml"
    file.write_text("\n".join([*toml(values), further]), "utf-8")
    return eim_file.load(file)


def refusal(tmp_path: Path, values: dict[str, Any], further: str = "") -> str:
    """What is said of this file, always with its name."""
    with pytest.raises(IpadError) as refused:
        loaded(tmp_path, values, further)
    said = str(refused.value)
    assert said.startswith(f"{tmp_path / 'eim.toml'}: ")
    return said.removeprefix(f"{tmp_path / 'eim.toml'}: ")


def test_every_key_arrives_in_the_eim_configuration_data(tmp_path: Path, pems: Path) -> None:
    ci_pk_id = "f54172bdf98a95d65cbeb88a38a1c11d800a85c3"
    values = {
        "eimId": "eim.example",
        "eimFqdn": "eim.example:4433",
        "eimIdType": "fqdn",
        "counterValue": 7,
        "associationToken": True,
        "eimCertificate": str(pems / "eim.pem"),
        "trustedCertificateTls": str(pems / "eim-tls-ca.pem"),
        "eimSupportedProtocol": ["eimInjectHttps", "eimRetrieveHttps"],
        "euiccCiPKId": ci_pk_id,
        "indirectProfileDownload": True,
    }
    [der] = loaded(tmp_path, values).eims
    value = asn1.decode("EimConfigurationData", der)
    assert (value["counterValue"], value["associationToken"]) == (7, -1)
    assert value["eimSupportedProtocol"] == (b"\xa0", 3)
    told = read.eim_configuration(der)
    assert (told.eim_id, told.fqdn, told.id_type) == ("eim.example", "eim.example:4433", "fqdn")
    assert told.supported_protocols == {"eimInjectHttps", "eimRetrieveHttps"}
    assert told.ci_pk_id == bytes.fromhex(ci_pk_id)
    assert told.indirect_download
    assert told.tls_anchor is not None
    ca = pki.read_certificate(pki.paths(pems).eim_tls_ca)
    from cryptography.hazmat.primitives.serialization import Encoding

    assert told.tls_anchor.der == ca.public_bytes(Encoding.DER)


def test_what_is_not_given_is_absent_but_the_counter(tmp_path: Path, good: dict[str, Any]) -> None:
    factory = loaded(tmp_path, good)
    value = asn1.decode("EimConfigurationData", factory.eims[0])
    assert set(value) == {"eimId", "counterValue", "eimPublicKeyData"}
    assert value["counterValue"] == 0
    assert (factory.immediate_enable, factory.default_smdp, factory.default_smdp_oid) == (None, None, None)


@pytest.mark.parametrize("form", ["relative name", "PEM inline", "DER file"])
def test_a_certificate_comes_by_name_or_inline_in_pem_or_der(tmp_path: Path, pems: Path, form: str) -> None:
    pem = (pems / "eim.pem").read_text("ascii")
    (tmp_path / "eim.pem").write_text(pem, "ascii")
    body = "".join(pem.split("-----")[2].split())
    (tmp_path / "eim.crt").write_bytes(base64.b64decode(body))
    given = {"relative name": "eim.pem", "PEM inline": pem, "DER file": "eim.crt"}[form]
    [der] = loaded(tmp_path, {"eimId": "e", "eimCertificate": given}).eims
    data = read.key_or_certificate(asn1.find(der, 0x30, 0xA5))
    assert data is not None
    assert (data.kind, data.der) == ("certificate", base64.b64decode(body))


def test_a_bare_key_is_taken_as_key(tmp_path: Path, pems: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = pki.read_certificate(pki.paths(pems).eim).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    [der] = loaded(tmp_path, {"eimId": "e", "eimPublicKey": pem, "trustedEimPkTls": pem}).eims
    for tag in (0xA5, 0xA6):
        data = read.key_or_certificate(asn1.find(der, 0x30, tag))
        assert data is not None
        assert data.kind == "key"
        assert data.der == key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("given", "token"), [(True, -1), (-1, -1), (0, 0), (77, 77), (False, None), (None, None)]
)
def test_the_association_token(tmp_path: Path, good: dict[str, Any], given: Any, token: int | None) -> None:
    [der] = loaded(tmp_path, {**good, "associationToken": given}).eims
    assert asn1.decode("EimConfigurationData", der).get("associationToken") == token


def test_the_factory_s_table(tmp_path: Path, good: dict[str, Any]) -> None:
    further = (
        '[factory]\nimmediateEnable = false\ndefaultSmdpAddress = "smdp.example"\n'
        'defaultSmdpOid = "2.999.10"\n'
    )
    factory = loaded(tmp_path, good, further)
    assert factory.immediate_enable is False
    assert (factory.default_smdp, factory.default_smdp_oid) == ("smdp.example", "2.999.10")


WRONG: dict[str, list[Any]] = {
    "eimId": ["", "x" * 129, "é" * 65, 7, True],
    "eimFqdn": ["", "https://eim.example", "eim.example:99999", "a b", 7],
    "eimIdType": ["fqdns", 2, ""],
    "counterValue": [-1, 8_388_608, "0", True, 1.5],
    "associationToken": [-2, "true", [1]],
    "eimCertificate": [7, "", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----"],
    "trustedCertificateTls": [7, "-----BEGIN NOTHING-----", "-----BEGIN CERTIFICATE-----"],
    "eimSupportedProtocol": ["eimRetrieveHttps", [], ["http"], [7]],
    "euiccCiPKId": ["xy", "", 7, "f5417"],
    "indirectProfileDownload": [1, "yes"],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, values in WRONG.items() for v in values])
def test_a_wrong_value_is_told_with_key_and_expectation(
    tmp_path: Path, good: dict[str, Any], key: str, value: Any
) -> None:
    said = refusal(tmp_path, {**good, key: value})
    assert said.startswith(f"{key}: ")
    assert "expected" in said or "cannot be read" in said


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("immediateEnable", '"yes"'),
        ("defaultSmdpAddress", '"a b"'),
        ("defaultSmdpAddress", "7"),
        ("defaultSmdpOid", '"smdp"'),
        ("defaultSmdpOid", '"2.09"'),
    ],
)
def test_a_wrong_value_in_the_factory_s_table(
    tmp_path: Path, good: dict[str, Any], key: str, value: str
) -> None:
    said = refusal(tmp_path, good, f"[factory]\n{key} = {value}")
    assert said.startswith(f"factory.{key}: expected ")


def test_keys_that_are_missing_unknown_or_too_many(tmp_path: Path, good: dict[str, Any], pems: Path) -> None:
    assert refusal(tmp_path, {"eimCertificate": str(pems / "eim.pem")}).startswith("eimId: expected")
    assert refusal(tmp_path, {"eimId": "e"}).startswith("eimPublicKey: expected")
    assert refusal(tmp_path, {**good, "eimName": "e"}).startswith("eimName: no such key; known here: ")
    assert refusal(tmp_path, good, "[factory]\nsmdp = 1").startswith("factory.smdp: no such key")
    both = {**good, "eimPublicKey": str(pems / "eim.pem")}
    assert refusal(tmp_path, both).startswith("eimCertificate: expected only one")
    assert refusal(tmp_path, {}, "[[eim]]\neimId = 7").startswith("eim[0].eimId: expected")
    assert refusal(tmp_path, {"eim": 7}).startswith("eim: expected")
    assert refusal(tmp_path, {"eim": []}).startswith("eim: expected")
    assert refusal(tmp_path, {**good, "factory": 7}).startswith("factory: expected")


def test_the_wrong_kind_of_pem_is_named_and_a_private_key_is_not_quoted(
    tmp_path: Path, good: dict[str, Any], pems: Path
) -> None:
    private = (pems / "eim.key").read_text("ascii")
    for value in (str(pems / "eim.key"), private):
        said = refusal(tmp_path, {**good, "eimCertificate": value})
        assert "private key" in said
        assert private.split("-----")[2].split()[0] not in said
    said = refusal(tmp_path, {"eimId": "e", "eimPublicKey": str(pems / "eim.pem")})
    assert "there is CERTIFICATE" in said


def test_files_that_are_missing_or_too_large(tmp_path: Path, good: dict[str, Any]) -> None:
    with pytest.raises(IpadError, match="No such file"):
        eim_file.load(tmp_path / "missing.toml")
    assert "No such file" in refusal(tmp_path, {**good, "eimCertificate": "missing.pem"})
    (tmp_path / "large.pem").write_bytes(b"x" * (eim_file.FILE_LIMIT + 1))
    assert "octets" in refusal(tmp_path, {**good, "eimCertificate": "large.pem"})
    with pytest.raises(IpadError, match="octets"):
        eim_file.load(tmp_path / "large.pem")
    (tmp_path / "directory.toml").mkdir()
    with pytest.raises(IpadError, match="directory"):
        eim_file.load(tmp_path / "directory.toml")


def test_der_is_known_by_its_first_octet(tmp_path: Path, good: dict[str, Any]) -> None:
    [der] = loaded(tmp_path, good).eims
    file = tmp_path / "eim.der"
    file.write_bytes(der)
    assert eim_file.load(file) == eim_file.Factory((der,))
    file.write_bytes(der[:-1])
    with pytest.raises(IpadError, match="not EimConfigurationData in DER"):
        eim_file.load(file)


@given(st.binary(max_size=200))
def test_any_octets_are_a_file_or_an_error(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any"
    file.write_bytes(octets)
    with pytest.raises(IpadError, match=str(file)):
        eim_file.load(file)

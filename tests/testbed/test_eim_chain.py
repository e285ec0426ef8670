from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID

from ipad.testbed import chain
from ipad.testbed.pki import Identity
from ipad.testbed.signature import sign, token_tlv, verify

EID = "89049044000000000000000000000106"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
Change = Callable[[x509.CertificateBuilder], x509.CertificateBuilder]


def name(common: str, organization: str = "EUM", serial: str | None = None) -> x509.Name:
    parts = [(NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common)]
    if serial is not None:
        parts.append((NameOID.SERIAL_NUMBER, serial))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def usage(sign_certificates: bool, digital_signature: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature, key_cert_sign=sign_certificates, crl_sign=False,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def issue(
    subject: x509.Name,
    issuer: Identity | None,
    *extensions: x509.ExtensionType,
    until: datetime = datetime(2030, 1, 1, tzinfo=UTC),
    curve: ec.EllipticCurve | None = None,
) -> Identity:
    key = ec.generate_private_key(curve or ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(until)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return Identity(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


CA = x509.BasicConstraints(ca=True, path_length=0)


def constraint(**parts: str) -> x509.NameConstraints:
    oids = {"organization": NameOID.ORGANIZATION_NAME, "serial": NameOID.SERIAL_NUMBER}
    permitted = x509.Name([x509.NameAttribute(oids[part], value) for part, value in parts.items()])
    return x509.NameConstraints([x509.DirectoryName(permitted)], None)


def ci_identity() -> Identity:
    return issue(name("CI"), None, x509.BasicConstraints(ca=True, path_length=None), usage(True))


def check(ci: Identity, eum: Identity, euicc: Identity) -> str:
    return chain.verify(ci.certificate, eum.certificate, euicc.certificate, NOW)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.BrainpoolP256R1()])
def test_a_chain_with_critical_name_constraints_gives_the_eid(curve: ec.EllipticCurve) -> None:
    ci = ci_identity()
    eum = issue(name("EUM"), ci, CA, usage(True), constraint(organization="EUM", serial=EID[:8]))
    euicc = issue(name("card", serial=EID), eum, usage(False, True), curve=curve)
    assert check(ci, eum, euicc) == EID


def test_an_eum_may_certify_only_what_its_constraints_permit() -> None:
    ci = ci_identity()
    eum = issue(name("EUM"), ci, CA, usage(True), constraint(organization="EUM", serial="89033023"))
    with pytest.raises(chain.NotTrusted, match="nameConstraints"):
        check(ci, eum, issue(name("card", serial=EID), eum, usage(False, True)))
    eum = issue(name("EUM"), ci, CA, usage(True), constraint(organization="Other", serial=EID[:8]))
    with pytest.raises(chain.NotTrusted, match="nameConstraints"):
        check(ci, eum, issue(name("card", serial=EID), eum, usage(False, True)))


def test_without_constraints_any_eid_will_do() -> None:
    ci = ci_identity()
    eum = issue(name("EUM"), ci, CA, usage(True))
    assert check(ci, eum, issue(name("card", serial=EID), eum, usage(False, True))) == EID


def test_another_ci_of_the_same_name_is_not_the_ci() -> None:
    ci, impostor = ci_identity(), ci_identity()
    eum = issue(name("EUM"), impostor, CA, usage(True))
    euicc = issue(name("card", serial=EID), eum, usage(False, True))
    with pytest.raises(chain.NotTrusted, match="not signed by"):
        check(ci, eum, euicc)


def test_a_card_cannot_certify_a_card() -> None:
    ci = ci_identity()
    eum = issue(name("EUM"), ci, CA, usage(True))
    card = issue(name("card", serial=EID), eum, usage(False, True))
    for extensions in ((usage(False, True),), (CA, usage(False, True)), (usage(True),), (CA,)):
        false_eum = issue(name("false"), ci, *extensions)
        false_card = issue(name("card", serial=EID), false_eum, usage(False, True))
        with pytest.raises(chain.NotTrusted):
            check(ci, false_eum, false_card)
    with pytest.raises(chain.NotTrusted, match="names another issuer"):
        check(ci, card, issue(name("card", serial=EID), card, usage(False, True)))


def test_an_expired_certificate_proves_nothing() -> None:
    ci = ci_identity()
    past = datetime(2025, 1, 1, tzinfo=UTC)
    eum = issue(name("EUM"), ci, CA, usage(True), until=past)
    with pytest.raises(chain.NotTrusted, match="EUM's certificate is valid from 2020-01-01 to 2025-01-01"):
        check(ci, eum, issue(name("card", serial=EID), eum, usage(False, True)))
    eum = issue(name("EUM"), ci, CA, usage(True))
    with pytest.raises(chain.NotTrusted, match="eUICC's certificate is valid"):
        check(ci, eum, issue(name("card", serial=EID), eum, usage(False, True), until=past))


@pytest.mark.parametrize("serial", [None, "", "8904", EID[:31] + "A", EID + "0"])
def test_a_certificate_without_an_eid_is_no_euiccs(serial: str | None) -> None:
    ci = ci_identity()
    eum = issue(name("EUM"), ci, CA, usage(True))
    subject = name("card", serial=serial or None)
    with pytest.raises(chain.NotTrusted, match="no EID"):
        check(ci, eum, issue(subject, eum, usage(False, True)))


def test_a_key_for_other_things_or_on_another_curve_is_no_euiccs() -> None:
    ci = ci_identity()
    eum = issue(name("EUM"), ci, CA, usage(True))
    with pytest.raises(chain.NotTrusted, match="not for signatures"):
        check(ci, eum, issue(name("card", serial=EID), eum, usage(False, False)))
    with pytest.raises(chain.NotTrusted, match="curve"):
        check(ci, eum, issue(name("card", serial=EID), eum, usage(False, True), curve=ec.SECP384R1()))


def test_octets_that_are_no_certificate_are_refused() -> None:
    with pytest.raises(chain.NotTrusted):
        chain.load(b"\x30\x00")


def test_a_signature_holds_raw_and_in_der_and_only_over_its_data() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    raw = sign(key, b"data")
    assert len(raw) == 64
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    assert verify(key.public_key(), raw, b"data")
    assert verify(key.public_key(), der, b"data")
    for wrong in (b"", bytes(64), raw[:-1], raw + b"\x00", der[:-1]):
        assert not verify(key.public_key(), wrong, b"data")
    assert not verify(key.public_key(), raw, b"other")
    assert not verify(ec.generate_private_key(ec.SECP256R1()).public_key(), raw, b"data")


@pytest.mark.parametrize(
    ("token", "tlv"), [(None, "840100"), (0, "840100"), (1, "840101"), (127, "84017F"), (128, "84020080")]
)
def test_the_token_stands_behind_what_is_signed(token: int | None, tlv: str) -> None:
    assert token_tlv(token) == bytes.fromhex(tlv)

"""Certificates and keys of the test world, on P-256.

Two trees, as in the real one. CI -> EUM -> eUICC is GSMA's (SGP.14, SGP.22 4.5.2): it proves that a card
is a card. The eIM stands outside it (SGP.32 2.11): its package signing certificate is self-signed and its
TLS certificate hangs under a CA of its own; both are trusted only because they are in the card's eIM
configuration.

A folder with `ci.pem eum.pem eum.key euicc.pem euicc.key` of somebody else's making works as well:
whatever is there is used, and only what is missing is made.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ipad.errors import ConfigError

EUM_PREFIX = "89049044"
"""The first eight digits of an EID name the country and the EUM (SGP.29)."""

TLS_NAMES = ("localhost", "eim.testbed.example")
SMDP_NAMES = ("localhost", "smdp.testbed.example")
SMDS_NAMES = ("localhost", "smds.testbed.example")

SMDP_OID = "2.999.10"
"""Whom all of the SM-DP+'s certificates belong to: the registeredID in each (SGP.22 4.5.2.1.1)."""
SMDS_OID = "2.999.20"

_RSP_ROLE = "2.23.146.1.2.1"
"""id-rspRole (SGP.22 annex H); its arms are certificate policies."""
_ROLE_CI, _ROLE_EUICC, _ROLE_EUM = f"{_RSP_ROLE}.0", f"{_RSP_ROLE}.1", f"{_RSP_ROLE}.2"
ROLE_DP_TLS, ROLE_DP_AUTH, ROLE_DP_PB = f"{_RSP_ROLE}.3", f"{_RSP_ROLE}.4", f"{_RSP_ROLE}.5"
ROLE_DS_TLS, ROLE_DS_AUTH = f"{_RSP_ROLE}.6", f"{_RSP_ROLE}.7"

# Fixed and wide: a gateway under test may have any clock, and the dates of these are nobody's subject.
_NOT_BEFORE = datetime(2020, 1, 1, tzinfo=UTC)
_NOT_AFTER = datetime(2049, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PkiPaths:
    """Where everything is. `*_key` are PKCS#8 PEM files, the others PEM certificates."""

    ci: Path
    ci_key: Path
    eum: Path
    eum_key: Path
    euicc: Path
    euicc_key: Path
    eim: Path
    eim_key: Path
    eim_tls_ca: Path
    eim_tls_ca_key: Path
    eim_tls: Path
    eim_tls_key: Path
    dpauth: Path
    dpauth_key: Path
    dppb: Path
    dppb_key: Path
    dp_tls: Path
    dp_tls_key: Path
    dsauth: Path
    dsauth_key: Path
    ds_tls: Path
    ds_tls_key: Path


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def paths(directory: Path) -> PkiPaths:
    """The fixed names in `directory`, whether they exist or not."""

    def pair(name: str) -> tuple[Path, Path]:
        return directory / f"{name}.pem", directory / f"{name}.key"

    return PkiPaths(
        *pair("ci"),
        *pair("eum"),
        *pair("euicc"),
        *pair("eim"),
        *pair("eim-tls-ca"),
        *pair("eim-tls"),
        *pair("dpauth"),
        *pair("dppb"),
        *pair("dp-tls"),
        *pair("dsauth"),
        *pair("ds-tls"),
    )


def make_pki(directory: Path, eid: str | None = None) -> PkiPaths:
    """Makes what is missing in `directory`, keeps what is there; safe to call from several processes.

    `eid`: 32 digits, for the eUICC's certificate if that has to be made. ConfigError: an issuer's key
    is needed and not there, or a file cannot be read.
    """
    where = make_euicc_chain(directory, eid)
    if where.ci_key.exists():  # somebody else's CI comes without: there is no SM-DP+ under it then
        make_smdp_pki(directory)
    return make_eim_pki(directory)


def make_euicc_chain(directory: Path, eid: str | None = None) -> PkiPaths:
    """CI, EUM and eUICC only; as `make_pki`."""
    where = paths(directory)
    with _locked(directory):
        if not where.ci.exists():
            _write(where.ci, where.ci_key, make_ci())
        if not (where.eum.exists() and where.eum_key.exists()):
            _write(where.eum, where.eum_key, _make_eum(read_identity(where.ci, where.ci_key)))
        if not (where.euicc.exists() and where.euicc_key.exists()):
            eum = read_identity(where.eum, where.eum_key)
            _write(where.euicc, where.euicc_key, make_euicc(eum, eid or make_eid(1)))
    return where


def make_eim_pki(directory: Path) -> PkiPaths:
    """The eIM's package signing certificate, its TLS CA and its TLS certificate only; as `make_pki`."""
    where = paths(directory)
    with _locked(directory):
        if not (where.eim.exists() and where.eim_key.exists()):
            _write(where.eim, where.eim_key, make_eim_signer())
        if not where.eim_tls_ca.exists():
            _write(where.eim_tls_ca, where.eim_tls_ca_key, make_tls_ca())
        if not (where.eim_tls.exists() and where.eim_tls_key.exists()):
            ca = read_identity(where.eim_tls_ca, where.eim_tls_ca_key)
            _write(where.eim_tls, where.eim_tls_key, make_tls_server(ca, TLS_NAMES))
    return where


def make_smdp_pki(directory: Path, curve: ec.EllipticCurve | None = None) -> PkiPaths:
    """The SM-DP+'s three certificates under the CI, and the CI if that is missing too; as `make_pki`.

    curve: of the keys that it signs with, by default P-256; for another one there are files of their own.
    """
    where = make_euicc_chain(directory)
    if curve is not None and curve.name != ec.SECP256R1.name:
        names = {"dpauth": f"dpauth-{curve.name}", "dppb": f"dppb-{curve.name}"}
        certificates = {member: directory / f"{name}.pem" for member, name in names.items()}
        keys = {f"{member}_key": directory / f"{name}.key" for member, name in names.items()}
        where = replace(where, **certificates, **keys)
    with _locked(directory):
        _make_rsp(where, where.dpauth, where.dpauth_key, ROLE_DP_AUTH, (), SMDP_OID, curve)
        _make_rsp(where, where.dppb, where.dppb_key, ROLE_DP_PB, (), SMDP_OID, curve)
        _make_rsp(where, where.dp_tls, where.dp_tls_key, ROLE_DP_TLS, SMDP_NAMES, SMDP_OID)
    return where


def make_smds_pki(directory: Path) -> PkiPaths:
    """The SM-DS's two certificates under the CI, and the CI if that is missing too; as `make_pki`."""
    where = make_euicc_chain(directory)
    with _locked(directory):
        _make_rsp(where, where.dsauth, where.dsauth_key, ROLE_DS_AUTH, (), SMDS_OID)
        _make_rsp(where, where.ds_tls, where.ds_tls_key, ROLE_DS_TLS, SMDS_NAMES, SMDS_OID)
    return where


def _make_rsp(
    where: PkiPaths,
    certificate: Path,
    key: Path,
    role: str,
    names: Sequence[str],
    oid: str,
    curve: ec.EllipticCurve | None = None,
) -> None:
    if not (certificate.exists() and key.exists()):
        ci = read_identity(where.ci, where.ci_key)
        _write(certificate, key, make_rsp_server(ci, role, names, oid, curve))


def make_eid(number: int) -> str:
    """The `number`th EID of the test world: 32 digits whose value modulo 97 is 1 (SGP.29)."""
    body = f"{EUM_PREFIX}{number:022d}"
    return f"{body}{98 - int(body + '00') % 97:02d}"


def read_certificate(path: Path) -> x509.Certificate:
    """A PEM certificate; ConfigError if it is not one."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: no readable PEM certificate: {error}") from error


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """An unencrypted PEM private key on an elliptic curve; ConfigError if it is not one."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{path}: no readable PEM private key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path}: the key is not one of an elliptic curve")
    return key


def read_identity(certificate: Path, key: Path) -> Identity:
    """A certificate and its key; ConfigError if one is unreadable or they do not belong together."""
    identity = Identity(read_certificate(certificate), read_key(key))
    if _spki(identity.certificate.public_key()) != _spki(identity.key.public_key()):
        raise ConfigError(f"{key}: not the key of {certificate}")
    return identity


def eid_of(certificate: x509.Certificate) -> str:
    """The EID, 32 digits, in the subject's serialNumber of an eUICC's certificate (SGP.22 4.5.2.1.0.2)."""
    values = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    eid = str(values[0].value) if values else ""
    if len(eid) != 32 or not eid.isdecimal():
        raise ConfigError(f"the eUICC certificate's serialNumber is no EID: {eid!r}")
    return eid


def subject_key_id(certificate: x509.Certificate) -> bytes:
    """The octets of the SubjectKeyIdentifier extension; made from the key where there is none."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(_ec_key(certificate)).digest


def registered_id(certificate: x509.Certificate) -> str:
    """The OID of an RSP server in its certificate's subjectAltName; ConfigError if there is none."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    oids = names.get_values_for_type(x509.RegisteredID)
    if len(oids) != 1:
        raise ConfigError(f"{certificate.subject.rfc4514_string()}: no OID of an RSP server")
    return oids[0].dotted_string


def make_euicc(eum: Identity, eid: str) -> Identity:
    """An eUICC's certificate under `eum`: the EID is its subject's serialNumber."""
    organization = eum.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    subject = [
        (NameOID.ORGANIZATION_NAME, str(organization[0].value) if organization else "Testbed EUM"),
        (NameOID.SERIAL_NUMBER, eid),
        (NameOID.COMMON_NAME, f"Virtual eUICC {eid}"),
    ]
    return _issue(subject, eum, _usage(digital_signature=True), [(_policy(_ROLE_EUICC), True)])


def make_eim_signer() -> Identity:
    """A self-signed certificate for signing eUICC packages."""
    subject = [(NameOID.ORGANIZATION_NAME, "Testbed"), (NameOID.COMMON_NAME, "eim.testbed.example")]
    return _issue(subject, None, _usage(digital_signature=True), [])


def make_tls_ca() -> Identity:
    """A CA for TLS servers."""
    subject = [(NameOID.ORGANIZATION_NAME, "Testbed"), (NameOID.COMMON_NAME, "Testbed TLS CA")]
    return _issue(
        subject, None, _usage(cert_sign=True), [(x509.BasicConstraints(ca=True, path_length=0), True)]
    )


def make_tls_server(ca: Identity, names: Sequence[str]) -> Identity:
    """A TLS server's certificate under `ca` for the DNS `names`."""
    return _issue(
        [(NameOID.ORGANIZATION_NAME, "Testbed"), (NameOID.COMMON_NAME, names[-1])],
        ca,
        _usage(digital_signature=True),
        [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False),
        ],
    )


def make_rsp_server(
    ci: Identity,
    role: str,
    names: Sequence[str] = (),
    oid: str = SMDP_OID,
    curve: ec.EllipticCurve | None = None,
    until: datetime | None = None,
) -> Identity:
    """A certificate of an SM-DP+ or SM-DS under the CI, for one `role` (SGP.22 4.5.2.1.1).

    names: DNS names, for TLS. oid: its owner's. until: its last moment.
    """
    alternatives = [x509.RegisteredID(x509.ObjectIdentifier(oid)), *map(x509.DNSName, names)]
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (_policy(role), True),
        (x509.SubjectAlternativeName(alternatives), False),
    ]
    if names:
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        extensions.append((x509.ExtendedKeyUsage(usages), True))
    is_smds = role in (ROLE_DS_TLS, ROLE_DS_AUTH)
    organization, name = ("Testbed SM-DS", SMDS_NAMES[-1]) if is_smds else ("Testbed SM-DP+", SMDP_NAMES[-1])
    subject = [(NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, name)]
    return _issue(subject, ci, _usage(digital_signature=True), extensions, curve, until)


def make_ci() -> Identity:
    subject = [
        (NameOID.COMMON_NAME, "Testbed CI"),
        (NameOID.ORGANIZATION_NAME, "Testbed"),
        (NameOID.COUNTRY_NAME, "XX"),
    ]
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (_policy(_ROLE_CI), True),
    ]
    return _issue(subject, None, _usage(cert_sign=True), extensions)


def _make_eum(ci: Identity) -> Identity:
    subject = [
        (NameOID.COUNTRY_NAME, "XX"),
        (NameOID.ORGANIZATION_NAME, "Testbed EUM"),
        (NameOID.COMMON_NAME, "Testbed EUM"),
    ]
    # The EUM may certify only EIDs with its own prefix. It is critical, and the constraint on a part of
    # an attribute's value is GSMA's own rule (SGP.22 4.5.2.1.0.3): X.509 libraries refuse such chains.
    permitted = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Testbed EUM"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, EUM_PREFIX),
        ]
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_policy(_ROLE_EUM), True),
        (x509.NameConstraints([x509.DirectoryName(permitted)], None), True),
    ]
    return _issue(subject, ci, _usage(cert_sign=True), extensions)


def _issue(
    subject: Sequence[tuple[x509.ObjectIdentifier, str]],
    issuer: Identity | None,
    usage: x509.KeyUsage,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
    curve: ec.EllipticCurve | None = None,
    until: datetime | None = None,
) -> Identity:
    """A new key, on P-256 by default, and its certificate; self-signed without an issuer."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in subject])
    signer = issuer.key if issuer else key
    issuer_key_id = (
        x509.AuthorityKeyIdentifier(subject_key_id(issuer.certificate), None, None)
        if issuer
        else x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(until or _NOT_AFTER)
        .add_extension(issuer_key_id, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(usage, critical=True)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return Identity(builder.sign(signer, hashes.SHA256()), key)


def _usage(digital_signature: bool = False, cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=cert_sign,
        crl_sign=cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _policy(oid: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None)])


def _ec_key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ConfigError(f"{certificate.subject.rfc4514_string()}: the key is not one of an elliptic curve")
    return key


def _spki(key: object) -> bytes:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ConfigError("the key is not one of an elliptic curve")
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _write(certificate: Path, key: Path, identity: Identity) -> None:
    pem = serialization.Encoding.PEM
    private = identity.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write_file(key, private, 0o600)
    _write_file(certificate, identity.certificate.public_bytes(pem), 0o644)


def _write_file(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all: another process may look at any moment."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.rename(path)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One maker at a time: the modem's and the eIM's process may start on an empty folder together."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

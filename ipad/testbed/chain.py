"""Certificate chains up to the CI: the eUICC's and the RSP servers' (SGP.22 4.5.2, SGP.14).

X.509 libraries refuse the EUM's critical nameConstraints, because GSMA lets it constrain the beginning
of an attribute's value; so the chains are checked here, step by step.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CURVES = ("secp256r1", "brainpoolP256r1")


class NotTrusted(Exception):
    """A certificate that does not prove what it should; the message says why."""


class Expired(NotTrusted):
    """A certificate whose only fault is its dates."""


class UnsupportedCurve(NotTrusted):
    """A key that is not on one of SGP.22's curves."""


class WrongRole(NotTrusted):
    """A server's certificate for another role, or without its owner's OID."""


@dataclass(frozen=True, slots=True)
class Server:
    """What an RSP server's certificate says (SGP.22 4.5.2.1.1)."""

    key: ec.EllipticCurvePublicKey
    role: str
    """One of id-rspRole's arms."""
    oid: str
    """Its owner: the registeredID of the subjectAltName."""


_UNREADABLE = (
    ValueError,
    KeyError,  # of cryptography 38, for a string of a type that has no place in a name
    TypeError,  # for a BIT STRING in a name
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises where a certificate is not as it should be."""


def load(der: bytes) -> x509.Certificate:
    """A certificate of its octets; NotTrusted if they are none."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        # The library reads these when they are asked for, and stumbles only then.
        _ = certificate.issuer, certificate.subject, certificate.extensions, _validity(certificate)
        _ = certificate.signature_hash_algorithm
    except _UNREADABLE as error:
        raise NotTrusted(f"no readable certificate: {error}") from error
    return certificate


def public_key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """The certificate's key; NotTrusted unless it is on one of SGP.22's curves (2.6.7.1)."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NotTrusted(f"no readable key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise UnsupportedCurve("a key that is not on a curve of SGP.22")
    return key


def verify(ci: x509.Certificate, eum: x509.Certificate, euicc: x509.Certificate, now: datetime) -> str:
    """Checks CI, EUM, eUICC; returns the EID, 32 digits. NotTrusted: what is wrong."""
    verify_eum(ci, eum, now)
    return verify_euicc(eum, euicc, now)


def verify_eum(ci: x509.Certificate, eum: x509.Certificate, now: datetime) -> None:
    """The first half of `verify`."""
    _issued("the EUM's certificate", eum, ci, now)
    _may_certify(eum)


def verify_euicc(eum: x509.Certificate, euicc: x509.Certificate, now: datetime) -> str:
    """The second half of `verify`, with an EUM's certificate that has been checked; returns the EID."""
    _issued("the eUICC's certificate", euicc, eum, now)
    if not _usage(euicc).digital_signature:
        raise NotTrusted("the eUICC's certificate is not for signatures")
    public_key(euicc)
    eid = _attribute(euicc.subject, NameOID.SERIAL_NUMBER)
    if len(eid) != 32 or not eid.isdecimal():
        raise NotTrusted(f"the eUICC's certificate has no EID as serialNumber: {eid!r}")
    _permitted(eum, euicc.subject)
    return eid


def verify_server(
    ci: x509.Certificate, server: x509.Certificate, roles: Collection[str], now: datetime | None
) -> Server:
    """Checks an RSP server's certificate under the CI, for one of `roles`. NotTrusted: what is wrong.

    now: None for an eUICC, which has no clock.
    """
    key = public_key(server)
    _issued("the server's certificate", server, ci, now)
    if not _usage(server).digital_signature:
        raise NotTrusted("the server's certificate is not for signatures")
    policies = _policies(server) & set(roles)
    if not policies:
        raise WrongRole("the server's certificate is for another role")
    return Server(key, policies.pop(), _owner(server))


def _policies(certificate: x509.Certificate) -> set[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return set()
    return {policy.policy_identifier.dotted_string for policy in found}


def _owner(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise WrongRole("the server's certificate has no OID of its owner") from error
    oids = names.get_values_for_type(x509.RegisteredID)
    if len(oids) != 1:
        raise WrongRole("the server's certificate has not one OID of its owner")
    return oids[0].dotted_string


def _issued(what: str, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime | None) -> None:
    if certificate.issuer != issuer.subject:
        raise NotTrusted(f"{what} names another issuer than {issuer.subject.rfc4514_string()}")
    algorithm = certificate.signature_hash_algorithm
    if algorithm is None:
        raise NotTrusted(f"{what} is not signed with ECDSA")
    try:
        public_key(issuer).verify(
            certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(algorithm)
        )
    except InvalidSignature as error:
        raise NotTrusted(f"{what} is not signed by {issuer.subject.rfc4514_string()}") from error
    begin, end = _validity(certificate)
    if now is not None and not begin <= now <= end:
        raise Expired(f"{what} is valid from {begin:%Y-%m-%d} to {end:%Y-%m-%d}")


def _may_certify(eum: x509.Certificate) -> None:
    try:
        constraints = eum.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound as error:
        raise NotTrusted("the EUM's certificate is no CA's") from error
    if not constraints.ca or not _usage(eum).key_cert_sign:
        raise NotTrusted("the EUM's certificate is no CA's")


def _usage(certificate: x509.Certificate) -> x509.KeyUsage:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise NotTrusted("a certificate without keyUsage") from error


def _permitted(eum: x509.Certificate, subject: x509.Name) -> None:
    """SGP.22 4.5.2.1.0.3: the same organization, and a serialNumber that begins as the EUM's may."""
    try:
        constraints = eum.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return
    names = [
        subtree.value
        for subtree in constraints.permitted_subtrees or []
        if isinstance(subtree, x509.DirectoryName)
    ]
    if names and not any(_within(subject, name) for name in names):
        raise NotTrusted("the EUM may not certify this EID or organization (nameConstraints)")


def _within(subject: x509.Name, permitted: x509.Name) -> bool:
    for attribute in permitted:
        mine, wanted = _attribute(subject, attribute.oid), str(attribute.value)
        starts = attribute.oid == NameOID.SERIAL_NUMBER and mine.startswith(wanted)
        if mine != wanted and not starts:
            return False
    return True


def _attribute(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    values = name.get_attributes_for_oid(oid)
    return str(values[0].value) if values else ""


def _validity(certificate: x509.Certificate) -> tuple[datetime, datetime]:
    """cryptography before 42 knows the dates only without a time zone."""
    begin = getattr(certificate, "not_valid_before_utc", None)
    end = getattr(certificate, "not_valid_after_utc", None)
    if begin is None or end is None:
        begin = certificate.not_valid_before.replace(tzinfo=UTC)
        end = certificate.not_valid_after.replace(tzinfo=UTC)
    return begin, end

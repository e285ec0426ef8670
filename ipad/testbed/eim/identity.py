"""Who the eIM is: its keys, and the EimConfigurationData that a card gets of it (SGP.32 2.11.1.1)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ipad.asn1 import certificate_value, decode, encode
from ipad.testbed import pki

ANCHORS = ("ca", "leaf", "key")
"""What trustedPublicKeyDataTls holds: the CA of the TLS certificate, that itself, or only its key."""

_PROPRIETARY_ID = 3
_RETRIEVE_HTTPS = (b"\x80", 1)


@dataclass(frozen=True, slots=True)
class Identity:
    """The eIM's names, keys and certificates."""

    eim_id: str
    fqdn: str
    """eimFqdn: the host, with a port where it is not 443."""
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    ci: x509.Certificate
    """Whose eUICCs are trusted."""
    tls_ca: x509.Certificate
    tls: x509.Certificate
    anchor: str


def load(directory: Path, eim_id: str, fqdn: str, anchor: str) -> Identity:
    """Reads ci.pem, eim.pem, eim.key, eim-tls-ca.pem, eim-tls.pem; ConfigError if one is not usable."""
    where = pki.paths(directory)
    signer = pki.read_identity(where.eim, where.eim_key)
    return Identity(
        eim_id=eim_id,
        fqdn=fqdn,
        key=signer.key,
        certificate=signer.certificate,
        ci=pki.read_certificate(where.ci),
        tls_ca=pki.read_certificate(where.eim_tls_ca),
        tls=pki.read_certificate(where.eim_tls),
        anchor=anchor,
    )


def configuration(
    identity: Identity, counter: int, token: int | None, bare_key: bool = False, indirect: bool = False
) -> bytes:
    """The EimConfigurationData, DER.

    counter: what the card is to take for the last counter used. token: -1 asks the card to make an
    association token; None leaves it out. bare_key: the package signing key without its certificate.
    indirect: downloads can go through this eIM.
    """
    members: dict[str, Any] = {
        "eimId": identity.eim_id,
        "eimFqdn": identity.fqdn,
        "eimIdType": _PROPRIETARY_ID,
        "counterValue": counter,
        "eimPublicKeyData": (
            ("eimPublicKey", _key_value(identity.certificate))
            if bare_key
            else ("eimCertificate", _certificate_value(identity.certificate))
        ),
        "trustedPublicKeyDataTls": _anchor_value(identity),
        "eimSupportedProtocol": _RETRIEVE_HTTPS,
        "euiccCiPKId": pki.subject_key_id(identity.ci),
    }
    if token is not None:
        members["associationToken"] = token
    if indirect:
        members["indirectProfileDownload"] = None
    return encode("EimConfigurationData", members)


def _anchor_value(identity: Identity) -> tuple[str, Any]:
    match identity.anchor:
        case "ca":
            return "trustedCertificateTls", _certificate_value(identity.tls_ca)
        case "leaf":
            return "trustedCertificateTls", _certificate_value(identity.tls)
        case "key":
            return "trustedEimPkTls", _key_value(identity.tls)
        case other:
            raise ValueError(f"no anchor {other!r}; there are {', '.join(ANCHORS)}")


def _certificate_value(certificate: x509.Certificate) -> Any:
    return certificate_value(certificate.public_bytes(Encoding.DER))


def _key_value(certificate: x509.Certificate) -> Any:
    der = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return decode("SubjectPublicKeyInfo", der)

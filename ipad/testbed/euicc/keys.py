"""The card's own key and certificates, its signatures, and the check of the eIM's.

ECDSA with SHA-256, signatures as raw r||s in 5F37 (SGP.22 2.6.7, SGP.32 2.7).
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from ipad.asn1 import DecodeError, tlvs, value, wrap
from ipad.errors import ConfigError
from ipad.testbed import pki

_P256_ORDER_OCTETS = 32
_CURVES = ("secp256r1", "brainpoolP256r1")


@dataclass(frozen=True)
class Credentials:
    """What an eUICC is delivered with."""

    key: ec.EllipticCurvePrivateKey
    euicc_certificate: bytes
    eum_certificate: bytes
    ci: x509.Certificate
    ci_key_id: bytes
    """SubjectKeyIdentifier of the CI's key: euiccCiPKId."""
    eid: str

    def sign(self, data: bytes) -> bytes:
        """A 5F37 TLV with the signature over `data`."""
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return wrap(0x5F37, r.to_bytes(_P256_ORDER_OCTETS) + s.to_bytes(_P256_ORDER_OCTETS))


def load_credentials(directory: Path) -> Credentials:
    """Reads ci.pem, eum.pem, euicc.pem and euicc.key; ConfigError if they do not fit together."""
    where = pki.paths(directory)
    euicc = pki.read_identity(where.euicc, where.euicc_key)
    ci, eum = pki.read_certificate(where.ci), pki.read_certificate(where.eum)
    if euicc.key.key_size != 8 * _P256_ORDER_OCTETS:
        raise ConfigError(f"{where.euicc_key}: the eUICC's key must be on a 256 bit curve")
    _check_issued(where.eum, eum, ci)
    _check_issued(where.euicc, euicc.certificate, eum)
    der = serialization.Encoding.DER
    return Credentials(
        key=euicc.key,
        euicc_certificate=euicc.certificate.public_bytes(der),
        eum_certificate=eum.public_bytes(der),
        ci=ci,
        ci_key_id=pki.subject_key_id(ci),
        eid=pki.eid_of(euicc.certificate),
    )


def verify(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    """Whether `signature` (raw r||s, or an ASN.1 DER one) over `data` was made with `key`."""
    for candidate in (_der_signature(signature), signature):
        try:
            key.verify(candidate, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return True
    return False


def eim_public_key(public_key_data: bytes) -> ec.EllipticCurvePublicKey:
    """The key in eimPublicKeyData (the whole A5 TLV): bare or in a certificate (SGP.32 2.11.1.1).

    DecodeError if there is none that this card can use.
    """
    arms = list(tlvs(value(public_key_data)))
    if len(arms) != 1:
        raise DecodeError("eimPublicKeyData has not one key")
    tag, arm = arms[0]
    # Both arms are implicit: the context tag stands in the place of the SEQUENCE's own 30.
    der = wrap(0x30, value(arm))
    try:
        if tag == 0xA0:
            key: object = serialization.load_der_public_key(der)
        elif tag == 0xA1:
            key = x509.load_der_x509_certificate(der).public_key()
        else:
            raise DecodeError(f"eimPublicKeyData has an unknown arm {tag:X}")
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise DecodeError(f"eimPublicKeyData has an unreadable key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise DecodeError("eimPublicKeyData has a key on a curve that this card does not know")
    return key


def _der_signature(signature: bytes) -> bytes:
    if len(signature) != 2 * _P256_ORDER_OCTETS:
        return signature
    half = _P256_ORDER_OCTETS
    return encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))


def _check_issued(path: Path, certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    key = issuer.public_key()
    algorithm = certificate.signature_hash_algorithm
    if not isinstance(key, ec.EllipticCurvePublicKey) or algorithm is None:
        raise ConfigError(f"{path}: not signed with ECDSA")
    try:
        key.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(algorithm))
    except InvalidSignature as error:
        raise ConfigError(f"{path}: not signed by {issuer.subject.rfc4514_string()}") from error

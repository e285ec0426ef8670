"""Whether an eIM signed a package: ECDSA with SHA-256 on P-256 or brainpoolP256r1 (SGP.32 2.7)."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ipad.asn1 import DecodeError, tlvs, value, wrap

_CURVES = ("secp256r1", "brainpoolP256r1")
_HALF = 32
"""Octets of r and of s on these curves."""
_CERTIFICATE_MEMBERS = 3


def public_key(data: bytes) -> ec.EllipticCurvePublicKey:
    """The key in eimPublicKeyData (A5…): bare or in a certificate. DecodeError if it cannot be used.

    Also taken is the SEQUENCE of either directly under A5, as some eIMs send it.
    """
    arms = list(tlvs(value(data)))
    if len(arms) != 1 or arms[0][0] not in (0xA0, 0xA1, 0x30):
        raise DecodeError("eimPublicKeyData: one key or certificate wanted")
    tag, arm = arms[0]
    der = wrap(0x30, value(arm))  # both arms are implicit: their tag stands in the place of the 30
    if tag == 0x30:
        tag = 0xA1 if len(list(tlvs(value(arm)))) == _CERTIFICATE_MEMBERS else 0xA0
    try:
        key: object = (
            serialization.load_der_public_key(der)
            if tag == 0xA0
            else x509.load_der_x509_certificate(der).public_key()
        )
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise DecodeError(f"eimPublicKeyData: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise DecodeError(f"eimPublicKeyData: a key on {' or '.join(_CURVES)} wanted")
    return key


def verifies(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    """Whether `signature`, raw r||s or an ASN.1 DER one, is this key's over `data`."""
    forms = [signature]
    if len(signature) == 2 * _HALF:
        r, s = int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big")
        forms.insert(0, encode_dss_signature(r, s))
    for form in forms:
        try:
            key.verify(form, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return True
    return False

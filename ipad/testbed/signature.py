"""ECDSA with SHA-256 as SGP.32 2.7 writes it: raw r||s in 5F37, over data and association token."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from ipad.asn1 import wrap

_HALF = 32
"""Octets of r and of s on a 256 bit curve."""


def token_tlv(token: int | None) -> bytes:
    """The associationToken as it stands behind the signed data; `84 01 00` without one (SGP.32 2.11.1.1)."""
    number = token or 0
    return wrap(0x84, number.to_bytes(number.bit_length() // 8 + 1))


def sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """The signature over `data`, 64 octets."""
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(_HALF) + s.to_bytes(_HALF)


def verify(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    """Whether `key` made `signature` over `data`. An ASN.1 DER signature is taken as well."""
    forms = [signature]
    if len(signature) == 2 * _HALF:
        r, s = int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:])
        forms.insert(0, encode_dss_signature(r, s))
    for form in forms:
        try:
            key.verify(form, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return True
    return False

"""The key of an agent that signs package results in the place of a consumer card."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)


class BadKey(Exception):
    """Not a public key on P-256."""


def load(octets: bytes) -> ec.EllipticCurvePublicKey:
    """A key of its SubjectPublicKeyInfo, DER or PEM. BadKey."""
    try:
        pem = octets.lstrip().startswith(b"-----BEGIN")
        key = load_pem_public_key(octets) if pem else load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadKey(f"no readable SubjectPublicKeyInfo: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise BadKey("not a key on P-256")
    return key


def der(key: ec.EllipticCurvePublicKey) -> bytes:
    """Its SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

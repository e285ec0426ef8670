"""The types of SGP.32 v1.2 and of the SGP.22 that it uses, by name; and slicing octets undecoded.

Values are asn1tools': a SEQUENCE is a dict by member name, a SEQUENCE OF a list, a CHOICE (name, value),
INTEGER an int, OCTET STRING bytes, BIT STRING (bytes, number of bits), NULL None, BOOLEAN a bool,
UTF8String a str, OBJECT IDENTIFIER a str ("2.999.1"). Type and member names are the standard's. Where
SGP.32 and SGP.22 define a type of the same name, the plain name is SGP.32's and SGP.22's is
`sgp22:Name`. Members that are absent are absent from the dict, except those with a DEFAULT.

Certificates are opaque: a Certificate is a dict of three members (tbsCertificate, signatureAlgorithm,
signatureValue), each the whole octets of its element, because in places the standard puts another tag
(A1, A5, A6) instead of the certificate's 30. `certificate_der` makes the usual octets of such a value,
`certificate_value` the value of the usual octets. The algorithm of a SubjectPublicKeyInfo is opaque
as well.

What an eIM, card or server signed is not decoded and encoded again, but taken out with `member` and put
in with `wrap`. Octets that are only passed on need no type either: a message of a later version of the
standard, with a package of a kind that is not known here, can then still reach the card.
"""

from typing import Any

from ipad.asn1 import schema, strict
from ipad.asn1.tlv import check, find, member, spans, tlvs, value, wrap
from ipad.errors import DecodeError

__all__ = [
    "DecodeError",
    "certificate_der",
    "certificate_value",
    "decode",
    "encode",
    "find",
    "member",
    "spans",
    "tlvs",
    "value",
    "wrap",
]


def decode(type_name: str, der: bytes) -> Any:
    """The value of `der`, which must be exactly one element of the type.

    Unknown members of extensible types are skipped, and members may come in any order, as some cards
    send them; an unknown arm of a CHOICE, a member twice, missing or of a wrong size is refused.
    Raises DecodeError for anything that is not the type, KeyError for a type that is not known.
    """
    compiled = schema.compiled(type_name)
    octets = bytes(der)
    try:
        check(octets)
        decoded, _ = strict.decode(compiled, octets, 0)
    except strict.DecodeError as error:
        raise DecodeError(f"{type_name}: {error}") from None
    except DecodeError as error:
        raise DecodeError(f"{type_name}: {error}") from None
    return decoded


def encode(type_name: str, value: Any) -> bytes:
    """The DER of a value; an OPTIONAL member that is None counts as absent, unless it is a NULL.

    Raises ValueError if the value is not one of the type, KeyError for a type that is not known.
    """
    compiled = schema.compiled(type_name)
    encoded = bytearray()
    try:
        compiled.encode(value, encoded)
    except strict.EncodeError as error:
        raise ValueError(f"{type_name}: {error}") from None
    return bytes(encoded)


def certificate_der(value: dict[str, bytes]) -> bytes:
    """The certificate as X.509 tools take it (30...) of a decoded Certificate."""
    return encode("Certificate", value)


def certificate_value(der: bytes) -> dict[str, bytes]:
    """The value for a Certificate member of a certificate's octets (30...). Raises DecodeError."""
    decoded: dict[str, bytes] = decode("Certificate", der)
    return decoded

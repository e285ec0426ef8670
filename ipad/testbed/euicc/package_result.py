"""Answers to eUICC packages: signed results, signed and unsigned errors (SGP.32 2.11.2.1)."""

from dataclasses import dataclass

from ipad.asn1 import encode, wrap

from .isdr import Isdr


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose package is answered, and which one."""

    eim_id: str
    counter: int
    transaction: bytes | None
    token: int | None
    """The association token with this eIM; None if it has none."""


def token_tlv(token: int | None) -> bytes:
    """The associationToken as it stands behind what is signed: `84 01 00` without one (SGP.32 2.11.1.1)."""
    return wrap(0x84, integer(token or 0))


def sign_result(isdr: Isdr, origin: Origin, seq: int, results: bytes) -> bytes:
    """A euiccPackageResultSigned, the whole BF51 TLV; `results`: EuiccResultData, concatenated."""
    data = wrap(0x30, *_header(origin), wrap(0x83, integer(seq)), wrap(0x30, results))
    return wrap(0xBF51, wrap(0xA0, data, isdr.keys.sign(data + token_tlv(origin.token))))


def sign_error(isdr: Isdr, origin: Origin, code: int) -> bytes:
    """A euiccPackageErrorSigned, the whole BF51 TLV."""
    data = wrap(0x30, *_header(origin), wrap(0x02, integer(code)))
    return wrap(0xBF51, wrap(0xA1, data, isdr.keys.sign(data + token_tlv(origin.token))))


def unsigned_error(eim_id: str, transaction: bytes | None, token: int | None) -> bytes:
    """A euiccPackageErrorUnsigned, the whole BF51 TLV: the eIM is not known, or it did not sign this."""
    members: dict[str, object] = {"eimId": eim_id}
    if transaction is not None:
        members["eimTransactionId"] = transaction
    if token is not None:
        members["associationToken"] = token
    return encode("EuiccPackageResult", ("euiccPackageErrorUnsigned", members))


def integer(number: int) -> bytes:
    """The contents octets of an INTEGER (X.690 8.3)."""
    return number.to_bytes((number if number >= 0 else ~number).bit_length() // 8 + 1, signed=True)


def _header(origin: Origin) -> list[bytes]:
    members = [wrap(0x80, origin.eim_id.encode()), wrap(0x81, integer(origin.counter))]
    if origin.transaction is not None:
        members.append(wrap(0x82, origin.transaction))
    return members

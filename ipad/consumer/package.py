"""eUICC Packages taken apart, and the answers to them put together (SGP.32 2.11.1.1.3, 2.11.2.1)."""

from dataclasses import dataclass

from ipad.asn1 import DecodeError, encode, find, member, tlvs, value, wrap
from ipad.consumer.device_key import DeviceKey
from ipad.consumer.eims import integer, token_tlv
from ipad.consumer.memory import Origin

INVALID_EID, REPLAY_ERROR, COUNTER_OUT_OF_RANGE = 3, 4, 6
"""EuiccPackageErrorCode."""
UNKNOWN_OR_DAMAGED, INTERRUPTION, UNDEFINED = 2, 3, 127
"""processingTerminated."""

_EID = 0x5A


@dataclass(frozen=True, slots=True)
class Package:
    """An EuiccPackageRequest; nothing that is signed in it has been decoded."""

    signed: bytes
    signature: bytes
    eim_id: str
    eid: bytes
    counter: int
    transaction: bytes | None
    operations: bytes
    """The psmoList (A0…) or ecoList (A1…)."""


def parse(der: bytes) -> Package:
    """Takes EuiccPackageRequest (BF51…) apart. DecodeError if that is not what it is."""
    value(der)  # one element and nothing behind it
    signed = member(der, 0xBF51, 0x30)
    transaction = find(signed, 0x30, 0x82)
    counter = value(member(signed, 0x30, 0x81))
    try:
        eim_id = value(member(signed, 0x30, 0x80)).decode()
    except UnicodeDecodeError as error:
        raise DecodeError("eimId is not UTF-8") from error
    package = Package(
        signed=signed,
        signature=value(member(der, 0xBF51, 0x5F37)),
        eim_id=eim_id,
        eid=value(member(signed, 0x30, _EID)),
        counter=int.from_bytes(counter, "big", signed=True),
        transaction=None if transaction is None else value(transaction),
        operations=find(signed, 0x30, 0xA0) or member(signed, 0x30, 0xA1),
    )
    list(tlvs(value(package.operations)))
    if not 1 <= len(eim_id) <= 128 or not counter:
        raise DecodeError("eimId or counterValue of a wrong size")
    if package.transaction is not None and not 1 <= len(package.transaction) <= 16:
        raise DecodeError("eimTransactionId of a wrong size")
    return package


def operations(running: str) -> tuple[str, list[bytes]]:
    """The type of a list's operations, "Psmo" or "Eco", and each of them."""
    octets = bytes.fromhex(running)
    kind = "Psmo" if octets[0] == 0xA0 else "Eco"
    return kind, [tlv for _, tlv in tlvs(value(octets))]


def result(key: DeviceKey, origin: Origin, seq: int, results: bytes) -> bytes:
    """A euiccPackageResultSigned, the whole BF51 TLV. results: EuiccResultData, concatenated."""
    data = wrap(0x30, *_header(origin), wrap(0x83, integer(seq)), wrap(0x30, results))
    return wrap(0xBF51, wrap(0xA0, data, key.sign(data + token_tlv(origin.token))))


def error(key: DeviceKey, origin: Origin, code: int) -> bytes:
    """A euiccPackageErrorSigned, the whole BF51 TLV."""
    data = wrap(0x30, *_header(origin), wrap(0x02, integer(code)))
    return wrap(0xBF51, wrap(0xA1, data, key.sign(data + token_tlv(origin.token))))


def unsigned_error(package: Package, token: int | None) -> bytes:
    """A euiccPackageErrorUnsigned, the whole BF51 TLV: the eIM is not known, or it did not sign this."""
    members: dict[str, object] = {"eimId": package.eim_id}
    if package.transaction is not None:
        members["eimTransactionId"] = package.transaction
    if token is not None:
        members["associationToken"] = token
    return encode("EuiccPackageResult", ("euiccPackageErrorUnsigned", members))


def terminated(code: int) -> bytes:
    """processingTerminated, an EuiccResultData."""
    return wrap(0x02, integer(code))


def _header(origin: Origin) -> list[bytes]:
    # A counter may be below 0 in what is refused for it.
    counter = origin.counter
    octets = counter.to_bytes(
        (counter if counter >= 0 else ~counter).bit_length() // 8 + 1, "big", signed=True
    )
    members = [wrap(0x80, origin.eim_id.encode()), wrap(0x81, octets)]
    if origin.transaction is not None:
        members.append(wrap(0x82, bytes.fromhex(origin.transaction)))
    return members

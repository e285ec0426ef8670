"""Reading what an eIM sends in GetEimPackage or TransferEimPackage (SGP.32 2.11.1).

The frame is the IPA's to check, and a wrong one is Malformed. What is inside a signed package is the
card's: operations that are not known here are passed on, and the card says what it makes of them.
"""

from collections.abc import Callable

from ipad import asn1
from ipad.errors import DecodeError
from ipad.esipa.model import (
    DataRequest,
    DownloadTrigger,
    EimPackage,
    EuiccPackage,
    Malformed,
    Operation,
)
from modem.bcd import unswapped

_EVENTS = {(b"\x80", 1): "install", (b"\x40", 2): "enable", (b"\x20", 3): "disable", (b"\x10", 4): "delete"}


def read(der: bytes) -> EimPackage:
    """The package in `der` (BF51…, BF52… or BF54…), or Malformed with what could be read of it."""
    tag, _ = next(asn1.tlvs(der), (0, b""))
    if tag not in _READERS:
        return Malformed(f"the eIM sent a package with tag {tag:X}, which is not known", "unknownPackage")
    reader, transaction = _READERS[tag]
    try:
        return reader(der)
    except DecodeError as problem:
        reason = f"the eIM sent a malformed package: {problem}"
        return Malformed(reason, "invalidPackageFormat", _readable(der, tag, *transaction))


def _readable(der: bytes, *tags: int) -> bytes | None:
    try:
        found = asn1.find(der, *tags)
        content = asn1.value(found) if found else b""
    except DecodeError:
        return None
    return content if 1 <= len(content) <= 16 else None


def _euicc_package(der: bytes) -> EuiccPackage:
    parts = list(asn1.tlvs(asn1.value(der)))
    if [tag for tag, _ in parts[:2]] != [0x30, 0x5F37]:
        raise DecodeError("EuiccPackageRequest: not signed data and a signature")
    lists: list[tuple[int, bytes]] = []
    frame: list[bytes] = []
    for tag, tlv in asn1.tlvs(asn1.value(parts[0][1])):
        if tag in (0xA0, 0xA1):
            lists.append((tag, tlv))
            tlv = asn1.wrap(tag)
        frame.append(tlv)
    signed = asn1.decode("EuiccPackageSigned", asn1.wrap(0x30, *frame))
    (tag, operations), *_ = lists  # one, or decode would have refused it
    type_name = "Psmo" if tag == 0xA0 else "Eco"
    return EuiccPackage(
        der,
        signed["eimId"],
        signed["counterValue"],
        signed.get("eimTransactionId"),
        tuple(_operation(type_name, tlv) for _, tlv in asn1.tlvs(asn1.value(operations))),
    )


def _operation(type_name: str, der: bytes) -> Operation:
    try:
        name, value = asn1.decode(type_name, der)
    except DecodeError:
        return Operation("unknown")
    if not isinstance(value, dict):
        return Operation(name)
    iccid = unswapped(value["iccid"]) if "iccid" in value else None
    return Operation(name, iccid, "rollbackFlag" in value)


def _data_request(der: bytes) -> DataRequest:
    value = asn1.decode("IpaEuiccDataRequest", der)
    kind, criterion = value.get("searchCriteriaNotification", (None, None))
    result_kind, result_seq = value.get("searchCriteriaEuiccPackageResult", (None, None))
    try:
        tags = tag_list(value["tagList"])
    except DecodeError:
        tags = ()  # an error with a name of its own, incorrectTagList(1), like an empty list
    return DataRequest(
        der,
        tags,
        value.get("eimTransactionId"),
        value.get("euiccCiPKIdentifierToBeUsed"),
        criterion if kind == "seqNumber" else None,
        _event(criterion) if kind == "profileManagementOperation" else None,
        result_seq if result_kind == "seqNumber" else None,
    )


def _event(bits: tuple[bytes, int]) -> str:
    try:
        return _EVENTS[bits]
    except KeyError:
        raise DecodeError("IpaEuiccDataRequest: notifications of more than one event") from None


def tag_list(octets: bytes) -> tuple[int, ...]:
    """The tags in a tag list (5C), which stand one after the other without lengths."""
    tags: list[int] = []
    rest = iter(octets)
    for first in rest:
        tag = first
        if first & 0x1F == 0x1F:
            while True:
                following = next(rest, None)
                if following is None:
                    raise DecodeError("a tag list that ends inside a tag")
                tag = tag << 8 | following
                if not following & 0x80:
                    break
        tags.append(tag)
    return tuple(tags)


def _download_trigger(der: bytes) -> DownloadTrigger:
    value = asn1.decode("ProfileDownloadTriggerRequest", der)
    transaction_id = value.get("eimTransactionId")
    match value.get("profileDownloadData"):
        case "activationCode", code:
            return DownloadTrigger(der, transaction_id, "activationCode", code)
        case "contactDefaultSmdp", _:
            return DownloadTrigger(der, transaction_id, "defaultSmdp")
        case "contactSmds", smds:
            return DownloadTrigger(der, transaction_id, "smds", smds.get("smdsAddress"))
        case _:
            return DownloadTrigger(der, transaction_id)


_READERS: dict[int, tuple[Callable[[bytes], EimPackage], tuple[int, ...]]] = {
    0xBF51: (_euicc_package, (0x30, 0x82)),
    0xBF52: (_data_request, (0x83,)),
    0xBF54: (_download_trigger, (0x82,)),
}
"""Per tag: how to read it, and the way to its eimTransactionId."""

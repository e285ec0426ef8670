"""From what the card sends to the frozen values of `model`."""

from collections.abc import Collection, Mapping
from typing import Any

from ipad import asn1
from ipad.errors import DecodeError
from ipad.euicc import shapes
from ipad.euicc.model import (
    EimConfiguration,
    EuiccInfo,
    InstallationResult,
    Notification,
    NotificationMetadata,
    PackageResult,
    ProfileInfo,
    TlsAnchor,
    Value,
)
from ipad.euicc.refusal import named
from modem.bcd import unswapped

PROFILE_CLASSES = ("test", "provisioning", "operational")
ID_TYPES = {1: "oid", 2: "fqdn", 3: "proprietary"}
_IPA_MODES = {0: "ipad", 1: "ipae"}
_EVENTS = ("install", "enable", "disable", "delete")
_POLICY_RULES = ("pprUpdateControl", "ppr1", "ppr2")
_WITHOUT_NAMES = (0x5A, 0x4F, 0x9F70, 0x95, 0x99, 0x9F26, 0x9F67, 0x9F7B)
"""Tags of ProfileInfo's members that are no text."""
_EIM_ID_AND_TOKEN = (0x80, 0x84)
"""What is left of an eIM that cannot be talked to."""
PROTOCOLS = (
    "eimRetrieveHttps",
    "eimRetrieveCoaps",
    "eimInjectHttps",
    "eimInjectCoaps",
    "eimProprietary",
)

Bits = tuple[bytes, int]
"""A BIT STRING as ipad.asn1 gives it: octets and number of bits."""


def bits(value: Bits, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the bits that are set in a named BIT STRING."""
    octets, count = value
    return tuple(name for n, name in enumerate(names) if n < count and octets[n // 8] & (0x80 >> n % 8))


def named_bits(wanted: Collection[str], names: tuple[str, ...]) -> Bits:
    """A named BIT STRING with these bits set, trimmed as DER wants it. ValueError: no such name."""
    unknown = set(wanted) - set(names)
    if unknown:
        raise ValueError(f"{min(unknown)} is none of {', '.join(names)}")
    numbers = [names.index(name) for name in wanted]
    count = max(numbers, default=-1) + 1
    octets = bytearray((count + 7) // 8)
    for n in numbers:
        octets[n // 8] |= 0x80 >> n % 8
    return bytes(octets), count


def event_bits(event: str) -> Bits:
    """NotificationEvent with one bit set: "install", "enable", "disable" or "delete"."""
    return named_bits([event], _EVENTS)


def certificate(tlv: bytes) -> bytes:
    """A whole Certificate (30…) from one under another tag: implicit, or whole under that tag."""
    return _whole(tlv, members=3)


def _whole(tlv: bytes, members: int) -> bytes:
    content = asn1.value(tlv)
    if len(list(asn1.tlvs(content))) == members:
        return asn1.wrap(0x30, content)
    return asn1.member(content, 0x30)


def profile_info(value: Mapping[str, Any]) -> ProfileInfo:
    return ProfileInfo(
        iccid=unswapped(value.get("iccid", b"")),
        aid=value.get("isdpAid"),
        enabled=value.get("profileState") == 1,
        profile_class=dict(enumerate(PROFILE_CLASSES)).get(value.get("profileClass", -1)),
        nickname=value.get("profileNickname"),
        provider=value.get("serviceProviderName"),
        name=value.get("profileName"),
        fallback=bool(value.get("fallbackAttribute")),
        fallback_allowed=value.get("fallbackAllowed"),
        ecall=value.get("ecallIndication"),
        policy=bits(value.get("profilePolicyRules", (b"", 0)), _POLICY_RULES),
    )


def profile(der: bytes) -> ProfileInfo:
    """ProfileInfo (E3…), without names that are not what the standard wants: operators choose them."""
    return profile_info(_at_least("ProfileInfo", der, _WITHOUT_NAMES))


def _at_least(type_name: str, der: bytes, needed: tuple[int, ...]) -> Any:
    """The value of an element; of one with something unreadable in it no more than the members `needed`.

    One bad entry must not hide the whole list: without it nothing could be done with the card.
    """
    try:
        return asn1.decode(type_name, der)
    except DecodeError:
        [(outer, whole)] = asn1.tlvs(der)
        kept = (tlv for tag, tlv in asn1.tlvs(asn1.value(whole)) if tag in needed)
        return asn1.decode(type_name, asn1.wrap(outer, *kept))


def version(octets: bytes) -> str:
    """VersionType: three octets, as "1.2.0"."""
    return ".".join(map(str, octets))


def euicc_info(der: bytes) -> EuiccInfo:
    value = asn1.decode("EUICCInfo2", der)
    iot = value.get("iotSpecificInfo", {})

    def optional(name: str) -> str | None:
        return version(value[name]) if name in value else None

    return EuiccInfo(
        profile_version=version(value["profileVersion"]),
        svn=version(value["svn"]),
        firmware=version(value["euiccFirmwareVer"]),
        protection_profile=version(value["ppVersion"]),
        sas_number=value["sasAcreditationNumber"],
        ts102241=optional("ts102241Version"),
        globalplatform=optional("globalplatformVersion"),
        ipa_mode=_IPA_MODES.get(value.get("ipaMode")),
        iot_versions=tuple(version(v) for v in iot.get("iotVersion", ())),
        fallback_supported="fallbackSupported" in iot,
        ecall_supported="ecallSupported" in iot,
        free_memory=_free_memory(value["extCardResource"]),
        ci_pk_ids_verification=tuple(value["euiccCiPKIdListForVerification"]),
        ci_pk_ids_signing=tuple(value["euiccCiPKIdListForSigning"]),
        der=der,
    )


def _free_memory(ext_card_resource: bytes) -> int | None:
    """Tag 82 of the extended card resources: free non-volatile memory (TS 102 226 8.2.1.7.2)."""
    try:
        found = asn1.find(ext_card_resource, 0x82)
    except DecodeError:
        return None
    return int.from_bytes(asn1.value(found), "big") if found else None


def notification_metadata(value: Mapping[str, Any]) -> NotificationMetadata:
    return NotificationMetadata(
        seq=value["seqNumber"],
        event="+".join(bits(value["profileManagementOperation"], _EVENTS)),
        address=value["notificationAddress"],
        iccid=unswapped(value["iccid"]) if "iccid" in value else None,
    )


def notification(der: bytes) -> Notification:
    """One PendingNotification, by its metadata; what is signed in it stays as it is."""
    metadata = asn1.find(der, 0x30, 0xBF2F) or asn1.find(der, 0xBF37, 0xBF27, 0xBF2F)
    metadata = metadata or asn1.find(der, 0xA1, 0xBF2F)
    if metadata is not None:
        try:
            told = notification_metadata(asn1.decode("NotificationMetadata", metadata))
        except DecodeError:  # the server's to understand: to deliver it, the number is enough
            seq = asn1.member(metadata, 0xBF2F, 0x80)
            return Notification(int.from_bytes(asn1.value(seq), "big"), "", "", None, der)
        return Notification(told.seq, told.event, told.address, told.iccid, der)
    seq = asn1.member(der, 0xA0, 0xA0, 0x02)  # CompactProfileInstallationResult has the number only
    return Notification(int.from_bytes(asn1.value(seq), "big"), "install", "", None, der)


def installation_result(der: bytes) -> InstallationResult:
    """ProfileInstallationResult (BF37…); what is signed in it stays as it is."""
    data = asn1.decode("ProfileInstallationResultData", asn1.member(der, 0xBF37, 0xBF27))
    told = notification_metadata(data["notificationMetadata"])
    outcome, value = data["finalResult"]
    failed = outcome == "errorResult"
    return InstallationResult(
        transaction_id=data["transactionId"],
        seq=told.seq,
        address=told.address,
        iccid=told.iccid,
        aid=value.get("aid"),
        error=named(value["errorReason"], "ErrorReason") if failed else None,
        command=named(value["bppCommandId"], "BppCommandId") if failed else None,
        der=der,
    )


def eim_configuration(der: bytes) -> EimConfiguration:
    """EimConfigurationData. Keys and certificates in it are sliced, in whichever shape they come."""
    value = _at_least("EimConfigurationData", _without_keys(der), _EIM_ID_AND_TOKEN)
    protocols = value.get("eimSupportedProtocol", (b"", 0))
    return EimConfiguration(
        eim_id=value["eimId"],
        fqdn=value.get("eimFqdn"),
        id_type=ID_TYPES.get(value.get("eimIdType")),
        association_token=value.get("associationToken"),
        public_key=asn1.find(der, 0x30, 0xA5),
        tls_anchor=key_or_certificate(asn1.find(der, 0x30, 0xA6)),
        supported_protocols=frozenset(bits(protocols, PROTOCOLS)),
        ci_pk_id=value.get("euiccCiPKId"),
        indirect_download="indirectProfileDownload" in value,
        der=der,
    )


def _without_keys(der: bytes) -> bytes:
    members = asn1.tlvs(asn1.value(asn1.member(der, 0x30)))
    return asn1.wrap(0x30, *(tlv for tag, tlv in members if tag not in (0xA5, 0xA6)))


def key_or_certificate(tlv: bytes | None) -> TlsAnchor | None:
    """eimPublicKeyData (A5…) or trustedPublicKeyDataTls (A6…), in whichever shape it comes."""
    if tlv is None:
        return None
    try:
        [(tag, arm)] = _one(tlv)
        if tag == 0xA0:
            return TlsAnchor("key", _whole(arm, members=2))
        if tag == 0xA1:
            return TlsAnchor("certificate", certificate(arm))
        if tag == 0x30:  # without the CHOICE's own tag: a Certificate has three members, a key two
            count = len(list(asn1.tlvs(asn1.value(arm))))
            return TlsAnchor("certificate" if count == 3 else "key", arm)
    except DecodeError:
        pass
    # Not readable, but there: nobody matches it. Without an anchor any CA's server would do.
    return TlsAnchor("certificate", tlv)


def _one(tlv: bytes) -> list[tuple[int, bytes]]:
    inner = list(asn1.tlvs(asn1.value(tlv)))
    if len(inner) != 1:
        raise DecodeError(f"{len(inner)} values under one CHOICE")
    return inner


def package_result(der: bytes) -> PackageResult:
    """EuiccPackageResult, in the standard's shape or one seen in the field.

    What a later version of the standard adds to the operations' results must not keep the result from
    being delivered: each is read for itself.
    """
    der = shapes.package_result(asn1.member(der, 0xBF51))
    [(tag, arm)] = _one(der)
    if tag == 0xA2:
        _, data = asn1.decode("EuiccPackageResult", der)
        return PackageResult(
            "unsigned",
            data["eimId"],
            transaction_id=data.get("eimTransactionId"),
            association_token=data.get("associationToken"),
            der=der,
        )
    signed = asn1.member(arm, tag, 0x30)
    if tag == 0xA1:
        data = asn1.decode("EuiccPackageErrorDataSigned", signed)
        return PackageResult(
            "error",
            data["eimId"],
            data["counterValue"],
            data.get("eimTransactionId"),
            error=named(data["euiccPackageErrorCode"], "EuiccPackageErrorCode"),
            der=der,
        )
    if tag != 0xA0:
        raise DecodeError(f"an EuiccPackageResult with tag {tag:X}, neither result nor error")
    frame = [tlv if inner != 0x30 else b"\x30\x00" for inner, tlv in asn1.tlvs(asn1.value(signed))]
    data = asn1.decode("EuiccPackageResultDataSigned", asn1.wrap(0x30, *frame))
    results = asn1.value(asn1.member(asn1.value(signed), 0x30))
    return PackageResult(
        "result",
        data["eimId"],
        data["counterValue"],
        data.get("eimTransactionId"),
        data["seqNumber"],
        tuple(_operation_result(tlv) for _, tlv in asn1.tlvs(results)),
        der=der,
    )


def _operation_result(der: bytes) -> tuple[str, Value]:
    """One EuiccResultData: result codes by name, lists as what they list; unknown ones as such."""
    if der.startswith(b"\xbf\x2d"):
        der = shapes.profile_list(der)
    try:
        name, value = asn1.decode("EuiccResultData", der)
    except DecodeError:
        return "unknown", der
    match name, value:
        case _, int(code):
            return name, named(code, "EuiccResultData", name)
        case "listProfileInfoResult", ("profileInfoListOk", items):
            return name, tuple(profile_info(item) for item in items)
        case "listEimResult", ("eimIdList", items):
            return name, tuple(item["eimId"] for item in items)
        case "addEimResult", ("associationToken", token):
            return name, int(token)
        case _, (error, code):
            return name, named(code, _TYPES[name], error)
        case "setDefaultDpAddressResult", {"setDefaultDpAddressResult": code}:
            return name, named(code, "SetDefaultDpAddressResponse", name)
        case _:  # getRATResult
            return name, asn1.value(der)


_TYPES = {
    "addEimResult": "AddEimResult",
    "listEimResult": "ListEimResult",
    "listProfileInfoResult": "ProfileInfoListResponse",
}

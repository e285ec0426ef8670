"""What the IPA and the device around it can do, as the eIM asks for it (SGP.32 2.11.2.2)."""

from ipad import asn1
from ipad.procedures.gateway import Gateway
from modem.bcd import swapped
from modem.errors import ModemError

_THROUGH_EIM = (
    "indirectRspServerCommunication",
    "eimDownloadDataHandling",
    "eimCtxParams1Generation",
    "eimProfileMetadataVerification",
)
"""What a download through the eIM can leave to it, by its names in ipaFeatures."""

_FEATURES = (
    "directRspServerCommunication",
    "indirectRspServerCommunication",
    "eimDownloadDataHandling",
    "eimCtxParams1Generation",
    "eimProfileMetadataVerification",
    "minimizeEsipaBytes",
)
_RETRIEVE_HTTPS = (b"\x80", 1)
_RELEASES = {
    # The first 3GPP release with the technology: a modem with it has that one, and AT tells no other.
    "GSM": ("gsmSupportedRelease", 3),
    "UTRAN": ("utranSupportedRelease", 3),
    "E-UTRAN": ("eutranEpcSupportedRelease", 8),
    "NR": ("nr5gcSupportedRelease", 15),
}
_TAC_DIGITS = 8
_IMEI_DIGITS = (14, 15)


def ipa_capabilities(direct: bool, minimize: bool) -> bytes:
    """IpaCapabilities (30…).

    direct: SM-DP+s can be talked to without the eIM. minimize: the compact forms are offered to the eIM that
    asks.
    """
    features = (
        *(("directRspServerCommunication",) if direct else ()),
        *_THROUGH_EIM,
        *(("minimizeEsipaBytes",) if minimize else ()),
    )
    return asn1.encode(
        "IpaCapabilities", {"ipaFeatures": _bits(features), "ipaSupportedProtocols": _RETRIEVE_HTTPS}
    )


def _bits(names: tuple[str, ...]) -> tuple[bytes, int]:
    """A named BIT STRING, trimmed as DER wants it."""
    numbers = [_FEATURES.index(name) for name in names]
    octet = sum(0x80 >> number for number in numbers)
    return bytes([octet]), max(numbers) + 1


def unknown_device() -> bytes:
    """DeviceInfo (30…) where there is no modem that could tell: a TAC of zeros and no capabilities."""
    return asn1.encode("DeviceInfo", {"tac": bytes(4), "deviceCapabilities": {}})


def device_info(gateway: Gateway) -> bytes | None:
    """DeviceInfo (30…) with what the modem says of itself; None: there is no modem, or it tells no IMEI."""
    if gateway.radio is None:
        return None
    try:
        identity = gateway.radio.identity()
        in_use = gateway.radio.status().tech
    except ModemError as error:
        gateway.note("modem", f"what the device can do is not told: {error}")
        return None
    imei = identity.imei
    if len(imei) not in _IMEI_DIGITS or not (imei.isascii() and imei.isdigit()):
        return None
    known = identity.technologies | ({in_use} if in_use else set())
    releases = {name: bytes((release, 0, 0)) for t, (name, release) in _RELEASES.items() if t in known}
    return asn1.encode(
        "DeviceInfo",
        {"tac": swapped(imei[:_TAC_DIGITS], 4), "deviceCapabilities": releases, "imei": swapped(imei, 8)},
    )

"""What can be ordered, and the octets of it: profile metadata and an unprotected profile package (UPP).

The UPP is a short row of TCA ProfileElements: header, USIM with its IMSI, filler, end. No keys, no files: the
virtual card reads no more than that (see ipad/testbed/euicc/profile_elements.py).
"""

from dataclasses import dataclass, field

from ipad.asn1 import encode, wrap
from modem.bcd import iccid_octets, imsi_octets, plmn_octets

TEST, PROVISIONING, OPERATIONAL = 0, 1, 2
INSTALL, ENABLE, DISABLE, DELETE = range(4)

_USIM_TEMPLATE = bytes.fromhex("67810F010204")
"""OID 2.23.143.1.2.4."""
_FILLER = 8 * 1024


@dataclass(frozen=True, slots=True)
class ProfileOrder:
    """A profile as an operator orders it."""

    iccid: str
    """18 to 20 digits."""
    imsi: str | None = None
    name: str = "Testbed IoT"
    provider: str = "Testbed"
    profile_class: int = OPERATIONAL
    owner: str | None = "00101"
    """MCC and MNC of profileOwner, digits."""
    policy_rules: tuple[int, ...] = ()
    """Numbers of the PPRs: 1 disabling is not allowed, 2 deletion is not allowed."""
    notify: tuple[tuple[tuple[int, ...], str], ...] = ()
    """(events, address): whom the card tells of what."""
    fallback_allowed: bool | None = None
    ecall: bool | None = None
    http_params: bytes = b""
    """connectivityParameters of the profile's header."""
    size: int = 0
    """So many octets of filler: a real profile has 30 to 60 KB."""
    header_iccid: str = field(default="", kw_only=True)
    """Another ICCID in the package than in the metadata: a mistake that a card has to find."""


def metadata(order: ProfileOrder) -> bytes:
    """StoreMetadataRequest (BF25)."""
    value: dict[str, object] = {
        "iccid": iccid_octets(order.iccid),
        "serviceProviderName": order.provider,
        "profileName": order.name,
        "profileClass": order.profile_class,
    }
    if order.notify:
        value["notificationConfigurationInfo"] = [
            {"profileManagementOperation": _bits(events), "notificationAddress": address}
            for events, address in order.notify
        ]
    if order.owner is not None:
        value["profileOwner"] = {"mccMnc": plmn_octets(order.owner)}
    if order.policy_rules:
        value["profilePolicyRules"] = _bits(order.policy_rules)
    if order.ecall is not None:
        value["ecallIndication"] = order.ecall
    if order.fallback_allowed is not None:
        value["fallbackAllowed"] = order.fallback_allowed
    return encode("StoreMetadataRequest", value)


def package(order: ProfileOrder) -> bytes:
    """The UPP."""
    elements = [_header(order)]
    if order.imsi is not None:
        elements.append(_usim(len(elements), order.imsi))
    left = order.size
    while left > 0:
        elements.append(_filler(len(elements), min(left, _FILLER)))
        left -= _FILLER
    elements.append(wrap(0xAA, _number(len(elements))))
    return b"".join(elements)


def _header(order: ProfileOrder) -> bytes:
    iccid = (order.header_iccid or order.iccid).ljust(20, "F")
    return wrap(
        0xA0,
        wrap(0x80, b"\x02"),
        wrap(0x81, b"\x03"),
        wrap(0x82, order.name.encode()),
        wrap(0x83, bytes.fromhex(iccid)),
        wrap(0xA5, wrap(0x81), wrap(0x84)),  # eUICC-Mandatory-services: usim, milenage
        wrap(0xA6, wrap(0x06, _USIM_TEMPLATE)),
        *([wrap(0x87, order.http_params)] if order.http_params else []),
    )


def _usim(number: int, imsi: str) -> bytes:
    ef_imsi = wrap(0xA3, wrap(0x83, imsi_octets(imsi)))
    return wrap(0xB3, _number(number), wrap(0x81, _USIM_TEMPLATE), wrap(0xA2), ef_imsi)


def _filler(number: int, size: int) -> bytes:
    """A nonStandard element; zeros would be as good as anything, but show no octet that went astray."""
    content = bytes(position * 7 & 0xFF for position in range(size))
    return wrap(0xA9, _number(number), wrap(0x81, bytes.fromhex("8837")), wrap(0x82, content))


def _number(number: int) -> bytes:
    """A PEHeader."""
    return wrap(0xA0, wrap(0x81, number.to_bytes(number.bit_length() // 8 + 1)))


def _bits(numbers: tuple[int, ...]) -> tuple[bytes, int]:
    return bytes([sum(0x80 >> number for number in numbers)]), max(numbers, default=-1) + 1

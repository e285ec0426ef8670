"""The APN that a profile itself brings: GetConnectivityParameters, once it is enabled (SGP.32 5.9.24)."""

from collections.abc import Iterator

from ipad.errors import IpadError
from ipad.euicc import es10b
from ipad.procedures.gateway import Contents, Gateway
from modem.errors import ModemError
from modem.radio import Apn

_NETWORK_ACCESS_NAME = 0x47  # TS 102 223 8.70; with the bit for "comprehension required" C7
_CONSTRUCTED = 0x20


def bring(gateway: Gateway, contents: Contents) -> None:
    """Has the modem attach with what the enabled profile brings. What fails here is no reason to stop."""
    if gateway.radio is None or contents.enabled is None or contents.kind != "iot":
        return
    try:
        name = network_access_name(es10b.connectivity_parameters(gateway.isdr) or b"")
        if name:
            gateway.radio.bring_apn(contents.enabled, Apn(name))
    except (ModemError, IpadError) as error:
        gateway.note("apn", f"what the profile brings is not known: {error}")


def network_access_name(http_params: bytes) -> str:
    """The APN in httpParams; empty if there is none that makes sense."""
    for tag, value in _all_tlvs(http_params):
        if tag & 0x7F == _NETWORK_ACCESS_NAME and (name := _apn(value)):
            return name
    return ""


def _apn(octets: bytes) -> str:
    """Labels, each after its length (TS 23.003 9.1)."""
    labels = []
    at = 0
    while at < len(octets):
        label = octets[at + 1 : at + 1 + octets[at]]
        if not label or len(label) != octets[at]:
            return ""
        labels.append(label)
        at += 1 + len(label)
    text = b".".join(labels)
    allowed = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."
    return text.decode("ascii") if len(text) <= 100 and not text.strip(allowed) else ""


def _all_tlvs(octets: bytes, depth: int = 0) -> Iterator[tuple[int, bytes]]:
    """Tag and value of each TLV with a one-octet tag, and of those inside; ends at what is cut off."""
    at = 0
    while at + 1 < len(octets):
        tag, length = octets[at], octets[at + 1]
        at += 2
        if length in (0x81, 0x82):
            size = length & 0x0F
            length = int.from_bytes(octets[at : at + size], "big")
            at += size
        value = octets[at : at + length]
        if len(value) != length:
            return
        yield tag, value
        if tag & _CONSTRUCTED and tag & 0x7F != _NETWORK_ACCESS_NAME and depth < 4:
            yield from _all_tlvs(value, depth + 1)
        at += length

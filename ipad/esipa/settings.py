"""How an eIM wants to be talked to: [esipa] of the configuration. The defaults are the standard's."""

from dataclasses import dataclass

BINDINGS = ("asn1", "json")
"""In the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class EsipaSettings:
    binding: str = ""
    """"asn1" or "json"; empty: whichever the eIM knows."""
    path: str = "/gsma/rsp2/asn1"
    """Where the ASN.1 binding is."""
    media_type: str = "application/x-gsma-rsp-asn1"
    """Content-Type of the ASN.1 binding."""
    json_path: str = "/gsma/rsp2/esipa/"
    """Where the JSON binding is: what the name of the function is put behind."""
    json_media_type: str = "application/json"
    """Content-Type of the JSON binding."""
    protocol_version: str = "1.2.0"
    """Version of SGP.32 in X-Admin-Protocol; some eIMs want another."""
    ca_file: str = ""
    """PEM file of authorities for an eIM whose trust anchor the card does not hold; empty: the system's."""
    limit: int = 1024 * 1024
    """Octets that one answer may have; 16384 or more."""
    minimize: bool = False
    """Send compact forms of what the card signed (minimizeEsipaBytes): fewer octets, for an eIM that has
    this card's certificates and EUICCInfo2."""

"""How an eIM wants to be talked to: [esipa] of the configuration. The defaults are the standard's."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EsipaSettings:
    path: str = "/gsma/rsp2/asn1"
    media_type: str = "application/x-gsma-rsp-asn1"
    protocol_version: str = "1.2.0"
    """Version of SGP.32 in X-Admin-Protocol; some eIMs want another."""
    ca_file: str = ""
    """PEM file of authorities for an eIM whose trust anchor the card does not hold; empty: the system's."""
    limit: int = 1024 * 1024
    """Octets that one answer may have."""

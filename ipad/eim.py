"""One associated eIM: what the card knows of it, and what a connection to it is made from."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TlsAnchor:
    """trustedPublicKeyDataTls (SGP.32 2.11.1.1.2): what the eIM's TLS server is known by."""

    kind: Literal["key", "certificate"]
    der: bytes
    """A whole Certificate, or a whole SubjectPublicKeyInfo, DER."""


@dataclass(frozen=True, slots=True)
class EimConfiguration:
    """One associated eIM as the card has it (EimConfigurationData). The counter is never told."""

    eim_id: str
    fqdn: str | None = None
    """eimFqdn; may end in `:port`."""
    id_type: str | None = None
    """"oid", "fqdn" or "proprietary"."""
    association_token: int | None = None
    public_key: bytes | None = None
    """eimPublicKeyData (A5…) as the card gave it, tag and length included."""
    tls_anchor: TlsAnchor | None = None
    supported_protocols: frozenset[str] = frozenset()
    """Named bits of eimSupportedProtocol: "eimRetrieveHttps", …"""
    ci_pk_id: bytes | None = None
    """euiccCiPKId: which of the eUICC's CI keys this eIM works with."""
    indirect_download: bool = False
    """indirectProfileDownload: the eIM carries downloads itself."""
    der: bytes = b""
    """The EimConfigurationData (30…) as the card gave it."""

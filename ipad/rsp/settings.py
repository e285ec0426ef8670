"""How SM-DP+ and SM-DS are talked to: [rsp] of the configuration."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RspSettings:
    ci_certificates: str = "/etc/ipad/ci"
    """Directory of the certificates of GSMA's certificate issuers (*.pem, *.crt, *.cer, *.der; PEM or DER),
    which the TLS certificates of SM-DP+ and SM-DS have to come from. None are shipped."""
    limit: int = 2 * 1024 * 1024
    """Octets that a bound profile package may have; 16384 or more."""
    protocol_version: str = "2.2.2"
    """Version of SGP.22 in X-Admin-Protocol."""

"""What the card knows of an RSP session (SGP.22 3.0.1): in RAM, gone with a reset."""

from collections.abc import Generator
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from ipad.testbed.chain import Server

Loading = Generator[None, bytes, bytes]
"""A BoundProfilePackage on its way in: is sent cut after cut, and returns the ProfileInstallationResult."""


@dataclass
class Session:
    """From AuthenticateServer to the end of the download or CancelSession."""

    transaction_id: bytes
    server: Server
    """The authenticated server: CERT.DPauth, or CERT.DSauth."""
    server_address: str
    euicc_signature1: bytes
    """The whole 5F37 TLV."""
    binding: Server | None = None
    """CERT.DPpb, once PrepareDownload has accepted it."""
    one_time_key: ec.EllipticCurvePrivateKey | None = None
    """otSK.EUICC.KA of the last PrepareDownload."""
    loading: Loading | None = None

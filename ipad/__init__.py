"""ipad: an SGP.32 IoT Profile Assistant (IPAd) for Linux gateways."""

from ipad.errors import (
    ConfigError,
    DecodeError,
    EuiccRefused,
    IpadError,
    PeerRefused,
    Throttled,
    Unreachable,
    Untrusted,
)

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "DecodeError",
    "EuiccRefused",
    "IpadError",
    "PeerRefused",
    "Throttled",
    "Unreachable",
    "Untrusted",
    "__version__",
]

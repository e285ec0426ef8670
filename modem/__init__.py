"""AT to a cellular modem, and APDUs to the card in it. Knows nothing of eSIM."""

from modem.errors import (
    AtError,
    AtTimeout,
    CardRefused,
    ChannelLost,
    ModemError,
    NoCard,
    PortGone,
)

__all__ = [
    "AtError",
    "AtTimeout",
    "CardRefused",
    "ChannelLost",
    "ModemError",
    "NoCard",
    "PortGone",
]

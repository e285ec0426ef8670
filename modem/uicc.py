"""A card as a terminal sees it (TS 102 221): reset, and APDUs with the channel in their CLA."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Reply:
    """An R-APDU: the data and the status word."""

    data: bytes
    sw: int


Transmit = Callable[[bytes], Reply]
"""Uicc.transmit, or a part of the card that takes C-APDUs just so."""


class Uicc(Protocol):
    """Anything that takes C-APDUs. What it raises is a ModemError."""

    def reset(self) -> bytes:
        """Resets the card; returns the ATR. All logical channels are closed by it."""
        ...

    def transmit(self, apdu: bytes) -> Reply:
        """Sends one C-APDU as it is; 61xx, 6Cxx and 91xx come back as they are."""
        ...

"""Logical channels 0 to 19, and what is selected on each (TS 102 221 8.7, 11.1.17)."""

from dataclasses import dataclass, field

from .apdu import Refused, Sw
from .files import MF, Path
from .store_data import Chain

LAST_CHANNEL = 19


@dataclass
class Channel:
    """One open channel: the ISD-R is selected on it, or a file."""

    isdr: bool = False
    path: Path = (MF,)
    chain: Chain = field(default_factory=Chain)


class Channels:
    """The channels that are open. The basic channel always is."""

    def __init__(self) -> None:
        self._open = {0: Channel()}

    def get(self, number: int) -> Channel:
        """The channel with this number; Refused if it is not open."""
        if number not in self._open:
            raise Refused(Sw.CHANNEL_NOT_SUPPORTED)
        return self._open[number]

    def open(self, number: int) -> int:
        """Opens the given channel, or for 0 the lowest free one; returns its number."""
        if number > LAST_CHANNEL:
            raise Refused(Sw.WRONG_P1_P2)
        free = [n for n in range(1, LAST_CHANNEL + 1) if n not in self._open and number in (0, n)]
        if not free:
            raise Refused(Sw.FUNCTION_NOT_SUPPORTED)
        self._open[free[0]] = Channel()
        return free[0]

    def close(self, number: int) -> None:
        """Closes a channel; the basic one cannot be."""
        if not 0 < number <= LAST_CHANNEL:
            raise Refused(Sw.WRONG_P1_P2)
        self.get(number)
        del self._open[number]

    def profile_changed(self) -> None:
        """The files are others now: whatever was selected among them is not any more."""
        for channel in self._open.values():
            channel.path = (MF,)

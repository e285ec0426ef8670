"""A card as the agent sees it: logical channels to applications (TS 102 221 11.1.1, 11.1.17)."""

from typing import Protocol

from modem.uicc import Reply


class Channel(Protocol):
    """A logical channel with one application selected on it. It never reopens itself."""

    @property
    def fci(self) -> bytes:
        """What SELECT returned (TS 102 221 11.1.1.3)."""
        ...

    def transmit(self, apdu: bytes) -> Reply:
        """Sends a C-APDU whose CLA is written for the basic channel; the channel's bits are put in here.

        61xx and 6Cxx are followed; 91xx comes back as it is (a proactive command is pending).
        Raises ChannelLost when the channel is no more, other ModemErrors as the way to the card fails.
        """
        ...

    def close(self) -> None:
        """Closes the channel; quiet if it is gone already."""
        ...


class Card(Protocol):
    """A way to a card: AT+CSIM, AT+CCHO/CGLA, PC/SC."""

    def open(self, aid: bytes) -> Channel:
        """Opens a logical channel and selects `aid` on it. NoCard, CardRefused if that fails."""
        ...

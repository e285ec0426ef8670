"""A card as the agent sees it: logical channels to applications (TS 102 221 11.1.1, 11.1.17)."""

from collections.abc import Callable
from typing import Protocol
from weakref import WeakValueDictionary

from modem.errors import CardRefused, ChannelLost, ModemError
from modem.uicc import Reply, Transmit, Uicc

ANSWER_LIMIT = 65536
"""The most octets that one command's answer may have, all its GET RESPONSEs together."""

# A card has channels 1 to 3, or 1 to 19 (TS 102 221 8.7). The modem's own channels are the oldest and
# so the lowest: what a former run left is looked for from 3 down, then above.
_STALE_ORDER = (3, 2, 1, *range(19, 3, -1))
NO_FREE_CHANNEL = (0x6A81, 0x6881, 0x6A84)
"""Status words that MANAGE CHANNEL may refuse to open one with."""


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

    @property
    def block(self) -> int:
        """Octets of data that one C-APDU may have on this way, 1 to 255."""
        ...

    def open(self, aid: bytes) -> Channel:
        """Opens a logical channel and selects `aid` on it. NoCard, CardRefused if that fails."""
        ...


class UiccCard:
    """Card over any Uicc.

    epoch: counts whatever closes all channels behind our back (card reset, modem reset, port gone).
    A channel opened in an earlier epoch is lost, even if its number has since been given to another.
    """

    def __init__(self, uicc: Uicc, epoch: Callable[[], int] = lambda: 0, block: int = 255) -> None:
        self.block = block
        self.uicc = uicc
        self.epoch = epoch
        # Weak: a channel that was dropped without being closed may be taken back like a stranger's.
        self._ours: WeakValueDictionary[int, UiccChannel] = WeakValueDictionary()

    def open(self, aid: bytes) -> "UiccChannel":
        """Opens a logical channel and selects `aid` on it. NoCard, CardRefused if that fails."""
        number = self._open_channel()
        channel = UiccChannel(self, number)
        self._ours[number] = channel
        try:
            reply = channel.transmit(bytes((0x00, 0xA4, 0x04, 0x00, len(aid))) + aid)
            if not succeeded(reply.sw):
                advice = "this card has no such application" if reply.sw == 0x6A82 else ""
                raise CardRefused(f"selecting application {aid.hex().upper()}", reply.sw, advice)
        except CardRefused:
            channel.close()
            raise
        channel.fci = reply.data
        return channel

    def forget(self, number: int) -> None:
        """A channel of ours is closed."""
        self._ours.pop(number, None)

    def _open_channel(self) -> int:
        reply = self._manage_channel_open()
        for stale in _STALE_ORDER:
            if reply.sw not in NO_FREE_CHANNEL:
                break
            ours = self._ours.get(stale)
            if ours is not None and ours.opened_in == self.epoch():
                continue
            if succeeded(self.uicc.transmit(_manage_channel_close(stale)).sw):
                reply = self._manage_channel_open()
        if reply.sw in NO_FREE_CHANNEL:
            raise CardRefused(
                "opening a logical channel",
                reply.sw,
                "no channel is free, and none that a former run left could be closed; reset the modem",
            )
        if not succeeded(reply.sw):
            raise CardRefused("opening a logical channel", reply.sw)
        if len(reply.data) != 1 or not 1 <= reply.data[0] <= 19:
            raise ModemError(
                "opening a logical channel",
                f"a channel number that is none: {reply.data.hex().upper() or 'nothing'}",
                "reset the modem",
                executed=True,
            )
        return reply.data[0]

    def _manage_channel_open(self) -> Reply:
        return exchange(self.uicc.transmit, b"\x00\x70\x00\x00\x01", get_response_cla=0x00)


class UiccChannel:
    """Channel over any Uicc; made by UiccCard.open."""

    def __init__(self, card: UiccCard, number: int) -> None:
        self.number = number
        self.opened_in = card.epoch()
        self.fci = b""
        self._card = card
        self._closed = False

    def transmit(self, apdu: bytes) -> Reply:
        """See Channel.transmit."""
        doing = f"sending {apdu[:4].hex().upper()} on channel {self.number}"
        if self._closed or self._card.epoch() != self.opened_in:
            raise ChannelLost(doing, "the card was reset since the channel was opened", "open it again")
        sent = bytes((with_channel(apdu[0], self.number),)) + apdu[1:]
        reply = exchange(self._card.uicc.transmit, sent, get_response_cla=with_channel(0x00, self.number))
        if reply.sw == 0x6881:
            self._closed = True  # its number may become somebody else's
            self._card.forget(self.number)
            raise ChannelLost(doing, "the card says 6881, the channel is closed", "open it again")
        if not succeeded(reply.sw) and self._card.epoch() != self.opened_in:
            # Whatever refused it, the application was no longer selected: nothing was executed.
            raise ChannelLost(doing, f"the card was reset meanwhile ({reply.sw:04X})", "open it again")
        return reply

    def close(self) -> None:
        """Closes the channel; quiet if it is gone already, or if the way to the card is."""
        if self._closed:
            return
        self._closed = True
        if self._card.epoch() != self.opened_in:
            return  # its number may be somebody else's by now
        self._card.forget(self.number)
        try:
            self._card.uicc.transmit(_manage_channel_close(self.number))
        except ModemError:
            return


def succeeded(sw: int) -> bool:
    """9000, a proactive command pending, or a warning (TS 102 221 10.2.1)."""
    return sw == 0x9000 or sw >> 8 in (0x91, 0x62, 0x63)


def with_channel(cla: int, channel: int) -> int:
    """A CLA written for the basic channel, with a channel's bits put in (TS 102 221 10.1.1).

    Interindustry commands use 0X for channels 0 to 3 and 4X for 4 to 19; proprietary ones 8X and CX.
    """
    if cla & 0x43 or cla & 0xA0 == 0x20:
        raise ValueError(f"CLA {cla:02X} is not one of the basic channel")
    if channel <= 3:
        return cla | channel
    secure = 0x20 if cla & 0x0C else 0
    return cla & 0x90 | 0x40 | secure | (channel - 4)


_ANSWERS = (0x61, 0x62, 0x63, 0x90, 0x91, 0x92)
"""SW1 of an answer to GET RESPONSE that has what was announced (TS 102 221 10.2.1)."""


def exchange(transmit: Transmit, apdu: bytes, get_response_cla: int, limit: int = ANSWER_LIMIT) -> Reply:
    """One command to its end: 6Cxx sent again with the right Le, 61xx fetched (TS 102 221 7.3.1.1).

    6Cxx says that nothing was executed, so sending again is safe. Raises ModemError for an answer
    above `limit` octets, and for a card that keeps announcing data and gives none. Whatever is raised
    after 61xx says that the command was executed: only its answer is lost.
    """
    doing = f"sending {apdu[:4].hex().upper()}"
    reply = transmit(apdu)
    if reply.sw >> 8 == 0x6C:
        reply = transmit(_with_le(apdu, reply.sw & 0xFF))
    data = bytearray(reply.data)
    while reply.sw >> 8 == 0x61:
        try:
            reply = _get_response(transmit, get_response_cla, reply.sw & 0xFF)
        except ModemError as error:
            error.executed = True
            raise
        if reply.sw >> 8 == 0x61 and not reply.data:
            raise ModemError(
                doing, "the card announces data and gives none", "reset the modem", executed=True
            )
        if reply.sw >> 8 not in _ANSWERS:
            refused = CardRefused(doing, reply.sw, "its answer is lost: the card has to be read")
            refused.executed = True
            raise refused
        data += reply.data
        if len(data) > limit:
            raise ModemError(doing, f"an answer longer than {limit} octets", executed=True)
    return Reply(bytes(data), reply.sw)


def _get_response(transmit: Transmit, cla: int, length: int) -> Reply:
    apdu = bytes((cla, 0xC0, 0x00, 0x00, length))
    reply = transmit(apdu)
    return transmit(_with_le(apdu, reply.sw & 0xFF)) if reply.sw >> 8 == 0x6C else reply


def _with_le(apdu: bytes, le: int) -> bytes:
    """The same command with another Le: in place of the one it has, or added."""
    if len(apdu) <= 5:
        return apdu[:4] + bytes((le,))
    return apdu[: 5 + apdu[4]] + bytes((le,))


def _manage_channel_close(number: int) -> bytes:
    return bytes((0x00, 0x70, 0x80, number))

"""The way to the ISD-R: a logical channel of its own, and STORE DATA on it (SGP.22 5.7.2, SGP.32 5.9.1)."""

from collections.abc import Callable

from ipad.asn1 import wrap
from ipad.errors import DecodeError
from ipad.waits import Waits
from modem.card import Card, Channel
from modem.errors import AtError, CardRefused, ChannelLost

ISD_R_AID = bytes.fromhex("A0000005591010FFFFFFFF8900000100")

TERMINAL_CAPABILITY = bytes.fromhex("80AA000005A903840101")
"""To the basic channel after a reset: this device has an IPA (SGP.32 3.8.2, TS 102 221 11.1.19)."""

_LAST = 0x91
_MORE = 0x11
_MOST_BLOCKS = 256  # P2 is one octet, and counts from 0


class Isdr:
    """The ISD-R of one card. Opens its channel when first needed, and anew after it was lost.

    card: the way to the card. aid: the ISD-R's, some vendors use their own. block: octets of one
    STORE DATA (1..255), by default what the way to the card takes. sleep: waits seconds; the daemon's
    also feeds the watchdog.
    """

    def __init__(
        self,
        card: Card,
        waits: Waits,
        *,
        aid: bytes = ISD_R_AID,
        sleep: Callable[[float], None],
        block: int | None = None,
    ) -> None:
        if block is not None and not 1 <= block <= 255:
            raise ValueError(f"a STORE DATA block has 1 to 255 octets, not {block}")
        self.waits = waits
        self.sleep = sleep
        self.refuses_tag_list = False
        """This card has refused a tag list with tags that it does not know (see es10c.profiles)."""
        self._card = card
        self._aid = aid
        self._block = block
        self._channel: Channel | None = None

    @property
    def block(self) -> int:
        """Octets of one STORE DATA; known when the channel has been opened."""
        return self._block or self._card.block

    @block.setter
    def block(self, octets: int) -> None:
        self._block = octets

    def store_data(self, function: str, request: bytes) -> bytes:
        """Sends `request` as one STORE DATA chain; returns the answer's octets.

        function: the standard's name of the function, for messages. request: a whole TLV, or one cut of
        a BoundProfilePackage (SGP.22 2.5.5). Raises CardRefused for a status word that is not success,
        and what the way to the card raises. After ChannelLost nothing is sent again here: the error goes
        up, and the next call opens a new channel.
        """
        self._open()
        blocks = [request[i : i + self.block] for i in range(0, len(request), self.block)] or [b""]
        if not self.takes(request):
            raise DecodeError(
                f"{function}: {len(request)} octets do not fit into {_MOST_BLOCKS} STORE DATA blocks"
            )
        answer = bytearray()
        for number, data in enumerate(blocks):
            p1 = _LAST if number == len(blocks) - 1 else _MORE
            header = bytes((0x80, 0xE2, p1, number, len(data)))
            answer += self._transmit(function, header + data)
        return bytes(answer)

    def takes(self, request: bytes) -> bool:
        """Whether a STORE DATA chain has room for it."""
        return len(request) <= _MOST_BLOCKS * self.block

    def _transmit(self, function: str, apdu: bytes) -> bytes:
        channel = self._open()
        try:
            reply = channel.transmit(apdu)
        except ChannelLost:
            self._channel = None
            raise
        except AtError:
            self.close()  # the next channel may have to go another way
            raise
        # 91xx: done, and a proactive command is pending (TS 102 221 10.2.1.2).
        if reply.sw != 0x9000 and reply.sw >> 8 != 0x91:
            raise CardRefused(f"{function} on the ISD-R", reply.sw, _advice(reply.sw))
        return reply.data

    def _open(self) -> Channel:
        if self._channel is None:
            self._channel = self._card.open(self._aid)
        return self._channel

    def reset(self) -> None:
        """Forgets the channel, without a word to the card: after a switch or a reset it is gone anyway."""
        self._channel = None

    def close(self) -> None:
        """Closes the channel; the next call opens another."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()


def sample(length: int) -> bytes:
    """A C-APDU with so many octets of data (a few less in 131 to 134) that changes nothing on any card.

    GetEuiccData (SGP.22 5.7.20) with a tag list that asks for the EID over and over.
    """
    tags = b"\x5a" * (min(length, 130) - 5 if length <= 134 else length - 7)
    request = wrap(0xBF3E, wrap(0x5C, tags))
    return bytes((0x80, 0xE2, _LAST, 0, len(request))) + request


def _advice(sw: int) -> str:
    match sw:
        case 0x6985:
            return "a REFRESH may be pending: the card has to be reset"
        case 0x6A80:
            return "the card does not take this request"
        case 0x6A88 | 0x6D00 | 0x6E00:
            return "the card does not know this function"
        case _:
            return ""

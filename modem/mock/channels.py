"""AT+CCHO, CGLA, CCHC: logical channels that the modem keeps for the host (TS 27.007 8.43 to 8.45).

The host names a session; the channel behind it is the modem's own affair. So the channel's bits in the CLA
are the modem's too: what the host wrote there is overwritten, always.
"""

import random
from collections.abc import Collection

from modem.card import exchange
from modem.mock.cme import INCORRECT_PARAMETERS, MEMORY_FULL, NOT_FOUND, SIM_FAILURE, CmeError, PlainError
from modem.uicc import Reply, Transmit

STORE_DATA = 0xE2
"""INS of STORE DATA (GlobalPlatform Card Specification 11.11)."""
_STORE_DATA_LIMIT = 20
_NO_CHANNEL = (0x6A81, 0x6A84, 0x6881)
_LAST_CHANNEL = 19


class Channels:
    """The sessions of one card session. transmit: to the card; raises CmeError where there is none."""

    def __init__(self, transmit: Transmit, faults: Collection[str]) -> None:
        self._transmit = transmit
        self._faults = faults
        self._random = random.Random(0)
        self._channels: dict[str, int] = {}
        self._stored: dict[str, int] = {}

    def forget(self) -> None:
        """The card was reset: there are none any more."""
        self._channels.clear()
        self._stored.clear()

    def fill(self) -> None:
        """Opens all that the card has: what a program left that crashed."""
        while (number := self._new_channel()) is not None:
            self._channels[self._name(number)] = number

    def open(self, aid: bytes) -> str:
        """A session with the application; its name as the host has to say it."""
        if "ccho-fails" in self._faults:
            raise CmeError(SIM_FAILURE)
        number = self._new_channel()
        if number is None:
            raise CmeError(MEMORY_FULL)
        select = bytes((_cla(0x00, number), 0xA4, 0x04, 0x00, len(aid))) + aid
        reply = exchange(self._transmit, select, _cla(0x00, number))
        if not (reply.sw == 0x9000 or reply.sw >> 8 in (0x62, 0x63, 0x91)):
            self._close(number)
            raise CmeError(SIM_FAILURE if "ccho-cme13" in self._faults else NOT_FOUND)
        name = self._name(number)
        self._channels[name] = number
        return name

    def close(self, name: str) -> None:
        """Ends a session."""
        number = self._channels.pop(name, None)
        self._stored.pop(name, None)
        if number is None:
            raise CmeError(INCORRECT_PARAMETERS)
        self._close(number)

    def transmit(self, name: str, apdu: bytes) -> Reply:
        """An APDU in a session."""
        number = self._channels.get(name)
        if number is None:
            raise CmeError(INCORRECT_PARAMETERS)
        if apdu[1] == STORE_DATA:
            self._stored[name] = self._stored.get(name, 0) + 1
            if "cgla-store-data" in self._faults and self._stored[name] > _STORE_DATA_LIMIT:
                raise PlainError
        return self._transmit(bytes((_cla(apdu[0], number),)) + apdu[1:])

    def _new_channel(self) -> int | None:
        reply = exchange(self._transmit, b"\x00\x70\x00\x00\x01", 0x00)
        if reply.sw in _NO_CHANNEL:
            return None
        if len(reply.data) != 1 or not 1 <= reply.data[0] <= _LAST_CHANNEL:
            raise CmeError(SIM_FAILURE)
        return reply.data[0]

    def _close(self, number: int) -> None:
        self._transmit(bytes((0x00, 0x70, 0x80, number)))

    def _name(self, number: int) -> str:
        if "session-handles" in self._faults:
            return f"{self._random.getrandbits(32):08X}"
        return str(number)


def _cla(cla: int, number: int) -> int:
    """The CLA with this channel, whatever it had (TS 102 221 10.1.1): 0X and 8X, from 4 on 4X and CX."""
    further = cla & 0x40
    secure = cla & (0x20 if further else 0x0C)
    if number <= 3:
        return cla & 0x90 | (0x0C if further and secure else secure) | number
    return cla & 0x90 | 0x40 | (0x20 if secure else 0) | (number - 4)

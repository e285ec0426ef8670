"""A terminal's duties towards a card, where no modem does them: in a PC/SC reader (TS 102 221, 102 223)."""

from collections.abc import Callable, Sequence

from modem.card import exchange
from modem.errors import ChannelLost, ModemError
from modem.proactive import (
    BEYOND_CAPABILITIES,
    REFRESH,
    SUCCESS,
    TERMINAL_PROFILE,
    UICC_RESET,
    Proactive,
    fetch,
    respond,
)
from modem.uicc import Reply, Uicc

_ON_A_CHANNEL = 0x43
"""The bits of a CLA that are not all zero on another than the basic channel (TS 102 221 10.1.1)."""
_MOST_COMMANDS = 32
"""Proactive commands in a row; a card with more of them does not come to an end."""


class TerminalUicc:
    """Uicc that says TERMINAL PROFILE after each reset, fetches what the card announces, and acts on REFRESH.

    epoch: counts the resets of `uicc`, by whomever. hello: commands to the basic channel after each reset,
    before TERMINAL PROFILE; what the card refuses of them is skipped.
    """

    def __init__(self, uicc: Uicc, epoch: Callable[[], int], hello: Sequence[bytes] = ()) -> None:
        self._uicc = uicc
        self._epoch = epoch
        self._hello = (*hello, TERMINAL_PROFILE)
        self._greeted: int | None = None

    def reset(self) -> bytes:
        """See Uicc.reset."""
        return self._uicc.reset()

    def transmit(self, apdu: bytes) -> Reply:
        """Sends one C-APDU. 91xx comes back as 9000: what was announced has been dealt with."""
        if self._greeted is None:
            self.reset()  # whoever had the card before has left nothing behind
        reply = self._sent(apdu)
        if reply.sw >> 8 != 0x91:
            return reply
        try:
            self._serve(reply.sw)
        except ModemError as error:
            error.executed = True  # the command itself was, whatever became of the REFRESH
            raise
        return Reply(reply.data, 0x9000)

    def _sent(self, apdu: bytes) -> Reply:
        self._greet()
        try:
            return self._uicc.transmit(apdu)
        except ChannelLost:
            if apdu[0] & _ON_A_CHANNEL:
                raise
        self._greet()  # somebody has reset the card; the basic channel is there again
        return self._uicc.transmit(apdu)

    def _greet(self) -> None:
        if self._greeted == self._epoch():
            return
        self._greeted = self._epoch()
        for apdu in self._hello:
            reply = exchange(self._uicc.transmit, apdu, get_response_cla=0x00)
            if reply.sw >> 8 == 0x91:
                self._serve(reply.sw)

    def _serve(self, sw: int) -> None:
        """Fetches until nothing is announced any more; a REFRESH ends in a reset of the card."""
        for _ in range(_MOST_COMMANDS):
            if sw >> 8 != 0x91:
                return
            command = fetch(self._uicc, sw & 0xFF)
            if command is None:
                return
            if command.type == REFRESH:
                self._refresh(command)
                return
            sw = respond(self._uicc, command, BEYOND_CAPABILITIES).sw
        raise ModemError("answering proactive commands", "the card never stops sending them", "reset it")

    def _refresh(self, command: Proactive) -> None:
        """Whatever the qualifier: a card that was reset has all its files anew (TS 102 223 6.4.7)."""
        if command.qualifier != UICC_RESET:
            respond(self._uicc, command, SUCCESS)
        self.reset()

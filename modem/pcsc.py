"""A card in a PC/SC reader, by pyscard.

The connection is a shared one: others may use the card beside us, on channels of their own. A transaction
keeps them away from the basic channel's GET RESPONSE while an answer is fetched.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from modem.errors import ChannelLost, ModemError, NoCard, PortGone
from modem.uicc import Reply
from modem.waits import Waits

_IDLE_EVERY = 1.0
_MORE = (0x61, 0x6C)


class ReaderUicc:
    """Uicc in the first reader whose name contains `reader` and that has a card; connected when first used.

    idle: called at least once a second in every wait.
    """

    def __init__(self, reader: str, waits: Waits, idle: Callable[[], None] = lambda: None) -> None:
        self.resets = 0
        """How often the card was reset or met anew, by whomever: no channel survives that."""
        self._wanted = reader
        self._waits = waits
        self._idle = idle
        self._scard: Any = None
        self._context: Any = None
        self._card: Any = None
        self._protocol: Any = None
        self._in_transaction = False

    def reset(self) -> bytes:
        """Resets the card; returns the ATR. NoCard, PortGone, ModemError."""
        doing = "resetting the card"
        self._connect(doing)
        scard = self._scard
        self._end_transaction()
        status, self._protocol = self._bounded(
            doing,
            lambda: scard.SCardReconnect(
                self._card, scard.SCARD_SHARE_SHARED, self._protocols(), scard.SCARD_RESET_CARD
            ),
        )
        self.resets += 1
        self._check(doing, status)
        status, _, _, _, atr = self._bounded(doing, lambda: scard.SCardStatus(self._card))
        self._check(doing, status)
        return bytes(atr)

    def transmit(self, apdu: bytes) -> Reply:
        """Sends one C-APDU. ChannelLost, not sent, if somebody has reset the card since the last one."""
        doing = f"sending {apdu[:4].hex().upper()} to the card"
        self._connect(doing)
        scard = self._scard
        if not self._in_transaction:
            self._begin_transaction(doing)
        status, answer = self._bounded(
            doing, lambda: scard.SCardTransmit(self._card, self._protocol, list(apdu))
        )
        if status == scard.SCARD_W_RESET_CARD:
            self._met_anew(doing)
            raise ChannelLost(doing, "somebody else has reset the card", "open it again", executed=False)
        self._check(doing, status, executed=None)
        if len(answer) < 2:
            self.close()
            raise ModemError(doing, "an answer without a status word", "read the card again", executed=None)
        reply = Reply(bytes(answer[:-2]), answer[-2] << 8 | answer[-1])
        if reply.sw >> 8 not in _MORE:
            self._end_transaction()
        return reply

    def close(self) -> None:
        """Gives the reader back; the next call connects again."""
        if self._context is None:
            return
        self._end_transaction()
        if self._card is not None:
            self._scard.SCardDisconnect(self._card, self._scard.SCARD_LEAVE_CARD)
        self._scard.SCardReleaseContext(self._context)
        self._forget()

    # Connecting

    def _connect(self, doing: str) -> None:
        if self._card is not None:
            return
        scard = self._scard = self._scard or _scard()
        status, self._context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        if status != scard.SCARD_S_SUCCESS:
            self._context = None
            self._check(doing, status)
        status, readers = scard.SCardListReaders(self._context, [])
        fitting = [name for name in readers if self._wanted in name] if status == 0 else []
        if not fitting:
            got = f"no reader {self._wanted!r}; there are: {', '.join(readers) or 'none'}"
            self.close()
            raise PortGone(doing, got, "is the reader plugged in, and pcscd running? set modem.reader")
        for name in fitting:
            status, card, protocol = scard.SCardConnect(
                self._context, name, scard.SCARD_SHARE_SHARED, self._protocols()
            )
            if status == scard.SCARD_S_SUCCESS:
                self._card, self._protocol = card, protocol
                self.resets += 1
                return
        self._check(doing, status)

    def _protocols(self) -> int:
        protocols: int = self._scard.SCARD_PROTOCOL_T0 | self._scard.SCARD_PROTOCOL_T1
        return protocols

    def _met_anew(self, doing: str) -> None:
        """Takes note of somebody else's reset."""
        scard = self._scard
        self.resets += 1
        self._in_transaction = False
        status, self._protocol = self._bounded(
            doing,
            lambda: scard.SCardReconnect(
                self._card, scard.SCARD_SHARE_SHARED, self._protocols(), scard.SCARD_LEAVE_CARD
            ),
        )
        self._check(doing, status)

    def _begin_transaction(self, doing: str) -> None:
        status = self._bounded(doing, lambda: self._scard.SCardBeginTransaction(self._card))
        if status == self._scard.SCARD_W_RESET_CARD:
            self._met_anew(doing)
            raise ChannelLost(doing, "somebody else has reset the card", "open it again", executed=False)
        self._check(doing, status)
        self._in_transaction = True

    def _end_transaction(self) -> None:
        if self._in_transaction:
            self._in_transaction = False
            self._scard.SCardEndTransaction(self._card, self._scard.SCARD_LEAVE_CARD)

    # What can go wrong

    def _bounded(self, doing: str, call: Callable[[], Any]) -> Any:
        """The call's result, waited for no longer than waits.apdu; others may hold the card, or it computes.

        The call can't be broken off: after the deadline it is left alone, with its connection.
        """
        answer: list[Any] = []
        thread = threading.Thread(target=lambda: answer.append(call()), daemon=True)
        thread.start()
        end = time.monotonic() + self._waits.apdu
        while thread.is_alive() and (left := end - time.monotonic()) > 0:
            thread.join(min(left, _IDLE_EVERY))
            self._idle()
        if not answer:
            self._forget()
            raise ModemError(
                doing,
                f"no answer within {self._waits.apdu:g} s",
                "another program may hold the card: stop it, or restart pcscd",
                executed=None,
            )
        return answer[0]

    def _check(self, doing: str, status: int, executed: bool | None = False) -> None:
        """Raises what a status of PC/SC stands for."""
        scard = self._scard
        if status == scard.SCARD_S_SUCCESS:
            return
        got = str(scard.SCardGetErrorMessage(status))
        self.close()
        if status in (
            scard.SCARD_E_NO_SERVICE,
            scard.SCARD_E_SERVICE_STOPPED,
            scard.SCARD_E_NO_READERS_AVAILABLE,
            scard.SCARD_E_READER_UNAVAILABLE,
            scard.SCARD_E_UNKNOWN_READER,
        ):
            raise PortGone(doing, got, "is pcscd running, and the reader plugged in?", executed)
        if status in (
            scard.SCARD_E_NO_SMARTCARD,
            scard.SCARD_W_REMOVED_CARD,
            scard.SCARD_W_UNPOWERED_CARD,
            scard.SCARD_W_UNRESPONSIVE_CARD,
        ):
            raise NoCard(doing, got, "is the card in the reader?", executed)
        advice = ""
        if status == scard.SCARD_E_SHARING_VIOLATION:
            advice = "another program has the reader for itself: stop it"
        raise ModemError(doing, got, advice, executed)

    def _forget(self) -> None:
        self._context = self._card = self._protocol = None
        self._in_transaction = False


def _scard() -> Any:
    try:
        from smartcard import scard  # an optional extra
    except ImportError as error:
        raise ModemError(
            "opening the PC/SC reader",
            f"the Python package pyscard is missing: {error}",
            "pip install 'ipad[pcsc]', or Debian's python3-pyscard",
        ) from error
    return scard

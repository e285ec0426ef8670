"""A card over AT+CCHO, CGLA and CCHC (TS 27.007 8.43 to 8.45): the modem keeps the logical channels.

The modem names a session, and puts the channel's bits into the CLA by itself: they are zero here. What the
name looks like is the modem's affair, a small number or a handle like 0385A7CF; it is handed back as it came.
"""

import re
from functools import partial
from weakref import WeakValueDictionary

from modem import at_apdu
from modem.at import At
from modem.card import exchange, succeeded
from modem.errors import AtError, ChannelLost, ModemError, NoCard
from modem.memory import Memory
from modem.tap import Observer, tapped
from modem.uicc import Reply
from modem.waits import Waits

# Some modems answer without the name of the command.
_SESSION = re.compile(r'(?:\+CCHO: *)?"?([0-9A-F]{1,16})"?', re.IGNORECASE)
# TS 27.007 9.2.1. SIM failure is not among them: modems say it too where the application is not there.
_NO_CARD = (10, 14, 15)
# Invalid index, not found, incorrect parameters: there is no such session, and nothing was sent.
_UNKNOWN_SESSION = (21, 22, 50)
_NUMBERS = ("1", "2", "3")
"""What sessions are called where they are numbered like the card's channels."""
_SHORT = 128
"""Octets of an APDU that no modem finds too long."""
_OPEN = "cgla:open"
"""In the memory: the session that is open now, and so the one that a run which ended badly has left."""
_IN_USE = bytes.fromhex("80F2000000")  # STATUS: any answer but 6881 says that the channel is there


class CglaCard:
    """Card over AT+CCHO, CGLA and CCHC. Nothing is ever sent twice here.

    memory: keeps the name of an open session, so that the next run can close what this one leaves. observer:
    told every APDU.
    """

    block = 255

    def __init__(self, at: At, waits: Waits, memory: Memory, observer: Observer | None = None) -> None:
        self.at = at
        self.waits = waits
        self._memory = memory
        self._observer = observer
        self._ours: WeakValueDictionary[str, CglaChannel] = WeakValueDictionary()
        self._kept: tuple[int, bytes, str] | None = None
        """Epoch, AID and session of a channel that the modem could not close: it is used again."""
        self._met_left = False

    def open(self, aid: bytes) -> "CglaChannel":
        """Opens a session with `aid`. NoCard; AtError if the modem refuses; others as the port fails."""
        session = self._reused(aid) or self._left_by_the_last_run(aid) or self._new(aid)
        channel = CglaChannel(self, aid, session, self._observer)
        self._ours[session] = channel
        self._memory.remember(_OPEN, f"{aid.hex()} {session}")
        return channel

    def end(self, channel: "CglaChannel") -> None:
        """Closes a session of ours; quiet if that fails."""
        self._ours.pop(channel.session, None)
        if channel.opened_in != self.at.epoch:
            return
        try:
            closed = self._cchc(channel.session)
        except ModemError:
            return
        if closed:
            self._memory.remember(_OPEN, "")
        else:
            self._kept = (self.at.epoch, channel.aid, channel.session)

    def _reused(self, aid: bytes) -> str | None:
        kept, self._kept = self._kept, None
        return kept[2] if kept is not None and kept[:2] == (self.at.epoch, aid) else None

    def _left_by_the_last_run(self, aid: bytes) -> str | None:
        """Closes what the last run left open; where it can't be, uses it if it is the same application."""
        if self._met_left:
            return None
        self._met_left = True
        left_aid, _, session = (self._memory.recall(_OPEN) or "").partition(" ")
        if not session or self._cchc(session) or left_aid != aid.hex():
            return None
        try:
            reply = _send(self.at, session, self.waits, _IN_USE)
        except (AtError, ChannelLost):
            return None
        return session if reply.sw != 0x6881 else None

    def _new(self, aid: bytes) -> str:
        try:
            return self._ccho(aid)
        except AtError as refusal:
            # No application, no free channel, a busy bus: modems have no common words for these.
            if not self._freed():
                raise
            first = refusal
        try:
            return self._ccho(aid)
        except AtError:
            raise first from None

    def _ccho(self, aid: bytes) -> str:
        doing = f"opening a channel to application {aid.hex().upper()}"
        deadline = self.waits.at_slow * self.at.facts.patience
        try:
            lines = self.at.command(f'AT+CCHO="{aid.hex().upper()}"', takes=_SESSION, deadline=deadline)
        except AtError as error:
            if error.code in _NO_CARD:
                raise NoCard(doing, error.got, "is the SIM in its place?", executed=False) from error
            advice = "the card has no such application, or the modem no free channel: reset the modem"
            raise AtError(doing, error.got, advice, False, error.code) from error
        match = _SESSION.fullmatch(lines[-1]) if lines else None
        if match is None:
            raise ModemError(doing, "no session in the answer to AT+CCHO", "reset the modem", executed=True)
        return match[1]

    def _freed(self) -> bool:
        """Closes the sessions that are not ours, where sessions are numbers; whether there was one."""
        closed = [self._cchc(number) for number in _NUMBERS if self._not_ours(number)]
        return any(closed)

    def _not_ours(self, session: str) -> bool:
        ours = self._ours.get(session)
        return ours is None or ours.opened_in != self.at.epoch

    def _cchc(self, session: str) -> bool:
        """Whether the modem closed it. Slow on some, if the session is an old one."""
        if not self.at.facts.cchc:
            return False
        try:
            self.at.command(f"AT+CCHC={session}", deadline=self.waits.at_slow * self.at.facts.patience)
        except AtError:
            return False
        return True


class CglaChannel:
    """Channel over AT+CGLA; made by CglaCard.open."""

    fci = b""
    """AT+CCHO does not tell it."""

    def __init__(self, card: CglaCard, aid: bytes, session: str, observer: Observer | None) -> None:
        self.aid = aid
        self.session = session
        self.opened_in = card.at.epoch
        self._card = card
        self._closed = False
        transmit = partial(_send, card.at, session, card.waits)
        self._transmit = transmit if observer is None else tapped(transmit, observer)

    def transmit(self, apdu: bytes) -> Reply:
        """See Channel.transmit."""
        doing = f"sending {apdu[:4].hex().upper()} in session {self.session}"
        if self._closed or self._card.at.epoch != self.opened_in:
            raise ChannelLost(doing, "the card was reset since the channel was opened", "open it again")
        reply = exchange(self._transmit, apdu, get_response_cla=0x00)
        if reply.sw == 0x6881:
            self._closed = True
            raise ChannelLost(doing, "the card says 6881, the channel is closed", "open it again")
        if self._card.at.epoch != self.opened_in and not succeeded(reply.sw):
            raise ChannelLost(doing, f"the card was reset meanwhile ({reply.sw:04X})", "open it again")
        return reply

    def close(self) -> None:
        """Closes the session; quiet if it is gone already, or if the way to the card is."""
        if not self._closed:
            self._closed = True
            self._card.end(self)


def _send(at: At, session: str, waits: Waits, apdu: bytes) -> Reply:
    """Sends one C-APDU in a session; see at_apdu.send. ChannelLost if the modem knows no such session."""
    try:
        return at_apdu.send(at, "+CGLA", f"{session},", apdu, waits.apdu)
    except AtError as error:
        if error.code not in _UNKNOWN_SESSION or len(apdu) > _SHORT:
            raise
        got = f"the modem knows no session {session} ({error.got})"
        raise ChannelLost(error.doing, got, "open it again", executed=False) from error

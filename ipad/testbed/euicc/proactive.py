"""The proactive commands of this card: REFRESH after a change of the enabled profile (TS 102 223 6.4.7), and
on demand SET UP EVENT LIST at the start of a session (6.4.16), as many cards have it.

The life of one: it is wanted, and announced as 91xx; FETCH; TERMINAL RESPONSE; after a REFRESH, reset. A
terminal that has not sent TERMINAL PROFILE gets no proactive commands at all: it has to reset the card by
itself.
"""

from ipad.asn1 import DecodeError, tlvs, value, wrap

from .apdu import Refused, Sw, wrong_le

UICC_RESET = 0x04
"""Command qualifier of REFRESH (TS 102 223 8.6)."""
_COMMAND_NUMBER = 1
_REFRESH, _SET_UP_EVENT_LIST = 0x01, 0x05
_LOCATION_STATUS = 0x03
"""An event (TS 102 223 8.25)."""


class Proactive:
    """Where the proactive session is. All of it is gone at a reset. event_list: the card sets one up."""

    def __init__(self, event_list: bool = False) -> None:
        self.toolkit = False
        """TERMINAL PROFILE has been seen."""
        self.refreshed = False
        """The terminal has said that it does the REFRESH: only a reset helps now."""
        self._event_list = event_list
        self._wanted: bytes | None = None
        """A command that waits to be fetched."""
        self._fetched: bytes | None = None
        """The terminal has it and has not answered yet."""

    @property
    def busy(self) -> bool:
        """A proactive session is under way: catBusy."""
        return self._wanted is not None or self._fetched is not None or self.refreshed

    def terminal_profile(self) -> None:
        """From now on there may be proactive commands."""
        self.toolkit = True
        if self._event_list and not self.busy:
            self._wanted = event_list_command()

    def offer(self) -> None:
        """A REFRESH is to be sent."""
        self._wanted = refresh_command()

    def sw(self) -> int:
        """The status word of a success: 91xx while a command waits to be fetched (TS 102 221 7.4.2)."""
        waits = self._wanted is not None and self.toolkit
        return 0x9100 | len(self._wanted or b"") if waits else int(Sw.OK)

    def fetch(self, le: int | None) -> bytes:
        """FETCH (TS 102 221 11.2.3)."""
        if self._wanted is None or not self.toolkit:
            raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
        if le != len(self._wanted):
            raise Refused(wrong_le(len(self._wanted)))
        self._fetched, self._wanted = self._wanted, None
        return self._fetched

    def response(self, data: bytes) -> None:
        """TERMINAL RESPONSE (TS 102 221 11.2.4, TS 102 223 6.8)."""
        if self._fetched is None:
            raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
        try:
            objects = {tag & 0x7F: value(tlv) for tag, tlv in tlvs(data)}
        except DecodeError as error:
            raise Refused(Sw.WRONG_DATA) from error
        details, result = objects.get(0x01, b""), objects.get(0x03, b"")
        refresh = self._fetched == refresh_command()
        command_type = _REFRESH if refresh else _SET_UP_EVENT_LIST
        if details[:2] != bytes([_COMMAND_NUMBER, command_type]) or not result:
            raise Refused(Sw.WRONG_DATA)
        fetched, self._fetched = self._fetched, None
        if not refresh:
            return  # without its events the card has to do
        if result[0] >> 4 == 2:  # temporary problem with executing the command: the card tries again
            self._wanted = fetched
        else:
            self.refreshed = True


def refresh_command() -> bytes:
    """REFRESH, UICC to terminal, as FETCH returns it."""
    details = wrap(0x81, bytes([_COMMAND_NUMBER, _REFRESH, UICC_RESET]))
    devices = wrap(0x82, b"\x81\x82")
    return wrap(0xD0, details, devices)


def event_list_command() -> bytes:
    """SET UP EVENT LIST, UICC to terminal: the card wants to hear of changes of the location."""
    details = wrap(0x81, bytes([_COMMAND_NUMBER, _SET_UP_EVENT_LIST, 0]))
    return wrap(0xD0, details, wrap(0x82, b"\x81\x82"), wrap(0x99, bytes([_LOCATION_STATUS])))

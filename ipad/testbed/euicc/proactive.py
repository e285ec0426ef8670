"""The one proactive command of this card: REFRESH after a change of the enabled profile (TS 102 223 6.4.7).

The life of one: `offer`, announced as 91xx; FETCH; TERMINAL RESPONSE; reset. A terminal that has not sent
TERMINAL PROFILE gets no proactive commands at all: it has to reset the card by itself.
"""

from ipad.asn1 import DecodeError, tlvs, value, wrap

from .apdu import Refused, Sw, wrong_le

UICC_RESET = 0x04
"""Command qualifier of REFRESH (TS 102 223 8.6)."""
_COMMAND_NUMBER = 1
_REFRESH = 0x01


class Proactive:
    """Where the proactive session is. All of it is gone at a reset."""

    def __init__(self) -> None:
        self.toolkit = False
        """TERMINAL PROFILE has been seen."""
        self.wanted = False
        """A REFRESH waits to be fetched."""
        self.fetched = False
        """The terminal has it and has not answered yet."""
        self.refreshed = False
        """The terminal has said that it does the REFRESH: only a reset helps now."""

    @property
    def busy(self) -> bool:
        """A proactive session is under way: catBusy."""
        return self.wanted or self.fetched or self.refreshed

    def offer(self) -> None:
        """A REFRESH is to be sent."""
        self.wanted = True

    def sw(self) -> int:
        """The status word of a success: 91xx while a command waits to be fetched (TS 102 221 7.4.2)."""
        return 0x9100 | len(refresh_command()) if self.wanted and self.toolkit else int(Sw.OK)

    def fetch(self, le: int | None) -> bytes:
        """FETCH (TS 102 221 11.2.3)."""
        if not (self.wanted and self.toolkit):
            raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
        command = refresh_command()
        if le != len(command):
            raise Refused(wrong_le(len(command)))
        self.wanted, self.fetched = False, True
        return command

    def response(self, data: bytes) -> None:
        """TERMINAL RESPONSE (TS 102 221 11.2.4, TS 102 223 6.8)."""
        if not self.fetched:
            raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
        try:
            objects = {tag & 0x7F: value(tlv) for tag, tlv in tlvs(data)}
        except DecodeError as error:
            raise Refused(Sw.WRONG_DATA) from error
        details, result = objects.get(0x01, b""), objects.get(0x03, b"")
        if details[:2] != bytes([_COMMAND_NUMBER, _REFRESH]) or not result:
            raise Refused(Sw.WRONG_DATA)
        self.fetched = False
        if result[0] >> 4 == 2:  # temporary problem with executing the command: the card tries again
            self.wanted = True
        else:
            self.refreshed = True


def refresh_command() -> bytes:
    """REFRESH, UICC to terminal, as FETCH returns it."""
    details = wrap(0x81, bytes([_COMMAND_NUMBER, _REFRESH, UICC_RESET]))
    devices = wrap(0x82, b"\x81\x82")
    return wrap(0xD0, details, devices)

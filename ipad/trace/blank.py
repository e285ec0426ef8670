"""Secrets out of what is traced: their octets become zeros, and nothing changes its length.

Blanked are activation codes and what is made of them (matchingId, eventId), the hash of a confirmation code,
PINs, and what AUTHENTICATE returns. Keys of a profile are encrypted wherever they pass here.
"""

import base64
import binascii
import copy
import re
from typing import Any

from ipad.asn1 import wrap
from modem.errors import ModemError
from modem.uicc import Reply

_MOST_TAG_OCTETS = 3
_MOST_LENGTH_OCTETS = 5
_MOST_DEPTH = 32

_SECRETS: tuple[tuple[int, ...], ...] = (
    # activationCode: ProfileDownloadTriggerRequest, with and without the tag of profileDownloadData
    (0xBF54, 0xA0, 0x80),
    (0xBF54, 0x80),
    # hashCc: PrepareDownloadRequest and -Response, the compact forms, AuthenticateClientOkDPEsipa
    (0xBF21, 0x04),
    (0xBF21, 0xA0, 0x30, 0x04),
    (0xBF21, 0xA2, 0x30, 0x04),
    (0xBF21, 0xA2, 0xA0, 0x04),
    (0xBF3B, 0xA0, 0x04),
    # matchingId: ctxParams1 of AuthenticateServerRequest and -Response, the compact form
    (0xBF38, 0xA0, 0x80),
    (0xBF38, 0xA0, 0x30, 0xA0, 0x80),
    (0xBF38, 0xA2, 0x30, 0xA0, 0x80),
    (0xBF38, 0xA2, 0xA0, 0xA2, 0xA0, 0x80),
    # matchingId: InitiateAuthenticationOkEsipa, itself and in ctxParams1
    (0xBF39, 0xA0, 0x0C),
    (0xBF39, 0xA0, 0xA2, 0xA0, 0x80),
)
"""How the way to each secret ends, tag by tag."""

_SECRET_NAMES = frozenset(
    {"activationcode", "matchingid", "eventid", "hashcc", "confirmationcode", "confirmationcodehash"}
)
"""The same in JSON; in lower case, for servers differ."""


_ACTIVATION_CODE = re.compile(r"(LPA:)?1\$", re.IGNORECASE)
"""How an activation code begins (SGP.22 4.1)."""
_URL_SAFE = str.maketrans("-_", "+/")


class Blanker:
    """One message's TLVs, fed in as many pieces as they come; each comes back with its secrets blanked.

    Keeps no octets but those of an unfinished header. From octets on that are no TLV, everything is blanked:
    nobody knows what it is. lost: that is so from the start.
    """

    def __init__(self, lost: bool = False) -> None:
        self._offset = 0
        self._open: list[tuple[int, int]] = []
        """Constructed elements around: tag, and the offset of their end."""
        self._head = bytearray()
        self._value_end = 0
        self._secret = False
        self._lost = lost

    def feed(self, octets: bytes) -> bytes:
        """The next piece, blanked."""
        blanked = bytearray(octets)
        at = 0
        while at < len(octets) and not self._lost:
            if self._offset < self._value_end:
                taken = min(self._value_end - self._offset, len(octets) - at)
                if self._secret:
                    blanked[at : at + taken] = bytes(taken)
            else:
                self._head.append(octets[at])
                taken = 1
            at += taken
            self._offset += taken
            if self._head:
                self._begin()
            self._end()
        if self._lost:
            blanked[at:] = bytes(len(octets) - at)
        return bytes(blanked)

    def _begin(self) -> None:
        """Looks whether the header is whole, and begins its element if so."""
        head = self._head
        tag_length = 1
        if head[0] & 0x1F == 0x1F:
            tag_length += next((n for n, octet in enumerate(head[1:], 1) if not octet & 0x80), len(head))
        if tag_length > _MOST_TAG_OCTETS or head[0] == 0:
            self._lost = True
        if len(head) <= tag_length or self._lost:
            return
        length = head[tag_length]
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count < _MOST_LENGTH_OCTETS:
                self._lost = True
            if len(head) <= tag_length + count:
                return
            length = int.from_bytes(head[tag_length + 1 :], "big")
        end = self._offset + length
        tag = int.from_bytes(head[:tag_length], "big")
        if len(self._open) == _MOST_DEPTH or (self._open and end > self._open[-1][1]):
            self._lost = True
        elif head[0] & 0x20:
            self._open.append((tag, end))
        else:
            self._value_end = end
            path = (*(around for around, _ in self._open), tag)
            self._secret = any(path[-len(secret) :] == secret for secret in _SECRETS)
        head.clear()

    def _end(self) -> None:
        """Leaves the elements that are over; one that ends in the middle of a header is none."""
        if self._offset < self._value_end:
            return
        while self._open and self._offset >= self._open[-1][1]:
            if self._head:
                self._lost = True
            self._open.pop()


def message(octets: bytes) -> bytes:
    """One message in DER, blanked."""
    return Blanker().feed(octets)


# STORE DATA and GET RESPONSE; VERIFY, CHANGE, DISABLE, ENABLE and UNBLOCK PIN (TS 102 221 11.1.9 to 11.1.13);
# AUTHENTICATE in both forms (11.1.16).
_STORE_DATA, _GET_RESPONSE = 0xE2, 0xC0
_PIN = (0x20, 0x24, 0x26, 0x28, 0x2C)
_AUTHENTICATE = (0x88, 0x89)


class ApduBlanker:
    """Blanks APDUs in the order in which they go to a card: a message may be cut into many of them.

    What began before this was made is blanked whole.
    """

    def __init__(self) -> None:
        self._requests: dict[int, Blanker] = {}
        """The STORE DATA chain on each channel."""
        self._replies: dict[int, Blanker | None] = {}
        """The answer that comes on each channel; None: there is no secret in it."""

    def apdu(self, apdu: bytes, reply: Reply | ModemError) -> tuple[bytes, Reply | ModemError]:
        """Both blanked; an error is passed on as it is."""
        if len(apdu) < 4:
            return apdu, reply
        channel, ins = _channel(apdu[0]), apdu[1]
        end = 5 + apdu[4] if len(apdu) > 5 else 5
        data = apdu[5:end]
        if ins == _STORE_DATA:
            # What the card wants to have once more, with another Le, is the same piece again.
            again = isinstance(reply, Reply) and reply.sw >> 8 == 0x6C
            data = self._piece(channel, apdu[3], again).feed(data)
            self._replies[channel] = Blanker()
        elif ins == _GET_RESPONSE:
            self._replies.setdefault(channel, Blanker(lost=True))
        elif ins in _AUTHENTICATE:
            self._replies[channel] = Blanker(lost=True)
        else:
            if ins in _PIN:
                data = bytes(len(data))
            self._replies[channel] = None
        return apdu[:5] + data + apdu[end:], self._reply(channel, reply)

    def _piece(self, channel: int, number: int, again: bool) -> Blanker:
        """Who blanks the block with this number (P2)."""
        if number == 0:
            self._requests[channel] = Blanker()
        chain = self._requests.setdefault(channel, Blanker(lost=True))
        return copy.deepcopy(chain) if again else chain

    def _reply(self, channel: int, reply: Reply | ModemError) -> Reply | ModemError:
        blanker = self._replies[channel]
        if isinstance(reply, ModemError) or blanker is None:
            return reply
        return Reply(blanker.feed(reply.data), reply.sw)


def _channel(cla: int) -> int:
    """The logical channel of a CLA (TS 102 221 10.1.1)."""
    return (cla & 0x0F) + 4 if cla & 0x40 else cla & 0x03


def json_value(value: Any, name: str = "") -> Any:
    """What came as JSON, blanked: by the members' names, what looks like an activation code, and inside DER.

    name: the member's that has this value.
    """
    match value:
        case dict():
            return {inner: json_value(member, inner) for inner, member in value.items()}
        case list():
            return [json_value(inner, name) for inner in value]
        case _ if name.lower() in _SECRET_NAMES:
            return "0" * len(value) if isinstance(value, str) else None
        case str():
            return "0" * len(value) if _ACTIVATION_CODE.match(value) else _base64(value, name)
        case _:
            return value


def _base64(text: str, name: str) -> str:
    """Text that is DER in base64 with a secret in it comes back blanked; any other as it is.

    Whatever an agent or a server might still take for base64 counts as such.
    """
    bare = "".join(text.split()).translate(_URL_SAFE).rstrip("=")
    try:
        octets = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return text
    around = b""
    if name.lower() == "ctxparams1":
        around = wrap(0xBF38, octets)[: -len(octets) or None]  # as it stands in AuthenticateServerRequest
    elif octets[:1] != b"\xbf":  # every other message with a secret has a tag of this kind
        return text
    blanked = message(around + octets)[len(around) :]
    return text if blanked == octets else base64.b64encode(blanked).decode()

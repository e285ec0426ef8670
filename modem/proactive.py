"""The card's proactive commands, from the terminal's side: FETCH and TERMINAL RESPONSE (TS 102 223)."""

from collections.abc import Iterator
from dataclasses import dataclass

from modem.card import exchange, succeeded
from modem.uicc import Reply, Uicc

REFRESH = 0x01
"""Type of command REFRESH (TS 102 223 9.4)."""
UICC_RESET = 0x04
"""Qualifier of REFRESH that is answered by the reset itself (TS 102 223 6.4.7)."""
SUCCESS = 0x00
BEYOND_CAPABILITIES = 0x30
"""General results of TERMINAL RESPONSE (TS 102 223 8.12)."""

# Profile download, MENU, REFRESH and the other basics (TS 102 223 5.2).
TERMINAL_PROFILE = bytes.fromhex("8010000010FFFFFFFF7F0F00DF7F00001E0000000000")
"""Without it a card sends no proactive commands."""


@dataclass(frozen=True, slots=True)
class Proactive:
    """A proactive command's details (TS 102 223 8.6)."""

    number: int
    type: int
    qualifier: int


def fetch(uicc: Uicc, length: int) -> Proactive | None:
    """FETCHes the command that 91xx announced (TS 102 221 11.2.3); None if there is none that makes sense."""
    reply = exchange(uicc.transmit, bytes((0x80, 0x12, 0x00, 0x00, length)), get_response_cla=0x00)
    if not succeeded(reply.sw):
        return None
    content = dict(tlvs(reply.data)).get(0xD0, b"")
    details = {tag & 0x7F: value for tag, value in tlvs(content)}.get(0x01, b"")
    return Proactive(*details) if len(details) == 3 else None


def respond(uicc: Uicc, command: Proactive, result: int) -> Reply:
    """TERMINAL RESPONSE with a general result (TS 102 223 6.8, 8.12)."""
    details = bytes((0x81, 3, command.number, command.type, command.qualifier))
    data = details + bytes.fromhex("82028281") + bytes((0x83, 1, result))
    return exchange(uicc.transmit, bytes((0x80, 0x14, 0x00, 0x00, len(data))) + data, get_response_cla=0x00)


def tlvs(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and value of each TLV with a one-octet tag; ends at filling or at what is cut off."""
    at = 0
    while at + 1 < len(octets) and octets[at] not in (0x00, 0xFF):
        tag, length = octets[at], octets[at + 1]
        at += 2
        if length == 0x81 and at < len(octets):
            length = octets[at]
            at += 1
        if at + length > len(octets):
            return
        yield tag, octets[at : at + length]
        at += length

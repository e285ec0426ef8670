"""An APDU in an AT command, and what becomes of each kind of answer (TS 27.007 8.17, 8.45)."""

import re

from modem.at import At
from modem.errors import AtError, ModemError, NoCard
from modem.uicc import Reply

# TS 27.007 9.2.1: SIM not inserted, SIM failure, SIM busy, SIM wrong.
_NO_CARD = (10, 13, 14, 15)
# Said before anything went to the card: not allowed, not supported, not inserted, PIN or PUK required,
# busy, blocked by the phone, invalid index, not found, incorrect parameters, unknown command.
_NOT_SENT = (3, 4, 5, 10, 11, 12, 14, 21, 22, 50, 58)
_SHOWN = 60


def send(at: At, command: str, arguments: str, apdu: bytes, deadline: float) -> Reply:
    """Sends one C-APDU by `command` ("+CSIM"), after `arguments` ("" or "1,"). Nothing is sent twice.

    NoCard, AtError, AtTimeout, PortGone; ModemError for an answer that is none. `executed` of what is raised
    is None unless the modem said no before it asked the card.
    """
    doing = f"sending {apdu[:4].hex().upper()} to the card"
    digits = apdu.hex() if at.facts.hex_case == "lower" else apdu.hex().upper()
    text = f'AT{command}={arguments}{len(digits)},"{digits}"'
    try:
        lines = at.command(text, deadline=deadline * at.facts.patience)
    except AtError as error:
        executed = False if error.code in _NOT_SENT else None
        if error.code in _NO_CARD:
            raise NoCard(doing, error.got, "is the SIM in its place?", executed) from error
        raise AtError(doing, error.got, error.advice, executed, error.code) from error
    if len(lines) != 1:
        at.doubt()
        got = f"{len(lines)} lines with {command} in place of one"
        advice = f"another program may be on this port; or another port of the modem takes AT{command}"
        raise ModemError(doing, got, advice, executed=None)
    reply = _reply(command, lines[0])
    if reply is None:
        at.doubt()
        shown = lines[0] if len(lines[0]) <= _SHOWN else lines[0][:_SHOWN] + "..."
        raise ModemError(doing, f"an answer that is none: {shown}", "read the card again", executed=None)
    return reply


def _reply(command: str, line: str) -> Reply | None:
    match = re.fullmatch(rf'{re.escape(command)}: *(\d+) *, *"([0-9A-F]*)"', line, re.IGNORECASE)
    if match is None or int(match[1]) != len(match[2]) or len(match[2]) < 4 or len(match[2]) % 2:
        return None
    octets = bytes.fromhex(match[2])
    return Reply(octets[:-2], int.from_bytes(octets[-2:], "big"))

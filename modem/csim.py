"""A card over AT+CSIM, generic SIM access (TS 27.007 8.17): whole APDUs, the channel in their CLA."""

import re
import time

from modem.at import At
from modem.errors import AtError, ModemError, NoCard
from modem.uicc import Reply
from modem.waits import Waits

_ANSWER = re.compile(r'\+CSIM: *(\d+) *, *"([0-9A-F]*)"', re.IGNORECASE)
# TS 27.007 9.2.1: SIM not inserted, SIM failure, SIM busy, SIM wrong.
_NO_CARD = (10, 13, 14, 15)
# Said before anything went to the card: not allowed, not supported, not inserted, PIN or PUK required,
# busy, blocked by the phone, incorrect parameters, unknown command.
_NOT_SENT = (3, 4, 5, 10, 11, 12, 14, 50, 58)


class CsimUicc:
    """Uicc over AT+CSIM. Nothing is ever sent twice here."""

    def __init__(self, at: At, waits: Waits) -> None:
        self._at = at
        self._waits = waits

    def reset(self) -> bytes:
        """Takes the SIM's power away by switching the modem to minimum functionality and back.

        Returns b"": AT has no way to read the ATR. Raises NoCard if the card is not ready afterwards.
        """
        try:
            self._at.command("AT+CFUN=0", deadline=self._waits.at_slow)
        finally:
            self._at.card_was_reset()
        self._at.command("AT+CFUN=1", deadline=self._waits.at_slow)
        end = time.monotonic() + self._waits.sim_ready
        while True:
            try:
                if any("READY" in line for line in self._at.command("AT+CPIN?")):
                    return b""
                got = "a PIN is asked for"
            except AtError as error:
                got = error.got
            if time.monotonic() >= end:
                raise NoCard("resetting the card", got, "is the SIM in its place?", executed=True)
            self._at.sleep(self._waits.poll_ready)

    def transmit(self, apdu: bytes) -> Reply:
        """Sends one C-APDU. NoCard, AtError, AtTimeout, PortGone; ModemError for an answer that is none.

        `executed` of what is raised is None unless the modem said no before it asked the card.
        """
        doing = f"sending {apdu[:4].hex().upper()} to the card"
        try:
            lines = self._at.command(
                f'AT+CSIM={2 * len(apdu)},"{apdu.hex().upper()}"', deadline=self._waits.apdu
            )
        except AtError as error:
            executed = False if error.code in _NOT_SENT else None
            if error.code in _NO_CARD:
                raise NoCard(doing, error.got, "is the SIM in its place?", executed) from error
            raise AtError(doing, error.got, error.advice, executed, error.code) from error
        if len(lines) != 1:
            self._at.doubt()
            got = f"{len(lines)} lines with +CSIM in place of one"
            raise ModemError(doing, got, "another port of the modem may take AT+CSIM", executed=None)
        return self._reply(doing, lines[0])

    def _reply(self, doing: str, line: str) -> Reply:
        match = _ANSWER.fullmatch(line)
        if match is None or int(match[1]) != len(match[2]) or len(match[2]) < 4 or len(match[2]) % 2:
            self._at.doubt()
            shown = line if len(line) <= 60 else line[:60] + "..."
            raise ModemError(doing, f"an answer that is none: {shown}", "read the card again", executed=None)
        octets = bytes.fromhex(match[2])
        return Reply(octets[:-2], int.from_bytes(octets[-2:], "big"))

"""A card over AT+CSIM, generic SIM access (TS 27.007 8.17): whole APDUs, the channel in their CLA."""

import time

from modem import at_apdu
from modem.at import At
from modem.errors import AtError, NoCard
from modem.uicc import Reply
from modem.waits import Waits


class CsimUicc:
    """Uicc over AT+CSIM. Nothing is ever sent twice here."""

    def __init__(self, at: At, waits: Waits) -> None:
        self._at = at
        self._waits = waits

    def reset(self) -> bytes:
        """Takes the SIM's power away by switching the modem to minimum functionality and back.

        Returns b"": AT has no way to read the ATR. Raises NoCard if the card is not ready afterwards.
        """
        slow = self._waits.at_slow * self._at.facts.patience
        try:
            self._at.command("AT+CFUN=0", deadline=slow)
        finally:
            self._at.card_was_reset()
        self._at.command("AT+CFUN=1", deadline=slow)
        end = time.monotonic() + self._waits.sim_ready * self._at.facts.patience
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
        """Sends one C-APDU; see at_apdu.send for what it raises."""
        return at_apdu.send(self._at, "+CSIM", "", apdu, self._waits.apdu)

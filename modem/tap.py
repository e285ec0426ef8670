"""An ear at the way to the card: every APDU and what came of it is told to an observer."""

from collections.abc import Callable

from modem.errors import ModemError
from modem.uicc import Reply, Uicc

Observer = Callable[[bytes, Reply | ModemError], None]
"""Told each C-APDU as it was sent, and its R-APDU, or why there is none. It must not raise."""


class TappedUicc:
    """A Uicc that tells `observer` what goes through it, and changes nothing."""

    def __init__(self, uicc: Uicc, observer: Observer) -> None:
        self._uicc = uicc
        self._observer = observer

    def reset(self) -> bytes:
        """See Uicc.reset."""
        return self._uicc.reset()

    def transmit(self, apdu: bytes) -> Reply:
        """See Uicc.transmit."""
        try:
            reply = self._uicc.transmit(apdu)
        except ModemError as error:
            self._observer(apdu, error)
            raise
        self._observer(apdu, reply)
        return reply

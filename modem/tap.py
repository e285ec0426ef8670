"""An ear at the way to the card: every APDU and what came of it is told to an observer."""

from collections.abc import Callable

from modem.errors import ModemError
from modem.uicc import Reply, Transmit, Uicc

Observer = Callable[[bytes, Reply | ModemError], None]
"""Told each C-APDU as it was sent, and its R-APDU, or why there is none. It must not raise."""


def tapped(transmit: Transmit, observer: Observer) -> Transmit:
    """The same way to the card, of which `observer` is told what goes through it."""

    def told(apdu: bytes) -> Reply:
        try:
            reply = transmit(apdu)
        except ModemError as error:
            observer(apdu, error)
            raise
        observer(apdu, reply)
        return reply

    return told


class TappedUicc:
    """A Uicc that tells `observer` what goes through it, and changes nothing."""

    def __init__(self, uicc: Uicc, observer: Observer) -> None:
        self._uicc = uicc
        self._transmit = tapped(uicc.transmit, observer)

    def reset(self) -> bytes:
        """See Uicc.reset."""
        return self._uicc.reset()

    def transmit(self, apdu: bytes) -> Reply:
        """See Uicc.transmit."""
        return self._transmit(apdu)

"""A card at a virtual PC/SC reader: the TCP protocol of vsmartcard's vpcd, from the card's side.

Each message is two octets of length and so many octets. One octet alone is an order to the card; all else is
a C-APDU, answered with the R-APDU.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from ipad.errors import IpadError
from modem.uicc import Uicc

_POWER_OFF, _POWER_ON, _RESET, _GET_ATR = b"\x00", b"\x01", b"\x02", b"\x04"
_CONNECT_SECONDS = 5.0
_AGAIN_SECONDS = 1.0
_LOOK_SECONDS = 0.2


def serve(
    uicc: Uicc, address: tuple[str, int], stopped: threading.Event, ready: Callable[[], None] = lambda: None
) -> None:
    """Puts the card into the reader, until `stopped`. A reader that goes away is waited for.

    ready: called once the card is in for the first time. IpadError if there is no reader at first.
    """
    first = True
    while not stopped.is_set():
        try:
            reader = socket.create_connection(address, _CONNECT_SECONDS)
        except OSError as error:
            if first:
                raise IpadError(
                    "no vpcd at {}:{}: {} (is pcscd running, with vsmartcard-vpcd installed?)".format(
                        *address, error.strerror or error
                    )
                ) from error
            stopped.wait(_AGAIN_SECONDS)
            continue
        if first:
            ready()
        first = False
        with reader, suppress(ConnectionError):
            _in_reader(uicc, reader, stopped)


def _in_reader(uicc: Uicc, reader: socket.socket, stopped: threading.Event) -> None:
    atr = uicc.reset()
    while (message := _message(reader, stopped)) is not None:
        if message == _GET_ATR:
            _say(reader, atr)
        elif message in (_POWER_ON, _RESET):
            atr = uicc.reset()
        elif message != _POWER_OFF:
            reply = uicc.transmit(message)
            _say(reader, reply.data + reply.sw.to_bytes(2, "big"))


def _message(reader: socket.socket, stopped: threading.Event) -> bytes | None:
    length = _octets(reader, 2, stopped)
    return None if length is None else _octets(reader, int.from_bytes(length, "big"), stopped)


def _octets(reader: socket.socket, count: int, stopped: threading.Event) -> bytes | None:
    """So many octets; None if the reader has gone, or it is time to stop."""
    received = b""
    reader.settimeout(_LOOK_SECONDS)
    while len(received) < count:
        # vpcd sends length and message one by one, and would wait for the kernel's delayed ACK in between.
        reader.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            octets = reader.recv(count - len(received))
        except TimeoutError:
            if stopped.is_set():
                return None
            continue
        if not octets:
            return None
        received += octets
    return received


def _say(reader: socket.socket, octets: bytes) -> None:
    reader.sendall(len(octets).to_bytes(2, "big") + octets)

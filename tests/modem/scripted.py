"""A modem on a pty that answers each command line with what the test says, late or wrong if it says so."""

import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from modem import ports
from modem.at import At
from modem.waits import Waits

HANG_UP = object()
"""A step that takes the port away."""

Step = bytes | float | object
"""Octets to send, seconds to wait, or HANG_UP."""

WAITS = Waits(at_command=5.0, at_sync=0.1, apdu=5.0, poll_ready=0.02)

_DEFAULTS = {
    "AT": b"\r\nOK\r\n",
    "ATE0": b"\r\nOK\r\n",
    "AT+CMEE=1": b"\r\nOK\r\n",
    "AT+CMEE?": b"\r\n+CMEE: 0\r\n\r\nOK\r\n",
    "AT+CSCS?": b'\r\n+CSCS: "IRA"\r\n\r\nOK\r\n',
    "AT+CMGF?": b"\r\n+CMGF: 0\r\n\r\nOK\r\n",
    "AT+CGATT?": b"\r\n+CGATT: 1\r\n\r\nOK\r\n",
}


class ScriptedModem:
    """Works off one command line after the other, as a modem does. `heard` has all of them."""

    def __init__(self, answer: Callable[[str], Sequence[Step] | None] = lambda _line: None) -> None:
        self.heard: list[str] = []
        self.at_end: list[Callable[[], None]] = []
        self._answer = answer
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._stop, self._stopping = os.pipe()
        self._thread = threading.Thread(target=self._serve)

    def say(self, octets: bytes) -> None:
        while octets:
            if self._stop in select.select([self._stop], [self._master], [])[0]:
                return
            octets = octets[os.write(self._master, octets) :]

    def _hang_up(self) -> None:
        for descriptor in (self._master, self._slave):
            if descriptor >= 0:
                os.close(descriptor)
        self._master = self._slave = -1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._stopping, b"!")
        self._thread.join()
        self._hang_up()
        for close in self.at_end:
            close()
        os.close(self._stop)
        os.close(self._stopping)

    def _serve(self) -> None:
        received = b""
        while self._master >= 0:
            ready, _, _ = select.select([self._master, self._stop], [], [])
            if self._stop in ready:
                return
            received += os.read(self._master, 4096)
            while b"\r" in received:
                line, _, received = received.partition(b"\r")
                self._work(line.decode("ascii"))
                if self._master < 0:
                    return

    def _work(self, line: str) -> None:
        self.heard.append(line)
        steps = self._answer(line)
        for step in [_DEFAULTS.get(line, b"\r\nERROR\r\n")] if steps is None else steps:
            if isinstance(step, bytes):
                self.say(step)
            elif isinstance(step, float):
                select.select([self._stop], [], [], step)
            else:
                self._hang_up()


def answers(table: Mapping[str, Sequence[Step]]) -> Callable[[str], Sequence[Step] | None]:
    """Answers by command line; the rest by default."""
    return table.get


def engine(modem: ScriptedModem, waits: Waits = WAITS, idle: Callable[[], None] = lambda: None) -> At:
    """The real engine on the modem's pty."""
    at = At(lambda: ports.open_port(modem.path), waits, idle)
    modem.at_end.append(at.close)
    return at

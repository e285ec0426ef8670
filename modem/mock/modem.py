"""The mock modem: AT command lines in, answers and unsolicited lines out, on a pty."""

import math
import os
import random
import re
import select
import threading
from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Self

from modem.mock import commands
from modem.mock.baseband import Baseband, Event
from modem.mock.cme import NOT_SUPPORTED, CmeError, PlainError
from modem.mock.commands import Desk, Kind
from modem.mock.models import FAULTS, MODELS, Latencies
from modem.mock.network import Network, NetworkStatus
from modem.mock.pty import Port
from modem.mock.settings import Settings
from modem.mock.terminal import Terminal
from modem.mock.timers import Timers
from modem.uicc import Uicc

_LINE_LIMIT = 2048
_NETWORK_LOOK = 1.0
_EXTENDED = re.compile(r"([+^*%#$&][A-Z0-9]+)(=\?|\?|=)?(.*)", re.DOTALL)
_BASIC = re.compile(r"([EVIZQ]|&F)(\d*)")
_PARTS = re.compile(r'(?:"[^"]*"|[^;"])+')
_TO_CARD = re.compile(r"\+(?:CSIM|CCHO|CCHC|CGLA)=")
_NOISE = ("RING", '+QIND: "csq",20,99', "+CGEV: NW MODIFY 1,0,0", "^RSSI: 20", "+CUSATP: 81", "$QCRMI: 1")


class MockModem:
    """A modem with a card in it, on a network, at a path.

    uicc: the card; used by the modem's thread alone. link: where the tty's path is to be; it is
    there when this object is, and a modem that has just started once serve() runs. model: a key of
    MODELS. faults: keys of FAULTS, in addition to the model's own. scale: factor of all latencies.
    on_event: told what happens, by name and details, from the modem's thread: boot, reset, sim, refresh,
    registered, unregistered. on_command: told each command line, before it is carried out. seed: of the
    random moments.

    Runs in the foreground with serve() until stop(), or in a thread as a context manager. Raises KeyError
    for an unknown model or fault.
    """

    def __init__(
        self,
        uicc: Uicc,
        network: Network,
        link: Path | str,
        *,
        model: str = "generic",
        faults: Collection[str] = (),
        scale: float = 1.0,
        on_event: Event = lambda _name, _details: None,
        on_command: Callable[[str], None] = lambda _line: None,
        seed: int = 0,
    ) -> None:
        self._model = MODELS[model]
        unknown = set(faults) - set(FAULTS)
        if unknown:
            raise KeyError(min(unknown))
        self._faults = self._model.faults | set(faults)
        self._latencies = Latencies().scaled(scale)
        self._on_event = on_event
        self._on_command = on_command
        self._random = random.Random(seed)
        self._network = network
        self._timers = Timers()
        self._port = Port(Path(link))
        self._stopped = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread: threading.Thread | None = None
        self._settings = Settings()
        self._baseband = Baseband(
            Terminal(uicc), network, self._timers, self._latencies, self._faults, self._say, on_event
        )
        self._baseband.on_registration = self._tell_registration
        self._on = False
        self._input = b""
        self._waiting: deque[str] = deque()
        self._busy = False
        self._port.appear()

    def serve(self) -> None:
        """Runs until stop(), then takes the port away. Call it once."""
        try:
            self._booted()
            while not self._turn():
                pass
        finally:
            self._baseband.power_off()
            self._port.close()

    def stop(self) -> None:
        """Ends serve(). May be called from another thread or a signal handler."""
        os.eventfd_write(self._stopped, 1)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve, name="mock modem")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join()

    # The loop

    def _turn(self) -> bool:
        """Waits for the next thing and does it; True when it is time to stop."""
        poll = select.poll()
        poll.register(self._stopped, select.POLLIN)
        poll.register(self._port, select.POLLIN | (select.POLLOUT if self._port.has_unsent else 0))
        network = self._network.fileno()
        if network >= 0:
            poll.register(network, select.POLLIN)
        # A network that has no descriptor now may have one later.
        look = _NETWORK_LOOK if network < 0 else None
        soonest = min((w for w in (self._timers.next_in(), look) if w is not None), default=None)
        ready = {fd for fd, _ in poll.poll(None if soonest is None else math.ceil(soonest * 1000))}
        if self._stopped in ready:
            return True
        if network in ready:
            self._network.pump()
            self._baseband.network_changed()
        if self._port.fileno() in ready:
            self._port.flush()
            self._read()
        self._timers.run_due()
        return False

    # Starting

    def _booted(self) -> None:
        self._settings = Settings()
        self._on = True
        self._port.appear()
        self._on_event("boot", {})
        self._say("RDY")
        self._say("+CFUN: 1")
        self._baseband.set_functionality(1)

    def _restart(self) -> None:
        self._on_event("reset", {})
        self._timers.clear()
        self._on = self._busy = False
        self._input = b""
        self._waiting.clear()
        self._baseband.power_off()
        if self._model.reenumerates:
            self._port.replug()
        self._timers.later(self._latencies.boot, self._booted)

    # Talking

    def _say(self, line: str) -> None:
        """An unsolicited line."""
        if self._on:
            self._port.write(f"\r\n{line}\r\n".encode("ascii"))

    def _tell_registration(self, status: NetworkStatus) -> None:
        for name, mode in self._settings.registration.items():
            if mode:
                self._say(f"{name}: {commands.registration_line(name, mode, status)}")

    def _answer(self, lines: list[str], final: str) -> None:
        """Puts the answer out, in pieces if the modem has other things to say in between."""
        if "noise" not in self._faults:
            for line in (*lines, final):
                self._say(line)
            self._answered()
            return
        delay = 0.0
        for line in (*lines, final):
            if self._random.random() < 0.5:
                self._later(delay, self._random.choice(_NOISE))
                delay += self._latencies.noise
            self._later(delay, line)
            delay += self._latencies.noise
        self._timers.later(delay, self._answered)

    def _later(self, delay: float, line: str) -> None:
        self._timers.later(delay, partial(self._say, line))

    def _answered(self) -> None:
        self._busy = False
        if self._waiting:
            self._take(self._waiting.popleft())

    # Listening

    def _read(self) -> None:
        octets = self._port.read()
        if not self._on:
            return  # nobody listens while the modem starts
        if self._settings.echo:
            self._port.write(octets)
        *lines, self._input = (self._input + octets.replace(b"\n", b"")).split(b"\r")
        self._input = self._input[-_LINE_LIMIT:]
        for line in lines:
            if text := line.decode("ascii", "replace").strip():
                if self._busy:
                    self._waiting.append(text)
                else:
                    self._take(text)

    def _take(self, text: str) -> None:
        """Carries out one command line (TS 27.007 4.2), and answers when it has taken its time."""
        self._busy = True
        self._on_command(text)
        lines: list[str] = []
        try:
            for work in self._parse(text):
                lines += work()
            final = "OK"
        except CmeError as error:
            final = error.final(self._settings.cmee)
        except PlainError:
            final = "ERROR"
        seconds = self._latencies.apdu if _TO_CARD.search(text.upper()) else 0.0
        self._timers.later(seconds, partial(self._answer, lines, final))

    def _parse(self, text: str) -> list[Callable[[], list[str]]]:
        if text[:2].upper() != "AT":
            raise PlainError
        work: list[Callable[[], list[str]]] = []
        for part in _PARTS.findall(text[2:]):
            rest = part.strip()
            while basic := _BASIC.match(rest.upper()):
                letter, digits = basic[1], basic[2]
                work.append(partial(self._basic, letter, digits))
                rest = rest[basic.end() :].strip()
            if not rest:
                continue
            head, mark, values = rest.partition("=") if "=" in rest else (rest, "", "")
            extended = _EXTENDED.fullmatch(head.upper() + mark + values)
            if extended is None:
                raise CmeError(NOT_SUPPORTED)
            name, kind, rest = extended[1], Kind(extended[2] or ""), extended[3]
            work.append(partial(commands.run, self._desk(), name, kind, rest))
        return work

    def _basic(self, letter: str, digits: str) -> list[str]:
        if letter == "E":
            if digits not in ("", "0", "1"):
                raise PlainError
            self._settings.echo = digits == "1"
        elif letter == "I":
            return [self._model.manufacturer, self._model.name, f"Revision: {self._model.revision}"]
        elif letter in ("Z", "&F"):
            self._settings = Settings()
        return []

    def _desk(self) -> Desk:
        return Desk(self._model, self._settings, self._faults, self._baseband, self._ask_restart)

    def _ask_restart(self) -> None:
        self._timers.later(self._latencies.going_down, self._restart)

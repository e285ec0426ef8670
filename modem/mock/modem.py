"""The mock modem: AT command lines in, answers and unsolicited lines out, on a pty."""

import math
import os
import random
import re
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Self

from modem.mock import commands
from modem.mock.baseband import FORMER_APN, Baseband, Event
from modem.mock.cme import NOT_SUPPORTED, SIM_BUSY, SIM_FAILURE, CmeError, PlainError
from modem.mock.desk import Desk, Kind, NoAnswer
from modem.mock.faults import Fault, Strikes
from modem.mock.network import Network, NetworkStatus
from modem.mock.personalities import MODELS
from modem.mock.pty import Port
from modem.mock.settings import Settings
from modem.mock.terminal import Terminal
from modem.mock.timers import Timers
from modem.uicc import Uicc

_LINE_LIMIT = 2048
_NETWORK_LOOK = 1.0
_EXTENDED = re.compile(r"([+^*%#$&!][A-Z0-9]+)(=\?|\?|=)?(.*)", re.DOTALL)
_BASIC = re.compile(r"([EVIZQ]|&F)(\d*)")
_PARTS = re.compile(r'(?:"[^"]*"|[^;"])+')
_TO_CARD = re.compile(r"\+(?:CSIM|CCHO|CCHC|CGLA)=")
_OTHERS_ANSWER = ("+CSQ: 18,99", "OK")
_OTHER_USER = 0.1
_DEAF_TO = 2
_GARBAGE = 40
_TOLD = 60
_NOISE = ("RING", '+QIND: "csq",20,99', "+CGEV: NW MODIFY 1,0,0", "^RSSI: 20", "+CUSATP: 81", "$QCRMI: 1")


class MockModem:
    """A modem with a card in it, on a network, at a path.

    uicc: the card; used by the modem's thread alone. link: where the tty's path is to be; it is
    there when this object is, and a modem that has just started once serve() runs. model: a key of
    MODELS. faults: as faults.Fault.parse takes them, in addition to the model's own. scale: factor of all
    latencies. on_event: told what happens, by name and details, from the modem's thread: boot, reset, sim,
    refresh, registered, unregistered, fault. on_command: told each command line, before it is carried out.
    seed: of the random moments.

    Runs in the foreground with serve() until stop(), or in a thread as a context manager. Raises KeyError
    for an unknown model, BadFault for an unknown fault.
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
        given = [Fault.parse(text) for text in faults]
        self._faults = self._model.faults | {fault.name for fault in given if fault.lasts}
        self._strikes = Strikes(given)
        self._latencies = self._model.latencies.scaled(scale)
        self._on_event = on_event
        self._on_command = on_command
        self._random = random.Random(seed)
        self._network = network
        self._timers = Timers()
        self._port = Port(Path(link))
        self._stopped = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread: threading.Thread | None = None
        apn = FORMER_APN if "apn-sticks" in self._faults else ""
        self._contexts = {1: f'"IP","{apn}"'}
        self._settings = Settings(contexts=self._contexts)
        self._baseband = Baseband(
            Terminal(uicc),
            network,
            self._timers,
            self._model,
            self._latencies,
            self._faults,
            self._contexts,
            self._say,
            on_event,
        )
        self._baseband.on_registration = self._tell_registration
        self._on = False
        self._input = b""
        self._waiting: deque[str] = deque()
        self._busy = False
        self._deaf = 0
        """Command lines that are not heard yet."""
        self._card_busy_until = 0.0
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
        self._settings = Settings(contexts=self._contexts)
        self._on = True
        self._deaf = _DEAF_TO if "deaf-at-first" in self._faults else 0
        self._port.appear()
        self._on_event("boot", {})
        if "quiet" not in self._faults:
            for line in self._model.starting:
                self._say(line)
        if self._model.chatter:
            self._timers.later(self._latencies.chatter, self._chatter)
        self._baseband.set_functionality(1)

    def _restart(self, unplugged: bool = False) -> None:
        self._on_event("unplugged" if unplugged else "reset", {})
        self._timers.clear()
        self._on = self._busy = False
        self._input = b""
        self._waiting.clear()
        self._baseband.power_off()
        if self._model.reenumerates or unplugged:
            self._port.replug()
        self._timers.later(self._latencies.boot, self._booted)

    # Talking

    def _say(self, line: str) -> None:
        """An unsolicited line."""
        if self._on:
            self._port.write(f"\r\n{line}\r\n".encode("ascii"))

    def _chatter(self) -> None:
        self._say(self._random.choice(self._model.chatter))
        self._timers.later(self._latencies.chatter * self._random.uniform(0.5, 1.5), self._chatter)

    def _tell_registration(self, status: NetworkStatus) -> None:
        for name, mode in self._settings.registration.items():
            if mode:
                self._say(f"{name}: {commands.registration_line(name, mode, status)}")

    def _answer(self, lines: list[str], final: str) -> None:
        """Puts the answer out, in pieces if the modem has other things to say in between."""
        said = [*lines, final]
        if "other-user" in self._faults and self._random.random() < _OTHER_USER:
            said = (
                [*_OTHERS_ANSWER, *said] if self._random.random() < 0.5 else [*lines, *_OTHERS_ANSWER, final]
            )
        if "noise" not in self._faults:
            for line in said:
                self._say(line)
            self._answered()
            return
        delay = 0.0
        for line in said:
            if self._random.random() < 0.5:
                self._later(delay, self._random.choice((*_NOISE, *self._model.chatter)))
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
        if self._settings.echo and not self._deaf:
            self._port.write(octets)
        *lines, self._input = (self._input + octets.replace(b"\n", b"")).split(b"\r")
        self._input = self._input[-_LINE_LIMIT:]
        for line in lines:
            if text := line.decode("ascii", "replace").strip():
                if self._deaf:
                    self._deaf -= 1
                elif self._busy:
                    self._waiting.append(text)
                else:
                    self._take(text)

    def _take(self, text: str) -> None:
        """Carries out one command line (TS 27.007 4.2), and answers when it has taken its time."""
        self._busy = True
        self._on_command(text)
        fault = self._strikes.due(text)
        if fault is not None:
            self._on_event("fault", {"fault": fault.name, "command": text[:_TOLD]})
            self._strike(fault, text)
            return
        self._carry_out(text, self._seconds(text))

    def _carry_out(self, text: str, seconds: float) -> None:
        """Does what the line says, and answers after so long."""
        answer = self._done(text)
        if answer is not None:
            self._timers.later(seconds, partial(self._answer, *answer))
        else:
            self._answered()

    def _seconds(self, text: str) -> float:
        if "+CCHC=" in text.upper() and "slow-close" in self._faults:
            return self._latencies.close
        return self._latencies.apdu if _TO_CARD.search(text.upper()) else self._latencies.command

    def _strike(self, fault: Fault, text: str) -> None:
        """What happens in the place of a command line, or with it."""
        match fault.name:
            case "silence":
                self._answered()
            case "error":
                self._answer([], "ERROR")
            case "cme":
                code = SIM_FAILURE if fault.value is None else fault.value
                self._answer([], CmeError(code).final(self._settings.cmee))
            case "busy":
                self._card_busy_until = time.monotonic() + self._latencies.busy
                self._answer([], CmeError(SIM_BUSY).final(self._settings.cmee))
            case "no-answer":
                self._done(text)
                self._answered()
            case "half-line":
                lines, final = self._done(text) or ([], "")
                first = f"\r\n{(*lines, final)[0]}"
                self._port.write(first[: len(first) // 2 + 1].encode("ascii"))
                self._answered()
            case "garbage":
                self._port.write(bytes(self._random.choices(range(256), k=_GARBAGE)) + b"\r\n")
                self._carry_out(text, self._seconds(text))
            case "late":
                # It answers one after the other, so what comes next waits too.
                self._carry_out(text, self._latencies.late)
            case "slow":
                self._carry_out(text, self._latencies.slow)
            case "echo":
                self._settings.echo = True
                self._carry_out(text, self._seconds(text))
            case "reboot":
                self._done(text)
                self._restart()
            case "unplug":
                self._restart(unplugged=True)

    def _done(self, text: str) -> tuple[list[str], str] | None:
        """Does what the line says; information lines and final result. None: the modem is silent."""
        lines: list[str] = []
        try:
            if _TO_CARD.search(text.upper()) and time.monotonic() < self._card_busy_until:
                raise CmeError(SIM_BUSY)
            for work in self._parse(text):
                lines += work()
            return lines, "OK"
        except CmeError as error:
            return lines, error.final(self._settings.cmee)
        except PlainError:
            return lines, "ERROR"
        except NoAnswer:
            return None

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
            model = self._model
            facts = {n: getattr(model, n) for n in ("manufacturer", "name", "revision", "imei")}
            return [line.format(**facts) for line in model.information]
        elif letter in ("Z", "&F"):
            self._settings = Settings(contexts=self._contexts)
        return []

    def _desk(self) -> Desk:
        return Desk(self._model, self._settings, self._faults, self._baseband, self._ask_restart)

    def _ask_restart(self) -> None:
        self._timers.later(self._latencies.going_down, self._restart)

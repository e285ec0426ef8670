"""The AT engine: one command and its final result; unsolicited lines on the side (TS 27.007, V.250).

The one danger here is to take the answer of one command for the answer of another. After anything that
leaves the line in doubt (a time-out, garbage, a fresh port) the next command first finds the end of what is
still to come: it asks for something whose answer is unmistakable, until that answer is seen.
"""

import os
import re
import select
import termios
import time
from collections.abc import Callable
from contextlib import suppress

import serial

from modem import quirks
from modem.errors import AtError, AtTimeout, ModemError, PortGone
from modem.waits import Waits

LINE_LIMIT = 8192
"""Octets of one line; the longest that a modem has to say is an R-APDU of 258 octets in hex."""
ANSWER_LIMIT = 65536
"""Octets of all lines of one answer."""

BARE = re.compile(r"(?!RING|RDY|NO CARRIER|PB DONE|SMS DONE|Call Ready|SMS Ready|APP RDY)[^+^*%#$&].*")
"""For commands that answer without a prefix, like AT+CGMI: all that does not look unsolicited."""

_IDLE_EVERY = 1.0
_READ = 4096
_FINAL = re.compile(r"(OK|ERROR)$|\+CM[ES] ERROR: *(.*)")
_NAME = re.compile(r"AT([+^*%#$&]\w+)", re.IGNORECASE)
# Queries that every modem knows, cheap, without effect, and never unsolicited. Several, so that the answer
# of one sent before is not taken for that of the last.
_MARKERS = ("+CMEE", "+CSCS", "+CMGF", "+CGATT")
_MOST_UNANSWERED = 200
_GREETING = ("ATE0", "AT+CMEE=1")
WHO = ("AT+CGMI", "AT+CGMM", "AT+CGMR")
_IMEI = "AT+CGSN"
_IS_IMEI = re.compile(r"\d{14,17}")
"""Without its check digit, with it, or with the software's version (TS 23.003 6.2)."""
_BARE_QUERIES = (*WHO, _IMEI)


class At:
    """The AT port of one modem. It opens the port when first needed, and anew after it was gone.

    open_port: opens the tty; raises ModemError. waits: all deadlines. idle: called at least once a second
    in every wait. facts_of: what is known of a model, by what it answers to +CGMI, +CGMM and +CGMR.
    is_right: told whether the port that was opened is the AT port of the modem that was met first; says
    whether another one is to be opened.
    Made for one thread.
    """

    def __init__(
        self,
        open_port: Callable[[], serial.Serial],
        waits: Waits,
        idle: Callable[[], None] = lambda: None,
        facts_of: Callable[[str, str, str], quirks.Quirks] | None = None,
        is_right: Callable[[bool], bool] = lambda _right: False,
    ) -> None:
        self.waits = waits
        self.facts = quirks.DEFAULT
        """How this model differs; known when the modem has been met."""
        self.model = ("", "", "")
        """What it answers to +CGMI, +CGMM and +CGMR, if facts_of was given."""
        self.boots = 0
        """How often the modem was met anew: port opened, or modem restarted. Its settings are gone then."""
        self.epoch = 0
        """Goes up with all that closes the card's channels: port gone, modem restarted, card reset."""
        self.on_unsolicited: Callable[[str], None] = lambda _line: None
        """Told each line that no command asked for. Must not send commands."""
        self._open_port = open_port
        self._facts_of = facts_of
        self._is_right = is_right
        self._imei = ""
        self._idle = idle
        self._idled = 0.0
        self._port: serial.Serial | None = None
        self._buffer = bytearray()
        self._in_doubt = True
        self._unanswered: list[str] = []
        self._greeted = 0
        self._echo_off = False
        # One descriptor for the agent's loop, whatever port is open, that is readable too when something
        # unsolicited came in the middle of a command.
        self._ready = select.epoll()
        self._aside = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._ready.register(self._aside, select.EPOLLIN)

    def fileno(self) -> int:
        """Readable when pump() has something to do. The same for the life of this object."""
        return self._ready.fileno()

    @property
    def is_open(self) -> bool:
        """Whether the port is open, as far as is known."""
        return self._port is not None

    def command(
        self,
        text: str,
        *,
        takes: re.Pattern[str] | None = None,
        deadline: float | None = None,
        shown: str | None = None,
    ) -> list[str]:
        """Sends one command; returns its information lines.

        takes: which lines are this command's (default: those with its own prefix; without a prefix,
        BARE). deadline: in seconds, default waits.at_command. shown: what errors call the command, where
        there is a secret in it.
        Raises AtError for a final result that says no, AtTimeout, PortGone, and ModemError for an answer
        that is too large. `executed` is False if the command was surely not sent; else None where no
        final result was seen.
        """
        called = shown or (text if len(text) <= 40 else text[:40] + "...")
        doing = f"sending {called}"
        try:
            self._prepare(doing)
        except ModemError as error:
            error.executed = False
            raise
        return self._run(doing, text, takes or _own_lines(text), deadline or self.waits.at_command)

    def pump(self) -> None:
        """Reads what the modem said by itself, without waiting. PortGone."""
        if self._port is not None:
            self._receive("listening to the modem")
            self._put_aside_all()
        with suppress(BlockingIOError):
            os.eventfd_read(self._aside)

    def sleep(self, seconds: float) -> None:
        """Waits; ends early when the modem says something. Never raises: a gone port is slept through."""
        end = time.monotonic() + seconds
        while self._port is not None and time.monotonic() < end:
            try:
                if self._wait("waiting", end):
                    self._put_aside_all()
                    return
            except PortGone:
                break
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _IDLE_EVERY))
            self._call_idle()

    def wake(self) -> None:
        """Makes fileno() readable. May be called from another thread."""
        os.eventfd_write(self._aside, 1)

    def doubt(self) -> None:
        """The last answer made no sense: find the line's rhythm again before the next command."""
        self._in_doubt = True

    def card_was_reset(self) -> None:
        """All logical channels are gone."""
        self.epoch += 1

    def hang_up(self) -> None:
        """Closes the port; the next command opens it again."""
        port, self._port = self._port, None
        if port is None:
            return
        self.epoch += 1
        with suppress(OSError, ValueError):
            self._ready.unregister(port.fileno())
        with suppress(OSError, termios.error):
            port.close()

    def close(self) -> None:
        """Closes the port for good."""
        self.hang_up()
        self._ready.close()
        os.close(self._aside)

    # Before a command

    def _prepare(self, doing: str) -> None:
        if self._port is None:
            self._open()
        self._receive(doing)
        self._put_aside_all()
        if self._in_doubt:
            self._synchronise(doing)
        while self._greeted != self.boots:
            meeting = self.boots
            for text in _GREETING:
                if self._asked(text) is not None:
                    self._echo_off = self._echo_off or text == "ATE0"
            self._recognise()
            self._greeted = meeting

    def _recognise(self) -> None:
        """Asks the modem who it is, and sends what its model wants at each start."""
        if self._facts_of is None:
            return
        model = [told(text, self._asked(text) or []) for text in WHO]
        self._check_imei(told(_IMEI, self._asked(_IMEI) or []))
        self.model = (model[0], model[1], model[2])
        self.facts = self._facts_of(*self.model)
        for text in self.facts.init:
            self._asked(text)

    def _check_imei(self, imei: str) -> None:
        """A port may come back under the name of another one. PortGone if it is another modem's."""
        imei = imei if _IS_IMEI.fullmatch(imei) else ""
        if self._imei and imei and imei != self._imei:
            self._is_right(False)
            self.hang_up()
            got = f"another modem answers, with IMEI {imei} and not {self._imei}"
            raise PortGone("meeting the modem", got, "set modem.port to one of /dev/serial/by-id")
        self._imei = self._imei or imei
        self._is_right(True)

    def _asked(self, text: str) -> list[str] | None:
        """The answer's lines; None if the modem refuses."""
        try:
            return self._run(f"sending {text}", text, _own_lines(text), self.waits.at_command)
        except AtError:
            return None

    def _open(self) -> None:
        self._port = self._open_port()
        self._buffer.clear()
        # What was asked before may still be answered: a modem that was busy has kept it.
        del self._unanswered[:-_MOST_UNANSWERED]
        self._ready.register(self._port.fileno(), select.EPOLLIN)
        self._restarted()
        self._in_doubt = True

    def _restarted(self) -> None:
        self.boots += 1
        self.epoch += 1
        self._echo_off = False

    def _synchronise(self, doing: str) -> None:
        """Asks until an answer is seen that can only be the last question's. AtTimeout."""
        end = time.monotonic() + self.waits.at_command
        patience = self.waits.at_sync
        while time.monotonic() < end:
            marker = min(_MARKERS, key=self._unanswered.count)
            self._unanswered.append(marker)
            self._write(doing, f"AT{marker}?")
            if self._marker_seen(doing, min(end, time.monotonic() + patience)):
                self._unanswered.clear()
                self._in_doubt = False
                return
            patience += self.waits.at_sync
        # A port that is opened again is in no doubt about what was asked before: only for another one.
        if self._greeted != self.boots and self._is_right(False):
            self.hang_up()
        raise AtTimeout(
            doing,
            "the modem does not answer",
            "is this the AT port? check baud rate and power",
            executed=False,
        )

    def _marker_seen(self, doing: str, end: float) -> bool:
        """Whether an answer came after which nothing asked before can come any more.

        A modem answers in the order it was asked, so the answer to the last question will do. Where that
        could be one to an earlier question of the same name: an answer, and a silence after it.
        """
        mistakable = self._unanswered.count(self._unanswered[-1]) > 1
        seen = False
        while True:
            quiet = seen and mistakable
            line = self._line(doing, time.monotonic() + self.waits.at_sync if quiet else end)
            if line is None:
                return quiet
            name = line.partition(":")[0]
            if name in self._unanswered:
                del self._unanswered[: self._unanswered.index(name) + 1]
                seen = True
            elif _FINAL.match(line):
                if seen and not self._unanswered:
                    return True
            elif line.startswith("AT"):
                self._echoed()
            else:
                self._put_aside(line)

    # A command and its answer

    def _run(self, doing: str, text: str, takes: re.Pattern[str], seconds: float) -> list[str]:
        self._write(doing, text)
        end = time.monotonic() + seconds
        met = self.boots
        lines: list[str] = []
        size = 0
        while True:
            line = self._line(doing, end)
            if line is None:
                self._in_doubt = True
                name = _NAME.match(text)
                self._unanswered.append(name[1] if name else text)
                raise AtTimeout(doing, f"no answer within {seconds:g} s", executed=None)
            if line == text:
                self._echoed()
                met = self.boots
            elif final := _FINAL.match(line):
                if final[1] == "OK":
                    return lines
                raise _refusal(doing, line, final[2])
            elif takes.match(line):
                lines.append(line)
                size += len(line)
                if size > ANSWER_LIMIT:
                    self._in_doubt = True
                    raise ModemError(doing, f"an answer of more than {ANSWER_LIMIT} octets", executed=None)
            else:
                self._put_aside(line)
                if self.boots != met:
                    self._in_doubt = True
                    raise ModemError(doing, f"the modem has restarted ({line})", executed=None)

    def _echoed(self) -> None:
        if self._echo_off:  # the modem has restarted without a word
            self._restarted()

    def _put_aside(self, line: str) -> None:
        if self.facts.rebooted.match(line):
            self._restarted()
        elif self.facts.card_gone.match(line):
            self.card_was_reset()
        os.eventfd_write(self._aside, 1)
        self.on_unsolicited(line)

    def _put_aside_all(self) -> None:
        while (line := self._next_line()) is not None:
            # A final result that nobody waits for is noise, or the late one of a command given up.
            if not _FINAL.match(line):
                self._put_aside(line)
        if len(self._buffer) > LINE_LIMIT:
            self._buffer.clear()

    # The port

    def _write(self, doing: str, text: str) -> None:
        port = self._opened(doing)
        try:
            port.write(text.encode("ascii") + b"\r")
        except serial.SerialTimeoutException as error:
            self._in_doubt = True
            raise AtTimeout(
                doing, "the modem takes no octets", "check flow control (rtscts)", executed=None
            ) from error
        except (OSError, termios.error) as error:
            raise self._gone(doing, error) from error

    def _line(self, doing: str, end: float) -> str | None:
        """The next line that is not empty; None if none is complete at `end` (monotonic)."""
        while True:
            line = self._next_line()
            if line is not None:
                return line
            if len(self._buffer) > LINE_LIMIT:
                self._buffer.clear()
                self._in_doubt = True
                raise ModemError(doing, f"a line of more than {LINE_LIMIT} octets", executed=None)
            if time.monotonic() >= end:
                return None
            self._wait(doing, end)

    def _next_line(self) -> str | None:
        while (cut := _end_of_line(self._buffer)) >= 0:
            line = self._buffer[:cut].decode("ascii", "replace").strip("\0 \t")
            del self._buffer[: cut + 1]
            if line:
                return line
        return None

    def _wait(self, doing: str, end: float) -> bool:
        """Waits for input until `end`, a second at most; True if something came."""
        port = self._opened(doing)
        self._call_idle()
        left = min(max(0.0, end - time.monotonic()), _IDLE_EVERY)
        poll = select.poll()
        poll.register(port.fileno(), select.POLLIN)
        return bool(poll.poll(left * 1000)) and self._receive(doing)

    def _receive(self, doing: str) -> bool:
        port = self._opened(doing)
        try:
            octets: bytes = port.read(_READ)
        except (OSError, termios.error) as error:
            raise self._gone(doing, error) from error
        self._buffer += octets
        return bool(octets)

    def _opened(self, doing: str) -> serial.Serial:
        if self._port is None:
            raise PortGone(doing, "the port is closed", executed=None)
        return self._port

    def _gone(self, doing: str, error: Exception) -> PortGone:
        self.hang_up()
        return PortGone(doing, f"the port is gone ({error})", "is the modem plugged in?", executed=None)

    def _call_idle(self) -> None:
        now = time.monotonic()
        if now - self._idled >= _IDLE_EVERY / 2:
            self._idled = now
            self._idle()


def _end_of_line(buffer: bytearray) -> int:
    ends = [cut for cut in (buffer.find(b"\r"), buffer.find(b"\n")) if cut >= 0]
    return min(ends, default=-1)


def told(query: str, lines: list[str]) -> str:
    """What a query like AT+CGMI was answered; some modems put the command's name before it."""
    # What the line has spoilt would be remembered as somebody's name.
    first = next((line for line in lines if line.isascii() and line.isprintable()), "")
    return first.removeprefix(query.removeprefix("AT") + ":").strip().strip('"')


def _own_lines(text: str) -> re.Pattern[str]:
    name = _NAME.match(text)
    if name is None:
        return BARE
    own = re.escape(name[1].upper()) + ":"
    return re.compile(f"{own}|{BARE.pattern}" if text in _BARE_QUERIES else own)


def _refusal(doing: str, line: str, cause: str | None) -> AtError:
    code = int(cause) if cause is not None and cause.isascii() and cause.isdigit() else None
    return AtError(doing, line, code=code)

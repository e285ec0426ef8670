"""TCP and TLS with one deadline for all of it, every octet counted, and `idle` called while waiting."""

import errno
import io
import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ipad.errors import Unreachable, Untrusted
from ipad.net.resolve import IDLE_EVERY, Address
from ipad.net.trust import Trust, check_pin

T = TypeVar("T")

_SLICE = 16 * 1024
_CUT_OFF = "UNEXPECTED_EOF_WHILE_READING"


@dataclass(slots=True)
class Traffic:
    """Octets that went over sockets, TLS's own included (TCP and IP headers not)."""

    sent: int = 0
    received: int = 0
    connections: int = 0


class Slow(Unreachable):
    """The deadline passed."""


class TooMuch(Unreachable):
    """The answer is larger than the limit."""


class Lost(Unreachable):
    """The far side, or something on the way, ended the connection."""


@dataclass(slots=True)
class Patience:
    """Waiting with a limit: until `deadline` (time.monotonic()), calling `idle` at least once a second."""

    doing: str
    deadline: float
    idle: Callable[[], None] = field(repr=False)

    def ready(self, sock: socket.socket, events: int) -> None:
        """Returns when one of `events` (select.POLLIN, POLLOUT) can be done; Slow at the deadline."""
        poller = select.poll()
        poller.register(sock, events)
        while True:
            self.idle()
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise Slow(f"{self.doing}: took too long")
            if poller.poll(max(1, int(1000 * min(left, IDLE_EVERY)))):
                return


def connect(addresses: list[Address], patience: Patience, interface: str | None = None) -> socket.socket:
    """A non-blocking TCP connection to the first address that answers, by way of `interface` if given.

    Each address gets its share of the time that is left. Raises Unreachable.
    """
    problem = Unreachable(f"{patience.doing}: no address")
    for tried, address in enumerate(addresses):
        now = time.monotonic()
        share = now + (patience.deadline - now) / (len(addresses) - tried)
        try:
            return _connect_one(address, Patience(patience.doing, share, patience.idle), interface)
        except Unreachable as failed:
            problem = failed
    raise problem


def _connect_one(address: Address, patience: Patience, interface: str | None) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if interface is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        failed = sock.connect_ex(where)
        if failed in (errno.EINPROGRESS, errno.EINTR):
            patience.ready(sock, select.POLLOUT)
            failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            raise Unreachable(f"{patience.doing}: {where[0]} port {where[1]}: {os.strerror(failed)}")
    except OSError as problem:
        sock.close()
        way = f"interface {interface}" if interface else where[0]
        raise Unreachable(f"{patience.doing}: {way}: {problem.strerror}") from None
    except Unreachable:
        sock.close()
        raise
    return sock


class Wire:
    """A TLS connection on a connected, non-blocking socket.

    TLS runs in memory (ssl.MemoryBIO), so that each wait for the socket is ours.
    """

    def __init__(self, sock: socket.socket, traffic: Traffic, patience: Patience) -> None:
        self.patience = patience
        self.heard = 0
        """Octets of application data received so far."""
        self._sock = sock
        self._traffic = traffic
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._trust: Trust | None = None
        traffic.connections += 1

    def handshake(self, trust: Trust, host: str) -> None:
        """Brings TLS up with `host`. Untrusted if it is somebody else; nothing was sent to them then."""
        tls = trust.context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=host, session=trust.session
        )
        session, trust.session = trust.session, None  # one that breaks a handshake is not tried again
        try:
            self._run(tls.do_handshake)
        except ssl.SSLCertVerificationError as problem:
            self._say_why()
            raise Untrusted(f"{host} is not {trust.whom}: {problem.verify_message}") from None
        except ssl.SSLError as problem:
            self._say_why()
            raise Unreachable(f"{self.patience.doing}: TLS: {problem.reason or problem}") from None
        check_pin(trust, tls.getpeercert(binary_form=True), host)
        if tls.session_reused:
            trust.session = session
        self._tls, self._trust = tls, trust

    def _say_why(self) -> None:
        try:
            self._flush()  # the alert that tells the server why
        except Unreachable:
            return

    def remember_session(self) -> None:
        """Keeps a new TLS session for resumption. With TLS 1.3 its ticket comes with the first answer.

        One that was resumed stays: up to Python 3.12, each look at `session` loses 6 kB (python/cpython
        issue 116810), and a gateway runs for years.
        """
        if self._tls is not None and self._trust is not None and self._trust.session is None:
            self._trust.session = self._tls.session

    @property
    def resumed(self) -> bool:
        return bool(self._tls and self._tls.session_reused)

    @property
    def version(self) -> str | None:
        """ "TLSv1.2", "TLSv1.3"."""
        return self._tls.version() if self._tls else None

    def send(self, data: bytes) -> None:
        """Sends all of `data`."""
        tls = self._up()
        view = memoryview(data)
        while view:
            view = view[self._tls_call(partial(tls.write, view)) :]

    def receive(self, most: int) -> bytes:
        """Up to `most` octets; b"" once the far side has closed as it should (close_notify)."""
        tls = self._up()
        try:
            data = self._tls_call(partial(tls.read, most))
        except ssl.SSLZeroReturnError:
            return b""
        self.heard += len(data)
        return data

    def _up(self) -> ssl.SSLObject:
        if self._tls is None:
            raise Lost(f"{self.patience.doing}: the connection is closed")
        return self._tls

    def _tls_call(self, call: Callable[[], T]) -> T:
        try:
            return self._run(call)
        except ssl.SSLZeroReturnError:
            raise
        except ssl.SSLError as problem:
            # Python 3.11.2 has no SSLEOFError for it.
            cut_off = isinstance(problem, ssl.SSLEOFError) or problem.reason == _CUT_OFF
            said = "cut off" if cut_off else f"TLS: {problem.reason or problem}"
            raise Lost(f"{self.patience.doing}: {said}") from None

    def _run(self, call: Callable[[], T]) -> T:
        while True:
            try:
                result = call()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        data = memoryview(self._outgoing.read())
        while data:
            try:
                sent = self._sock.send(data)
            except BlockingIOError:
                self.patience.ready(self._sock, select.POLLOUT)
            except OSError as problem:
                raise Lost(f"{self.patience.doing}: {problem.strerror}") from None
            else:
                self._traffic.sent += sent
                data = data[sent:]

    def _fill(self) -> None:
        self.patience.ready(self._sock, select.POLLIN)
        try:
            data = self._sock.recv(_SLICE)
        except BlockingIOError:
            return
        except OSError as problem:
            raise Lost(f"{self.patience.doing}: {problem.strerror}") from None
        self._traffic.received += len(data)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def close(self) -> None:
        """Closes the socket; does not wait for anybody."""
        self._tls = None
        self._sock.close()


class Reader(io.RawIOBase):
    """What a Wire receives, as a file with an end: more than `limit` octets are TooMuch."""

    def __init__(self, wire: Wire, limit: int) -> None:
        super().__init__()
        self._wire = wire
        self._left = limit
        self.ended = False
        """Somebody has read on to the end."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._wire.receive(len(buffer))
        self.ended = not data
        self._left -= len(data)
        if self._left < 0:
            raise TooMuch(f"{self._wire.patience.doing}: the answer is larger than allowed")
        buffer[: len(data)] = data
        return len(data)

"""HTTP/1.1 POST over one kept-alive TLS connection, with limits on time and size."""

import http.client
import io
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import cast

from ipad.errors import ConfigError, Failing, PeerRefused, Throttled, Unreachable
from ipad.net.resolve import Resolver
from ipad.net.trust import Trust, Trusts
from ipad.net.wire import Lost, Patience, Reader, TooMuch, Traffic, Wire, connect
from ipad.waits import Waits

_HEAD_LIMIT = 16 * 1024
"""Octets of status line, headers and chunk sizes that an answer may have on top of its body."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that got an answer, whatever its status."""

    host: str
    path: str
    function: str
    """The standard's name."""
    media_type: str
    """Content-Type of the request."""
    request: bytes
    """Its body."""
    status: int
    answer: bytes
    """The answer's body; nothing of one that is no 2xx: it is not read."""


@dataclass(slots=True)
class Uplink:
    """What outlives a connection: addresses, trust and TLS sessions, and the count of octets.

    One for the whole agent, handed to everything that connects.
    """

    interface: str | None = None
    """Name of the interface that every connection is bound to (SO_BINDTODEVICE)."""
    idle: Callable[[], None] = lambda: None
    """Called at least once a second in every wait: feeds the watchdog."""
    observe: Callable[[Exchange], None] = lambda _exchange: None
    """Called with every exchange, before its answer is judged: what writes a trace."""
    resolver: Resolver = field(default_factory=Resolver)
    trusts: Trusts = field(default_factory=Trusts)
    traffic: Traffic = field(default_factory=Traffic)


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer."""

    status: int
    media_type: str
    """Lower case, without parameters; "" without a Content-Type."""
    body: bytes


class Https:
    """POSTs to one server. Not thread-safe; `close` after anything that may have moved the route."""

    def __init__(
        self, host: str, port: int, trust: Callable[[], Trust], waits: Waits, uplink: Uplink, *, limit: int
    ) -> None:
        """trust: asked at each new connection. limit: octets that an answer's body may have."""
        self.host = host
        self.port = port
        self._trust = trust
        self._waits = waits
        self._uplink = uplink
        self._limit = limit
        self._wire: Wire | None = None

    def post(
        self,
        function: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        seconds: float | None = None,
        limit: int | None = None,
    ) -> Answer:
        """One request, one answer. function: the standard's name of it, for messages. seconds: what the
        exchange may take; by default what the waits say. limit: octets of this one's body.

        A kept-alive connection that turns out to have died before an octet of the answer came is
        replaced, and the request sent once more: the eIM tells repeats (SGP.32 6.3.3). Raises Untrusted,
        Throttled (429, 503), PeerRefused (other 3xx and 4xx, 501), Unreachable (other 5xx, and all else).
        """
        media_type = headers.get("Content-Type", "")
        head = self._head(path, headers, body)
        patience = seconds or self._waits.http
        request = _Request(function, path, media_type, body, head, patience, limit or self._limit)
        if self._wire is not None:
            wire, heard = self._wire, self._wire.heard
            try:
                return self._exchange(wire, request)
            except Lost:
                if wire.heard > heard:
                    raise
        return self._exchange(self._connect(function), request)

    def close(self) -> None:
        """Drops the connection; the next request makes a new one."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _head(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [f"POST {path} HTTP/1.1", f"Host: {host}" + (f":{self.port}" if self.port != 443 else "")]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}"]
        for line in lines:
            if not line.isprintable():
                raise ConfigError(
                    f"https: {line!r} can't be part of an HTTP request; expected printable text"
                )
        return "\r\n".join([*lines, "", ""]).encode()

    def _patience(self, function: str, seconds: float) -> Patience:
        doing = f"{function} to {self.host}:{self.port}"
        return Patience(doing, time.monotonic() + seconds, self._uplink.idle)

    def _connect(self, function: str) -> Wire:
        uplink = self._uplink
        patience = self._patience(function, self._waits.connect)
        trust = self._trust()
        addresses = uplink.resolver.addresses(self.host, self.port, patience.deadline, uplink.idle)
        wire = Wire(connect(addresses, patience, uplink.interface), uplink.traffic, patience)
        try:
            wire.handshake(trust, self.host)
        except BaseException:
            wire.close()
            raise
        self._wire = wire
        return wire

    def _exchange(self, wire: Wire, request: "_Request") -> Answer:
        wire.patience = self._patience(request.function, request.seconds)
        keep = False
        try:
            wire.send(request.head + request.body)
            incoming = _Incoming(Reader(wire, request.limit + _HEAD_LIMIT))
            # Of its socket, http.client wants makefile() only.
            with http.client.HTTPResponse(cast(socket.socket, incoming), method="POST") as response:
                response.begin()
                if incoming.reader.ended:  # http.client takes a head that is cut off for a whole one
                    raise Lost(f"{wire.patience.doing}: the answer is cut off")
                body = _body(wire, response, request.limit) if _accepted(response) else b""
                self._uplink.observe(request.exchange(self.host, response.status, body))
                _judge(request.function, wire.patience.doing, response)
                keep = not response.will_close
            wire.remember_session()
            return Answer(response.status, _media_type(response), body)
        except http.client.RemoteDisconnected:
            raise Lost(f"{wire.patience.doing}: closed without an answer") from None
        except http.client.IncompleteRead:
            raise Lost(f"{wire.patience.doing}: the answer is cut off") from None
        except http.client.HTTPException as problem:
            raise Unreachable(f"{wire.patience.doing}: not an HTTP answer: {problem!r}") from None
        finally:
            if not keep:
                self.close()


def _body(wire: Wire, response: http.client.HTTPResponse, limit: int) -> bytes:
    if response.length is None:  # chunked, or until the connection closes
        body = response.read(limit + 1)
        if len(body) <= limit:
            return body
    elif response.length <= limit:
        return response.read()  # with an amount, it would take a body that is cut off for a whole one
    raise TooMuch(f"{wire.patience.doing}: the answer has more than {limit} octets")


@dataclass(frozen=True, slots=True)
class _Request:
    function: str
    path: str
    media_type: str
    body: bytes
    head: bytes
    seconds: float
    limit: int

    def exchange(self, host: str, status: int, answer: bytes) -> Exchange:
        return Exchange(host, self.path, self.function, self.media_type, self.body, status, answer)


class _Incoming:
    """A Reader as http.client wants its socket."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self.reader)


def _accepted(response: http.client.HTTPResponse) -> bool:
    return 200 <= response.status < 300


def _judge(function: str, doing: str, response: http.client.HTTPResponse) -> None:
    status, reason = response.status, response.reason or "HTTP status"
    if _accepted(response):
        return
    if status in (429, 503):
        raise Throttled(
            f"{doing}: {reason}({status})",
            retry_after(response.headers.get("Retry-After", ""), response.headers.get("Date", "")),
        )
    if status >= 500 and status != 501:
        raise Failing(f"{doing}: {reason}({status})")
    advice = "is the path right for this server?" if status == 404 else ""
    raise PeerRefused(function, reason, status, advice, status=status)


def retry_after(text: str, date: str = "") -> float | None:
    """Retry-After (RFC 9110 10.2.3) in seconds from now; None for one that can't be read.

    A point in time is taken relative to the answer's own Date: the gateway's clock may be wrong.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    then = _http_date(text)
    now = _http_date(date)
    if then is None:
        return None
    return max(0.0, then - (time.time() if now is None else now))


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _media_type(response: http.client.HTTPResponse) -> str:
    return (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

"""HTTPS as the servers of the test world speak it: within limits, and spoiling answers when told to."""

import socket
import socketserver
import ssl
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

from ipad.errors import ConfigError
from ipad.testbed.faults import Fault

IDLE = 60.0
"""Seconds that a client may be silent, between requests and in them."""
MAX_CONNECTIONS = 128

_CHUNK = 65536


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 with this identity; session tickets are the library's. ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{certificate}, {key}: not usable for TLS: {error}") from error
    return context


class HttpsServer(socketserver.ThreadingMixIn, HTTPServer):
    """An HTTPS server on loopback. OSError if the port is taken."""

    daemon_threads = True

    def __init__(self, handler: type["Handler"], context: ssl.SSLContext, port: int) -> None:
        self._handler = handler
        self._context = context
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(("127.0.0.1", port), handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: TLS, then requests until it ends."""
        sock: socket.socket = request
        sock.settimeout(IDLE)
        if not self._slots.acquire(timeout=IDLE):
            return
        try:
            with self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False) as tls:
                try:
                    tls.do_handshake()
                except OSError as error:
                    self.handshake_failed(client_address[1], error)
                else:
                    self._handler(tls, client_address, self)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Of a connection that broke, nothing is printed; anything else is a fault in here."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def handshake_failed(self, port: int, error: OSError) -> None:
        """To be logged; port: the client's."""


class BadRequest(Exception):
    """A request that HTTP refuses."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


class Handler(BaseHTTPRequestHandler):
    """Requests of one connection; the functions are the subclass's."""

    protocol_version = "HTTP/1.1"
    sys_version = ""
    timeout = IDLE
    wbufsize = -1
    disable_nagle_algorithm = True
    answer_headers: ClassVar[Mapping[str, str]] = {}
    """In every answer."""

    def body(self, limit: int) -> bytes:
        """The request's body. BadRequest: without a length, too long, or cut off."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise BadRequest(411, "no Content-Length")
        if int(length) > limit:
            raise BadRequest(413, f"more than {limit} octets")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise BadRequest(408, "the request ends early")
        return body

    def close_after(self, refused: BadRequest) -> None:
        """What was not read to its end would be taken for the next request."""
        self.close_connection = self.close_connection or refused.status in (408, 411, 413)

    def send(
        self, status: int, media_type: str | None, octets: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """The whole answer."""
        self.head(status, media_type, len(octets), headers)
        self.wfile.write(octets)
        self.wfile.flush()

    def spoil(self, fault: Fault, media_type: str, octets: bytes) -> None:
        """The answer as one of `faults.SPOILT` leaves it."""
        match fault.kind:
            case "content-type":
                self.send(200, "text/html", octets)
            case "garbage":
                self.send(200, media_type, bytes(0x80 | octet & 0x7F for octet in range(64)))
            case "oversize":
                self.head(200, media_type, fault.size)
                for start in range(0, fault.size, _CHUNK):
                    self.wfile.write(bytes(min(_CHUNK, fault.size - start)))
            case "slow":
                self.head(200, media_type, len(octets))
                for index in range(len(octets)):
                    self.wfile.write(octets[index : index + 1])
                    self.wfile.flush()
                    time.sleep(fault.seconds)
            case "truncate":
                self.head(200, media_type, len(octets))
                self.wfile.write(octets[: len(octets) // 2])
                self.close_connection = True
            case _:
                self.close_connection = True

    def head(
        self, status: int, media_type: str | None, length: int, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        if media_type is not None:
            self.send_header("Content-Type", media_type)
        if status != 204:
            self.send_header("Content-Length", str(length))
        for name, value in {**self.answer_headers, **(headers or {})}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on standard error: every exchange is in the records."""

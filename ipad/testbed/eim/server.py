"""ESipa over HTTPS (SGP.32 6.1), in both bindings, misbehaving on demand."""

import socket
import socketserver
import ssl
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, cast

from ipad.errors import ConfigError, DecodeError
from ipad.testbed.eim import esipa, json_binding
from ipad.testbed.eim.bindings import Binding, binding_of
from ipad.testbed.eim.eim import Eim
from ipad.testbed.eim.faults import SPOILT, UNHEARD, Fault
from ipad.testbed.eim.records import Exchange

REQUEST_LIMIT = 1024 * 1024
"""Octets in a request: notifications of many downloads fit."""
IDLE = 60.0
"""Seconds that a client may be silent, between requests and in them."""
MAX_CONNECTIONS = 128
ODD_PROTOCOL = "gsma/rsp/v2.1.0"
"""X-Admin-Protocol of the shape "protocol-2.1.0"."""

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


class EsipaServer(socketserver.ThreadingMixIn, HTTPServer):
    """An HTTPS server on loopback. OSError if the port is taken."""

    daemon_threads = True

    def __init__(self, eim: Eim, context: ssl.SSLContext, port: int, bindings: str = "both") -> None:
        """bindings: see `bindings.CHOICES`."""
        self.eim = eim
        self.bindings = bindings
        self._context = context
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(("127.0.0.1", port), _Handler)

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
                    self._log_handshake(client_address[1], error)
                else:
                    _Handler(tls, client_address, self)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Of a connection that broke, nothing is printed; anything else is a fault in here."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def _log_handshake(self, port: int, error: OSError) -> None:
        summary = {"answer": "handshake failed", "reason": str(error)}
        self.eim.records.log(Exchange("TLS", None, summary, port, None, b"", b""))


class _BadRequest(Exception):
    """A request that HTTP refuses."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "ipad-testbed-eim"
    sys_version = ""
    timeout = IDLE
    wbufsize = -1
    disable_nagle_algorithm = True
    binding: Binding | None = None
    """Of the request at hand."""

    def do_POST(self) -> None:
        self.binding, function, body = None, "?", b""
        try:
            body = self._body()
            self.binding = binding = self._binding()
            function = binding.function(self.path, body)
            self._exchange(binding, function, body)
        except _BadRequest as refused:
            self.close_connection = self.close_connection or refused.status in (408, 411, 413)
            self._refuse(refused.status, function, str(refused), body)
        except DecodeError as error:
            self._refuse(400, function, str(error), body)
        except esipa.NotOffered:
            self._refuse(501, function, "not offered", body)

    def _exchange(self, binding: Binding, function: str, body: bytes) -> None:
        eim = self._eim
        fault = eim.faults.take(UNHEARD, function)
        if fault is not None:
            retry = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            status = int(fault.kind.removeprefix("http-"))
            self._refuse(status, function, f"fault {fault.kind}", body, retry)
            return
        try:
            answer = esipa.handle(eim, binding.message(function, body))
        except json_binding.EidError as error:
            octets, told = json_binding.failed(function, error.code), {"answer": str(error)}
            self._answer(binding, function, body, 200, octets, None, told)
            return
        status = 200
        if answer.octets is None:
            # The function has no answer of its own; HTTP is all there is to refuse with.
            status = 403 if answer.refused else 200 if "empty-200" in eim.shapes else 204
        octets = b"" if answer.octets is None else binding.answer(function, answer.octets, eim.shapes)
        self._answer(binding, function, body, status, octets, answer.eid, dict(answer.summary))

    @property
    def _eim(self) -> Eim:
        return cast(EsipaServer, self.server).eim

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise _BadRequest(411, "no Content-Length")
        if int(length) > REQUEST_LIMIT:
            raise _BadRequest(413, f"more than {REQUEST_LIMIT} octets")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise _BadRequest(408, "the request ends early")
        return body

    def _binding(self) -> Binding:
        binding = binding_of(self.path, cast(EsipaServer, self.server).bindings)
        if binding is None:
            raise _BadRequest(404, f"no such path: {self.path}")
        if self.headers.get_content_type() != binding.media_type:
            raise _BadRequest(415, f"not {binding.media_type}: {self.headers.get_content_type()}")
        protocol = self.headers.get("X-Admin-Protocol")
        if not protocol:
            raise _BadRequest(400, "no X-Admin-Protocol")
        if "protocol-2.1.0" in self._eim.shapes and protocol != ODD_PROTOCOL:
            raise _BadRequest(400, f"X-Admin-Protocol: not {ODD_PROTOCOL}")
        return binding

    def _answer(
        self,
        binding: Binding,
        function: str,
        body: bytes,
        status: int,
        octets: bytes,
        eid: str | None,
        summary: dict[str, Any],
    ) -> None:
        fault = self._eim.faults.take(SPOILT, function)
        if fault is not None:
            summary["fault"] = fault.kind
        self._log(function, eid, summary, status, body, octets)
        if fault is None:
            self._send(status, binding.media_type if octets else None, octets)
        else:
            self._spoil(fault, binding.media_type, octets)

    def _spoil(self, fault: Fault, media_type: str, octets: bytes) -> None:
        match fault.kind:
            case "content-type":
                self._send(200, "text/html", octets)
            case "garbage":
                self._send(200, media_type, bytes(0x80 | octet & 0x7F for octet in range(64)))
            case "oversize":
                self._head(200, media_type, fault.size)
                for start in range(0, fault.size, _CHUNK):
                    self.wfile.write(bytes(min(_CHUNK, fault.size - start)))
            case "slow":
                self._head(200, media_type, len(octets))
                for index in range(len(octets)):
                    self.wfile.write(octets[index : index + 1])
                    self.wfile.flush()
                    time.sleep(fault.seconds)
            case "truncate":
                self._head(200, media_type, len(octets))
                self.wfile.write(octets[: len(octets) // 2])
                self.close_connection = True
            case _:
                self.close_connection = True

    def _refuse(
        self, status: int, function: str, reason: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self._log(function, None, {"answer": "refused", "reason": reason}, status, body, b"")
        self._send(status, "text/plain", reason.encode("ascii", "replace") + b"\n", headers)

    def _log(
        self, function: str, eid: str | None, summary: dict[str, Any], status: int, body: bytes, octets: bytes
    ) -> None:
        tls = cast(ssl.SSLSocket, self.connection)
        binding = {} if self.binding is None else {"binding": self.binding.name}
        told = binding | summary | {"tls": tls.version(), "resumed": tls.session_reused}
        exchange = Exchange(function, eid, told, self.client_address[1], status, body, octets)
        self._eim.records.log(exchange)

    def _send(
        self, status: int, media_type: str | None, octets: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self._head(status, media_type, len(octets), headers)
        self.wfile.write(octets)
        self.wfile.flush()

    def _head(
        self, status: int, media_type: str | None, length: int, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        if media_type is not None:
            self.send_header("Content-Type", media_type)
        if status != 204:
            self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on standard error: every exchange is in the records."""

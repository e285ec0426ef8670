"""ESipa over HTTPS (SGP.32 6.1), in both bindings, misbehaving on demand."""

import ssl
from collections.abc import Mapping
from typing import Any, cast

from ipad.errors import DecodeError
from ipad.testbed.eim import esipa, json_binding
from ipad.testbed.eim.bindings import Binding, binding_of
from ipad.testbed.eim.eim import Eim
from ipad.testbed.eim.faults import SPOILT, STATUSES
from ipad.testbed.eim.records import Exchange
from ipad.testbed.https import BadRequest, Handler, HttpsServer

REQUEST_LIMIT = 1024 * 1024
"""Octets in a request: notifications of many downloads fit."""
ODD_PROTOCOL = "gsma/rsp/v2.1.0"
"""X-Admin-Protocol of the shape "protocol-2.1.0"."""


class EsipaServer(HttpsServer):
    """ESipa on loopback. OSError if the port is taken."""

    def __init__(self, eim: Eim, context: ssl.SSLContext, port: int, bindings: str = "both") -> None:
        """bindings: see `bindings.CHOICES`."""
        self.eim = eim
        self.bindings = bindings
        super().__init__(_Handler, context, port)

    def handshake_failed(self, port: int, error: OSError) -> None:
        summary = {"answer": "handshake failed", "reason": str(error)}
        self.eim.records.log(Exchange("TLS", None, summary, port, None, b"", b""))


class _Handler(Handler):
    server_version = "ipad-testbed-eim"
    binding: Binding | None = None
    """Of the request at hand."""

    def do_POST(self) -> None:
        self.binding, function, body = None, "?", b""
        try:
            body = self.body(REQUEST_LIMIT)
            self.binding = binding = self._binding()
            function = binding.function(self.path, body)
            self._exchange(binding, function, body)
        except BadRequest as refused:
            self.close_after(refused)
            self._refuse(refused.status, function, str(refused), body)
        except DecodeError as error:
            self._refuse(400, function, str(error), body)
        except esipa.NotOffered:
            self._refuse(501, function, "not offered", body)

    def _exchange(self, binding: Binding, function: str, body: bytes) -> None:
        eim = self._eim
        fault = eim.faults.take(STATUSES, function)
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

    def _binding(self) -> Binding:
        binding = binding_of(self.path, cast(EsipaServer, self.server).bindings)
        if binding is None:
            raise BadRequest(404, f"no such path: {self.path}")
        if self.headers.get_content_type() != binding.media_type:
            raise BadRequest(415, f"not {binding.media_type}: {self.headers.get_content_type()}")
        protocol = self.headers.get("X-Admin-Protocol")
        if not protocol:
            raise BadRequest(400, "no X-Admin-Protocol")
        if "protocol-2.1.0" in self._eim.shapes and protocol != ODD_PROTOCOL:
            raise BadRequest(400, f"X-Admin-Protocol: not {ODD_PROTOCOL}")
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
            self.send(status, binding.media_type if octets else None, octets)
        else:
            self.spoil(fault, binding.media_type, octets)

    def _refuse(
        self, status: int, function: str, reason: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self._log(function, None, {"answer": "refused", "reason": reason}, status, body, b"")
        self.send(status, "text/plain", reason.encode("ascii", "replace") + b"\n", headers)

    def _log(
        self, function: str, eid: str | None, summary: dict[str, Any], status: int, body: bytes, octets: bytes
    ) -> None:
        tls = cast(ssl.SSLSocket, self.connection)
        binding = {} if self.binding is None else {"binding": self.binding.name}
        told = binding | summary | {"tls": tls.version(), "resumed": tls.session_reused}
        exchange = Exchange(function, eid, told, self.client_address[1], status, body, octets)
        self._eim.records.log(exchange)

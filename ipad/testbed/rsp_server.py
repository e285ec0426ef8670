"""ES9+ and ES11 over HTTPS (SGP.22 6.2, 6.5): JSON functions by path, every exchange logged."""

import json
import re
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from ipad.errors import DecodeError
from ipad.testbed.faults import SPOILT, STATUSES, Fault, Faults
from ipad.testbed.https import BadRequest, Handler, HttpsServer

UNHEARD = (*STATUSES, "redirect")
SPOILT_HERE = (*SPOILT, "html")
KINDS = (*UNHEARD, *SPOILT_HERE)
"""Faults of any function; redirect: to the same place, where the next request works."""

REQUEST_LIMIT = 1024 * 1024
LOG_LIMIT = 10_000
PROTOCOL = "gsma/rsp/v2.5.0"
"""X-Admin-Protocol of the answers."""
MEDIA_TYPE = "application/json"

_PROTOCOLS = re.compile(r"gsma/rsp/v[0-9]+\.[0-9]+\.[0-9]+")
_PORTAL = b"<!DOCTYPE html><html><body><p>Please sign in to use this network.</p></body></html>\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request."""

    message: Mapping[str, Any] | None
    """None: the function has no answer (HTTP 204)."""
    summary: Mapping[str, Any]
    """What was asked and answered, for people."""


@dataclass(frozen=True, slots=True)
class Service:
    """What is served."""

    functions: Mapping[str, str]
    """Names by path."""
    call: Callable[[str, Mapping[str, Any]], Answer]
    """The function of this name with a request; DecodeError: a request that cannot be read."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, without their contents: those hold what only the card may know."""

    id: int
    time: str
    function: str
    status: int | None
    """HTTP's; None: there was no request."""
    summary: Mapping[str, Any]
    port: int
    """The client's."""
    request_octets: int
    answer_octets: int


class Log:
    """The last exchanges. Safe for threads."""

    def __init__(self) -> None:
        self._entries: deque[Exchange] = deque(maxlen=LOG_LIMIT)
        self._last = 0
        self._lock = threading.Lock()

    def add(
        self, function: str, status: int | None, summary: Mapping[str, Any], port: int, sizes: tuple[int, int]
    ) -> None:
        """sizes: octets of the request's and the answer's body."""
        with self._lock:
            self._last += 1
            time = datetime.now(UTC).isoformat()
            self._entries.append(Exchange(self._last, time, function, status, summary, port, *sizes))

    def show(self, after: int = 0) -> list[dict[str, Any]]:
        """Those with a number above `after`."""
        with self._lock:
            return [asdict(entry) for entry in self._entries if entry.id > after]


class RspServer(HttpsServer):
    """A server on loopback. OSError if the port is taken."""

    def __init__(self, context: ssl.SSLContext, port: int) -> None:
        self.service = Service({}, lambda _function, _request: Answer(None, {}))
        """To be set before it serves: what it signs may need the port that it got."""
        self.faults = Faults()
        self.log = Log()
        super().__init__(_Handler, context, port)

    def handshake_failed(self, port: int, error: OSError) -> None:
        self.log.add("TLS", None, {"answer": "handshake failed", "reason": str(error)}, port, (0, 0))


class _Handler(Handler):
    server_version = "ipad-testbed-rsp"
    answer_headers: ClassVar = {"X-Admin-Protocol": PROTOCOL}

    def do_POST(self) -> None:
        function, body = "?", b""
        try:
            body = self.body(REQUEST_LIMIT)
            function = self._function()
            fault = self._rsp.faults.take(UNHEARD, function)
            if fault is None:
                answer = self._rsp.service.call(function, _request(body))
                self._answer(function, body, answer)
            else:
                self._unheard(fault, function, body)
        except BadRequest as refused:
            self.close_after(refused)
            self._refuse(refused.status, function, str(refused), body)
        except DecodeError as error:
            self._refuse(400, function, str(error), body)

    @property
    def _rsp(self) -> RspServer:
        return cast(RspServer, self.server)

    def _function(self) -> str:
        function = self._rsp.service.functions.get(self.path)
        if function is None:
            raise BadRequest(404, f"no such path: {self.path}")
        if self.headers.get_content_type() != MEDIA_TYPE:
            raise BadRequest(415, f"not {MEDIA_TYPE}: {self.headers.get_content_type()}")
        if not _PROTOCOLS.fullmatch(self.headers.get("X-Admin-Protocol", "")):
            raise BadRequest(400, "X-Admin-Protocol: gsma/rsp/v<x.y.z> wanted")
        return function

    def _answer(self, function: str, body: bytes, answer: Answer) -> None:
        octets = b"" if answer.message is None else json.dumps(answer.message).encode()
        status = 204 if answer.message is None else 200
        fault = self._rsp.faults.take(SPOILT_HERE, function)
        summary = dict(answer.summary) if fault is None else {**answer.summary, "fault": fault.kind}
        self._log(function, status, summary, body, len(octets))
        if fault is None:
            self.send(status, MEDIA_TYPE if octets else None, octets)
        elif fault.kind == "html":
            self.send(200, "text/html", _PORTAL)
        else:
            self.spoil(fault, MEDIA_TYPE, octets)

    def _unheard(self, fault: Fault, function: str, body: bytes) -> None:
        if fault.kind == "redirect":
            where = f"https://{self.headers.get('Host', 'localhost')}{self.path}"
            self._refuse(307, function, "fault redirect", body, {"Location": where})
            return
        retry = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        status = int(fault.kind.removeprefix("http-"))
        self._refuse(status, function, f"fault {fault.kind}", body, retry)

    def _refuse(
        self, status: int, function: str, reason: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self._log(function, status, {"answer": "refused", "reason": reason}, body, 0)
        self.send(status, "text/plain", reason.encode("ascii", "replace") + b"\n", headers)

    def _log(self, function: str, status: int, summary: dict[str, Any], body: bytes, answered: int) -> None:
        tls = cast(ssl.SSLSocket, self.connection)
        agent = self.headers.get("User-Agent", "")
        told = {**summary, "tls": tls.version(), "resumed": tls.session_reused, "agent": agent}
        self._rsp.log.add(function, status, told, self.client_address[1], (len(body), answered))


def _request(body: bytes) -> Mapping[str, Any]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}") from None
    if not isinstance(request, dict):
        raise DecodeError("not a JSON object")
    return request

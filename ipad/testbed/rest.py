"""A part's REST interface, JSON over HTTP on loopback: to order and to look, and to have faults happen."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from ipad.errors import DecodeError
from ipad.testbed import chain, faults

BODY_LIMIT = 1024 * 1024
IDLE = 30.0
"""Seconds that a client may be silent."""


class Refusal(Exception):
    """A request that is not carried out: an HTTP status and a sentence."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


Route = Callable[[Mapping[str, str], Any], tuple[int, Any]]
"""Gets the query (with `rest`, what follows the path's first word) and the body; gives status and answer."""


class RestServer(ThreadingHTTPServer):
    """The REST interface on 127.0.0.1. OSError if the port is taken."""

    daemon_threads = True

    def __init__(self, routes: Mapping[tuple[str, str], Route], port: int) -> None:
        """routes: by method and the path's first word."""
        self.routes = routes
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE
    wbufsize = -1

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        url = urlsplit(self.path)
        first, _, rest = url.path.strip("/").partition("/")
        try:
            body = self._body()
            route = cast(RestServer, self.server).routes.get((method, first))
            if route is None:
                raise Refusal(404, f"no {method} {url.path}")
            query = dict(parse_qsl(url.query))
            status, answer = route({**query, "rest": rest}, body)
        except Refusal as refusal:
            status, answer = refusal.status, {"error": str(refusal)}
        except (faults.BadFault, chain.NotTrusted, DecodeError) as error:
            status, answer = 400, {"error": str(error)}
        octets = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)
        self.wfile.flush()

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > BODY_LIMIT:
            self.close_connection = True
            raise Refusal(413, f"a body of at most {BODY_LIMIT} octets wanted")
        octets = self.rfile.read(int(length))
        try:
            return json.loads(octets) if octets else {}
        except ValueError as error:
            raise Refusal(400, f"not JSON: {error}") from error

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on standard error."""


def fault_routes(coming: faults.Faults, kinds: Collection[str]) -> dict[tuple[str, str], Route]:
    """`POST /faults` (see `faults.parse`), `GET /faults`, `DELETE /faults`."""

    def add(_query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        fault = faults.parse(body, kinds)
        coming.add(fault)
        return 201, asdict(fault)

    def show(_query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        return 200, [asdict(fault) for fault in coming.coming()]

    def clear(_query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        coming.clear()
        return 200, []

    return {("POST", "faults"): add, ("GET", "faults"): show, ("DELETE", "faults"): clear}


def integer(query: Mapping[str, str], name: str, default: int | None) -> int | None:
    """A number in the query. Refusal."""
    if name not in query:
        return default
    try:
        return int(query[name])
    except ValueError as error:
        raise Refusal(400, f"{name}: not a number: {query[name]!r}") from error

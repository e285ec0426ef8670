"""The REST interface's other side: one request to a running part."""

import http.client
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from ipad.errors import ConfigError, PeerRefused, Unreachable

TIMEOUT = 10.0
"""Seconds for one request."""
ANSWER_LIMIT = 256 * 1024 * 1024
"""Octets: the log of a long day."""


def call(admin: str, method: str, path: str, body: Any = None, **query: Any) -> Any:
    """One request; the decoded JSON. Query members that are None are left out.

    PeerRefused: the part says no, and why; Unreachable: nobody answers; ConfigError: no such address.
    """
    try:
        url = urlsplit(admin)
        host, port = url.hostname, url.port or 80
    except ValueError:
        host = None
    if host is None or url.scheme != "http":
        raise ConfigError(f"not an address as http://127.0.0.1:4434: {admin!r}")
    asked = urlencode({name: value for name, value in query.items() if value is not None})
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        octets = None if body is None else json.dumps(body).encode()
        connection.request(method, path + ("?" + asked if asked else ""), octets)
        response = connection.getresponse()
        answer = json.loads(response.read(ANSWER_LIMIT))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(f"{method} {path} at {admin}: {error}") from error
    finally:
        connection.close()
    if response.status >= 400:
        raise PeerRefused(f"{method} {path}", str(answer.get("error")), response.status)
    return answer

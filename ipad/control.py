"""The control socket: one line of JSON in, one line of JSON out.

A thread of its own answers questions from the last snapshot and puts orders into the mailbox; an order's
answer comes when it is done. Whoever may open the socket may ask; the agent's own user and root may order.
"""

import json
import logging
import os
import select
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ipad.connectivity.state import PACKAGE_LIMIT, Command, Download, Inject
from ipad.errors import IpadError
from ipad.mailbox import Mailbox, Order

LINE_LIMIT = 2 * PACKAGE_LIMIT + 4096
"""Octets of a request: a package in hexadecimal, and some words."""
ANSWER_LIMIT = 4 * 1024 * 1024
"""Octets of an answer that the client side takes."""
_PATIENCE = 2.0
"""Seconds that a client is given to send its line, or to take its answer."""
_REST = 0.5
"""Seconds after a client that could not be heard."""

log = logging.getLogger("ipad")


class NotPermitted(IpadError):
    """The daemon does not take this order from this user."""


Answers = dict[str, Callable[[], Any]]
"""What can be asked, and who answers it; called in the control thread."""


Tools = dict[str, Callable[[dict[str, str]], Any]]
"""Orders that need neither card nor loop, and who carries them out; called in the control thread."""


class ControlServer:
    """Listens on `path` until closed. answers: the questions; mailbox: where orders go; tools: but these."""

    def __init__(self, path: Path, answers: Answers, mailbox: Mailbox, tools: Tools | None = None) -> None:
        self._path = path
        self._answers = answers
        self._tools = tools or {}
        self._mailbox = mailbox
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        old = os.umask(0o117)
        try:
            self._listener.bind(str(path))
        except OSError as error:
            raise IpadError(f"opening the control socket {path}: {error.strerror or error}") from error
        finally:
            os.umask(old)
        self._listener.listen(8)
        self._stop_read, self._stop_write = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops listening and removes the socket."""
        self._stop_write.close()
        self._thread.join(timeout=2 * _PATIENCE)
        self._listener.close()
        self._stop_read.close()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._stop_read, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._stop_read in ready:
                    return
                client = self._accept()
                if client is not None:
                    self._client(client)

    def _accept(self) -> socket.socket | None:
        """Whoever has called; None if that does not work now, as with too many open files."""
        try:
            return self._listener.accept()[0]
        except OSError as error:
            log.warning("a client of the control socket is not heard: %s", error)
            time.sleep(_REST)  # it still waits, and would be tried again at once
            return None

    def _client(self, client: socket.socket) -> None:
        try:
            answer = self._answer(_request(client), client)
        except (OSError, ValueError) as error:
            answer = {"error": f"not a request: {error}"}
        except IpadError as error:
            answer = {"error": str(error)}
        if answer is not None:
            _send(client, answer)

    def _answer(self, request: dict[str, str], client: socket.socket) -> dict[str, Any] | None:
        """The answer, or None if an order will answer later."""
        ask, order = request.get("ask"), request.get("order")
        if ask in self._answers:
            return {"answer": self._answers[ask]()}
        if order in self._tools:
            if _uid(client) not in (0, os.geteuid()):
                return {"error": f"only root may order a {order}; try sudo", "forbidden": True}
            return {"answer": self._tools[order](request)}
        if order in _ORDERS:
            if _uid(client) not in (0, os.geteuid()):
                return {"error": f"only root may order this: {order}; try sudo", "forbidden": True}
            command = _ORDERS[order](request)
            self._mailbox.put(Order(command, lambda answer: _send(client, {"answer": answer})))
            return None
        return {"error": f"unknown request; ask one of {', '.join(self._answers)}"}


def _command(command: Command, _request: dict[str, str]) -> Command:
    return command


def _injection(request: dict[str, str]) -> Inject:
    """ValueError without a package in hexadecimal."""
    return Inject(bytes.fromhex(request.get("package", "")))


def _download(request: dict[str, str]) -> Download:
    """ValueError without a ProfileDownloadTriggerRequest in hexadecimal."""
    return Download(bytes.fromhex(request.get("trigger", "")), request.get("confirmation_code", ""))


_ORDERS: dict[str | None, Callable[[dict[str, str]], Command | Inject | Download]] = {
    **{command.value: partial(_command, command) for command in Command},
    "inject": _injection,
    "download": _download,
}


def _uid(client: socket.socket) -> int:
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def _request(client: socket.socket) -> dict[str, str]:
    """The client's line: an object of strings. ValueError; OSError, also if it is too slow."""
    try:
        request = json.loads(_line(client, LINE_LIMIT, _PATIENCE))
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(request, dict) or not all(isinstance(member, str) for member in request.values()):
        raise ValueError("not an object of strings")
    return request


def _line(sock: socket.socket, limit: int, seconds: float) -> bytes:
    """One line, or what came of it. TimeoutError if it is not there within `seconds` in all."""
    end = time.monotonic() + seconds
    data = b""
    while not data.endswith(b"\n"):
        sock.settimeout(max(0.001, end - time.monotonic()))
        piece = sock.recv(65536)
        if not piece:
            break
        data += piece
        if len(data) > limit:
            raise ValueError(f"more than {limit} octets")
    return data


def _send(client: socket.socket, answer: dict[str, Any]) -> None:
    client.settimeout(_PATIENCE)
    try:
        client.sendall(json.dumps(answer).encode() + b"\n")
    except OSError as error:
        log.debug("a client of the control socket did not take its answer: %s", error)
    finally:
        client.close()


def _readable(sock: socket.socket) -> bool:
    """Whether there is something to read, within a moment."""
    return bool(select.select([sock], [], [], _REST)[0])


def ask(
    path: Path, request: dict[str, Any], seconds: float, meanwhile: Callable[[], None] | None = None
) -> Any:
    """Sends one request to the daemon and returns its answer. meanwhile: called now and then until it comes.

    Raises FileNotFoundError or ConnectionRefusedError if none is running, PermissionError if this user may
    not even ask, NotPermitted if not order this, IpadError if it answered with an error or not within
    `seconds`.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(seconds)
        try:
            sock.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError, PermissionError):
            raise
        except OSError as error:
            raise IpadError(f"asking the daemon at {path}: {error.strerror or error}") from error
        try:
            sock.sendall(json.dumps(request).encode() + b"\n")
            end = time.monotonic() + seconds
            while meanwhile is not None and time.monotonic() < end and not _readable(sock):
                meanwhile()
            line = _line(sock, ANSWER_LIMIT, max(_REST, end - time.monotonic()))
        except TimeoutError as error:
            raise IpadError(
                f"the daemon has not answered within {seconds:.0f} s; it goes on with it"
            ) from error
        except OSError as error:
            raise IpadError(f"the daemon stopped before it was done: {error.strerror}") from error
    if not line.endswith(b"\n"):
        raise IpadError("the daemon stopped before it was done")
    answer = json.loads(line)
    if answer.get("forbidden"):
        raise NotPermitted(answer["error"])
    if "error" in answer:
        raise IpadError(answer["error"])
    return answer["answer"]

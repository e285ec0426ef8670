"""Host names to addresses with a deadline: getaddrinfo itself has none."""

import queue
import socket
import threading
import time
from collections.abc import Callable

from ipad.errors import Unreachable

Address = tuple[socket.AddressFamily, tuple[str, int]]
"""Family and the socket address's host and port."""

IDLE_EVERY = 0.5
"""Seconds between two calls of `idle` in any wait of this package."""


class Resolver:
    """Asks in helper threads, one a name at most, and remembers the last good addresses of each name.

    One for the whole agent: what it remembers spares a gateway whose name server is away.
    """

    def __init__(self) -> None:
        self._good: dict[tuple[str, int], list[Address]] = {}
        self._asked: dict[tuple[str, int], queue.SimpleQueue[list[Address] | OSError]] = {}

    def addresses(self, host: str, port: int, deadline: float, idle: Callable[[], None]) -> list[Address]:
        """Addresses of `host`, by `deadline` (time.monotonic()); the last good ones if none come.

        Raises Unreachable if there are neither. `idle` is called at least once a second.
        """
        key = (host, port)
        answers = self._asked.get(key)
        if answers is None:
            answers = self._asked[key] = queue.SimpleQueue()
            threading.Thread(
                target=_ask, args=(host, port, answers), name=f"resolve {host}", daemon=True
            ).start()
        answer = _await(answers, deadline, idle)
        if answer is None:  # the thread goes on; whoever asks next takes its answer
            problem = "no answer from the name server in time"
        else:
            del self._asked[key]
            if isinstance(answer, list) and answer:
                self._good[key] = answer
                return answer
            problem = str(answer) if isinstance(answer, OSError) else "the name has no address"
        if key in self._good:
            return self._good[key]
        raise Unreachable(f"looking up {host}: {problem}")


def _await(
    answers: "queue.SimpleQueue[list[Address] | OSError]", deadline: float, idle: Callable[[], None]
) -> list[Address] | OSError | None:
    while True:
        idle()
        left = deadline - time.monotonic()
        try:
            return answers.get(timeout=max(0.0, min(left, IDLE_EVERY)))
        except queue.Empty:
            if left <= 0:
                return None


def _ask(host: str, port: int, answers: "queue.SimpleQueue[list[Address] | OSError]") -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as problem:
        answers.put(problem)
    except UnicodeError:  # a label that IDNA does not take
        answers.put(OSError(f"{host!r} is not a host name"))
    else:
        answers.put(
            [
                (family, (str(address[0]), int(address[1])))
                for family, _, _, _, address in found
                if family in (socket.AF_INET, socket.AF_INET6)
            ]
        )

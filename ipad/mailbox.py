"""What other threads and signals ask of the loop: a queue whose arrival wakes a selector."""

import os
import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ipad.connectivity.state import Command, Download, Inject


@dataclass(frozen=True, slots=True)
class Order:
    """Somebody at the gateway wants something done; `reply` takes the answer, once."""

    command: Command | Inject | Download
    reply: Callable[[dict[str, Any]], None]


class Mailbox:
    """Thread-safe, and safe in a signal handler."""

    def __init__(self) -> None:
        self._eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self.ending = False
        """Stop for good."""
        self.reloading = False
        """Stop, and start again with the configuration as it is now."""

    @property
    def stopping(self) -> bool:
        """Stop at the next boundary between two actions."""
        return self.ending or self.reloading

    def fileno(self) -> int:
        return self._eventfd

    def put(self, order: Order) -> None:
        self._orders.put(order)
        self._wake()

    def stop(self) -> None:
        """Asks the loop to end. Nothing takes it back."""
        self.ending = True
        self._wake()

    def reload(self) -> None:
        """Asks the loop to end and be started again."""
        self.reloading = True
        self._wake()

    def take(self) -> list[Order]:
        """What came since the last call."""
        try:
            os.eventfd_read(self._eventfd)
        except BlockingIOError:
            return []
        orders = []
        while not self._orders.empty():
            orders.append(self._orders.get())
        return orders

    def close(self) -> None:
        os.close(self._eventfd)

    def _wake(self) -> None:
        os.eventfd_write(self._eventfd, 1)

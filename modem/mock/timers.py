"""What is to happen later, in order. The mock's event loop sleeps until the next of them."""

import heapq
import itertools
import time
from collections.abc import Callable


class Timer:
    """One thing to do later, unless it is cancelled."""

    def __init__(self, do: Callable[[], None]) -> None:
        self.do = do
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Timers:
    """Timers on the monotonic clock, in seconds; equal times run in the order they were set."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    def later(self, seconds: float, do: Callable[[], None]) -> Timer:
        timer = Timer(do)
        heapq.heappush(self._heap, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def clear(self) -> None:
        self._heap.clear()

    def next_in(self) -> float | None:
        """Seconds until the next timer; None if there is none."""
        return max(0.0, self._heap[0][0] - time.monotonic()) if self._heap else None

    def run_due(self) -> None:
        """Does all whose time has come."""
        while self._heap and self._heap[0][0] <= time.monotonic():
            timer = heapq.heappop(self._heap)[2]
            if not timer.cancelled:
                timer.do()

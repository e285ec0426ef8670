"""One place where octets from outside come in, and how it is tried."""

import signal
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from ipad.errors import IpadError
from modem.errors import ModemError

MOST_MEMORY = 4 * 1024 * 1024
"""Octets that bad input may cost more than it has itself."""
MOST_SECONDS = 10


Form = Literal["der", "json", "text"]
"""How the octets are made: what is spoilt by which means."""


class Broken(AssertionError):
    """Bad input that was not met as it should be."""


@dataclass(frozen=True)
class Target:
    """name: the standard's function. samples: good input. feed: the place itself.

    feed may return, or raise one of the agent's own errors, whose text has to have `name` in it.
    """

    name: str
    samples: tuple[bytes, ...]
    feed: Callable[[bytes], object]
    form: Form = "der"

    def __str__(self) -> str:
        return f"{self.name}-{self.form}"


def meet(target: Target, octets: bytes) -> None:
    """Feeds it; Broken unless it is taken, or refused by a clear error."""
    try:
        target.feed(octets)
    except (IpadError, ModemError) as refusal:
        if target.name not in str(refusal):
            raise Broken(
                f"{target.name}: the error does not say so: {refusal!r} for {_shown(octets)}"
            ) from refusal
    except RecursionError as error:
        raise Broken(f"{target.name}: too deep a recursion for {_shown(octets)}") from error
    except Exception as error:  # any other kind is what is looked for
        raise Broken(f"{target.name}: {error!r} for {_shown(octets)}") from error


def meet_measured(target: Target, octets: bytes) -> None:
    """The same, and Broken if it took more memory than it may. tracemalloc has to run."""
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    meet(target, octets)
    _, peak = tracemalloc.get_traced_memory()
    if peak - before > MOST_MEMORY:
        raise Broken(f"{target.name}: {(peak - before) >> 20} MB for {_shown(octets)}")


@contextmanager
def in_time(what: str, seconds: int = MOST_SECONDS) -> Iterator[None]:
    """Broken if the block hangs."""

    def over(_number: int, _frame: object) -> None:
        raise Broken(f"{what}: hangs")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _shown(octets: bytes) -> str:
    return f"{octets[:200].hex()}{'…' if len(octets) > 200 else ''} ({len(octets)} octets)"

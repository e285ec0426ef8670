"""How a server misbehaves on demand: with the next requests that fit."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

STATUSES = ("http-404", "http-405", "http-415", "http-500", "http-501", "http-503")
"""The request is refused before anybody has looked at it."""
SPOILT = ("truncate", "oversize", "slow", "drop", "content-type", "garbage")
"""The request is handled, and then the answer is spoilt."""

MAX_COUNT = 10_000
OVERSIZE = 8 * 1024 * 1024


class BadFault(Exception):
    """Not a fault that there is."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, `count` times."""

    kind: str
    count: int = 1
    function: str | None = None
    """Only with this function, "GetEimPackage"; None: with whichever comes."""
    seconds: float = 1.0
    """slow: between two octets."""
    retry_after: int | None = None
    """http-503: Retry-After, in seconds."""
    size: int = OVERSIZE
    """oversize: octets of the answer."""


def parse(request: Any, kinds: Collection[str]) -> Fault:
    """Of `{"fault": KIND, "count", "function", "seconds", "retryAfter", "size"}`. BadFault."""
    if not isinstance(request, Mapping) or request.get("fault") not in kinds:
        raise BadFault(f"wanted a fault, one of {', '.join(kinds)}")
    unknown = set(request) - {"fault", "count", "function", "seconds", "retryAfter", "size"}
    if unknown:
        raise BadFault(f"no fault has {', '.join(sorted(unknown))}")
    retry_after = request.get("retryAfter")
    try:
        fault = Fault(
            kind=request["fault"],
            count=int(request.get("count", 1)),
            function=request.get("function"),
            seconds=float(request.get("seconds", 1.0)),
            retry_after=None if retry_after is None else int(retry_after),
            size=int(request.get("size", OVERSIZE)),
        )
    except (TypeError, ValueError) as error:
        raise BadFault(str(error)) from error
    if not 0 < fault.count <= MAX_COUNT or fault.seconds < 0 or fault.size < 0:
        raise BadFault("a number out of its range")
    return fault


class Faults:
    """Those that are still to come. Safe for threads."""

    def __init__(self) -> None:
        self._coming: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._coming.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._coming.clear()

    def coming(self) -> list[Fault]:
        with self._lock:
            return list(self._coming)

    def take(self, kinds: tuple[str, ...], function: str | None) -> Fault | None:
        """The first of these kinds that is due with `function`; counted down by it."""
        with self._lock:
            for index, fault in enumerate(self._coming):
                if fault.kind not in kinds or fault.function not in (None, function):
                    continue
                if fault.count == 1:
                    del self._coming[index]
                else:
                    self._coming[index] = replace(fault, count=fault.count - 1)
                return fault
        return None

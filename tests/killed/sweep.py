"""Each story lived once unharmed, and then once with a kill at each of its points.

`python -m tests.killed.sweep [EVERY [AT_ONCE]]`: at each of them, or at each EVERYth; so many at a time.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

from tests.killed.life import LONGEST, Kill, run
from tests.killed.points import BOUNDARIES, Boundary
from tests.killed.stories import STORIES
from tests.matrix import crew
from tests.matrix.cell import Verdict

MODEL = "generic"


def sweep(every: int, at_once: int, tell: Callable[[Kill, Verdict], None]) -> Iterator[tuple[Kill, Verdict]]:
    """Plays a kill at each `every`th point of each boundary; first of all the stories unharmed."""
    whole = [Kill(MODEL, story=story) for story in range(len(STORIES))]
    unharmed = crew.play(whole, at_once, tell, run, LONGEST)
    yield from unharmed
    kills = [
        Kill(MODEL, story=kill.story, boundary=boundary, at=at)
        for kill, verdict in unharmed
        for boundary in BOUNDARIES
        for at in range(_first(every, verdict.points[boundary]), verdict.points[boundary] + 1, every)
    ]
    yield from crew.play(kills, at_once, tell, run, LONGEST)


def _first(every: int, points: int) -> int:
    """In the middle of the first `every`, or of all of them."""
    return max(1, min(every, points) // 2)


def main(every: int = 1, at_once: int = 16) -> bool:
    """Prints what it counted; True if every one ended as it has to."""
    began = time.monotonic()
    counts: Counter[tuple[int, Boundary]] = Counter()
    holds = True

    def tell(kill: Kill, verdict: Verdict) -> None:
        nonlocal holds
        counts[kill.story, kill.boundary] += verdict.struck
        if sum(counts.values()) % 100 == 0:
            print(f"SIGKILL: {sum(counts.values())} so far, {time.monotonic() - began:.0f} s", flush=True)
        if verdict.outcome != "done":
            holds = False
            print(f"{kill}: {verdict.reason}", *verdict.history, sep="\n    ", flush=True)

    for _ in sweep(every, at_once, tell):
        pass
    for number, story in enumerate(STORIES):
        points = ", ".join(f"{counts[number, boundary]} {boundary}s" for boundary in BOUNDARIES)
        print(f"SIGKILL, {story.name}: at {points}", flush=True)
    print(f"SIGKILL: {sum(counts.values())} in {time.monotonic() - began:.0f} s", flush=True)
    return holds


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)

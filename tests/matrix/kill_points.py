"""Each story lived once unharmed, and then once with a kill at each of its points."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

from tests.matrix import crew, killed
from tests.matrix.cell import Verdict
from tests.matrix.killed import BOUNDARIES, STORIES, Kill

MODEL = "generic"


def sweep(every: int, at_once: int) -> Iterator[tuple[Kill, Verdict]]:
    """Plays a kill at each `every`th point of each boundary; first of all the stories unharmed."""
    unharmed = crew.play([Kill(MODEL, story=story) for story in STORIES], at_once, _silent, killed.run)
    yield from unharmed
    kills = [
        Kill(MODEL, story=kill.story, boundary=boundary, at=at)
        for kill, verdict in unharmed
        for boundary in BOUNDARIES
        for at in range(1, verdict.points[boundary] + 1, every)
    ]
    yield from crew.play(kills, at_once, _silent, killed.run)


def _silent(_kill: Kill, _verdict: Verdict) -> None:
    return


def main(every: int = 1) -> bool:
    """Prints what it counted; True if every one ended as it has to."""
    began = time.monotonic()
    counts: Counter[tuple[str, str]] = Counter()
    holds = True
    for kill, verdict in sweep(every, 4 * len(os.sched_getaffinity(0))):
        counts[kill.story, kill.boundary] += verdict.struck
        if not kill.holds(verdict):
            holds = False
            print(f"{kill}: {verdict.outcome}: {verdict.reason}", *verdict.history, sep="\n    ")
    for story, means in STORIES.items():
        points = ", ".join(f"{counts[story, boundary]} {boundary}s" for boundary in BOUNDARIES)
        print(f"SIGKILL, {means}: at {points}", flush=True)
    print(f"SIGKILL: {sum(counts.values())} in {time.monotonic() - began:.0f} s", flush=True)
    return holds


if __name__ == "__main__":
    sys.exit(0 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 1) else 1)

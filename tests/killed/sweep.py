"""Each story lived once unharmed, and then once with a kill at each of its points.

`python -m tests.killed.sweep`; --every N: at each Nth of them; --power: the power is cut there, for the modem
and the card in it too.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable

from tests.killed.life import LONGEST, Kill, run
from tests.killed.points import BOUNDARIES, Boundary
from tests.killed.stories import STORIES
from tests.matrix import crew
from tests.matrix.cell import Verdict

MODEL = "generic"
AT_ONCE = 24
"""Lives: they wait most of the time."""
_TOLD = 100


def sweep(
    every: int, tell: Callable[[Kill, Verdict], None], *, power: bool = False, at_once: int = AT_ONCE
) -> list[tuple[Kill, Verdict]]:
    """Plays a kill at each `every`th point of each boundary; first of all the stories unharmed."""
    whole = [Kill(MODEL, story=story) for story in range(len(STORIES))]
    unharmed = crew.play(whole, at_once, tell, run, LONGEST)
    kills = [
        Kill(MODEL, story=kill.story, boundary=boundary, at=at, power=power)
        for kill, verdict in unharmed
        for boundary in BOUNDARIES
        for at in range(_first(every, verdict.points[boundary]), verdict.points[boundary] + 1, every)
    ]
    return unharmed + crew.play(kills, at_once, tell, run, LONGEST)


def _first(every: int, points: int) -> int:
    """In the middle of the first `every`, or of all of them."""
    return max(1, min(every, points) // 2)


def main() -> int:
    """Prints what it counted; 0 if every one ended as it has to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, metavar="N", help="lives (%(default)s)")
    parser.add_argument("--power", action="store_true")
    args = parser.parse_args()
    name, began = "power cut" if args.power else "SIGKILL", time.monotonic()
    counts: Counter[tuple[int, Boundary]] = Counter()
    wrong = played = 0

    def tell(kill: Kill, verdict: Verdict) -> None:
        nonlocal wrong, played
        counts[kill.story, kill.boundary] += verdict.struck
        played += 1
        if played % _TOLD == 0:
            print(f"{name}: {sum(counts.values())} so far, {time.monotonic() - began:.0f} s", flush=True)
        if verdict.outcome != "done":
            wrong += 1
            print(f"{kill}: {verdict.reason}", *verdict.history, sep="\n    ", flush=True)

    sweep(args.every, tell, power=args.power, at_once=args.at_once)
    for number, story in enumerate(STORIES):
        points = ", ".join(f"{counts[number, boundary]} {boundary}s" for boundary in BOUNDARIES)
        print(f"{name}, {story.name}: at {points}", flush=True)
    total = sum(counts.values())
    print(f"{name}: {total} points, {wrong} ended otherwise, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

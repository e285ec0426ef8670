"""`make fuzz`: spoils every message from outside at random, for as long as asked."""

import argparse
import json
import random
import sys
import time

from tests.fuzz.mutations import shaken
from tests.fuzz.target import Broken, Target, in_time, meet
from tests.fuzz.targets import TARGETS

_ROUND = 200
"""Messages to one target before the next one has its turn."""


def main(argv: list[str] | None = None) -> int:
    """1 at the first message that is not met as it should be; it is printed whole."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long (%(default)s)")
    parser.add_argument("--seed", type=int, default=time.time_ns(), help="to do the same again")
    parser.add_argument("--only", default="", metavar="NAME", help="targets with this in their name")
    arguments = parser.parse_args(argv)
    chosen = [target for target in TARGETS if arguments.only in target.name]
    print(f"{len(chosen)} targets, seed {arguments.seed}", flush=True)
    random_ = random.Random(arguments.seed)
    end = time.monotonic() + arguments.seconds
    fed = 0
    while time.monotonic() < end and chosen:
        target = random_.choice(chosen)
        if not _round(target, random_):
            return 1
        fed += _ROUND
    print(json.dumps({"messages": fed, "targets": len(chosen), "seconds": arguments.seconds}))
    return 0


def _round(target: Target, random_: random.Random) -> bool:
    for _ in range(_ROUND):
        octets = random_.choice(target.samples)
        for _ in range(random_.randint(1, 3)):
            octets = shaken(octets, random_)
        try:
            with in_time(target.name):
                meet(target, octets)
        except Broken as broken:
            print(f"{broken}\nwhole: {octets.hex()}", file=sys.stderr)
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())

"""`make matrix`: all modems of the mock with all faults, through an enable with rollback."""

import argparse
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

from tests.matrix import crew, plan, table
from tests.matrix.cell import Cell, Verdict


def main(argv: list[str] | None = None) -> int:
    """0 only if every cell ended well."""
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="cells with this in their name")
    parser.add_argument("--few", action="store_true", help="every model and every fault, but not all pairs")
    parser.add_argument("--at-once", type=int, default=4 * len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every verdict with the agent's history")
    arguments = parser.parse_args(argv)
    cells = [cell for cell in (plan.few() if arguments.few else plan.cells()) if arguments.only in str(cell)]
    whole = not arguments.few and not arguments.only
    began = time.monotonic()
    print(f"{len(cells)} cells, {arguments.at_once} at a time", flush=True)

    def tell(cell: Cell, verdict: Verdict) -> None:
        if not verdict.good or not whole:
            line = (
                f"{cell}: {verdict.outcome} {verdict.reason} ({verdict.seconds:.1f} s, {verdict.lines} lines)"
            )
            print(line, flush=True)

    found = crew.play(cells, arguments.at_once, tell)
    counts = Counter(verdict.outcome for _, verdict in found)
    print(f"{dict(counts)} in {time.monotonic() - began:.0f} s", flush=True)
    if arguments.json:
        rows = [{"cell": str(cell), **vars(verdict)} for cell, verdict in found]
        arguments.json.write_text(json.dumps(rows, indent=1), "utf-8")
    if whole:
        table.write(found)
    return 0 if not counts["wrong"] else 1


if __name__ == "__main__":
    sys.exit(main())

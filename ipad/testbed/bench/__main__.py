"""`python -m ipad.testbed.bench`: measures, and prints each figure beside its goal."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from ipad.errors import IpadError
from ipad.testbed.bench import daemon, downloads, esipa, exchanges, messages, polls
from ipad.testbed.bench.parts import parts
from ipad.testbed.bench.table import Row, lines, values
from ipad.testbed.bench.world import world
from modem.errors import ModemError

_OPTIONS = (
    ("starts", int, 7, "how often each start is measured"),
    ("idle", float, 20.0, "for how many seconds the daemon idles"),
    ("rounds", int, 500, "how often a message is decoded and encoded"),
)


def main(argv: list[str] | None = None) -> int:
    """0 if all could be measured, whatever came out; else 1."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    for name, kind, default, text in _OPTIONS:
        parser.add_argument(f"--{name}", type=kind, default=default, metavar="N", help=f"{text} ({default})")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    try:
        rows, exchanged = measure(arguments.starts, arguments.idle, arguments.rounds)
    except (IpadError, ModemError, OSError, subprocess.SubprocessError) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    if arguments.json:
        print(
            json.dumps(
                {"machine": machine(), "rows": values(rows), "esipa": esipa.values(exchanged)}, indent=2
            )
        )
    else:
        told = machine()
        print(f"{told['cores']} cores of {told['processor']}, {told['system']}, Python {told['python']}")
        print("\n".join(lines(rows) + esipa.lines(exchanged)))
    return 0


def measure(starts: int, idle: float, rounds: int) -> tuple[list[Row], list[esipa.Exchanged]]:
    """All figures. starts and rounds: how often; idle: for how many seconds."""
    with tempfile.TemporaryDirectory(prefix="ipad-bench-") as made, world(Path(made)) as here:
        rows = daemon.start(here, starts) + daemon.idle(here, idle)
        with parts(here) as agent:
            rows += exchanges.measure(here, agent) + polls.measure(here, agent)
            exchanged = esipa.measure(here, agent)
        rows += messages.measure(here, rounds)
        return rows + downloads.measure(Path(made) / "downloads"), exchanged


def machine() -> dict[str, str | int]:
    """What it was measured on."""
    cpu = Path("/proc/cpuinfo").read_text("utf-8").partition("model name\t: ")[2].partition("\n")[0]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": cpu or platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    sys.exit(main())

"""`ipad-testbed fleet`: a fleet through a scenario, in virtual time."""

import argparse
import json
import sys
from pathlib import Path

from ipad.errors import ConfigError
from ipad.testbed.fleet import fleet, report
from ipad.testbed.fleet.scenario import SCENARIOS

_MOST = 10_000_000


def add_parser(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command line of this part."""
    scenarios = "".join(f"\n  {name:<22}{scenario.what}" for name, scenario in SCENARIOS.items())
    parser = parts.add_parser(
        "fleet",
        help="a fleet in virtual time",
        description="Lives a fleet through a scenario, by the daemon's own decide.",
        epilog=f"scenarios:{scenarios}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--gateways", type=int, default=1000, metavar="N", help="(%(default)s)")
    parser.add_argument("--scenario", choices=SCENARIOS, required=True, metavar="NAME", help="see below")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="a report with plots (needs matplotlib)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Lives it, and prints what came of it; exit status 1 if a gateway was stranded."""
    if not 1 <= args.gateways <= _MOST:
        raise ConfigError(f"--gateways {args.gateways}: from 1 to {_MOST:,}")
    if args.html is not None:
        report.check()
    result = fleet.run(SCENARIOS[args.scenario], args.gateways, _progress(args.gateways))
    figures = result.figures()
    if args.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<16} {report.said(value)}")
    if args.html is not None:
        report.write(result, args.html)
    return 1 if figures["stranded"] else 0


def _progress(gateways: int) -> "fleet.Progress":
    """A line that counts, on a terminal."""

    def show(done: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == gateways else ""
            print(f"\r{done:,} of {gateways:,} gateways", end=end, file=sys.stderr, flush=True)

    return show

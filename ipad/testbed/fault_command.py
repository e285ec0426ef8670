"""`... fault`: how the command line has a running server misbehave."""

import argparse
import json
from collections.abc import Collection
from typing import Any

from ipad.testbed.rest_client import call


def add_fault(orders: Any, kinds: Collection[str]) -> argparse.ArgumentParser:
    """Adds `fault` to the orders of a server; `--admin` is the caller's to add."""
    fault: argparse.ArgumentParser = orders.add_parser(
        "fault", help="spoils what comes next; without a kind: lists what is due"
    )
    fault.add_argument("kind", nargs="?", choices=(*kinds, "none"), help="none: forget those that are due")
    fault.add_argument("--count", type=int, default=1)
    fault.add_argument("--function", help="only with this one")
    fault.add_argument("--seconds", type=float, help="slow: between two octets")
    fault.add_argument("--retry-after", type=int, help="http-503: in seconds")
    fault.add_argument("--size", type=int, help="oversize: octets")
    fault.set_defaults(run=_fault)
    return fault


def _fault(args: argparse.Namespace) -> int:
    if args.kind is None:
        answer = call(args.admin, "GET", "/faults")
    elif args.kind == "none":
        answer = call(args.admin, "DELETE", "/faults")
    else:
        given = {
            "count": args.count,
            "function": args.function,
            "seconds": args.seconds,
            "retryAfter": args.retry_after,
            "size": args.size,
        }
        body = {"fault": args.kind} | {name: told for name, told in given.items() if told is not None}
        answer = call(args.admin, "POST", "/faults", body)
    print(json.dumps(answer, indent=2))
    return 0

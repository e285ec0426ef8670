"""`ipad-testbed smds`: starts an SM-DS, and orders of a running one. Each answer is printed as JSON."""

import argparse
import json
from pathlib import Path
from typing import Any

from ipad.errors import ConfigError
from ipad.testbed.fault_command import add_fault
from ipad.testbed.process import ready, until_stopped
from ipad.testbed.rest_client import call

from .es11 import PREFIXES
from .serve import KINDS, Settings, running

PORT, ADMIN_PORT = 4437, 4438
ADMIN = f"http://127.0.0.1:{ADMIN_PORT}"


def add_parser(parts: Any) -> None:
    """Adds `smds` and its orders to the command's parser."""
    parser = parts.add_parser("smds", help="an SM-DS: ES11 over HTTPS, and a REST interface")
    parser.add_argument("--state", type=Path, metavar="DIR", help="where it keeps its state")
    parser.add_argument("--port", type=int, default=PORT, help="of ES11 (%(default)s; 0: any)")
    parser.add_argument("--admin-port", type=int, default=ADMIN_PORT, help="of REST (%(default)s; 0: any)")
    parser.add_argument("--fqdn", metavar="HOST[:PORT]", help="its address (localhost and the port)")
    parser.add_argument("--pki", type=Path, metavar="DIR", help="certificates and keys (DIR/pki of --state)")
    parser.add_argument("--paths", choices=(*PREFIXES, "both"), default="both", help="of its functions")
    parser.set_defaults(run=_serve)
    orders = parser.add_subparsers(dest="what", metavar="ORDER", help="of a running one, with --admin URL")
    for name, text, run in ("register", "an event for a card", _register), ("delete", "it again", _delete):
        event = orders.add_parser(name, help=text)
        event.add_argument("eid")
        event.add_argument("event_id", metavar="EVENTID")
        event.set_defaults(run=run)
    orders.choices["register"].add_argument("address", help="of the SM-DP+ that has the profile")
    for name, text in ("show", "who it is"), ("events", "all of them"), ("log", "every exchange"):
        orders.add_parser(name, help=text).set_defaults(run=_look)
    add_fault(orders, KINDS)
    for each in orders.choices.values():
        each.add_argument("--admin", default=ADMIN, metavar="URL", help="of the SM-DS (%(default)s)")


def _serve(args: argparse.Namespace) -> int:
    if args.state is None:
        raise ConfigError("smds: --state DIR wanted, to start an SM-DS, or an order for a running one")
    settings = Settings(args.state, args.port, args.admin_port, args.pki, args.fqdn, args.paths)
    with until_stopped() as stopped, running(settings) as smds:
        ready(f"{smds.es11} admin {smds.admin}")
        stopped.wait()
    return 0


def _register(args: argparse.Namespace) -> int:
    event = {"eid": args.eid, "eventId": args.event_id, "rspServerAddress": args.address}
    return _print(call(args.admin, "POST", "/events", event))


def _delete(args: argparse.Namespace) -> int:
    return _print(call(args.admin, "DELETE", f"/events/{args.eid}/{args.event_id}"))


def _look(args: argparse.Namespace) -> int:
    return _print(call(args.admin, "GET", "/smds" if args.what == "show" else f"/{args.what}"))


def _print(answer: Any) -> int:
    print(json.dumps(answer, indent=2))
    return 0

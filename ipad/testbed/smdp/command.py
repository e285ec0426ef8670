"""`ipad-testbed smdp`: starts an SM-DP+, and orders of a running one. Each answer is printed as JSON."""

import argparse
import json
from pathlib import Path
from typing import Any

from ipad.errors import ConfigError
from ipad.testbed.fault_command import add_fault
from ipad.testbed.process import ready, until_stopped
from ipad.testbed.rest_client import call

from . import bpp
from .admin import KINDS
from .catalogue import PACKAGES
from .serve import CURVES, Settings, running

PORT, ADMIN_PORT = 4435, 4436
ADMIN = f"http://127.0.0.1:{ADMIN_PORT}"


def add_parser(parts: Any) -> None:
    """Adds `smdp` and its orders to the command's parser."""
    parser = parts.add_parser("smdp", help="an SM-DP+: ES9+ over HTTPS, and a REST interface")
    parser.add_argument("--state", type=Path, metavar="DIR", help="where it keeps its state")
    parser.add_argument("--port", type=int, default=PORT, help="of ES9+ (%(default)s; 0: any)")
    parser.add_argument("--admin-port", type=int, default=ADMIN_PORT, help="of REST (%(default)s; 0: any)")
    parser.add_argument("--fqdn", metavar="HOST[:PORT]", help="its address (localhost and the port)")
    parser.add_argument("--pki", type=Path, metavar="DIR", help="certificates and keys (DIR/pki of --state)")
    parser.add_argument("--segment", type=int, default=bpp.SEGMENT, help="octets of one (%(default)s)")
    parser.add_argument("--replace-keys", action="store_true", help="profiles are under keys of their own")
    parser.add_argument("--curve", choices=CURVES, default="P-256", help="of its signatures (%(default)s)")
    parser.add_argument("--tls-cert", type=Path, metavar="PEM", help="serve with another certificate")
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="its key")
    parser.add_argument("--smds", metavar="URL", help="REST of an SM-DS, for orders with --event")
    parser.set_defaults(run=_serve)
    orders = parser.add_subparsers(dest="what", metavar="ORDER", help="of a running one, with --admin URL")

    order = orders.add_parser("order", help="releases a profile for download")
    order.add_argument("iccid")
    for option in ("--imsi", "--name", "--provider", "--matching-id", "--eid", "--confirmation-code"):
        order.add_argument(option)
    order.add_argument("--expires", metavar="TIME", help="2030-01-01T00:00:00+00:00")
    order.add_argument("--package", choices=PACKAGES, help="of which size and kind (small)")
    order.add_argument("--size", type=int, help="octets of filler")
    order.add_argument("--no-rebinding", dest="rebinding", action="store_false", default=None)
    order.add_argument("--event", action="store_true", default=None, help="registered at the SM-DS")
    order.set_defaults(run=_order)
    for name, text in (
        ("show", "who it is"),
        ("orders", "what became of them"),
        ("notifications", "what cards have told"),
        ("log", "every exchange"),
    ):
        orders.add_parser(name, help=text).set_defaults(run=_look)
    add_fault(orders, KINDS)
    for each in orders.choices.values():
        each.add_argument("--admin", default=ADMIN, metavar="URL", help="of the SM-DP+ (%(default)s)")


def _serve(args: argparse.Namespace) -> int:
    if args.state is None:
        raise ConfigError("smdp: --state DIR wanted, to start an SM-DP+, or an order for a running one")
    if (args.tls_cert is None) != (args.tls_key is None):
        raise ConfigError("smdp: --tls-cert and --tls-key belong together")
    if not bpp.LEAST_SEGMENT <= args.segment <= bpp.LARGE_SEGMENT:
        raise ConfigError(f"--segment: {bpp.LEAST_SEGMENT} to {bpp.LARGE_SEGMENT} wanted")
    settings = Settings(
        state=args.state,
        port=args.port,
        admin_port=args.admin_port,
        pki=args.pki,
        fqdn=args.fqdn,
        segment=args.segment,
        replace_keys=args.replace_keys,
        curve=args.curve,
        smds=args.smds,
        tls_certificate=args.tls_cert,
        tls_key=args.tls_key,
    )
    with until_stopped() as stopped, running(settings) as smdp:
        ready(f"{smdp.es9} admin {smdp.admin}")
        stopped.wait()
    return 0


def _order(args: argparse.Namespace) -> int:
    given = {
        "iccid": args.iccid,
        "imsi": args.imsi,
        "name": args.name,
        "provider": args.provider,
        "matchingId": args.matching_id,
        "eid": args.eid,
        "confirmationCode": args.confirmation_code,
        "expires": args.expires,
        "package": args.package,
        "size": args.size,
        "rebinding": args.rebinding,
        "event": args.event,
    }
    body = {name: content for name, content in given.items() if content is not None}
    return _print(call(args.admin, "POST", "/orders", body))


def _look(args: argparse.Namespace) -> int:
    return _print(call(args.admin, "GET", "/smdp" if args.what == "show" else f"/{args.what}"))


def _print(answer: Any) -> int:
    print(json.dumps(answer, indent=2))
    return 0

"""`ipad-testbed eim`: starts an eIM, and orders of a running one. Each order prints its answer as JSON."""

import argparse
import json
from pathlib import Path
from typing import Any

from ipad.errors import ConfigError
from ipad.testbed import pki
from ipad.testbed.eim import device_key
from ipad.testbed.eim.bindings import CHOICES
from ipad.testbed.eim.faults import FORGED, KINDS
from ipad.testbed.eim.identity import ANCHORS
from ipad.testbed.eim.serve import EIM_ID, Settings, running
from ipad.testbed.eim.shapes import chosen
from ipad.testbed.fault_command import add_fault
from ipad.testbed.process import ready, until_stopped
from ipad.testbed.rest_client import call
from ipad.testbed.smdp import Smdp
from ipad.testbed.smdp.functions import Es9
from ipad.testbed.smdp.remote import RemoteSmdp

PORT, ADMIN_PORT = 4433, 4434
SMDP_ADDRESS = "smdp.testbed.example"
"""Of the SM-DP+ behind the eIM: nobody connects to it, but it is what the server signs."""
ADMIN = f"http://127.0.0.1:{ADMIN_PORT}"

_OPERATIONS = """\
operations: enable=ICCID enable=ICCID,rollback disable=ICCID delete=ICCID listProfileInfo getRAT
configureImmediateEnable[=flag] setFallbackAttribute=ICCID unsetFallbackAttribute
setDefaultDpAddress=ADDRESS; addEim=HEX updateEim=HEX deleteEim=ID listEim; alone: data=TAGLIST
download=ACTIVATIONCODE download=eim:MATCHINGID download=default download=smds[:ADDRESS] raw=HEX"""


def add_parser(parts: Any) -> None:
    """Adds `eim` and its orders to the command's parser."""
    parser = parts.add_parser("eim", help="an eIM: ESipa over HTTPS, and a REST interface")
    parser.add_argument("--state", type=Path, metavar="DIR", help="where it keeps its state")
    parser.add_argument("--port", type=int, default=PORT, help="of ESipa (%(default)s; 0: any)")
    parser.add_argument("--admin-port", type=int, default=ADMIN_PORT, help="of REST (%(default)s; 0: any)")
    parser.add_argument("--fqdn", help="eimFqdn, HOST[:PORT]; by default localhost and the port")
    parser.add_argument("--pki", type=Path, metavar="DIR", help="certificates and keys (DIR/pki of --state)")
    parser.add_argument("--eim-id", default=EIM_ID, help="eimId (%(default)s)")
    parser.add_argument("--anchor", choices=ANCHORS, default="ca", help="trustedPublicKeyDataTls")
    parser.add_argument("--tls-cert", type=Path, metavar="PEM", help="serve with another certificate")
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="its key")
    parser.add_argument("--binding", choices=CHOICES, default="both", help="of ESipa (%(default)s)")
    parser.add_argument("--shape", action="append", default=[], metavar="NAME", help="an odd one to send")
    parser.add_argument("--smdp", type=Path, metavar="DIR", help="an SM-DP+ behind it, with its state there")
    parser.add_argument("--smdp-url", metavar="URL", help="another SM-DP+ behind it, https://localhost:4435")
    parser.add_argument("--smdp-address", metavar="HOST[:PORT]", help="as that one signs itself (the URL's)")
    parser.set_defaults(run=_serve)
    orders = parser.add_subparsers(dest="order", metavar="ORDER", help="of a running eIM, with --admin URL")
    _add_orders(orders)


def _add_orders(orders: Any) -> None:
    def order(name: str, run: Any, text: str, **more: Any) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = orders.add_parser(name, help=text, **more)
        added.add_argument("--admin", default=ADMIN, metavar="URL", help="of the eIM (%(default)s)")
        added.set_defaults(run=run)
        return added

    order("show", lambda args: _print(call(args.admin, "GET", "/eim")), "who the eIM is")

    config = order("config", _config, "EimConfigurationData for a card")
    config.add_argument("--token", type=int, help="associationToken; -1: the card is to make one")
    config.add_argument("--counter", type=int, help="counterValue")
    config.add_argument(
        "--direct", action="store_true", help="no indirectProfileDownload, with an SM-DP+ too"
    )
    config.add_argument("--bare-key", action="store_true", help="eimPublicKey instead of eimCertificate")

    register = order("register", _register, "a card with its certificates, or its association token")
    register.add_argument("--pki", type=Path, metavar="DIR", help="where eum.pem and euicc.pem are")
    register.add_argument("--eid", help="of a card that is known already")
    register.add_argument("--device-key", type=Path, metavar="FILE", help="an agent's, PEM or DER")
    register.add_argument("--token", type=int, help="the association token that the card gave")

    queue = order(
        "queue", _queue, "a package", epilog=_OPERATIONS, formatter_class=argparse.RawTextHelpFormatter
    )
    queue.add_argument("operations", nargs="*", metavar="OPERATION")
    queue.add_argument("--json", metavar="TEXT", help="the order as the REST interface takes it")
    queue.add_argument("--eid", help="whose; not needed with one registered card")
    queue.add_argument("--forge", choices=FORGED, help="a package that the card must refuse")

    profile = order("profile", _profile, "releases a profile at the SM-DP+ behind the eIM")
    profile.add_argument("iccid")
    for option in ("--imsi", "--name", "--matching-id", "--eid", "--confirmation-code"):
        profile.add_argument(option)
    order("profiles", lambda args: _print(call(args.admin, "GET", "/profiles")), "what became of them")

    cancel = order("cancel", _cancel, "a package that has no result yet")
    cancel.add_argument("package", type=int)
    for name, text in (
        ("packages", "what was ordered, and what came of it"),
        ("results", "what came back"),
        ("log", "every exchange"),
    ):
        listing = order(name, _listing, text)
        listing.add_argument("--eid")
        if name == "log":
            listing.add_argument("--after", type=int, help="only with a higher number")

    order("euiccs", lambda args: _print(call(args.admin, "GET", "/euiccs")), "the registered cards")
    add_fault(orders, KINDS).add_argument(
        "--admin", default=ADMIN, metavar="URL", help="of the eIM (%(default)s)"
    )


def _serve(args: argparse.Namespace) -> int:
    if args.state is None:
        raise ConfigError("eim: --state DIR wanted, to start an eIM, or an order for a running one")
    if (args.tls_cert is None) != (args.tls_key is None):
        raise ConfigError("eim: --tls-cert and --tls-key belong together")
    settings = Settings(
        state=args.state,
        port=args.port,
        admin_port=args.admin_port,
        pki=args.pki,
        fqdn=args.fqdn,
        eim_id=args.eim_id,
        anchor=args.anchor,
        tls_certificate=args.tls_cert,
        tls_key=args.tls_key,
        bindings=args.binding,
        shapes=chosen(args.shape),
        smdp=_smdp(args),
    )
    with until_stopped() as stopped, running(settings) as eim:
        ready(f"{eim.esipa} admin {eim.admin}")
        stopped.wait()
    return 0


def _smdp(args: argparse.Namespace) -> Es9 | None:
    folder = args.pki or args.state / "pki"
    if args.smdp_url is not None:
        if args.smdp is not None:
            raise ConfigError("eim: either --smdp or --smdp-url")
        return RemoteSmdp(args.smdp_url, pki.make_euicc_chain(folder).ci, args.smdp_address)
    return None if args.smdp is None else Smdp(args.smdp, folder, SMDP_ADDRESS)


def _config(args: argparse.Namespace) -> int:
    query = {"key": "bare" if args.bare_key else None, "downloads": "direct" if args.direct else None}
    return _print(call(args.admin, "GET", "/config", token=args.token, counter=args.counter, **query))


def _register(args: argparse.Namespace) -> int:
    body: dict[str, Any] = {}
    if args.token is not None or args.device_key is None:
        body["token"] = args.token
    if args.device_key is not None:
        try:
            body["deviceKey"] = device_key.der(device_key.load(args.device_key.read_bytes())).hex()
        except (OSError, device_key.BadKey) as error:
            raise ConfigError(f"{args.device_key}: {error}") from error
    if args.eid is not None:
        body["eid"] = args.eid
    if args.pki is not None:
        where = pki.paths(args.pki)
        try:
            body |= {"eum": where.eum.read_text(), "euicc": where.euicc.read_text()}
        except (OSError, ValueError) as error:
            raise ConfigError(f"{args.pki}: {error}") from error
    return _print(call(args.admin, "POST", "/euiccs", body))


def _queue(args: argparse.Namespace) -> int:
    if bool(args.operations) == (args.json is not None):
        raise ConfigError("eim queue: operations or --json wanted")
    body = _from_json(args.json) if args.json is not None else order_of(args.operations)
    eid = args.eid or body.get("eid") or _only_eid(args.admin)
    forge = {} if args.forge is None else {"forge": args.forge}
    return _print(call(args.admin, "POST", "/packages", {**body, **forge, "eid": eid}))


def _from_json(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"--json: {error}") from error
    if not isinstance(body, dict):
        raise ConfigError("--json: an object wanted")
    return body


def order_of(words: list[str]) -> dict[str, Any]:
    """The order in words as the command line has them: `enable=ICCID,rollback`."""
    name, _, value = words[0].partition("=")
    if name in ("data", "download", "raw"):
        if len(words) > 1:
            raise ConfigError(f"{name}: stands alone")
        return {name: {"data": {"tagList": value}, "download": _download(value), "raw": value}[name]}
    return {"operations": [_operation(word) for word in words]}


def _download(value: str) -> dict[str, Any]:
    way, colon, rest = value.partition(":")
    match way, colon:
        case "eim", ":":
            return {"eim": True, "matchingId": rest}
        case "smds", _:
            return {"smds": rest}
        case "default", "":
            return {"defaultSmdp": True}
        case _:
            return {"activationCode": value}


def _operation(word: str) -> dict[str, Any]:
    name, equals, value = word.partition("=")
    if name == "configureImmediateEnable":
        return {name: {"immediateEnableFlag": True} if value == "flag" else {}}
    if name == "enable" and value.endswith(",rollback"):
        return {name: value.removesuffix(",rollback"), "rollback": True}
    return {name: value if equals else {}}


def _only_eid(admin: str) -> str:
    euiccs = call(admin, "GET", "/euiccs")
    if len(euiccs) != 1:
        raise ConfigError(f"--eid wanted: {len(euiccs)} cards are registered")
    return str(euiccs[0]["eid"])


def _profile(args: argparse.Namespace) -> int:
    given = {
        "iccid": args.iccid,
        "imsi": args.imsi,
        "name": args.name,
        "matchingId": args.matching_id,
        "eid": args.eid,
        "confirmationCode": args.confirmation_code,
    }
    body = {name: text for name, text in given.items() if text is not None}
    return _print(call(args.admin, "POST", "/profiles", body))


def _cancel(args: argparse.Namespace) -> int:
    return _print(call(args.admin, "DELETE", f"/packages/{args.package}"))


def _listing(args: argparse.Namespace) -> int:
    after = getattr(args, "after", None)
    return _print(call(args.admin, "GET", f"/{args.order}", eid=args.eid, after=after))


def _print(answer: Any) -> int:
    print(json.dumps(answer, indent=2))
    return 0

"""`ipad-testbed modem` and `card`: the virtual eUICC in the mock modem, and a look into the eUICC alone."""

import argparse
import fcntl
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from ipad.errors import ConfigError
from ipad.testbed import vpcd
from ipad.testbed.euicc import VirtualEuicc, default_profiles, show
from ipad.testbed.euicc.shapes import EVENT_LIST, SHAPES, checked
from ipad.testbed.euicc.state import exists, load, store
from ipad.testbed.network_client import NetworkClient
from ipad.testbed.network_command import address
from ipad.testbed.process import ready, until_stopped
from modem.errors import ModemError
from modem.mock.faults import LASTING, MOMENTARY, WHEN, BadFault, Fault
from modem.mock.modem import MockModem
from modem.mock.network import AlwaysOn, Network
from modem.mock.personalities import MODELS
from modem.uicc import Uicc
from modem.waits import Waits

EVENTS = "events.jsonl"
_READER = "pcsc:"


def add_parsers(parts: Any) -> None:
    """Adds `modem` and `card` to the command's parser."""
    modem = parts.add_parser("modem", help="a mock modem on a pty, with a virtual eUICC in it")
    modem.add_argument("--link", type=Path, required=True, metavar="PATH", help="where the AT port is to be")
    modem.add_argument(
        "--state", type=Path, required=True, metavar="DIR", help="where the card keeps its state"
    )
    modem.add_argument(
        "--card",
        type=_card_wanted,
        default="iot",
        metavar="iot|consumer|pcsc:READER",
        help="what a new card is (iot; one that is there stays), or a real one in a PC/SC reader with READER "
        "in its name",
    )
    modem.add_argument("--model", choices=sorted(MODELS), default="generic", help="(%(default)s)")
    modem.add_argument(
        "--network", type=address, metavar="HOST:PORT", help="by default one that takes everybody"
    )
    modem.add_argument("--pki", type=Path, metavar="DIR", help="certificates and keys (DIR/pki of --state)")
    modem.add_argument(
        "--baudrate",
        type=int,
        default=0,
        metavar="N",
        help="of the line, as on a UART; 0: none, as on USB",
    )
    modem.add_argument("--scale", type=float, default=1.0, help="factor of all latencies (%(default)s)")
    modem.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[@WHEN]",
        help=f"beside those of the model. Lasting: {', '.join(LASTING)}. At one exchange: "
        f"{', '.join(MOMENTARY)}; {WHEN}",
    )
    modem.add_argument(
        "--shape", action="append", default=[], metavar="NAME", help="; ".join(map(": ".join, SHAPES.items()))
    )
    modem.set_defaults(run=_modem)

    card = parts.add_parser("card", help="the virtual eUICC alone: its own state, or in a PC/SC reader")
    card.add_argument(
        "--vpcd", type=address, metavar="HOST:PORT", help="offers it to the vpcd of a PC/SC daemon"
    )
    card.add_argument("--state", type=Path, metavar="DIR", help="where it keeps its state")
    card.add_argument("--pki", type=Path, metavar="DIR", help="certificates and keys (DIR/pki of --state)")
    card.add_argument("--card", choices=("iot", "consumer"), help="what a new card is (iot)")
    card.set_defaults(run=_card)
    what = card.add_subparsers(metavar="create|show")
    create = what.add_parser("create", help="a new card, where there is none")
    create.add_argument("--state", type=Path, required=True, metavar="DIR")
    create.add_argument("--pki", type=Path, metavar="DIR", help="certificates and keys (DIR/pki of --state)")
    create.add_argument("--card", choices=("iot", "consumer"), default="iot", help="(%(default)s)")
    create.add_argument(
        "--profiles", choices=("all", "bootstrap"), default="all", help="that come with it (%(default)s)"
    )
    create.add_argument("--root-smds", metavar="ADDRESS", help="rootDsAddress")
    create.set_defaults(run=_create)
    look = what.add_parser("show", help="profiles, eIMs, and what is still kept, as JSON")
    look.add_argument("--state", type=Path, required=True, metavar="DIR")
    look.set_defaults(run=_show)


def _card_wanted(text: str) -> str:
    if text in ("iot", "consumer") or text.startswith(_READER):
        return text
    raise argparse.ArgumentTypeError(f"iot, consumer or {_READER}READER wanted, not {text!r}")


def _modem(args: argparse.Namespace) -> int:
    if not (0 <= args.scale < math.inf):
        raise ConfigError(f"--scale: 0 or more wanted, not {args.scale}")
    if args.baudrate < 0:
        raise ConfigError(f"--baudrate: 0 or more wanted, not {args.baudrate}")
    checked(args.shape)
    if args.link.exists() and not args.link.is_symlink():
        raise ConfigError(f"--link {args.link}: there is something else already, and it is not replaced")
    if args.card.startswith(_READER) and (args.shape or args.pki):
        raise ConfigError("--shape and --pki are for a virtual card, not for one in a reader")
    try:
        for fault in args.fault:
            Fault.parse(fault)
    except BadFault as error:
        raise ConfigError(f"--fault {error}") from error
    with _events(args.state) as events:
        return _run(args, events)


@contextmanager
def _events(state: Path) -> Iterator[TextIO]:
    """Where the modem's events go; the file is also the lock of the card, which is in one modem at a time."""
    state.mkdir(parents=True, exist_ok=True)
    with open(state / EVENTS, "a", encoding="utf-8") as events:
        try:
            fcntl.flock(events, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{state}: this card is in another modem, which runs") from error
        yield events


def _run(args: argparse.Namespace, events: TextIO) -> int:
    uicc = _uicc(args)
    network: Network = NetworkClient(*args.network) if args.network else AlwaysOn()
    with until_stopped() as stopped:
        tell = _teller(events, lambda: ready(str(args.link)))
        try:
            modem = MockModem(
                uicc,
                network,
                args.link,
                model=args.model,
                faults=args.fault,
                scale=args.scale,
                baudrate=args.baudrate,
                on_event=tell,
            )
        except OSError as error:
            raise ConfigError(f"--link {args.link}: {error}") from error
        with modem:
            stopped.wait()
    return 0


def _uicc(args: argparse.Namespace) -> Uicc:
    """The card: a virtual one, or what is in a reader. ConfigError."""
    if not args.card.startswith(_READER):
        # A modem that keeps the card busy needs a card that has something to say.
        busy = "cat-busy" in (*args.fault, *MODELS[args.model].faults)
        shapes = [*args.shape, *([EVENT_LIST] if busy else [])]
        return VirtualEuicc.open(args.state, args.pki, consumer=args.card == "consumer", shapes=shapes)
    from modem.pcsc import ReaderUicc  # only here: it needs pyscard

    reader = ReaderUicc(args.card.removeprefix(_READER), Waits())
    try:
        reader.reset()
    except ModemError as error:
        raise ConfigError(f"--card {args.card}: {error}") from error
    finally:
        reader.close()  # the modem's own thread connects anew
    return reader


def _teller(events: TextIO, booted: Callable[[], None]) -> Callable[[str, Mapping[str, str]], None]:
    """Writes each event as a line of JSON: time, event, details. `booted` is called once."""
    boots = iter((booted,))

    def tell(name: str, details: Mapping[str, str]) -> None:
        events.write(json.dumps({"time": time.time(), "event": name, **details}) + "\n")
        events.flush()
        if name == "boot":
            next(boots, lambda: None)()

    return tell


def _card(args: argparse.Namespace) -> int:
    if args.vpcd is None or args.state is None:
        raise ConfigError("card: say --vpcd HOST:PORT and --state DIR, or create or show")
    with _events(args.state), until_stopped() as stopped:
        uicc = VirtualEuicc.open(args.state, args.pki, consumer=args.card == "consumer")
        vpcd.serve(uicc, args.vpcd, stopped, lambda: ready("{}:{}".format(*args.vpcd)))
    return 0


def _create(args: argparse.Namespace) -> int:
    if exists(args.state):
        raise ConfigError(f"{args.state}: there is a card already")
    profiles = default_profiles() if args.profiles == "all" else default_profiles()[:1]
    VirtualEuicc.open(args.state, args.pki, profiles, consumer=args.card == "consumer")
    if args.root_smds is not None:
        memory = load(args.state)
        memory.root_ds_address = args.root_smds
        store(args.state, memory)
    ready(str(args.state))
    return 0


def _show(args: argparse.Namespace) -> int:
    print(json.dumps(show(args.state), indent=2))
    return 0

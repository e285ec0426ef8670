"""`ipad-testbed network`, `operator` and `network-show`: the radio network and its switches."""

import argparse
import asyncio
import json
import socket
from pathlib import Path
from typing import Any

from ipad.errors import PeerRefused, Unreachable
from ipad.testbed.network import RelaySpec, port_of, start
from ipad.testbed.operators import OperatorState
from ipad.testbed.process import SIGNALS, ready

PORT = 4440
TIMEOUT = 5.0
"""Seconds for one request to the service."""
ANSWER_LIMIT = 1024 * 1024


def address(text: str) -> tuple[str, int]:
    """Of "HOST:PORT"; ValueError."""
    host, _, port = text.rpartition(":")
    if not host:
        raise ValueError(f"not HOST:PORT: {text!r}")
    return host, int(port)


def add_parsers(parts: Any) -> None:
    """Adds `network`, `operator` and `network-show` to the command's parser."""
    network = parts.add_parser("network", help="operators' radio networks, and relays that can go mute")
    network.add_argument("--state", type=Path, required=True, metavar="DIR", help="where it keeps its state")
    network.add_argument("--port", type=int, default=PORT, help="of the service (%(default)s; 0: any)")
    network.add_argument(
        "--relay", action="append", type=RelaySpec.parse, default=[], metavar="LISTENPORT=HOST:PORT"
    )
    network.add_argument("--probe-port", type=int, help="of a relay to a target that takes connections")
    network.set_defaults(run=_serve)

    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--network", type=address, default=("127.0.0.1", PORT), metavar="HOST:PORT")
    operator = parts.add_parser("operator", parents=[where], help="switches an operator's network")
    operator.add_argument("plmn")
    operator.add_argument("state", choices=[state.value for state in OperatorState])
    operator.set_defaults(run=_switch)
    show = parts.add_parser("network-show", parents=[where], help="operators, modem and relays, as JSON")
    show.set_defaults(run=_show)


def _serve(args: argparse.Namespace) -> int:
    asyncio.run(_until_stopped(args))
    return 0


async def _until_stopped(args: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    network, server = await start(args.state, args.port, args.relay, args.probe_port)
    relays = network.show()["relays"]
    ready(
        " ".join(
            [
                f"127.0.0.1:{port_of(server)}",
                *(f"relay 127.0.0.1:{relay['port']}" for name, relay in relays.items() if name != "probe"),
                *(f"probe 127.0.0.1:{relay['port']}" for name, relay in relays.items() if name == "probe"),
            ]
        )
    )
    await stopped.wait()


def ask(where: tuple[str, int], request: dict[str, Any]) -> Any:
    """One request to a running network; its answer. Unreachable; PeerRefused: it says no, and why."""
    try:
        with socket.create_connection(where, TIMEOUT) as connection:
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                answer = json.loads(lines.readline(ANSWER_LIMIT))
    except (OSError, ValueError) as error:
        raise Unreachable(f"radio network at {where[0]}:{where[1]}: {error}") from error
    if not isinstance(answer, dict):
        raise Unreachable(f"radio network at {where[0]}:{where[1]}: not an answer: {answer!r}")
    if not answer.get("ok"):
        raise PeerRefused("radio network", str(answer.get("error")))
    return answer


def _switch(args: argparse.Namespace) -> int:
    print(json.dumps(ask(args.network, {"operator": args.plmn, "state": args.state})))
    return 0


def _show(args: argparse.Namespace) -> int:
    print(json.dumps(ask(args.network, {"show": True}), indent=2))
    return 0

"""A radio network in a thread of the test, and its clients."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipad.testbed import network

PATIENCE = 10.0
"""Seconds for things that do happen."""
MUTE = 0.3
"""Seconds of silence taken for a black hole."""


@dataclass
class Running:
    port: int
    network: network.Network

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with Client(self.port) as client:
            return client.ask(request)

    def switch(self, plmn: str, state: str) -> None:
        assert self.ask({"operator": plmn, "state": state}) == {"ok": True}

    def relay(self, name: str) -> int:
        return int(self.ask({"show": True})["relays"][name]["port"])


class Client:
    """A connection to the network's service."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._lines = self.socket.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self.socket.close()

    def send(self, request: dict[str, Any]) -> None:
        self.socket.sendall(json.dumps(request).encode() + b"\n")

    def receive(self) -> dict[str, Any]:
        answer = json.loads(self._lines.readline())
        assert isinstance(answer, dict)
        return answer

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self.send(request)
        return self.receive()


@contextmanager
def running(directory: Path, relays: Sequence[network.RelaySpec] = (), port: int = 0) -> Iterator[Running]:
    started: list[Running] = []
    stops: list[Callable[[], object]] = []
    ready = threading.Event()

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set))
        net, server = await network.start(directory, port, relays, probe_port=0)
        started.append(Running(network.port_of(server), net))
        ready.set()
        await stop.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield started[0]
    finally:
        stops[0]()
        thread.join(PATIENCE)

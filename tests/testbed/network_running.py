"""A radio network in a thread of the test, and its clients."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, Sequence
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
def running(directory: Path, relays: Sequence[network.RelaySpec] = ()) -> Iterator[Running]:
    loop = asyncio.new_event_loop()
    started: list[Running] = []
    ready = threading.Event()

    async def main() -> None:
        net, server = await network.start(directory, 0, relays, probe_port=0)
        started.append(Running(network.port_of(server), net))
        ready.set()
        async with server:
            await server.serve_forever()

    def run() -> None:
        asyncio.set_event_loop(loop)
        task = loop.create_task(main())
        stops.append(task.cancel)
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            ready.set()

    stops: list[Any] = []
    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield started[0]
    finally:
        loop.call_soon_threadsafe(stops[0])
        thread.join(PATIENCE)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.close()

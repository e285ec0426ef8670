"""TCP relays that stand for the way of IP packets over the air: they carry, or they black-hole.

While no packet passes, nothing moves in either direction: no octet, no FIN, no RST, and no SYN: a new
connection is not made until packets pass again and the client's kernel repeats its SYN. A connection belongs
to the bearer, that is to the IP address, over which it was made: after a switch to another network the old
ones stay mute, and go on if the modem comes back with the old address.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

HELD_LIMIT = 64 * 1024
"""Octets held back for one direction before the relay stops reading, as a full window does."""
GIVE_UP = 900.0
"""Seconds without a move after which a connection ends; TCP itself gives up after about as long."""
CONNECT_WITHIN = 10.0
"""Seconds for the connection to the target."""

_QUEUE = 16
"""Connections that may wait to be accepted while packets pass."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Bearer:
    """The modem's bearer as the relays see it: its IP address while packets pass, else None."""

    def __init__(self) -> None:
        self.address: str | None = None
        self._gates: list[Gate] = []
        self._pairs: set[_Pair] = set()

    def change(self, address: str | None) -> None:
        """The bearer has changed; what may go on, goes on."""
        self.address = address
        for gate in self._gates:
            gate.turn(address is not None)
        for pair in tuple(self._pairs):
            pair.move()

    def guard(self, gate: "Gate") -> None:
        """This gate is open while packets pass."""
        self._gates.append(gate)
        gate.turn(self.address is not None)

    def join(self, pair: "_Pair") -> None:
        self._pairs.add(pair)

    def leave(self, pair: "_Pair") -> None:
        self._pairs.discard(pair)


@dataclass(slots=True)
class Traffic:
    """What went through a relay."""

    connections: int = 0
    to_target: int = 0
    from_target: int = 0


class Gate:
    """A listening socket that drops SYNs while it is shut.

    Linux drops a SYN when the queue of accepted connections is full. A queue of one place, filled by a
    connection of our own that nobody accepts, is full.
    """

    def __init__(self, port: int, admit: Callable[[socket.socket], None]) -> None:
        self._admit = admit
        self._listener = socket.create_server(("127.0.0.1", port), backlog=_QUEUE)
        self._listener.setblocking(False)
        self._plug: socket.socket | None = None
        self._open = False

    @property
    def port(self) -> int:
        """The port it listens on."""
        return cast(int, self._listener.getsockname()[1])

    def turn(self, is_open: bool) -> None:
        """Opens or shuts it."""
        if is_open and not self._open:
            self._unplug()
            asyncio.get_running_loop().add_reader(self._listener, self._accept)
        elif not is_open and (self._open or self._plug is None):
            asyncio.get_running_loop().remove_reader(self._listener)
            self._accept()
            self._listener.listen(0)
            self._plug = socket.create_connection(self._listener.getsockname())
        self._open = is_open

    def _unplug(self) -> None:
        plug, self._plug = self._plug, None
        if plug is not None:
            accepted, _ = self._listener.accept()
            accepted.close()
            plug.close()
        self._listener.listen(_QUEUE)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            self._admit(connection)


class Relay:
    """A listening port on loopback and the target behind it. Port 0: any free one; OSError if it is taken."""

    def __init__(self, bearer: Bearer, listen_port: int, host: str, port: int) -> None:
        self.target = (host, port)
        self.traffic = Traffic()
        self._bearer = bearer
        self._gate = Gate(listen_port, self._admit)
        self._adopting: set[asyncio.Task[Any]] = set()
        bearer.guard(self._gate)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._gate.port

    def _admit(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(
            loop.connect_accepted_socket(lambda: _Pair(self._bearer, self).client, connection)
        )
        self._adopting.add(task)
        task.add_done_callback(self._adopting.discard)


class _End(asyncio.Protocol):
    """One side of a relayed connection: what it sent that has not been passed on yet."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.transport: asyncio.Transport | None = None
        self.held = bytearray()
        self.full = False
        """The kernel takes no more for this side at the moment."""
        self.ended = False
        self.end_passed = False
        self.lost = False
        self.broken = False
        """Ended by a reset, not by a FIN."""
        self._changed = changed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._changed()

    def data_received(self, data: bytes) -> None:
        self.held += data
        if len(self.held) > HELD_LIMIT and self.transport is not None:
            self.transport.pause_reading()
        self._changed()

    def eof_received(self) -> bool:
        self.ended = True
        self._changed()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.broken = exc is not None
        self._changed()

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self._changed()

    def release(self) -> bytes:
        """What was held, to be written to the other side."""
        data = bytes(self.held)
        self.held.clear()
        if self.transport is not None and not self.lost:
            self.transport.resume_reading()
        return data

    def abort(self) -> None:
        """Ends this side with a reset."""
        if self.transport is not None and not self.lost:
            sock: socket.socket = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.transport.abort()


class _Pair:
    """A connection from a client, and the one to the target that belongs to it."""

    def __init__(self, bearer: Bearer, relay: Relay) -> None:
        self.client = _End(self.move)
        self._server: _End | None = None
        self._bearer = bearer
        self._relay = relay
        self._address: str | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._over = False
        self._timer: asyncio.TimerHandle | None = None
        self._progress()
        bearer.join(self)

    def move(self) -> None:
        """Passes on what can be passed on now; called after anything happened on either side."""
        if self._over or self.client.transport is None:
            return
        if self._server is None:
            if self.client.ended or self.client.lost:
                self._drop()  # the connection request of a client that gave up never got through
            elif self._bearer.address is not None and self._connecting is None:
                self._connecting = asyncio.get_running_loop().create_task(self._connect())
            return
        if self._bearer.address != self._address:
            return
        up = self._pass(self.client, self._server)
        down = self._pass(self._server, self.client)
        self._relay.traffic.to_target += up
        self._relay.traffic.from_target += down
        if up or down:
            self._progress()
        if (self.client.lost and self._server.lost) or (self.client.end_passed and self._server.end_passed):
            self._close()

    async def _connect(self) -> None:
        self._address = self._bearer.address
        server = _End(self.move)
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                await asyncio.get_running_loop().create_connection(lambda: server, *self._relay.target)
        except (OSError, TimeoutError):
            # The target is down: what a client would see is a reset, once packets pass.
            server.lost = server.broken = True
        if self._over:
            server.abort()
            return
        self._relay.traffic.connections += 1
        self._server = server
        self.move()

    @staticmethod
    def _pass(source: _End, sink: _End) -> int:
        moved = 0
        if source.held and not sink.full and not sink.lost and sink.transport is not None:
            data = source.release()
            sink.transport.write(data)
            moved = len(data)
        if source.held and not sink.lost:
            return moved
        if source.lost and source.broken:
            sink.abort()
        elif (source.ended or source.lost) and not source.end_passed:
            source.end_passed = True
            if sink.transport is not None and not sink.lost:
                sink.transport.write_eof()
        return moved

    def _progress(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(GIVE_UP, self._drop)

    def _close(self) -> None:
        self._end()
        for end in (self.client, self._server):
            if end is not None and end.transport is not None:
                end.transport.close()

    def _drop(self) -> None:
        self._end()
        for end in (self.client, self._server):
            if end is not None:
                end.abort()

    def _end(self) -> None:
        self._over = True
        self._bearer.leave(self)
        if self._timer is not None:
            self._timer.cancel()

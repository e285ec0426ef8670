"""The radio network of one gateway: operators that can be switched, and relays that carry or black-hole.

A TCP service on loopback, one JSON object a line.

- A modem announces its SIM: `{"modem": true, "imsi": "001010000000001"}`, null without SIM or with the
  radio off. It is answered at once and at each change with `{"imsi", "registration", "plmn", "cause",
  "tech", "rssi", "address"}` (TS 27.007's numbers, dBm). When its connection ends, its attachment is
  gone; of two modems the later one counts.
- `{"operator": "00101", "state": "dark"}` is answered `{"ok": true}`.
- `{"show": true}` is answered with everything: operators, attachment, relays and what went through them.
- Anything else is answered `{"ok": false, "error": "..."}`.

The probe target stands for the internet: a TCP service behind a relay of its own. A connection to it is made
only while packets pass.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self, cast

from ipad.errors import ConfigError
from ipad.testbed.files import read_json, write_json
from ipad.testbed.operators import Attachment, OperatorState, Radio, attach
from ipad.testbed.relay import Bearer, Relay
from modem.radio import Registration

LINE_LIMIT = 4096
"""Octets in one line of the service."""

_FILE = "network.json"
_NO_MODEM = Attachment(Registration.NOT_REGISTERED)


@dataclass(frozen=True, slots=True)
class RelaySpec:
    """A relay to be started: 127.0.0.1:listen_port to host:port."""

    listen_port: int
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of "LISTENPORT=HOST:PORT"; ValueError."""
        listen, _, target = text.partition("=")
        host, _, port = target.rpartition(":")
        if not host:
            raise ValueError(f"not LISTENPORT=HOST:PORT: {text!r}")
        return cls(int(listen), host, int(port))


class Network:
    """The service's state: radio, the modem's attachment, relays."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _FILE
        self._radio = _load(self._path)
        self._bearer = Bearer()
        self._relays: dict[str, Relay] = {}
        self._imsi: str | None = None
        self._modem: asyncio.StreamWriter | None = None
        self._attachment = _NO_MODEM

    def add_relay(self, name: str, spec: RelaySpec) -> None:
        """Starts a relay; OSError if its port is taken."""
        self._relays[name] = Relay(self._bearer, spec.listen_port, spec.host, spec.port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to the service, until it ends."""
        try:
            while line := await reader.readline():
                self._line(line, writer)
                await writer.drain()
        except ValueError:
            _send(writer, {"ok": False, "error": f"a line of more than {LINE_LIMIT} octets"})
        except (ConnectionError, asyncio.CancelledError):
            # Cancelled when the service ends; asyncio's streams would print that as an error.
            pass
        finally:
            if self._modem is writer:
                self._modem = None
                self._imsi = None
                self._update()
            writer.close()

    def _line(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(line)
        except ValueError:
            request = None
        match request:
            case {"modem": True, "imsi": str() | None as imsi}:
                self._announce(imsi, writer)
            case {"operator": str() as plmn, "state": str() as state}:
                _send(writer, self._switch(plmn, state))
            case {"show": True}:
                _send(writer, self.show())
            case _:
                _send(writer, {"ok": False, "error": "not a request that this service knows"})

    def _announce(self, imsi: str | None, writer: asyncio.StreamWriter) -> None:
        if self._modem is not None and self._modem is not writer:
            self._modem.close()
        self._modem = writer
        self._imsi = imsi
        self._update()
        _send(writer, self._told())

    def _switch(self, plmn: str, state: str) -> dict[str, Any]:
        states = [known.value for known in OperatorState]
        if plmn not in self._radio.operators:
            return {"ok": False, "error": f"no operator {plmn}; there are {', '.join(self._radio.operators)}"}
        if state not in states:
            return {"ok": False, "error": f"no state {state!r}; there are {', '.join(states)}"}
        self._radio = self._radio.switched(plmn, OperatorState(state))
        self._store()
        before = self._told()
        self._update()
        if self._modem is not None and self._told() != before:
            _send(self._modem, self._told())
        return {"ok": True}

    def _update(self) -> None:
        attachment = _NO_MODEM if self._modem is None else attach(self._radio, self._imsi)
        if attachment.registration is Registration.ROAMING and attachment.plmn != self._radio.last_roamed:
            self._radio = replace(self._radio, last_roamed=attachment.plmn)
            self._store()
        self._attachment = attachment
        self._bearer.change(attachment.address if attachment.traffic else None)

    def show(self) -> dict[str, Any]:
        """Everything, as the service tells it."""
        return {
            "ok": True,
            "operators": {
                plmn: {"name": operator.name, "state": operator.state.value}
                for plmn, operator in self._radio.operators.items()
            },
            "modem": None if self._modem is None else self._told(),
            "traffic": self._bearer.address is not None,
            "relays": {
                name: {
                    "port": relay.port,
                    "target": f"{relay.target[0]}:{relay.target[1]}",
                    **asdict(relay.traffic),
                }
                for name, relay in self._relays.items()
            },
        }

    def _told(self) -> dict[str, Any]:
        """What the modem gets to know; whether packets pass is not among it."""
        attachment = self._attachment
        return {
            "imsi": self._imsi,
            "registration": int(attachment.registration),
            "plmn": attachment.plmn,
            "cause": attachment.cause,
            "tech": attachment.tech,
            "rssi": attachment.rssi,
            "address": attachment.address,
        }

    def _store(self) -> None:
        states = {plmn: operator.state.value for plmn, operator in self._radio.operators.items()}
        write_json(self._path, {"states": states, "last_roamed": self._radio.last_roamed})


async def start(
    directory: Path, port: int, relays: Sequence[RelaySpec], probe_port: int | None
) -> tuple[Network, asyncio.Server]:
    """Starts service, relays and probe target on 127.0.0.1. OSError: a port is taken. Port 0: any free."""
    network = Network(directory)
    server = await asyncio.start_server(network.serve, "127.0.0.1", port, limit=LINE_LIMIT)
    for spec in relays:
        network.add_relay(f"{spec.host}:{spec.port}", spec)
    if probe_port is not None:
        target = await asyncio.start_server(_answer_probe, "127.0.0.1", 0)
        host, inner_port = target.sockets[0].getsockname()[:2]
        network.add_relay("probe", RelaySpec(probe_port, host, inner_port))
    return network, server


def port_of(server: asyncio.Server) -> int:
    """The port that a server listens on."""
    return cast(int, server.sockets[0].getsockname()[1])


async def _answer_probe(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def _send(writer: asyncio.StreamWriter, message: Mapping[str, Any]) -> None:
    if not writer.is_closing():
        writer.write(json.dumps(message).encode() + b"\n")


def _load(path: Path) -> Radio:
    radio = Radio()
    stored = read_json(path)
    if stored is None:
        return radio
    try:
        for plmn, state in stored["states"].items():
            radio = radio.switched(plmn, OperatorState(state))
        return replace(radio, last_roamed=stored["last_roamed"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: not the state of a radio network: {error!r}") from error

"""The mock modem's way to a radio network in another process (`ipad-testbed network`)."""

import json
import socket
import time
from typing import Any

from ipad.errors import ConfigError
from ipad.testbed.network import LINE_LIMIT
from modem.mock.network import NOT_REGISTERED, SEARCHING, NetworkStatus

CONNECT_WITHIN = 2.0
"""Seconds for the connection, which is on loopback, and for sending a line."""
RECONNECT_EVERY = 0.5
"""Seconds between two tries while the network's process is not there."""


class NetworkClient:
    """A modem.mock.network.Network. While the service is away the modem hears nothing, and tries again."""

    def __init__(self, host: str, port: int) -> None:
        """ConfigError: nobody serves there now."""
        self._where = (host, port)
        self._socket: socket.socket | None = None
        self._received = b""
        self._status = NOT_REGISTERED
        self._imsi: str | None = None
        self._tried = 0.0
        if not self._connect():
            raise ConfigError(f"no radio network at {host}:{port}")

    def register(self, imsi: str | None) -> None:
        """Announces the SIM; the status is unknown until the network has answered."""
        self._imsi = imsi
        self._status = NOT_REGISTERED if imsi is None else SEARCHING
        if self._socket is None:
            self._connect()
        else:
            self._announce()

    def status(self) -> NetworkStatus:
        """The network's last word."""
        return self._status

    def fileno(self) -> int:
        """The connection's descriptor, -1 while there is none."""
        if self._socket is None and time.monotonic() - self._tried >= RECONNECT_EVERY:
            self._connect()
        return -1 if self._socket is None else self._socket.fileno()

    def pump(self) -> None:
        """Takes in what the network has said."""
        while self._socket is not None:
            try:
                data = self._socket.recv(LINE_LIMIT)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lost()
                return
            *lines, self._received = (self._received + data).split(b"\n")
            for line in lines:
                self._take(line)
            if len(self._received) > LINE_LIMIT:
                self._lost()

    def close(self) -> None:
        """Takes the modem off the network."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> bool:
        self._tried = time.monotonic()
        try:
            self._socket = socket.create_connection(self._where, CONNECT_WITHIN)
        except OSError:
            return False
        self._received = b""
        self._announce()
        return self._socket is not None

    def _announce(self) -> None:
        if self._socket is None:
            return
        try:
            self._socket.settimeout(CONNECT_WITHIN)
            self._socket.sendall(json.dumps({"modem": True, "imsi": self._imsi}).encode() + b"\n")
            self._socket.setblocking(False)
        except OSError:
            self._lost()

    def _lost(self) -> None:
        self.close()
        self._status = NOT_REGISTERED if self._imsi is None else SEARCHING

    def _take(self, line: bytes) -> None:
        try:
            said = json.loads(line)
            if said["imsi"] == self._imsi:  # else it was on its way before the last announcement
                self._status = _status(said)
        except (ValueError, KeyError, TypeError):
            self._lost()


def _status(said: Any) -> NetworkStatus:
    return NetworkStatus(
        registration=said["registration"],
        plmn=said["plmn"],
        cause=said["cause"],
        tech=7 if said["tech"] is None else said["tech"],
        rssi=said["rssi"],
        address=said["address"],
    )

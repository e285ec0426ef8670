import select
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from ipad.errors import ConfigError
from ipad.testbed.held_port import held_port
from ipad.testbed.network_client import NetworkClient
from modem.mock.network import SEARCHING, Network, NetworkStatus
from tests.testbed.network_running import PATIENCE, running

NORD, SUED = "001010000000001", "001020000000001"


def pump_until(client: NetworkClient, holds: Callable[[NetworkStatus], bool]) -> NetworkStatus:
    deadline = time.monotonic() + PATIENCE
    while not holds(client.status()):
        assert time.monotonic() < deadline, client.status()
        descriptor = client.fileno()
        if descriptor < 0:
            time.sleep(0.02)
        elif select.select([descriptor], [], [], 1.0)[0]:
            client.pump()
    return client.status()


def test_a_modem_registers_and_hears_of_changes(tmp_path: Path) -> None:
    with running(tmp_path) as net:
        client = NetworkClient("127.0.0.1", net.port)
        network: Network = client
        network.register(NORD)
        assert network.status() == SEARCHING
        home = pump_until(client, lambda status: status.registration == 1)
        assert (home.plmn, home.tech, home.rssi) == ("00101", 7, -71)
        assert home.address is not None
        net.switch("00101", "refusing")
        assert pump_until(client, lambda status: status.registration == 3).cause == 11
        network.register(None)
        assert network.status().registration == 0
        client.close()


def test_what_was_said_of_the_former_sim_is_not_taken_for_the_new_one(tmp_path: Path) -> None:
    with running(tmp_path) as net:
        client = NetworkClient("127.0.0.1", net.port)
        client.register(NORD)
        client.register(SUED)
        seen = {pump_until(client, lambda status: status.registration == 1).plmn}
        assert seen == {"00102"}
        client.close()


def test_a_modem_comes_back_when_the_network_does(tmp_path: Path) -> None:
    with ExitStack() as held:
        port = held_port(held)
        with running(tmp_path, port=port):
            client = NetworkClient("127.0.0.1", port)
            client.register(NORD)
            pump_until(client, lambda status: status.registration == 1)
        pump_until(client, lambda status: status == SEARCHING)
        with running(tmp_path, port=port):
            pump_until(client, lambda status: status.registration == 1)
            client.close()


def test_a_network_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="no radio network"):
        NetworkClient("127.0.0.1", 1)

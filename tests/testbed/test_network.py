import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ipad.errors import ConfigError
from ipad.testbed.network import Network, RelaySpec
from ipad.testbed.operators import OperatorState, Radio, attach
from modem.radio import Registration
from tests.testbed.network_running import MUTE, PATIENCE, Client, Running, running

NORD, SUED, BOOTSTRAP = "001010000000001", "001020000000001", "999990000000001"


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as started:
        yield started


@pytest.fixture
def modem(net: Running) -> Iterator[Client]:
    with Client(net.port) as client:
        yield client


def announce(modem: Client, imsi: str | None) -> dict[str, object]:
    return modem.ask({"modem": True, "imsi": imsi})


@contextmanager
def announced(modem: Client) -> Iterator[None]:
    """Nord's SIM is in the modem: packets pass."""
    announce(modem, NORD)
    yield


def probe(net: Running, seconds: float = PATIENCE) -> None:
    """What the agent does: a connection. TimeoutError in a black hole."""
    socket.create_connection(("127.0.0.1", net.relay("probe")), seconds).close()


def assert_mute(connection: socket.socket) -> None:
    connection.settimeout(MUTE)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    connection.settimeout(PATIENCE)


class Echo:
    """A target behind a relay."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.ended = threading.Event()
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, suppress(ConnectionResetError):
                while data := connection.recv(65536):
                    connection.sendall(data)
            self.ended.set()


@pytest.fixture
def echo() -> Iterator[Echo]:
    target = Echo()
    yield target
    target.listener.shutdown(socket.SHUT_RDWR)
    target.listener.close()


@pytest.fixture
def relayed(tmp_path: Path, echo: Echo) -> Iterator[Running]:
    with running(tmp_path, [RelaySpec(0, "127.0.0.1", echo.port)]) as started:
        yield started


def through(net: Running, echo: Echo) -> socket.socket:
    return socket.create_connection(("127.0.0.1", net.relay(f"127.0.0.1:{echo.port}")), PATIENCE)


def test_a_sim_registers_at_home_and_a_sim_without_home_roams(modem: Client) -> None:
    home = announce(modem, SUED)
    assert (home["registration"], home["plmn"], home["tech"]) == (1, "00102", 7)
    away = announce(modem, BOOTSTRAP)
    assert (away["registration"], away["plmn"]) == (5, "00101")
    assert announce(modem, None)["registration"] == 0


def test_the_modem_is_told_each_change(net: Running, modem: Client) -> None:
    announce(modem, NORD)
    net.switch("00101", "dark")
    dark = modem.receive()
    assert (dark["registration"], dark["plmn"], dark["address"]) == (2, None, None)
    net.switch("00101", "refusing")
    refused = modem.receive()
    assert (refused["registration"], refused["cause"]) == (3, 11)
    net.switch("00101", "on")
    assert modem.receive()["registration"] == 1


def test_a_silent_operator_looks_like_any_other_to_the_modem(net: Running, modem: Client) -> None:
    before = announce(modem, NORD)
    net.switch("00101", "silent")
    assert announce(modem, NORD) == before


def test_a_roaming_sim_goes_where_packets_pass_and_stays_there(net: Running, modem: Client) -> None:
    announce(modem, BOOTSTRAP)
    net.switch("00101", "silent")
    assert modem.receive()["plmn"] == "00102"
    net.switch("00101", "on")
    assert announce(modem, BOOTSTRAP)["plmn"] == "00102"


def test_a_roaming_sim_registers_even_where_nothing_passes_when_there_is_nothing_better() -> None:
    radio = Radio().switched("00101", OperatorState.DARK).switched("00102", OperatorState.SILENT)
    attachment = attach(radio, BOOTSTRAP)
    assert (attachment.registration, attachment.traffic) == (Registration.ROAMING, False)


def test_packets_pass_only_while_the_modem_is_attached_to_a_live_operator(net: Running) -> None:
    with pytest.raises(TimeoutError):
        probe(net, MUTE)
    with Client(net.port) as modem:
        announce(modem, NORD)
        probe(net)
        for state in ("silent", "dark", "refusing"):
            net.switch("00101", state)
            with pytest.raises(TimeoutError):
                probe(net, MUTE)
        net.switch("00101", "on")
        probe(net)
    with pytest.raises(TimeoutError):
        probe(net, MUTE)


def test_a_black_hole_holds_octets_both_ways_and_lets_them_go_on_afterwards(
    relayed: Running, echo: Echo
) -> None:
    with Client(relayed.port) as modem, announced(modem), through(relayed, echo) as connection:
        connection.sendall(b"one")
        assert connection.recv(16) == b"one"
        relayed.switch("00101", "silent")
        connection.sendall(b"two")
        assert_mute(connection)
        relayed.switch("00101", "on")
        assert connection.recv(16) == b"two"


def test_a_black_hole_tells_nobody_that_the_other_side_is_gone(relayed: Running, echo: Echo) -> None:
    with Client(relayed.port) as modem:
        announce(modem, NORD)
        with through(relayed, echo) as connection:
            connection.sendall(b"one")
            assert connection.recv(16) == b"one"
            relayed.switch("00101", "dark")
        assert not echo.ended.wait(MUTE)
        relayed.switch("00101", "on")
        assert echo.ended.wait(PATIENCE)


def test_a_connection_does_not_outlive_the_switch_to_another_network(relayed: Running, echo: Echo) -> None:
    with Client(relayed.port) as modem, announced(modem), through(relayed, echo) as old:
        old.sendall(b"one")
        assert old.recv(16) == b"one"
        announce(modem, SUED)
        old.sendall(b"two")
        with through(relayed, echo) as new:
            assert_mute(old)
            assert new.fileno() != old.fileno()
        announce(modem, NORD)
        assert old.recv(16) == b"two"


def test_a_client_that_gave_up_in_a_black_hole_never_reaches_the_target(relayed: Running, echo: Echo) -> None:
    with pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", relayed.relay(f"127.0.0.1:{echo.port}")), MUTE)
    with Client(relayed.port) as modem:
        announce(modem, NORD)
        with through(relayed, echo) as connection:
            connection.sendall(b"here")
            assert connection.recv(16) == b"here"
    assert echo.connections == 1


def test_a_connection_attempt_in_a_black_hole_gets_through_when_packets_pass_again(
    relayed: Running, echo: Echo
) -> None:
    with socket.socket() as connection:
        connection.setblocking(False)
        connection.connect_ex(("127.0.0.1", relayed.relay(f"127.0.0.1:{echo.port}")))
        assert not select.select([], [connection], [], MUTE)[1]
        with Client(relayed.port) as modem:
            announce(modem, NORD)
            assert select.select([], [connection], [], PATIENCE)[1]


def test_large_transfers_pass_whole(relayed: Running, echo: Echo) -> None:
    content = bytes(range(256)) * 8192
    with Client(relayed.port) as modem, announced(modem), through(relayed, echo) as connection:
        sender = threading.Thread(target=connection.sendall, args=(content,))
        sender.start()
        received = bytearray()
        while len(received) < len(content):
            received += connection.recv(65536)
        sender.join(PATIENCE)
    assert bytes(received) == content


def test_a_black_hole_takes_no_more_than_a_window(relayed: Running, echo: Echo) -> None:
    with Client(relayed.port) as modem, announced(modem), through(relayed, echo) as connection:
        connection.sendall(b"one")
        assert connection.recv(16) == b"one"
        relayed.switch("00101", "silent")
        connection.settimeout(MUTE)
        with pytest.raises(TimeoutError):
            connection.sendall(bytes(256 * 1024 * 1024))


def test_a_connection_that_stays_mute_for_very_long_ends(
    relayed: Running, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipad.testbed.relay.GIVE_UP", 0.05)
    with Client(relayed.port) as modem, announced(modem), through(relayed, echo) as connection:
        connection.sendall(b"one")
        assert connection.recv(16) == b"one"
        relayed.switch("00101", "silent")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_target_that_is_down_resets_the_connection(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with running(tmp_path, [RelaySpec(0, "127.0.0.1", port)]) as net, Client(net.port) as modem:
        announce(modem, NORD)
        with (
            socket.create_connection(("127.0.0.1", net.relay(f"127.0.0.1:{port}")), PATIENCE) as connection,
            pytest.raises(ConnectionResetError),
        ):
            connection.recv(1)


def test_the_operators_states_survive(tmp_path: Path) -> None:
    with running(tmp_path) as net:
        net.switch("00102", "refusing")
    with running(tmp_path) as net:
        assert net.ask({"show": True})["operators"]["00102"]["state"] == "refusing"


def test_the_later_of_two_modems_counts(net: Running, modem: Client) -> None:
    announce(modem, NORD)
    with Client(net.port) as second:
        announce(second, SUED)
        assert net.ask({"show": True})["modem"]["plmn"] == "00102"
        assert modem.socket.recv(1) == b""


@pytest.mark.parametrize(
    "line",
    [b"nonsense", b"[]", b'{"modem": true, "imsi": 5}', b'{"operator": "99999", "state": "on"}',
     b'{"operator": "00101", "state": "sunny"}', b"\xff", b"x" * 10_000],
)  # fmt: skip
def test_what_the_service_does_not_understand_it_says_so(net: Running, line: bytes) -> None:
    with Client(net.port) as client:
        client.socket.sendall(line + b"\n")
        answer = client.receive()
    assert answer["ok"] is False
    assert net.ask({"show": True})["ok"] is True


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "network.json").write_text('{"states": {"00101": "sunny"}}')
    with pytest.raises(ConfigError, match=r"network\.json"):
        Network(tmp_path)

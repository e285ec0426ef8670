"""sd_notify over a real datagram socket."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipad.watchdog import Watchdog


class Manager:
    """A service manager's end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "1")
    yield made
    made.close()


def test_the_manager_hears_each_state(manager: Manager) -> None:
    watchdog = Watchdog()
    watchdog.ready()
    watchdog.status("operating: the link is back")
    watchdog.stopping()
    assert manager.heard() == ["READY=1", "STATUS=operating: the link is back", "STOPPING=1"]


def test_a_reload_comes_with_its_time(manager: Manager) -> None:
    Watchdog().reloading()
    [said] = manager.heard()
    name, _, microseconds = said.partition("\nMONOTONIC_USEC=")
    assert name == "RELOADING=1"
    assert int(microseconds) > 0


def test_the_watchdog_is_fed_between_actions_and_within_their_deadline(manager: Manager) -> None:
    watchdog = Watchdog()
    watchdog.feed()
    with watchdog.during(1000.0):
        watchdog.feed()
    watchdog.feed()
    assert manager.heard() == ["WATCHDOG=1"] * 3


def test_an_action_beyond_its_deadline_feeds_nothing(manager: Manager) -> None:
    watchdog = Watchdog()
    with watchdog.during(-1.0):
        watchdog.feed()
        assert manager.heard() == []
    watchdog.feed()
    assert manager.heard() == ["WATCHDOG=1"]


def test_an_action_that_fails_is_over_all_the_same(manager: Manager) -> None:
    watchdog = Watchdog()
    with pytest.raises(OSError, match="broke"), watchdog.during(-1.0):
        raise OSError("broke")
    watchdog.feed()
    assert manager.heard() == ["WATCHDOG=1"]


def test_feeding_often_says_it_seldom(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", str(3600 * 1_000_000))
    watchdog = Watchdog()
    assert watchdog.half == 1800.0
    watchdog._fed = -3600.0
    for _ in range(1000):
        watchdog.feed()
    assert manager.heard() == ["WATCHDOG=1"]


def test_without_a_watchdog_nothing_is_fed(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC")
    watchdog = Watchdog()
    watchdog.feed()
    assert (watchdog.half, manager.heard()) == (None, [])


def test_without_a_manager_all_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    watchdog = Watchdog()
    watchdog.ready()
    watchdog.feed()
    watchdog.status("nobody listens")


def test_a_manager_that_does_not_read_holds_nothing_up(manager: Manager) -> None:
    watchdog = Watchdog()
    watchdog.ready()
    for number in range(10_000):  # far more than a datagram socket has room for
        watchdog.status(str(number))
    assert manager.heard()[0] == "READY=1"

"""The control socket with real clients: questions, orders, and clients that do as they like."""

import json
import os
import resource
import select
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ipad import control
from ipad.connectivity.state import PACKAGE_LIMIT, Command, Inject
from ipad.control import ControlServer, ask
from ipad.errors import IpadError
from ipad.mailbox import Mailbox

PATIENCE = 20.0


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.close()


def fail() -> Any:
    raise IpadError("the journal is damaged")


ANSWERS: dict[str, Callable[[], Any]] = {
    "status": lambda: {"phase": "operating"},
    "large": lambda: ["x" * 1000] * 1000,
    "history": fail,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
def server(path: Path, mailbox: Mailbox) -> Iterator[ControlServer]:
    made = ControlServer(path, ANSWERS, mailbox)
    yield made
    made.close()


def connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(PATIENCE)
    client.connect(str(path))
    return client


def said(path: Path, octets: bytes) -> Any:
    """What is answered to these octets and the end of the line."""
    with connected(path) as client:
        client.sendall(octets)
        client.shutdown(socket.SHUT_WR)
        return json.loads(client.makefile().readline())


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with little of it."""
    monkeypatch.setattr(control, "_PATIENCE", 0.2)


@pytest.mark.usefixtures("server")
def test_a_question_is_answered(path: Path) -> None:
    assert ask(path, {"ask": "status"}, PATIENCE) == {"phase": "operating"}


@pytest.mark.usefixtures("server")
def test_a_large_answer_arrives_whole(path: Path) -> None:
    assert len(ask(path, {"ask": "large"}, PATIENCE)) == 1000


@pytest.mark.usefixtures("server")
def test_a_question_that_cannot_be_answered_is_an_error_and_not_the_end(path: Path) -> None:
    with pytest.raises(IpadError, match="the journal is damaged"):
        ask(path, {"ask": "history"}, PATIENCE)
    assert ask(path, {"ask": "status"}, PATIENCE)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\n",
        b"status\n",
        b"\xff\xfe\n",
        b"[]\n",
        b"7\n",
        b"null\n",
        b'{"ask": []}\n',
        b'{"ask": {}}\n',
        b'{"order": ["poll"]}\n',
        b'{"ask": "status"',
        b"[" * 4000 + b"\n",
        b"x" * 5000 + b"\n",
        b'{"order": "inject", "package": "BF5"}\n',
        b'{"order": "inject", "package": "no hexadecimal"}\n',
        b"x" * 200_000,
    ],
    ids=lambda octets: repr(octets[:12]),
)
@pytest.mark.usefixtures("server")
def test_what_is_no_request_is_told_so_and_harms_nobody(path: Path, octets: bytes) -> None:
    try:
        assert "not a request" in said(path, octets)["error"]
    except (ConnectionResetError, BrokenPipeError):
        assert len(octets) > control.LINE_LIMIT, "it did not read all of that"
    assert ask(path, {"ask": "status"}, PATIENCE)


@pytest.mark.usefixtures("server")
def test_an_unknown_question_is_told_which_there_are(path: Path) -> None:
    for request in ({"ask": "nonsense"}, {"order": "nonsense"}, {}):
        with pytest.raises(IpadError, match="unknown request; ask one of status"):
            ask(path, request, PATIENCE)


@pytest.mark.usefixtures("server")
def test_an_order_is_answered_once_it_is_done(path: Path, mailbox: Mailbox) -> None:
    with ThreadPoolExecutor() as others:
        answer = others.submit(ask, path, {"order": "poll"}, PATIENCE)
        [order] = wait_for_orders(mailbox, 1)
        assert order.command is Command.POLL
        assert ask(path, {"ask": "status"}, PATIENCE), "questions are answered meanwhile"
        assert not answer.done()
        order.reply({"did": ["Poll: done"]})
        assert answer.result(PATIENCE) == {"did": ["Poll: done"]}


def wait_for_orders(mailbox: Mailbox, count: int) -> list[Any]:
    orders: list[Any] = []
    while len(orders) < count:
        assert select.select([mailbox], [], [], PATIENCE)[0]
        orders += mailbox.take()
    return orders


@pytest.mark.usefixtures("server")
def test_two_who_order_at_once_each_get_their_own_answer(path: Path, mailbox: Mailbox) -> None:
    with ThreadPoolExecutor() as others:
        answers = {c: others.submit(ask, path, {"order": c}, PATIENCE) for c in ("poll", "fallback")}
        for order in reversed(wait_for_orders(mailbox, 2)):
            order.reply({"why": order.command.value})
        assert {c: answer.result(PATIENCE)["why"] for c, answer in answers.items()} == {
            "poll": "poll",
            "fallback": "fallback",
        }


@pytest.mark.usefixtures("server")
def test_who_orders_and_goes_away_is_no_harm(path: Path, mailbox: Mailbox) -> None:
    with connected(path) as client:
        client.sendall(b'{"order": "poll"}\n')
        [order] = wait_for_orders(mailbox, 1)
    order.reply({"did": []})
    assert ask(path, {"ask": "status"}, PATIENCE)


@pytest.mark.usefixtures("server")
def test_another_user_may_ask_and_not_order(
    path: Path, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_uid", lambda _client: os.geteuid() + 12345)
    assert ask(path, {"ask": "status"}, PATIENCE)
    with pytest.raises(control.NotPermitted, match="only root may order this: fallback"):
        ask(path, {"order": "fallback"}, PATIENCE)
    assert mailbox.take() == []


def test_the_kernel_says_who_asks() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert control._uid(one) == os.geteuid()


@pytest.mark.usefixtures("patience", "server")
def test_a_client_that_says_nothing_holds_up_nobody_for_long(path: Path) -> None:
    with connected(path) as silent:
        assert ask(path, {"ask": "status"}, PATIENCE)
        assert "not a request" in json.loads(silent.makefile().readline())["error"]


@pytest.mark.usefixtures("patience", "server")
def test_a_client_that_trickles_is_given_up_all_the_same(path: Path) -> None:
    stopped = threading.Event()

    def trickle(client: socket.socket) -> None:
        while not stopped.wait(0.05):
            try:
                client.send(b" ")
            except OSError:
                return

    with connected(path) as slow:
        thread = threading.Thread(target=trickle, args=(slow,))
        thread.start()
        try:
            assert ask(path, {"ask": "status"}, PATIENCE)
        finally:
            stopped.set()
            thread.join()


@pytest.mark.usefixtures("patience", "server")
def test_a_client_that_does_not_take_its_answer_holds_up_nobody_for_long(path: Path) -> None:
    with connected(path) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        client.sendall(b'{"ask": "large"}\n')
        assert ask(path, {"ask": "status"}, PATIENCE)


def test_only_the_group_may_open_the_socket(server: ControlServer, path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o660
    server.close()
    assert not path.exists()


def test_what_a_killed_daemon_left_is_taken_over(path: Path, mailbox: Mailbox) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(path))
    left.close()
    server = ControlServer(path, ANSWERS, mailbox)
    assert ask(path, {"ask": "status"}, PATIENCE)
    server.close()


def test_a_socket_that_cannot_be_opened_is_an_error_with_its_path(tmp_path: Path, mailbox: Mailbox) -> None:
    with pytest.raises(IpadError, match=r"control\.sock: No such file"):
        ControlServer(tmp_path / "nowhere" / "control.sock", ANSWERS, mailbox)


def test_without_a_daemon_the_question_says_so(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask(path, {"ask": "status"}, PATIENCE)


def daemon_that(path: Path, answers: bytes | None) -> threading.Thread:
    """One that takes a request and answers with these octets, or for None with nothing and not at all."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        with listener, listener.accept()[0] as client:
            client.makefile().readline()
            if answers is None:
                client.recv(1)
            else:
                client.sendall(answers)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (b"", "stopped before it was done"),
        (b'{"answer": {"did"', "stopped before it was done"),
        (b'{"error": "no"}\n', "^no$"),
        (None, "has not answered within 0 s"),
    ],
)
def test_a_daemon_that_gives_no_answer_is_an_error(path: Path, answers: bytes | None, told: str) -> None:
    thread = daemon_that(path, answers)
    with pytest.raises(IpadError, match=told):
        ask(path, {"ask": "status"}, 0.3 if answers is None else PATIENCE)
    thread.join()


@pytest.mark.usefixtures("server")
def test_a_package_by_hand_reaches_the_loop_however_large(path: Path, mailbox: Mailbox) -> None:
    octets = bytes(PACKAGE_LIMIT)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, path, {"order": "inject", "package": octets.hex()}, PATIENCE)
        assert select.select([mailbox], [], [], PATIENCE)[0]
        [order] = mailbox.take()
        assert order.command == Inject(octets)
        order.reply({"response": "BF4E020500"})
        assert asked.result(PATIENCE) == {"response": "BF4E020500"}


def test_a_client_that_cannot_be_accepted_does_not_end_the_thread(
    server: ControlServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_REST", 0.01)
    assert ask(path, {"ask": "status"}, PATIENCE), "it is up"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with client:
        client.settimeout(PATIENCE)
        # Below all that are open: one that another thread closes meanwhile is of no use either.
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            client.connect(str(path))
            client.sendall(b'{"ask": "status"}\n')
            assert not select.select([client], [], [], 0.2)[0], "it could be accepted after all"
            assert server._thread.is_alive()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert json.loads(client.makefile().readline()) == {"answer": {"phase": "operating"}}

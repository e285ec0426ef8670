"""HTTP as eIMs in the field do it: limits on time and size, broken connections, refusals."""

import socket
import ssl
import threading
import time
from email.utils import formatdate

import pytest

from ipad.errors import ConfigError, Failing, PeerRefused, Throttled, Unreachable
from ipad.esipa.model import EmptyResponse, NoPackage
from ipad.net.http import Exchange, Uplink, retry_after
from ipad.net.resolve import Resolver
from ipad.net.wire import Lost, Slow, TooMuch

from .https_peer import (
    EID,
    EMPTY_RESPONSE,
    MEDIA_TYPE,
    NO_PACKAGE,
    Behaviour,
    Identity,
    MakeEsipa,
    Peer,
    answering,
    http_answer,
    key_of,
    read_request,
)


def once(answer: bytes) -> Behaviour:
    """Sends `answer` to the first request of each connection and closes in an orderly way."""

    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        read_request(connection)
        connection.sendall(answer)
        connection.unwrap()

    return behave


def test_a_request_carries_the_standards_headers(server: Identity, make_esipa: MakeEsipa) -> None:
    with Peer(server, answering(NO_PACKAGE)) as peer:
        make_esipa(peer, key_of(server)).get_eim_package()
        head, _, body = b"".join(peer.received).partition(b"\r\n\r\n")
    assert head.decode().split("\r\n") == [
        "POST /gsma/rsp2/asn1 HTTP/1.1",
        f"Host: localhost:{peer.port}",
        "User-Agent: gsma-rsp-ipad",
        "X-Admin-Protocol: gsma/rsp/v1.2.0",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
    ]


def test_path_media_type_and_version_are_settings(server: Identity, make_esipa: MakeEsipa) -> None:
    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        read_request(connection)
        connection.sendall(http_answer(NO_PACKAGE, media_type="Application/X-Other; charset=binary"))

    with Peer(server, behave) as peer:
        settings = {"path": "/eim", "media_type": "application/x-other", "protocol_version": "2.1.0"}
        assert make_esipa(peer, key_of(server), **settings).get_eim_package() == NoPackage()
        head = b"".join(peer.received)
    assert head.startswith(b"POST /eim HTTP/1.1\r\n")
    assert b"\r\nX-Admin-Protocol: gsma/rsp/v2.1.0\r\nContent-Type: application/x-other\r\n" in head


def test_requests_share_one_connection(server: Identity, make_esipa: MakeEsipa) -> None:
    with Peer(server, answering(NO_PACKAGE, EMPTY_RESPONSE, NO_PACKAGE)) as peer:
        esipa = make_esipa(peer, key_of(server))
        assert esipa.get_eim_package() == NoPackage()
        assert esipa.provide_eim_package_result(bytes.fromhex("a003020101")) == EmptyResponse()
        assert esipa.get_eim_package() == NoPackage()
    assert peer.connections == 1


def test_a_setting_can_not_smuggle_a_header_in(server: Identity, make_esipa: MakeEsipa) -> None:
    with Peer(server, answering(NO_PACKAGE)) as peer, pytest.raises(ConfigError):
        make_esipa(peer, key_of(server), path="/ HTTP/1.1\r\nX: y\r\n").get_eim_package()
    assert peer.connections == 0


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n" % MEDIA_TYPE.encode()
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n" % MEDIA_TYPE.encode()


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"3\r\n" + NO_PACKAGE[:3] + b"\r\n3\r\n" + NO_PACKAGE[3:] + b"\r\n0\r\n\r\n",
        UNTIL_CLOSED + NO_PACKAGE,
        b"HTTP/1.1 100 Continue\r\n\r\n" + http_answer(NO_PACKAGE),
    ],
)
def test_answers_come_in_each_framing_of_http(answer: bytes, server: Identity, make_esipa: MakeEsipa) -> None:
    with Peer(server, once(answer)) as peer:
        assert make_esipa(peer, key_of(server)).get_eim_package() == NoPackage()


@pytest.mark.parametrize(
    "answer",
    [
        http_answer(bytes(2000)),
        UNTIL_CLOSED + bytes(2000),
        CHUNKED + b"7d0\r\n" + bytes(2000) + b"\r\n0\r\n\r\n",
        CHUNKED + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50 + b"Z: " + bytes(60_000),
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3000 + http_answer(NO_PACKAGE),
        b"H" * 60_000,
    ],
)
def test_an_answer_larger_than_the_limit_is_dropped(
    answer: bytes, server: Identity, make_esipa: MakeEsipa
) -> None:
    with Peer(server, once(answer)) as peer, pytest.raises(TooMuch):
        make_esipa(peer, key_of(server), limit=1000).get_eim_package()


def test_a_declared_size_over_the_limit_is_not_waited_for(server: Identity, make_esipa: MakeEsipa) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: 9999999999\r\n\r\n".encode()
    done = threading.Event()

    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        read_request(connection)
        connection.sendall(head)
        done.wait(30)

    with Peer(server, behave) as peer:
        with pytest.raises(TooMuch):
            make_esipa(peer, key_of(server)).get_eim_package()
        done.set()


@pytest.mark.parametrize(
    "answer",
    [
        http_answer(NO_PACKAGE)[:-2],
        CHUNKED + b"6\r\n" + NO_PACKAGE[:4],
        CHUNKED + b"6\r\n" + NO_PACKAGE + b"\r\n",
        b"HTTP/1.1 200 O",
    ],
)
def test_an_answer_that_is_cut_off_is_no_answer(
    answer: bytes, server: Identity, make_esipa: MakeEsipa
) -> None:
    with Peer(server, once(answer)) as peer, pytest.raises(Unreachable):
        make_esipa(peer, key_of(server)).get_eim_package()


def test_an_end_that_tls_does_not_vouch_for_is_a_cut(server: Identity, make_esipa: MakeEsipa) -> None:
    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        read_request(connection)
        connection.sendall(UNTIL_CLOSED + NO_PACKAGE)
        connection.shutdown(socket.SHUT_RDWR)  # no close_notify: somebody on the way may have done this

    with Peer(server, behave) as peer, pytest.raises(Lost):
        make_esipa(peer, key_of(server)).get_eim_package()


def test_a_server_that_drips_runs_into_the_deadline(server: Identity, make_esipa: MakeEsipa) -> None:
    stop = threading.Event()

    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        read_request(connection)
        for octet in http_answer(bytes(10_000)):
            connection.sendall(bytes([octet]))
            if stop.wait(0.02):
                return

    with Peer(server, behave) as peer:
        with pytest.raises(Slow):
            make_esipa(peer, key_of(server), http=0.3).get_eim_package()
        stop.set()


def test_a_server_that_never_says_hello_runs_into_the_deadline_and_each_octet_to_it_counts(
    server: Identity, make_esipa: MakeEsipa
) -> None:
    got = bytearray()
    closed = threading.Event()

    class Mute(Peer):
        def _serve(self, sock: socket.socket, _number: int) -> None:
            while data := sock.recv(65536):
                got.extend(data)
            closed.set()

    uplink = Uplink()
    with Mute(server, answering(NO_PACKAGE)) as peer:
        with pytest.raises(Slow):
            make_esipa(peer, key_of(server), uplink=uplink, connect=0.3).get_eim_package()
        assert closed.wait(20)
    assert (uplink.traffic.sent, uplink.traffic.received) == (len(got), 0)
    assert got


def test_idle_is_called_again_and_again_in_a_wait(server: Identity, make_esipa: MakeEsipa) -> None:
    called = threading.Semaphore(0)

    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        read_request(connection)
        while called.acquire(blocking=False):
            pass
        for _ in range(3):
            assert called.acquire(timeout=20)
        connection.sendall(http_answer(NO_PACKAGE))

    with Peer(server, behave) as peer:
        esipa = make_esipa(peer, key_of(server), uplink=Uplink(idle=called.release))
        assert esipa.get_eim_package() == NoPackage()


@pytest.mark.parametrize("orderly", [True, False])
def test_a_kept_connection_that_has_died_is_replaced_and_the_request_sent_once_more(
    orderly: bool, server: Identity, make_esipa: MakeEsipa
) -> None:
    answered, dead = threading.Event(), threading.Event()

    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        read_request(connection)
        connection.sendall(http_answer(NO_PACKAGE))
        assert answered.wait(20)
        if orderly:
            connection.unwrap()
        else:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
        dead.set()

    with Peer(server, behave) as peer:
        esipa = make_esipa(peer, key_of(server))
        assert esipa.get_eim_package() == NoPackage()
        answered.set()
        assert orderly or dead.wait(20)
        assert esipa.get_eim_package() == NoPackage()
    assert peer.connections == 2


def test_a_request_is_sent_twice_at_most_and_only_if_no_octet_of_an_answer_came(
    server: Identity, make_esipa: MakeEsipa
) -> None:
    def behave(connection: ssl.SSLSocket, number: int) -> None:
        if number == 0:
            read_request(connection)
            connection.sendall(http_answer(NO_PACKAGE))
        read_request(connection)
        if number == 2:
            connection.sendall(http_answer(NO_PACKAGE))
            read_request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
        connection.unwrap()

    with Peer(server, behave) as peer:
        esipa = make_esipa(peer, key_of(server))
        assert esipa.get_eim_package() == NoPackage()
        with pytest.raises(Lost):
            esipa.get_eim_package()  # connection 0 dies, and so does 1, which was made for it
        assert peer.connections == 2
        assert esipa.get_eim_package() == NoPackage()
        with pytest.raises(Lost):
            esipa.get_eim_package()  # connection 2 dies in its answer
    assert peer.connections == 3


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_a_busy_eim_says_when_to_come_again(status: str, server: Identity, make_esipa: MakeEsipa) -> None:
    answer = http_answer(b"", status=status, more="Retry-After: 120\r\n")
    with Peer(server, once(answer)) as peer, pytest.raises(Throttled) as caught:
        make_esipa(peer, key_of(server)).get_eim_package()
    assert caught.value.retry_after == 120


def test_retry_after_is_seconds_or_a_point_in_time_by_the_servers_own_clock() -> None:
    assert retry_after("0") == 0
    assert retry_after("Wed, 21 Oct 2015 07:30:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT") == 120
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:30:00 GMT") == 0
    assert retry_after(formatdate(time.time() + 3600, usegmt=True)) == pytest.approx(3600, abs=60)
    assert retry_after("") is None
    assert retry_after("soon") is None
    assert retry_after("-5") is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http_answer(b"", status="404 Not Found"), PeerRefused),
        (http_answer(b"", status="302 Found", more="Location: https://elsewhere.example/\r\n"), PeerRefused),
        (http_answer(b"", status="500 Internal Server Error"), Failing),
        (http_answer(b"", status="501 Not Implemented"), PeerRefused),
        (http_answer(b"<html>", media_type="text/html"), PeerRefused),
        (b"SSH-2.0-OpenSSH\r\n\r\n", Unreachable),
        (b"HTTP/1.1 abc\r\n\r\n", Unreachable),
    ],
)
def test_other_answers_are_refusals_or_trouble(
    answer: bytes, error: type[Exception], server: Identity, make_esipa: MakeEsipa
) -> None:
    with Peer(server, once(answer)) as peer, pytest.raises(error) as caught:
        make_esipa(peer, key_of(server)).get_eim_package()
    assert type(caught.value) is error


@pytest.mark.parametrize("status", ["204 No Content", "200 OK"])
def test_a_notification_is_taken_by_an_empty_answer(
    status: str, server: Identity, make_esipa: MakeEsipa
) -> None:
    with Peer(server, once(http_answer(b"", status=status))) as peer:
        make_esipa(peer, key_of(server)).handle_notification(bytes.fromhex("3000"))
        assert b"".join(peer.received).endswith(bytes.fromhex("bf3d04a0023000"))


def test_a_notification_is_not_taken_by_an_answer_with_something_in_it(
    server: Identity, make_esipa: MakeEsipa
) -> None:
    with Peer(server, once(http_answer(EMPTY_RESPONSE))) as peer, pytest.raises(PeerRefused):
        make_esipa(peer, key_of(server)).handle_notification(bytes.fromhex("3000"))


def test_each_exchange_can_be_observed_also_one_that_is_refused(
    server: Identity, make_esipa: MakeEsipa
) -> None:
    seen: list[Exchange] = []
    uplink = Uplink(observe=seen.append)
    request = bytes.fromhex("bf4f125a10") + EID
    with Peer(server, answering(NO_PACKAGE)) as peer:
        make_esipa(peer, key_of(server), uplink=uplink).get_eim_package()
    with Peer(server, once(http_answer(b"<p>", status="403 Forbidden"))) as peer, pytest.raises(PeerRefused):
        make_esipa(peer, key_of(server), uplink=uplink).get_eim_package()
    path = "/gsma/rsp2/asn1"
    assert seen == [
        Exchange("localhost", path, "GetEimPackage", MEDIA_TYPE, request, 200, NO_PACKAGE),
        Exchange("localhost", path, "GetEimPackage", MEDIA_TYPE, request, 403, b""),
    ]


def test_nobody_listening_is_unreachable(server: Identity, make_esipa: MakeEsipa) -> None:
    with Peer(server, answering(NO_PACKAGE)) as peer:
        pass
    with pytest.raises(Unreachable, match="refused"):
        make_esipa(peer, key_of(server)).get_eim_package()


def test_an_interface_that_is_not_there_is_unreachable(server: Identity, make_esipa: MakeEsipa) -> None:
    with Peer(server, answering(NO_PACKAGE)) as peer, pytest.raises(Unreachable, match="wwan99"):
        make_esipa(peer, key_of(server), uplink=Uplink(interface="wwan99")).get_eim_package()
    assert peer.connections == 0


def resolving() -> list[str]:
    """The names of the threads that wait for a name server."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("resolve"))


def test_a_name_server_that_is_away_does_not_keep_a_known_eim_out_of_reach(
    server: Identity, make_esipa: MakeEsipa, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = threading.Event()
    uplink = Uplink(resolver=Resolver())
    with Peer(server, answering(NO_PACKAGE)) as peer:
        esipa = make_esipa(peer, key_of(server), uplink=uplink)
        assert esipa.get_eim_package() == NoPackage()
        esipa.close()

        def silent(*_: object, **__: object) -> None:
            away.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")

        monkeypatch.setattr(socket, "getaddrinfo", silent)
        deadline = time.monotonic() + 0.2
        found = uplink.resolver.addresses("localhost", peer.port, deadline, lambda: None)
        assert (socket.AF_INET, ("127.0.0.1", peer.port)) in found
        with pytest.raises(Unreachable, match=r"other\.example"):
            uplink.resolver.addresses("other.example", 443, time.monotonic() + 0.2, lambda: None)
        asking = resolving()
        assert "resolve other.example" in asking
        with pytest.raises(Unreachable):
            uplink.resolver.addresses("other.example", 443, time.monotonic() + 0.2, lambda: None)
        assert resolving() == asking  # one thread a name, however often it is asked for
        away.set()


def test_a_name_that_does_not_exist_is_unreachable(
    server: Identity, make_esipa: MakeEsipa, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with Peer(server, answering(NO_PACKAGE)) as peer, pytest.raises(Unreachable, match="not known"):
        make_esipa(peer, key_of(server)).get_eim_package()

"""Which binding an eIM is talked to in: found out, remembered, and found out again."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipad.config import Config
from ipad.eim import EimConfiguration
from ipad.errors import PeerRefused, Throttled, Unreachable
from ipad.esipa.client import Esipa
from ipad.esipa.model import EmptyResponse, NoPackage
from ipad.esipa.settings import EsipaSettings
from ipad.journal import Journal
from ipad.net.http import Uplink
from ipad.opening import esipa_clients
from ipad.waits import Waits

from .eim_answers import failed, success
from .https_peer import EID, NO_PACKAGE, Identity, Peer, http_answer, key_of, read_request

ASN1 = "/gsma/rsp2/asn1"
JSON = "/gsma/rsp2/esipa/"
RESULT = bytes.fromhex("A003020101")


class Server:
    """An eIM that knows some bindings. `asked`: the paths of all requests."""

    def __init__(self, *known: str, unknown: str = "404 Not Found") -> None:
        self.known = known
        self.unknown = unknown
        self.failing = ""
        """A status that JSON's functions are answered with."""
        self.asked: list[str] = []

    def __call__(self, connection: ssl.SSLSocket, _number: int) -> None:
        while request := read_request(connection):
            path = request.split(b" ")[1].decode()
            self.asked.append(path)
            connection.sendall(self.answer(path))

    def answer(self, path: str) -> bytes:
        if path == ASN1 and "asn1" in self.known:
            return http_answer(NO_PACKAGE)
        if path.startswith(JSON) and "json" in self.known:
            if self.failing:
                return http_answer(b"", status=self.failing)
            if path.endswith("handleNotification"):
                return http_answer(b"", status="204 No Content")
            code = 2 if path.endswith("provideEimPackageResult") else 1
            body = success(eimPackageError=1) if code == 1 else failed("8.1.1", "3.9")
            return http_answer(body, media_type="application/json;charset=UTF-8")
        return http_answer(b"<p>", status=self.unknown, media_type="text/html")


class Memory:
    """What is remembered from one Esipa to the next."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.written: list[str] = []

    def remember(self, name: str) -> None:
        self.name = name
        self.written.append(name)


Make = Callable[..., Esipa]


@pytest.fixture
def make(server: Identity) -> Iterator[Make]:
    made: list[Esipa] = []

    def client(peer: Peer, memory: Memory, **settings: Any) -> Esipa:
        config = EimConfiguration("eim.example", f"localhost:{peer.port}", tls_anchor=key_of(server))
        waits = Waits(connect=20.0, http=20.0)
        chosen = EsipaSettings(**settings)
        made.append(Esipa(config, EID, waits, Uplink(), chosen, lambda: memory.name, memory.remember))
        return made[-1]

    yield client
    for esipa in made:
        esipa.close()


def test_the_asn1_binding_is_tried_first_and_kept(server: Identity, make: Make) -> None:
    eim, memory = Server("asn1", "json"), Memory()
    with Peer(server, eim) as peer:
        esipa = make(peer, memory)
        for _ in range(3):
            assert esipa.get_eim_package() == NoPackage()
    assert eim.asked == [ASN1] * 3
    assert memory.written == []
    assert peer.connections == 1


@pytest.mark.parametrize(
    "status", ["404 Not Found", "405 Method Not Allowed", "415 Unsupported", "501 Not Implemented"]
)
def test_an_eim_that_does_not_know_it_is_asked_in_the_other(
    status: str, server: Identity, make: Make
) -> None:
    eim, memory = Server("json", unknown=status), Memory()
    with Peer(server, eim) as peer:
        esipa = make(peer, memory)
        for _ in range(2):
            assert esipa.get_eim_package() == NoPackage()
        # The next one, after a restart, asks in it at once.
        assert make(peer, memory).get_eim_package() == NoPackage()
    assert eim.asked == [ASN1] + [JSON + "getEimPackage"] * 3
    assert memory.written == ["json"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("400 Bad Request", PeerRefused),
        ("401 Unauthorized", PeerRefused),
        ("403 Forbidden", PeerRefused),
        ("406 Not Acceptable", PeerRefused),
        ("500 Internal Server Error", Unreachable),
        ("502 Bad Gateway", Unreachable),
        ("503 Service Unavailable", Throttled),
    ],
)
def test_no_other_status_says_that_a_binding_is_unknown(
    status: str, error: type[Exception], server: Identity, make: Make
) -> None:
    eim, memory = Server("json", unknown=status), Memory()
    with Peer(server, eim) as peer, pytest.raises(error):
        make(peer, memory).get_eim_package()
    assert eim.asked == [ASN1]
    assert memory.written == []


def test_one_that_knows_neither_costs_one_request_more_each_time(server: Identity, make: Make) -> None:
    eim, memory = Server(unknown="405 Method Not Allowed"), Memory()
    with Peer(server, eim) as peer:
        esipa = make(peer, memory)
        for _ in range(2):
            with pytest.raises(PeerRefused, match=r"GetEimPackage: .*\(405\)"):
                esipa.get_eim_package()
    assert eim.asked == [ASN1, JSON + "getEimPackage"] * 2
    assert memory.written == []


def test_what_is_remembered_is_not_for_ever(server: Identity, make: Make) -> None:
    eim, memory = Server("asn1"), Memory("json")
    with Peer(server, eim) as peer:
        esipa = make(peer, memory)
        assert esipa.get_eim_package() == NoPackage()
        assert esipa.get_eim_package() == NoPackage()
        assert memory.written == ["asn1"]
        eim.known = ("json",)
        assert esipa.get_eim_package() == NoPackage()
    assert eim.asked == [JSON + "getEimPackage", ASN1, ASN1, ASN1, JSON + "getEimPackage"]
    assert memory.written == ["asn1", "json"]


def test_a_memory_of_something_else_is_no_memory(server: Identity, make: Make) -> None:
    eim = Server("asn1")
    with Peer(server, eim) as peer:
        assert make(peer, Memory("soap")).get_eim_package() == NoPackage()
    assert eim.asked == [ASN1]


@pytest.mark.parametrize(("chosen", "path"), [("asn1", ASN1), ("json", JSON + "getEimPackage")])
def test_a_binding_that_is_set_is_the_only_one(chosen: str, path: str, server: Identity, make: Make) -> None:
    other = "json" if chosen == "asn1" else "asn1"
    eim, memory = Server(other), Memory(other)
    with Peer(server, eim) as peer, pytest.raises(PeerRefused, match="404"):
        make(peer, memory, binding=chosen).get_eim_package()
    assert eim.asked == [path]
    assert memory.written == []


def test_a_refusal_in_the_other_binding_is_a_word_of_it(server: Identity, make: Make) -> None:
    """The first function can be one that the eIM refuses."""
    eim, memory = Server("json"), Memory()
    with Peer(server, eim) as peer, pytest.raises(PeerRefused, match="eidNotFound"):
        make(peer, memory).provide_eim_package_result(RESULT)
    assert memory.written == ["json"]


@pytest.mark.parametrize(
    ("status", "error"), [("403 Forbidden", PeerRefused), ("503 Service Unavailable", Throttled)]
)
def test_trouble_in_the_other_binding_decides_nothing(
    status: str, error: type[Exception], server: Identity, make: Make
) -> None:
    eim, memory = Server("json"), Memory()
    eim.failing = status
    with Peer(server, eim) as peer:
        esipa = make(peer, memory)
        with pytest.raises(error):
            esipa.get_eim_package()
        assert memory.written == []
        eim.failing = ""
        assert esipa.get_eim_package() == NoPackage()
    assert eim.asked == [ASN1, JSON + "getEimPackage"] * 2


def test_an_answer_of_another_type_is_no_word_of_that_binding(server: Identity, make: Make) -> None:
    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        while request := read_request(connection):
            status = "404 Not Found" if ASN1.encode() in request else "200 OK"
            connection.sendall(http_answer(b"<p>Welcome", status=status, media_type="text/html"))

    memory = Memory()
    with Peer(server, behave) as peer, pytest.raises(PeerRefused, match="an answer of type 'text/html'"):
        make(peer, memory).get_eim_package()
    assert memory.written == []


def test_notifications_are_taken_in_json_too(server: Identity, make: Make) -> None:
    eim = Server("json")
    with Peer(server, eim) as peer:
        esipa = make(peer, Memory(), binding="json")
        esipa.handle_notification(b"\x30\x00")
        esipa.handle_result(RESULT)
    assert eim.asked == [JSON + "handleNotification"] * 2
    bodies = b"".join(peer.received)
    assert b'{"pendingNotification":"MAA="}' in bodies
    assert b'{"provideEimPackageResult":"' in bodies
    assert b"\r\nContent-Type: application/json\r\n" in bodies


def test_json_has_its_own_path_and_media_type(server: Identity, make: Make) -> None:
    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        while read_request(connection):
            connection.sendall(http_answer(success(emptyResponse={}), media_type="Application/X; a=b"))

    with Peer(server, behave) as peer:
        settings = {"binding": "json", "json_path": "/eim", "json_media_type": "application/x;v=1"}
        assert make(peer, Memory(), **settings).provide_eim_package_result(RESULT) == EmptyResponse()
    assert peer.received[0].startswith(b"POST /eim/provideEimPackageResult HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/x;v=1\r\n" in peer.received[0]


def test_the_journal_remembers_it_for_each_eim(server: Identity, tmp_path: Path) -> None:
    eim = Server("json")
    with Peer(server, eim) as peer:
        for _ in range(2):
            journal = Journal(tmp_path / "journal.db")
            clients = esipa_clients(Config(waits=Waits(connect=20.0, http=20.0)), journal, Uplink())
            config = EimConfiguration("a.example", f"localhost:{peer.port}", tls_anchor=key_of(server))
            esipa = clients(config, EID)
            assert esipa.get_eim_package() == NoPackage()
            esipa.close()
            assert journal.recall("binding:a.example") == "json"
            assert journal.recall("binding:b.example") is None
            journal.close()
    assert eim.asked == [ASN1] + [JSON + "getEimPackage"] * 2


def test_each_eim_is_talked_to_in_its_own_way(server: Identity, tmp_path: Path) -> None:
    eim = Server("json")
    settings = Config(waits=Waits(connect=20.0, http=20.0), eim={"a": EsipaSettings(binding="json")})
    journal = Journal(tmp_path / "journal.db")
    with Peer(server, eim) as peer:
        clients = esipa_clients(settings, journal, Uplink())
        for eim_id in ("a", "b"):
            esipa = clients(
                EimConfiguration(eim_id, f"localhost:{peer.port}", tls_anchor=key_of(server)), EID
            )
            assert esipa.get_eim_package() == NoPackage()
            esipa.close()
    journal.close()
    assert eim.asked == [JSON + "getEimPackage", ASN1, JSON + "getEimPackage"]

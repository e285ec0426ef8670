"""The SM-DS as a server: a card's events over ES11 by hand, and a download that begins with one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import decode, member
from ipad.errors import ConfigError, PeerRefused
from ipad.testbed import pki, rest_client
from ipad.testbed.chain import Expired, load, verify_server
from ipad.testbed.euicc.authentication import (
    EUICC_CHALLENGE_MISMATCH,
    INVALID_CERTIFICATE,
    INVALID_SIGNATURE,
)
from ipad.testbed.smdp import SmdpRefused
from ipad.testbed.smds import Event, Smds
from ipad.testbed.smds.core import MAX_SESSIONS, SESSION
from ipad.testbed.smds.serve import Running, Settings, running
from tests.testbed import rsp_world
from tests.testbed.eim_world import octets, text
from tests.testbed.rsp_world import Card, Client

OTHER_EID = pki.make_eid(77)
ADDRESS = "smds.testbed.example"


@dataclass
class World:
    """A running SM-DS, a client of it, and a card."""

    smds: Running
    client: Client
    card: Card

    def register(self, event_id: str, eid: str | None = None, address: str = "smdp.example") -> None:
        event = {"eid": eid or self.card.eid, "eventId": event_id, "rspServerAddress": address}
        rest_client.call(self.smds.admin, "POST", "/events", event)

    def events(self, event_id: str = "") -> Any:
        """What the card is told, or subject and reason."""
        transaction, answer = self.card.authenticate(self.client, event_id)
        if isinstance(answer, tuple):
            return answer
        assert answer["transactionId"] == transaction
        assert set(answer) == {"transactionId", "eventEntries"}
        return [(event["eventId"], event["rspServerAddress"]) for event in answer["eventEntries"]]


@pytest.fixture
def make(tmp_path: Path, pki_dir: Path) -> Iterator[Callable[..., World]]:
    """Starts an SM-DS of some kind; the card stays."""
    card = rsp_world.insert(tmp_path / "card", pki_dir)
    left = []

    def made(prefix: str = "es11", **settings: Any) -> World:
        context = running(Settings(tmp_path / "smds", pki=pki_dir, **settings))
        left.append(context)
        smds = context.__enter__()
        return World(smds, Client(smds.es11, pki.paths(pki_dir).ci, f"/gsma/rsp2/{prefix}/"), card)

    yield made
    for context in left:
        context.__exit__(None, None, None)


@pytest.fixture
def here(make: Callable[..., World]) -> World:
    return make()


def test_a_card_gets_its_own_events_in_their_order(here: World) -> None:
    assert here.events() == []
    here.register("E-1")
    here.register("E-2", address="localhost:4435")
    here.register("E-1", OTHER_EID)
    assert here.events() == [("E-1", "smdp.example"), ("E-2", "localhost:4435")]
    assert here.events() == [("E-1", "smdp.example"), ("E-2", "localhost:4435")]


def test_one_event_by_its_id(here: World) -> None:
    here.register("E-1")
    here.register("E-2")
    here.register("E-3", OTHER_EID)
    assert here.events("E-2") == [("E-2", "smdp.example")]
    assert here.events("E-3") == ("8.9.5", "3.9")


def test_a_deleted_event_is_gone(here: World) -> None:
    here.register("E-1")
    rest_client.call(here.smds.admin, "DELETE", f"/events/{here.card.eid}/E-1")
    assert here.events() == []
    with pytest.raises(PeerRefused, match="no such event"):
        rest_client.call(here.smds.admin, "DELETE", f"/events/{here.card.eid}/E-1")


def test_its_certificates_are_an_smdss(here: World, pki_dir: Path) -> None:
    answer = here.card.initiate(here.client)
    ci = pki.read_certificate(pki.paths(pki_dir).ci)
    server = verify_server(
        ci, load(octets(answer["serverCertificate"])), [pki.ROLE_DS_AUTH], datetime(2030, 1, 1, tzinfo=UTC)
    )
    assert server.oid == pki.SMDS_OID
    assert decode("ServerSigned1", octets(answer["serverSigned1"]))["serverAddress"] == here.client.address


@pytest.mark.parametrize(("paths", "other"), [("es11", "es9plus"), ("es9plus", "es11")])
def test_its_functions_may_be_under_one_path_only(make: Callable[..., World], paths: str, other: str) -> None:
    assert make(paths, paths=paths).events() == []
    here = make(other, paths=paths)
    assert here.client.request("initiateAuthentication", b"{}")[0] == 404


def test_the_address_may_have_either_name(here: World) -> None:
    answer = here.client.ask(
        "initiateAuthentication",
        smdsAddress=here.client.address,
        euiccChallenge=text(bytes(16)),
        euiccInfo1=text(here.card.run(bytes.fromhex("BF2000"))),
    )
    assert answer["transactionId"]


def test_refusals_come_with_their_codes(here: World) -> None:
    assert here.card.initiate(here.client, "other.example") == ("8.9.1", "3.8")
    server = here.card.initiate(here.client)
    response = here.card.authenticate_server(server)
    ask = {"transactionId": server["transactionId"], "authenticateServerResponse": text(response)}
    signature = member(response, 0xBF38, 0xA0, 0x5F37)
    forged = response.replace(signature, signature[:-1] + bytes([signature[-1] ^ 1]))
    refused = here.client.ask("authenticateClient", **{**ask, "authenticateServerResponse": text(forged)})
    assert refused == ("8.1", "6.1")
    assert here.client.ask("authenticateClient", **ask) == ("8.10.1", "3.9")  # the session is over
    assert here.smds.smds.events() == []


def test_a_session_is_good_once_and_for_a_while(tmp_path: Path, pki_dir: Path) -> None:
    clock = [datetime(2030, 1, 1, tzinfo=UTC)]
    smds = Smds(tmp_path, pki_dir, ADDRESS, lambda: clock[0])
    card = rsp_world.insert(tmp_path / "card", pki_dir)
    info1 = card.run(bytes.fromhex("BF2000"))
    first = smds.initiate_authentication(bytes(16), ADDRESS, info1)
    clock[0] += SESSION
    with pytest.raises(SmdpRefused, match="invalidTransactionId"):
        smds.authenticate_client(first.transaction_id, b"")
    for _ in range(MAX_SESSIONS + 1):
        smds.initiate_authentication(bytes(16), ADDRESS, info1)
    with pytest.raises(SmdpRefused, match="invalidTransactionId"):
        smds.authenticate_client(first.transaction_id, b"")


def test_events_outlast_the_process_and_a_broken_file_is_told(tmp_path: Path, pki_dir: Path) -> None:
    event = Event(OTHER_EID, "E-1", "smdp.example")
    assert Smds(tmp_path, pki_dir, ADDRESS).register(event)
    again = Smds(tmp_path, pki_dir, ADDRESS)
    assert again.events() == [event]
    assert not again.register(event)
    (tmp_path / "smds.json").write_text('[{"eid": "1"}]')
    with pytest.raises(ConfigError, match="no readable state"):
        Smds(tmp_path, pki_dir, ADDRESS)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({}, 400),
        ([], 400),
        ({"eid": "1", "eventId": "E", "rspServerAddress": "a"}, 400),
        ({"eid": OTHER_EID, "eventId": "", "rspServerAddress": "a"}, 400),
        ({"eid": OTHER_EID, "eventId": "E", "rspServerAddress": "a" * 256}, 400),
        ({"eid": OTHER_EID, "eventId": "KNOWN", "rspServerAddress": "a"}, 409),
    ],
)
def test_an_event_that_is_none_is_refused(here: World, event: Any, status: int) -> None:
    here.register("KNOWN", OTHER_EID)
    with pytest.raises(PeerRefused) as refused:
        rest_client.call(here.smds.admin, "POST", "/events", event)
    assert refused.value.code == status
    assert len(here.smds.smds.events()) == 1


def test_it_misbehaves_on_demand(here: World) -> None:
    rest_client.call(here.smds.admin, "POST", "/faults", {"fault": "http-503", "retryAfter": 9})
    status, _, headers = here.client.request("initiateAuthentication", b"{}")
    assert (status, headers["Retry-After"]) == (503, "9")
    [entry] = rest_client.call(here.smds.admin, "GET", "/log")
    assert entry["summary"]["reason"] == "fault http-503"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("wrong-challenge", EUICC_CHALLENGE_MISMATCH),
        ("wrong-signature", INVALID_SIGNATURE),
        ("wrong-certificate", INVALID_CERTIFICATE),
    ],
)
def test_a_card_finds_out_about_a_false_smds(here: World, fault: str, error: int) -> None:
    rest_client.call(here.smds.admin, "POST", "/faults", {"fault": fault})
    answer = here.card.initiate(here.client)
    arm, told = decode("AuthenticateServerResponse", here.card.authenticate_server(answer))
    assert (arm, told["authenticateErrorCode"]) == ("authenticateResponseError", error)
    assert here.events() == []


def test_an_expired_certificate_and_another_address_are_the_agents_to_find(
    here: World, pki_dir: Path
) -> None:
    ci = pki.read_certificate(pki.paths(pki_dir).ci)
    rest_client.call(here.smds.admin, "POST", "/faults", {"fault": "expired-certificate"})
    certificate = load(octets(here.card.initiate(here.client)["serverCertificate"]))
    with pytest.raises(Expired):
        verify_server(ci, certificate, [pki.ROLE_DS_AUTH], datetime(2030, 1, 1, tzinfo=UTC))
    rest_client.call(here.smds.admin, "POST", "/faults", {"fault": "wrong-address"})
    assert here.events() == ("8.1", "6.1")


def test_a_download_that_begins_with_an_event(here: World, tmp_path: Path, pki_dir: Path) -> None:
    with rsp_world.world(tmp_path / "behind", pki_dir, smds=here.smds.admin) as smdp:
        smdp.order(eid=here.card.eid, matchingId="E-1", event=True)
        [(event_id, address)] = here.events()
        assert address == smdp.client.address
        result = here.card.load(here.card.package(smdp.client, event_id))
        assert here.events() == [(event_id, address)]
        smdp.tell(result)
        assert smdp.state() == "installed"
        assert here.events() == []
    assert here.card.iccids()[-1] == rsp_world.ICCID

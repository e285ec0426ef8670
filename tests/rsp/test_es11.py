"""ES11 over real TLS: events for this card, and the two paths that SM-DSs know."""

import json
import ssl
from typing import Any

import pytest

from ipad.asn1.schema import named_numbers
from ipad.errors import DecodeError, PeerRefused
from ipad.net.http import Uplink
from ipad.rsp.es11 import Es11, EventEntry
from ipad.rsp.settings import RspSettings
from ipad.rsp.status import _CODES, _PAIRS
from ipad.waits import Waits
from tests.agent.https_peer import Behaviour, Identity, Peer, http_answer, read_request

from .conftest import Make
from .server_answers import (
    CHALLENGE,
    EUICC_INFO1,
    EVENTS,
    INITIATED,
    SERVER_SIGNED1,
    TRANSACTION,
    base64,
    failed,
    success,
)

FOUND = (EventEntry("1-EVENT", "smdp.example"), EventEntry("2-EVENT", "other.example:8443"))


def sm_ds(path: str, events: bytes, initiated: bytes | None = None) -> Behaviour:
    """An SM-DS that knows its functions under this path only."""
    answers = {
        f"{path}initiateAuthentication": initiated or success(INITIATED),
        f"{path}authenticateClient": events,
    }

    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        while request := read_request(connection):
            body = answers.get(request.split(b" ", 2)[1].decode())
            connection.sendall(
                http_answer(b"", status="404 Not Found")
                if body is None
                else http_answer(body, media_type="application/json")
            )

    return behave


def asked(peer: Peer) -> list[str]:
    return [part.split(b" ", 1)[0].decode() for part in b"".join(peer.received).split(b"POST ")[1:]]


def events_of(make_es11: Make, server: Identity, events: bytes) -> tuple[EventEntry, ...]:
    with Peer(server, sm_ds("/gsma/rsp2/es11/", events)) as peer:
        es11: Es11 = make_es11(peer)
        es11.initiate_authentication(CHALLENGE, EUICC_INFO1)
        return es11.authenticate_client(TRANSACTION, b"\xbf\x38\x00")


def test_the_events_of_this_card_come_in_the_sm_dss_order(make_es11: Make, server: Identity) -> None:
    with Peer(server, sm_ds("/gsma/rsp2/es11/", success(EVENTS))) as peer:
        es11 = make_es11(peer)
        assert es11.initiate_authentication(CHALLENGE, EUICC_INFO1).server_signed1 == SERVER_SIGNED1
        assert es11.authenticate_client(TRANSACTION, b"\xbf\x38\x00") == FOUND
    assert asked(peer) == [
        "/gsma/rsp2/es11/initiateAuthentication",
        "/gsma/rsp2/es11/authenticateClient",
    ]
    body = json.loads(b"".join(peer.received).split(b"\r\n\r\n")[1].split(b"POST")[0])
    assert body == {
        "euiccChallenge": base64(CHALLENGE),
        "euiccInfo1": base64(EUICC_INFO1),
        "smdpAddress": es11.address,
    }


def test_an_sm_ds_under_the_other_path_is_found_once(make_es11: Make, server: Identity) -> None:
    with Peer(server, sm_ds("/gsma/rsp2/es9plus/", success(EVENTS))) as peer:
        es11 = make_es11(peer)
        for _ in range(2):
            es11.initiate_authentication(CHALLENGE, EUICC_INFO1)
            assert es11.authenticate_client(TRANSACTION, b"\xbf\x38\x00") == FOUND
    assert asked(peer) == [
        "/gsma/rsp2/es11/initiateAuthentication",
        *["/gsma/rsp2/es9plus/initiateAuthentication", "/gsma/rsp2/es9plus/authenticateClient"] * 2,
    ]


def test_a_server_that_knows_neither_path_is_asked_twice(make_es11: Make, server: Identity) -> None:
    with Peer(server, sm_ds("/elsewhere/", b"")) as peer, pytest.raises(PeerRefused) as refused:
        make_es11(peer).initiate_authentication(CHALLENGE, EUICC_INFO1)
    assert refused.value.status == 404
    assert len(asked(peer)) == 2


def test_a_refusal_is_not_taken_for_an_unknown_path(make_es11: Make, server: Identity) -> None:
    behave = sm_ds("/gsma/rsp2/es11/", b"", failed("8.9.4", "3.7"))
    with Peer(server, behave) as peer, pytest.raises(PeerRefused, match="ciPKNotSupported"):
        make_es11(peer).initiate_authentication(CHALLENGE, EUICC_INFO1)
    assert len(asked(peer)) == 1


@pytest.mark.parametrize("members", [{}, {"eventEntries": []}, {"eventEntries": None}])
def test_there_may_be_no_event(members: dict[str, Any], make_es11: Make, server: Identity) -> None:
    assert events_of(make_es11, server, success({"transactionId": "0A1B2C3D", **members})) == ()


@pytest.mark.parametrize(
    "entries",
    [
        5,
        "x",
        {},
        [5],
        [{}],
        [None],
        [[]],
        [{"eventId": "1"}],
        [{"rspServerAddress": "smdp.example"}],
        [{"eventId": 1, "rspServerAddress": "smdp.example"}],
        [{"eventId": "1", "rspServerAddress": ["smdp.example"]}],
        [{"eventId": "", "rspServerAddress": "smdp.example"}],
        [{"eventId": "1", "rspServerAddress": "x" * 256}],
        [{"eventId": "1", "rspServerAddress": "smdp.example"}, {"eventId": "2"}],
    ],
)
def test_events_that_are_none_are_malformed(entries: Any, make_es11: Make, server: Identity) -> None:
    with pytest.raises(DecodeError, match=r"ES11\.AuthenticateClient: the answer of localhost: "):
        events_of(make_es11, server, success(EVENTS | {"eventEntries": entries}))


def test_events_of_another_transaction_are_refused(make_es11: Make, server: Identity) -> None:
    with pytest.raises(DecodeError, match="another transaction"):
        events_of(make_es11, server, success(EVENTS | {"transactionId": "01"}))


@pytest.mark.parametrize(
    ("pair", "name"),
    list(_PAIRS["ES11.AuthenticateClient"].items()),
)
def test_each_pair_of_codes_is_the_standards_error(
    pair: str, name: str, make_es11: Make, server: Identity
) -> None:
    named = named_numbers("sgp22:AuthenticateClientResponseEs11", _CODES["ES11.AuthenticateClient"][1])
    with pytest.raises(PeerRefused) as refused:
        events_of(make_es11, server, failed(*pair.split("/")))
    expected = name if name in named.values() else "undefinedError"  # an SM-DS has fewer than an SM-DP+
    assert refused.value.name == expected
    assert named[refused.value.code or 0] == expected
    assert pair in str(refused.value)


def test_an_event_is_not_named_where_somebody_may_read_it() -> None:
    assert "1-EVENT" not in repr(FOUND)
    assert "smdp.example" in repr(FOUND)


def test_an_address_that_is_none_is_said_to_be() -> None:
    with pytest.raises(DecodeError, match="no host name"):
        Es11("smds example", Waits(), Uplink(), RspSettings())

"""ES9+ over real TLS: what is sent, what is taken, and what bad answers get."""

import json
import ssl
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import wrap
from ipad.asn1.schema import named_numbers
from ipad.errors import DecodeError, IpadError, PeerRefused, Throttled, Unreachable
from ipad.net.http import Uplink
from ipad.rsp.es9 import Es9
from ipad.rsp.settings import RspSettings
from ipad.rsp.status import _CODES, _PAIRS
from ipad.server_answers import AuthenticateClientOkDp, InitiateAuthenticationOk
from ipad.waits import Waits
from tests.agent.https_peer import Behaviour, Identity, Peer, http_answer, read_request

from .conftest import Make
from .server_answers import (
    AUTHENTICATED,
    BOUND,
    BPP,
    CERTIFICATE,
    CHALLENGE,
    EUICC_INFO1,
    INITIATED,
    KEY_ID,
    METADATA,
    SERVER_SIGNED1,
    SIGNATURE,
    SMDP_SIGNED2,
    TRANSACTION,
    base64,
    failed,
    success,
)

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"

CALLS: dict[str, Callable[[Es9], object]] = {
    "InitiateAuthentication": lambda es9: es9.initiate_authentication(CHALLENGE, EUICC_INFO1),
    "AuthenticateClient": lambda es9: es9.authenticate_client(TRANSACTION, b"\xbf\x38\x00"),
    "GetBoundProfilePackage": lambda es9: es9.get_bound_profile_package(TRANSACTION, b"\xbf\x21\x00"),
    "HandleNotification": lambda es9: es9.handle_notification(b"\xbf\x37\x00"),
    "CancelSession": lambda es9: es9.cancel_session(TRANSACTION, b"\xbf\x41\x00"),
}
GOOD: dict[str, dict[str, Any]] = {
    "InitiateAuthentication": INITIATED,
    "AuthenticateClient": AUTHENTICATED,
    "GetBoundProfilePackage": BOUND,
    "HandleNotification": {},
    "CancelSession": {},
}
each_function = pytest.mark.parametrize("function", CALLS)


def says(*answers: bytes) -> Behaviour:
    """Answers each request with the next of these, as they are, and the last one again and again."""

    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        turn = 0
        while read_request(connection):
            connection.sendall(answers[min(turn, len(answers) - 1)])
            turn += 1

    return behave


def in_json(body: bytes, media_type: str = "application/json") -> bytes:
    return http_answer(body, media_type=media_type)


def outcome(make_es9: Make, server: Identity, function: str, answer: bytes) -> object:
    with Peer(server, says(answer)) as peer:
        return CALLS[function](make_es9(peer))


def test_each_function_is_one_post_of_json(make_es9: Make, server: Identity) -> None:
    for function, call in CALLS.items():
        with Peer(server, says(in_json(success(GOOD[function])))) as peer:
            es9 = make_es9(peer)
            call(es9)
        head, _, body = b"".join(peer.received).partition(b"\r\n\r\n")
        first, *headers = head.decode().split("\r\n")
        assert first == f"POST /gsma/rsp2/es9plus/{function[0].lower()}{function[1:]} HTTP/1.1"
        assert "User-Agent: gsma-rsp-lpad" in headers
        assert "X-Admin-Protocol: gsma/rsp/v2.2.2" in headers
        assert "Content-Type: application/json" in headers
        assert (
            json.loads(body)
            == {
                "InitiateAuthentication": {
                    "euiccChallenge": base64(CHALLENGE),
                    "euiccInfo1": base64(EUICC_INFO1),
                    "smdpAddress": es9.address,
                },
                "AuthenticateClient": {
                    "transactionId": "0A1B2C3D",
                    "authenticateServerResponse": base64(b"\xbf\x38\x00"),
                },
                "GetBoundProfilePackage": {
                    "transactionId": "0A1B2C3D",
                    "prepareDownloadResponse": base64(b"\xbf\x21\x00"),
                },
                "HandleNotification": {"pendingNotification": base64(b"\xbf\x37\x00")},
                "CancelSession": {
                    "transactionId": "0A1B2C3D",
                    "cancelSessionResponse": base64(b"\xbf\x41\x00"),
                },
            }[function]
        )


def test_the_signed_parts_come_out_as_the_server_sent_them(make_es9: Make, server: Identity) -> None:
    answers = [in_json(success(GOOD[function])) for function in list(CALLS)[:3]] + [NO_CONTENT]
    with Peer(server, says(*answers)) as peer:
        es9 = make_es9(peer)
        assert es9.initiate_authentication(CHALLENGE, EUICC_INFO1) == InitiateAuthenticationOk(
            TRANSACTION, "smdp.example", SERVER_SIGNED1, SIGNATURE, KEY_ID, CERTIFICATE
        )
        assert es9.authenticate_client(TRANSACTION, b"\xbf\x38\x00") == AuthenticateClientOkDp(
            TRANSACTION, SMDP_SIGNED2, SIGNATURE, CERTIFICATE, True, METADATA
        )
        assert es9.get_bound_profile_package(TRANSACTION, b"\xbf\x21\x00") == BPP
        es9.handle_notification(b"\xbf\x37\x00")
    assert peer.connections == 1


@pytest.mark.parametrize("answer", [NO_CONTENT, in_json(b""), in_json(success({}))])
def test_a_notification_is_taken_in_three_ways(answer: bytes, make_es9: Make, server: Identity) -> None:
    assert outcome(make_es9, server, "HandleNotification", answer) is None


def test_other_spellings_of_servers_are_taken(make_es9: Make, server: Identity) -> None:
    bare = {
        ("euiccCiPKIdentifierToBeUsed" if name == "euiccCiPKIdToBeUsed" else name): value
        for name, value in INITIATED.items()
    } | {"serverSignature1": base64(SIGNATURE[3:]), "euiccCiPKIdentifierToBeUsed": base64(KEY_ID[2:])}
    found = outcome(make_es9, server, "InitiateAuthentication", in_json(success(bare)))
    assert isinstance(found, InitiateAuthenticationOk)
    assert (found.server_signature1, found.ci_pk_id) == (SIGNATURE, KEY_ID)
    later = {"otherCertsInChain": ["AAAA"], "rpmPending": None} | AUTHENTICATED
    later["profileMetaData"] = later.pop("profileMetadata")
    found = outcome(
        make_es9, server, "AuthenticateClient", in_json(success(later), "application/json;charset=utf-8")
    )
    assert isinstance(found, AuthenticateClientOkDp)
    assert found.metadata == METADATA


PAIRS = [
    (function.removeprefix("ES9+."), pair, name)
    for function, pairs in _PAIRS.items()
    if function.startswith("ES9+.")
    for pair, name in pairs.items()
]


@pytest.mark.parametrize(("function", "pair", "name"), PAIRS)
def test_each_pair_of_codes_is_the_standards_error(
    function: str, pair: str, name: str, make_es9: Make, server: Identity
) -> None:
    with pytest.raises(PeerRefused) as refused:
        outcome(make_es9, server, function, in_json(failed(*pair.split("/"))))
    type_name, member = _CODES[f"ES9+.{function}"]
    assert (refused.value.function, refused.value.name) == (f"ES9+.{function}", name)
    assert named_numbers(f"sgp22:{type_name}", member)[refused.value.code or 0] == name
    assert pair in str(refused.value)


@pytest.mark.parametrize("function", [name for name in CALLS if name != "HandleNotification"])
def test_every_named_error_has_its_codes(function: str) -> None:
    type_name, member = _CODES[f"ES9+.{function}"]
    named = set(named_numbers(f"sgp22:{type_name}", member).values()) - {"undefinedError"}
    assert set(_PAIRS[f"ES9+.{function}"].values()) == named


@each_function
def test_other_codes_become_a_sentence(function: str, make_es9: Make, server: Identity) -> None:
    answer = in_json(failed("8.2.5", "1.2", "\x1b[2J not yet released"))
    with pytest.raises(PeerRefused) as refused:
        outcome(make_es9, server, function, answer)
    assert (refused.value.name, refused.value.code) == ("undefinedError", 127)
    assert str(refused.value) == (
        f"ES9+.{function}: undefinedError(127) "
        '(profile type: not allowed, 8.2.5/1.2; the server says "?[2J not yet released")'
    )


@each_function
def test_html_in_the_place_of_json_is_refused(function: str, make_es9: Make, server: Identity) -> None:
    page = b"<!DOCTYPE html><html><body>sign in</body></html>"
    with pytest.raises(PeerRefused, match=r"an answer of type 'text/html'.*right address"):
        outcome(make_es9, server, function, in_json(page, "text/html; charset=utf-8"))
    with pytest.raises(DecodeError, match=rf"ES9\+.{function}: the answer of localhost: .* not JSON"):
        outcome(make_es9, server, function, in_json(page))


@each_function
@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_redirects_are_not_followed(function: str, status: str, make_es9: Make, server: Identity) -> None:
    with Peer(server, says(in_json(success(GOOD[function])))) as elsewhere:
        more = f"Location: https://localhost:{elsewhere.port}/\r\n"
        with pytest.raises(PeerRefused) as refused:
            outcome(make_es9, server, function, http_answer(b"", status=status, more=more))
    assert refused.value.status == int(status[:3])
    assert elsewhere.connections == 0


@each_function
@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("400 Bad Request", PeerRefused),
        ("404 Not Found", PeerRefused),
        ("429 Too Many Requests", Throttled),
        ("500 Internal Server Error", Unreachable),
        ("503 Service Unavailable", Throttled),
    ],
)
def test_errors_of_http_are_told_apart(
    function: str, status: str, error: type[IpadError], make_es9: Make, server: Identity
) -> None:
    with pytest.raises(error, match=function):
        outcome(make_es9, server, function, http_answer(b"{}", status=status))


SPOILT: tuple[object, ...] = (None, 5, "", "!", base64(b"\x30\x05"), base64(b"\x05\x00"), [], {})
"""What a member is not."""


@pytest.mark.parametrize(
    "function", ["InitiateAuthentication", "AuthenticateClient", "GetBoundProfilePackage"]
)
def test_each_member_has_to_be_there_and_to_be_itself(
    function: str, make_es9: Make, server: Identity
) -> None:
    spoilt = [success({})]
    for name in GOOD[function]:
        for value in SPOILT:
            if name == "transactionId" and value is None:
                continue  # it is signed, too
            spoilt.append(success(GOOD[function] | {name: value}))
    bodies = [b"", b"{", b"[]", b"null", b'{"header": 5}', *spoilt]
    with Peer(server, says(*map(in_json, bodies))) as peer:
        es9 = make_es9(peer)
        for _ in bodies:
            with pytest.raises(DecodeError, match=rf"^ES9\+\.{function}: the answer of localhost"):
                CALLS[function](es9)
    assert peer.connections == 1


def test_an_answer_of_another_transaction_is_refused(make_es9: Make, server: Identity) -> None:
    other = wrap(0x30, wrap(0x80, b"\x01"), b"\x01\x01\xff")
    bad = {
        "InitiateAuthentication": [INITIATED | {"transactionId": "01"}],
        "AuthenticateClient": [
            AUTHENTICATED | {"transactionId": "01"},
            AUTHENTICATED | {"transactionId": "01", "smdpSigned2": base64(other)},
            AUTHENTICATED | {"transactionId": None, "smdpSigned2": base64(other)},
        ],
        "GetBoundProfilePackage": [BOUND | {"transactionId": "01"}],
    }
    for function, answers in bad.items():
        for members in answers:
            with pytest.raises(DecodeError, match=r"transaction"):
                outcome(make_es9, server, function, in_json(success(members)))


def test_a_package_larger_than_the_limit_is_not_taken(make_es9: Make, server: Identity) -> None:
    def answer(octets: int) -> bytes:
        return in_json(success(BOUND | {"boundProfilePackage": base64(wrap(0xBF36, bytes(octets)))}))

    with Peer(server, says(answer(20_000 - 5), answer(20_001 - 5), answer(200_000))) as peer:
        es9 = make_es9(peer, limit=20_000)
        assert len(es9.get_bound_profile_package(TRANSACTION, b"\xbf\x21\x00")) == 20_000
        with pytest.raises(DecodeError, match=r"package of 20001 octets; at most 20000"):
            es9.get_bound_profile_package(TRANSACTION, b"\xbf\x21\x00")
        with pytest.raises(DecodeError, match=r"GetBoundProfilePackage.* larger than \[rsp\] limit"):
            es9.get_bound_profile_package(TRANSACTION, b"\xbf\x21\x00")


def test_the_largest_package_costs_a_few_times_its_octets(make_es9: Make, server: Identity) -> None:
    package = wrap(0xBF36, bytes(500_000))
    large = in_json(success(BOUND | {"boundProfilePackage": base64(package)}))
    with Peer(server, says(in_json(success({})), large)) as peer:
        es9 = make_es9(peer)
        es9.handle_notification(b"")
        tracemalloc.start()
        try:
            assert es9.get_bound_profile_package(TRANSACTION, b"\xbf\x21\x00") == package
            assert tracemalloc.get_traced_memory()[1] < 6 * 500_000
        finally:
            tracemalloc.stop()


def test_an_address_that_is_none_is_said_to_be() -> None:
    for address in ("", "smdp example", "https://smdp.example/", "smdp.example:0"):
        with pytest.raises(DecodeError, match=r"ES9\+: .* is no host name"):
            Es9(address, Waits(), Uplink(), RspSettings())


def test_a_package_may_take_longer_than_anything_else(ci_certificates: Path, server: Identity) -> None:
    def slow(connection: ssl.SSLSocket, _number: int) -> None:
        while read_request(connection):
            time.sleep(1.0)
            connection.sendall(in_json(success(BOUND)))

    waits = Waits(connect=20.0, http=0.3, package=20.0)
    with Peer(server, slow) as peer:
        settings = RspSettings(ci_certificates=str(ci_certificates))
        es9 = Es9(f"localhost:{peer.port}", waits, Uplink(), settings)
        assert es9.get_bound_profile_package(TRANSACTION, b"\xbf\x21\x00") == BPP
        with pytest.raises(Unreachable, match="took too long"):
            es9.cancel_session(TRANSACTION, b"\xbf\x41\x00")
        es9.close()

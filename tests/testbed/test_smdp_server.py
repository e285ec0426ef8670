"""The SM-DP+ as a server: whole downloads over ES9+ by hand, and what it does wrong when it is told to."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import DecodeError, decode, member, tlvs, value
from ipad.errors import ConfigError, PeerRefused
from ipad.testbed import pki
from ipad.testbed.chain import Expired, NotTrusted, load, public_key, verify_server
from ipad.testbed.euicc.authentication import (
    EUICC_CHALLENGE_MISMATCH,
    INVALID_CERTIFICATE,
    INVALID_SIGNATURE,
    INVALID_TRANSACTION_ID,
)
from ipad.testbed.signature import verify
from ipad.testbed.smdp import SmdpRefused
from ipad.testbed.smdp.catalogue import PACKAGES
from ipad.testbed.smdp.forge import OTHER_ADDRESS, OTHER_OID
from ipad.testbed.smdp.remote import RemoteSmdp
from tests.testbed.download_world import Refused, indirect
from tests.testbed.eim_world import PATIENCE, octets, text
from tests.testbed.rsp_world import HEADERS, ICCID, Client, World, segments, world

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NOT_FOUND = ("8.10.1", "3.9")
STORE_METADATA, PPR_NOT_ALLOWED = 2, 15
"""BppCommandId and ErrorReason."""
INACCESSIBLE = ("8.8", "5.1")


@pytest.fixture
def here(tmp_path: Path, pki_dir: Path) -> Iterator[World]:
    with world(tmp_path, pki_dir) as started:
        yield started


def outcome(result: bytes) -> str:
    arm, _ = decode("ProfileInstallationResult", result)["profileInstallationResultData"]["finalResult"]
    return str(arm)


@pytest.mark.parametrize(
    "settings",
    [{}, {"replace_keys": True, "segment": 128}, {"curve": "brainpoolP256r1"}, {"fqdn": "smdp.example"}],
)
def test_a_direct_download(tmp_path: Path, pki_dir: Path, settings: dict[str, Any]) -> None:
    with world(tmp_path, pki_dir, **settings) as here:
        here.client.address = settings.get("fqdn", here.client.address)
        package = here.card.package(here.client, here.order(package="usual"))
        assert here.state() == "downloaded"
        result = here.card.load(package)
        assert outcome(result) == "successResult"
        here.tell(result)
        assert here.state() == "installed"
        assert here.card.iccids()[-1] == ICCID
        [told] = here.get("/notifications")
        assert (told["kind"], told["iccid"], told["eid"]) == (
            "profileInstallationResult",
            ICCID,
            here.card.eid,
        )
        assert (told["result"], told["error"]) == ("successResult", None)


@pytest.mark.parametrize("package", [name for name in PACKAGES if name != "locked"])
def test_the_packages_of_the_catalogue_install(here: World, package: str) -> None:
    got = here.card.package(here.client, here.order(package=package))
    assert PACKAGES[package]["size"] <= len(got) < 110_000
    assert outcome(here.card.load(got)) == "successResult"


def test_a_package_that_the_cards_rules_do_not_allow(here: World) -> None:
    result = here.card.load(here.card.package(here.client, here.order(package="locked")))
    here.tell(result)
    [told] = here.get("/notifications")
    assert told["result"] == "errorResult"
    assert told["error"] == [STORE_METADATA, PPR_NOT_ALLOWED]
    assert here.state() == "released"
    assert ICCID not in here.card.iccids()


def test_a_confirmation_code(here: World) -> None:
    answer = here.post("/orders", {"iccid": ICCID, "matchingId": "M", "confirmationCode": "1234"})
    assert answer["activationCode"] == f"1${here.client.address}$M$$1"
    assert here.card.package(here.client, "M", "9999") == ("8.2.7", "3.8")
    assert isinstance(here.card.package(here.client, "M", "1234"), bytes)


def test_a_default_order_of_a_card(here: World) -> None:
    assert here.order(eid=here.card.eid) == ""
    assert outcome(here.card.load(here.card.package(here.client))) == "successResult"


def test_refusals_come_with_their_codes(here: World) -> None:
    assert here.card.initiate(here.client, "other.example") == ("8.8.1", "3.8")
    assert here.card.package(here.client, "NONE") == ("8.2.6", "3.8")
    assert here.card.package(here.client) == ("8.2.5", "4.3")
    unknown = here.client.ask(
        "getBoundProfilePackage", transactionId="00" * 16, prepareDownloadResponse=text(b"\xbf\x21\x00")
    )
    assert unknown == NOT_FOUND
    last = here.get("/log")[-1]
    assert (last["function"], last["status"]) == ("GetBoundProfilePackage", 200)
    assert (last["summary"]["answer"], last["summary"]["transactionId"]) == (
        "invalidTransactionId",
        "00" * 16,
    )


def test_a_session_is_cancelled(here: World) -> None:
    transaction, _ = here.card.authenticate(here.client, here.order())
    response = text(here.card.cancel(transaction, 0))
    assert here.client.ask("cancelSession", transactionId=transaction, cancelSessionResponse=response) == {}
    assert here.state() == "error"
    again = here.client.ask("cancelSession", transactionId=transaction, cancelSessionResponse=response)
    assert again == NOT_FOUND


def test_a_notification_that_proves_nothing_is_taken_and_not_believed(here: World) -> None:
    result = here.card.load(here.card.package(here.client, here.order()))
    here.tell(result[:-1] + bytes([result[-1] ^ 1]))
    assert here.get("/notifications") == []
    assert here.state() == "downloaded"
    assert here.get("/log")[-1]["summary"]["subject"] == "8.1"


@pytest.mark.parametrize(
    ("function", "body", "headers", "status"),
    [
        ("nothing", b"{}", {}, 404),
        ("initiateAuthentication", b"{}", {"Content-Type": "text/plain"}, 415),
        ("initiateAuthentication", b"{}", {"X-Admin-Protocol": "2.2.0"}, 400),
        ("initiateAuthentication", b"{}", {"X-Admin-Protocol": ""}, 400),
        ("initiateAuthentication", b"", {}, 400),
        ("initiateAuthentication", b"[]", {}, 400),
        ("initiateAuthentication", b"{" * 100_000, {}, 400),
        ("initiateAuthentication", b'{"smdpAddress": 1}', {}, 400),
        ("initiateAuthentication", b'{"smdpAddress": "a", "euiccChallenge": "?", "euiccInfo1": ""}', {}, 400),
        ("authenticateClient", b'{"transactionId": "XY", "authenticateServerResponse": ""}', {}, 400),
        ("getBoundProfilePackage", b'{"transactionId": "00"}', {}, 400),
        ("handleNotification", b'{"pendingNotification": "MAA="}', {}, 400),
        ("handleNotification", b" " * (1024 * 1024 + 1), {}, 413),
    ],
)
def test_a_request_that_is_none_is_refused(
    here: World, function: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    try:
        assert here.client.request(function, body, {**HEADERS, **headers})[0] == status
    except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
        assert status == 413  # the server does not wait for the end of it
    here.client.connection.close()
    assert here.card.initiate(here.client)["transactionId"]


def test_only_a_client_that_trusts_the_ci_gets_through(tmp_path: Path, here: World) -> None:
    other = pki.make_euicc_chain(tmp_path / "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        Client(here.smdp.es9, other.ci).request("initiateAuthentication", b"{}")
    context = ssl.create_default_context(cafile=str(pki.paths(here.pki_dir).ci))
    with (
        socket.create_connection(("127.0.0.1", here.client.port), PATIENCE) as raw,
        pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname"),
    ):
        context.wrap_socket(raw, server_hostname="other.example")


def test_another_tls_certificate_is_served_when_told_to(tmp_path: Path, pki_dir: Path) -> None:
    where = pki.make_pki(tmp_path / "other")
    with (
        world(tmp_path, pki_dir, tls_certificate=where.dp_tls, tls_key=where.dp_tls_key) as here,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        here.client.request("initiateAuthentication", b"{}")


def test_the_log_has_sizes_and_no_contents(here: World) -> None:
    here.card.initiate(here.client)
    [entry] = here.get("/log")
    assert entry["function"] == "InitiateAuthentication"
    assert entry["request_octets"] > 50
    assert entry["answer_octets"] > 1000
    assert entry["summary"]["agent"] == "gsma-rsp-lpad"
    assert here.get("/log", after=entry["id"]) == []


# what it does wrong when it is told to


@pytest.mark.parametrize("status", [500, 503])
def test_http_errors(here: World, status: int) -> None:
    here.spoil(f"http-{status}", retryAfter=17)
    answered, _, headers = here.client.request("initiateAuthentication", b"{}")
    assert (answered, headers["Retry-After"]) == (status, "17")
    assert here.card.initiate(here.client)["transactionId"]


def test_a_redirect_leads_to_where_it_would_work(here: World) -> None:
    here.spoil("redirect")
    status, _, headers = here.client.request("initiateAuthentication", b"{}")
    assert status == 307
    assert headers["Location"] == f"https://{here.client.address}/gsma/rsp2/es9plus/initiateAuthentication"
    assert here.card.initiate(here.client)["transactionId"]


def test_a_portal_answers_in_html(here: World) -> None:
    here.spoil("html")
    body = json.dumps({"smdpAddress": "x", "euiccChallenge": text(bytes(16)), "euiccInfo1": ""}).encode()
    status, page, headers = here.client.request("initiateAuthentication", body)
    assert (status, headers["Content-Type"]) == (200, "text/html")
    assert page.startswith(b"<!DOCTYPE html>")


def test_answers_cut_off_missing_too_large_and_without_sense(here: World) -> None:
    body = json.dumps({"smdpAddress": "x", "euiccChallenge": text(bytes(16)), "euiccInfo1": ""}).encode()
    here.spoil("truncate")
    with pytest.raises(http.client.IncompleteRead):
        here.client.request("initiateAuthentication", body)
    here.client.connection.close()
    here.spoil("drop")
    with pytest.raises(http.client.RemoteDisconnected):
        here.client.request("initiateAuthentication", body)
    here.client.connection.close()
    here.spoil("oversize", size=3_000_000)
    assert len(here.client.request("initiateAuthentication", body)[1]) == 3_000_000
    here.spoil("garbage")
    with pytest.raises(ValueError, match="utf-8"):
        json.loads(here.client.request("initiateAuthentication", body)[1])
    here.spoil("slow", seconds=0.001)
    assert json.loads(here.client.request("initiateAuthentication", body)[1])


def initiated(here: World, fault: str) -> tuple[Any, dict[str, Any]]:
    """The answer with this fault, and ServerSigned1."""
    here.spoil(fault, function="InitiateAuthentication")
    answer = here.card.initiate(here.client)
    return answer, decode("ServerSigned1", octets(answer["serverSigned1"]))


def signature_holds(answer: Any) -> bool:
    key = public_key(load(octets(answer["serverCertificate"])))
    return verify(key, value(octets(answer["serverSignature1"])), octets(answer["serverSigned1"]))


def test_an_address_that_was_not_called(here: World) -> None:
    answer, signed = initiated(here, "wrong-address")
    assert signed["serverAddress"] == OTHER_ADDRESS
    assert signature_holds(answer)
    response = text(here.card.authenticate_server(answer))  # which a card cannot know
    refused = here.client.ask(
        "authenticateClient", transactionId=answer["transactionId"], authenticateServerResponse=response
    )
    assert refused == ("8.1", "6.1")


def card_error(here: World, answer: Any) -> int:
    arm, told = decode("AuthenticateServerResponse", here.card.authenticate_server(answer))
    assert arm == "authenticateResponseError"
    return int(told["authenticateErrorCode"])


def test_a_challenge_that_was_not_given(here: World) -> None:
    answer, signed = initiated(here, "wrong-challenge")
    assert signed["euiccChallenge"] == bytes(16)
    assert signature_holds(answer)
    assert card_error(here, answer) == EUICC_CHALLENGE_MISMATCH


def test_a_signature_that_does_not_hold(here: World) -> None:
    answer, _ = initiated(here, "wrong-signature")
    assert not signature_holds(answer)
    assert card_error(here, answer) == INVALID_SIGNATURE


def test_a_transaction_that_is_not_the_signed_one(here: World) -> None:
    answer, signed = initiated(here, "wrong-transaction")
    assert bytes.fromhex(answer["transactionId"]) != signed["transactionId"]


def test_certificates_of_somebody_else_of_another_ci_and_of_the_past(here: World) -> None:
    ci = pki.read_certificate(pki.paths(here.pki_dir).ci)

    def checked(answer: Any) -> str:
        certificate = load(octets(answer["serverCertificate"]))
        return verify_server(ci, certificate, [pki.ROLE_DP_AUTH], NOW).oid

    answer, _ = initiated(here, "wrong-oid")
    assert signature_holds(answer)
    assert checked(answer) == OTHER_OID
    answer, _ = initiated(here, "expired-certificate")
    assert signature_holds(answer)
    with pytest.raises(Expired):
        checked(answer)
    assert decode("AuthenticateServerResponse", here.card.authenticate_server(answer))[0].endswith("Ok")
    answer, _ = initiated(here, "wrong-certificate")
    assert signature_holds(answer)
    with pytest.raises(NotTrusted):
        checked(answer)
    assert card_error(here, answer) == INVALID_CERTIFICATE


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("wrong-signature", INVALID_SIGNATURE),
        ("wrong-transaction", INVALID_TRANSACTION_ID),
        ("wrong-oid", INVALID_CERTIFICATE),
        ("wrong-certificate", INVALID_CERTIFICATE),
    ],
)
def test_a_profile_offered_by_somebody_else(here: World, fault: str, error: int) -> None:
    matching_id = here.order()
    here.spoil(fault, function="AuthenticateClient")
    _, profile = here.card.authenticate(here.client, matching_id)
    arm, told = decode("PrepareDownloadResponse", here.card.prepare(profile))
    assert (arm, told["downloadErrorCode"]) == ("downloadResponseError", error)
    assert isinstance(here.card.package(here.client, matching_id), bytes)


@pytest.mark.parametrize("fault", ["bpp-order", "bpp-mac", "bpp-short"])
def test_a_package_that_a_card_has_to_refuse(here: World, fault: str) -> None:
    matching_id = here.order(size=5000)
    here.spoil(fault)
    package = here.card.package(here.client, matching_id)
    assert (fault == "bpp-short") is (0 < len(segments(package)) < 4)
    result = here.card.load(package)
    assert outcome(result) == "errorResult"
    here.tell(result)
    assert here.state() == "released"
    assert ICCID not in here.card.iccids()
    assert outcome(here.card.load(here.card.package(here.client, matching_id))) == "successResult"


def test_a_package_that_is_none(here: World) -> None:
    matching_id = here.order(size=5000)
    here.spoil("bpp-cut")
    with pytest.raises(DecodeError):
        segments(here.card.package(here.client, matching_id))
    here.spoil("bpp-garbage")
    with pytest.raises(DecodeError):
        segments(here.card.package(here.client, matching_id))
    here.spoil("bpp-oversize", size=2_100_000)
    assert len(here.card.package(here.client, matching_id)) > 2_100_000


@pytest.mark.parametrize(
    "order",
    [{}, [], {"iccid": 1}, {"iccid": ICCID, "colour": "red"}, {"iccid": ICCID, "package": "huge"},
     {"iccid": ICCID, "size": -1}, {"iccid": ICCID, "size": "x"}, {"iccid": ICCID, "rebinding": 1},
     {"iccid": ICCID, "expires": "2030-01-01"}, {"iccid": ICCID, "expires": "x"}, {"iccid": "x"},
     {"iccid": ICCID, "policyRules": [1, "x"]}, {"iccid": ICCID, "policyRules": 1},
     {"iccid": ICCID, "policyRules": [3]}, {"iccid": ICCID, "eid": "12"},
     {"iccid": ICCID, "event": True}],
)  # fmt: skip
def test_an_order_that_is_none_is_refused(here: World, order: Any) -> None:
    with pytest.raises(PeerRefused) as refused:
        here.post("/orders", order)
    assert refused.value.code == 400
    assert here.get("/orders") == []


# behind an eIM


@pytest.mark.parametrize("binding", ["asn1", "json"])
def test_an_eim_relays_to_it(tmp_path: Path, pki_dir: Path, binding: str) -> None:
    with world(tmp_path / "behind", pki_dir) as here:
        remote = RemoteSmdp(here.smdp.es9, pki.paths(pki_dir).ci)
        matching_id = here.order(package="usual")
        with indirect(tmp_path, pki_dir, binding, remote) as through:
            through.smdp = here.smdp.smdp
            number, package = through.up_to_bound(matchingId=matching_id)
            result = through.load(package)
            assert outcome(result) == "successResult"
            remote.handle_notification(result)
            assert here.state() == "installed"
            through.here.admin.delete(f"/packages/{number}")  # its result is not the subject here
            through.here.order({"enable": ICCID})
            through.here.provide(through.here.load(through.here.fetch()))
            told = member(through.run(bytes.fromhex("BF2B00")), 0xBF2B, 0xA0)
            for _, pending in tlvs(value(told)):
                if remote.address.encode() in pending:  # the bootstrap profile's are another server's
                    remote.handle_notification(pending)
        heard = [(told["kind"], told.get("events")) for told in here.get("/notifications")]
        assert heard == [("profileInstallationResult", None), ("otherSignedNotification", ["enable"])]


def test_an_eim_passes_on_what_it_refuses(tmp_path: Path, pki_dir: Path) -> None:
    with world(tmp_path / "behind", pki_dir) as here:
        remote = RemoteSmdp(here.smdp.es9, pki.paths(pki_dir).ci)
        with indirect(tmp_path, pki_dir, "asn1", remote) as through:
            _, transaction = through.trigger(matchingId="NONE")
            through.initiate(transaction)
            refused = through.authenticate()
            assert isinstance(refused, Refused)
            assert refused == "matchingIdRefused"


@pytest.mark.parametrize(
    "fault", ["http-500", "http-503", "redirect", "html", "truncate", "drop", "garbage", "oversize"]
)
def test_a_relay_without_an_answer_is_undefined_error(here: World, fault: str) -> None:
    remote = RemoteSmdp(here.smdp.es9, pki.paths(here.pki_dir).ci)
    here.spoil(fault, size=9_000_000)
    with pytest.raises(SmdpRefused) as refused:
        remote.initiate_authentication(bytes(16), remote.address, here.card.run(bytes.fromhex("BF2000")))
    assert (refused.value.name, refused.value.code) == ("undefinedError", 127)
    assert (refused.value.subject, refused.value.reason) == INACCESSIBLE


def test_a_relays_address_and_certificate_must_be_usable(tmp_path: Path, pki_dir: Path) -> None:
    ci = pki.paths(pki_dir).ci
    for url in ("http://localhost:1", "https://", "localhost:1", "https://localhost/path"):
        with pytest.raises(ConfigError, match="not an address"):
            RemoteSmdp(url, ci)
    with pytest.raises(ConfigError, match="not usable"):
        RemoteSmdp("https://localhost:1", tmp_path / "none.pem")

import contextlib
import http.client
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import DecodeError, decode, wrap
from ipad.errors import PeerRefused
from ipad.testbed import pki
from ipad.testbed.rest_client import call
from tests.testbed.eim_world import HEADERS, NO_PACKAGE, PATIENCE, Ipa, World, port_of, world

LIST: dict[str, object] = {"listProfileInfo": {}}
NOT_THE_FUNCTION = bytes.fromhex("BF390A8108000000000000000000")


@pytest.fixture
def poll(here: World) -> bytes:
    return wrap(0xBF4F, wrap(0x5A, bytes.fromhex(here.eid)))


def last(here: World) -> Any:
    return here.admin.get("/log")[-1]


def test_one_connection_carries_many_requests(here: World) -> None:
    for _ in range(3):
        here.ipa.get_package(here.eid)
    assert {entry["port"] for entry in here.admin.get("/log")} == {here.ipa.local_port()}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls_work_and_resume(here: World, pki_dir: Path, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=str(pki.paths(pki_dir).eim_tls_ca))
    context.minimum_version = context.maximum_version = version
    session: ssl.SSLSession | None = None
    for resumed in (False, True):
        raw = socket.create_connection(("127.0.0.1", port_of(here.eim)), PATIENCE)
        tls = context.wrap_socket(raw, server_hostname="localhost", session=session)
        connection = http.client.HTTPConnection("localhost")
        connection.sock = tls
        connection.request("POST", "/gsma/rsp2/asn1", wrap(0xBF4F, wrap(0x5A, bytes(16))), HEADERS)
        assert connection.getresponse().read()
        assert tls.session_reused is resumed
        session = tls.session
        connection.close()
        assert last(here)["summary"]["resumed"] is resumed
    assert last(here)["summary"]["tls"] == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]


def test_older_tls_is_refused(here: World, pki_dir: Path) -> None:
    context = ssl.create_default_context(cafile=str(pki.paths(pki_dir).eim_tls_ca))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", port_of(here.eim)), PATIENCE) as raw,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(raw, server_hostname="localhost")


def test_an_ipa_that_does_not_trust_the_certificate_sends_nothing(tmp_path: Path, pki_dir: Path) -> None:
    other = pki.paths(tmp_path / "other-pki")
    pki.make_pki(tmp_path / "other-pki")
    with world(tmp_path, pki_dir, tls_certificate=other.eim_tls, tls_key=other.eim_tls_key) as here:
        with pytest.raises(ssl.SSLCertVerificationError):
            here.ipa.get_package(here.eid)
        entries = here.admin.get("/log")
        assert [entry["function"] for entry in entries] in ([], ["TLS"])
        assert {entry["request"] for entry in entries} <= {""}


def test_a_client_without_tls_is_dropped_and_others_go_on(here: World) -> None:
    with socket.create_connection(("127.0.0.1", port_of(here.eim)), PATIENCE) as raw:
        raw.sendall(b"POST / HTTP/1.1\r\n\r\n")
        raw.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP" not in raw.recv(4096)
    here.ipa.get_package(here.eid)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"path": "/gsma/rsp2/asn1/"}, 404),
        ({"method": "GET"}, 501),
        ({"headers": {**HEADERS, "Content-Type": "application/json"}}, 415),
        ({"headers": {k: v for k, v in HEADERS.items() if k != "X-Admin-Protocol"}}, 400),
        ({"body": b""}, 400),
        ({"body": b"\xbf\x4f"}, 400),
        ({"body": bytes.fromhex("BF4F00")}, 400),
        ({"body": bytes.fromhex("BF4F125A10") + bytes(15)}, 400),
        ({"body": bytes.fromhex("BF4F125A10") + bytes(17)}, 400),
        ({"body": bytes.fromhex("BF500430020000")}, 400),
        ({"body": bytes.fromhex("BF7700")}, 400),
        ({"body": bytes.fromhex("3080020100")}, 400),
        ({"body": NOT_THE_FUNCTION}, 501),
        ({"body": bytes(1024 * 1024 + 1)}, 413),
    ],
)  # fmt: skip
def test_a_request_that_is_none_is_refused(
    here: World, poll: bytes, change: dict[str, Any], status: int
) -> None:
    try:
        answered, body, _ = here.ipa.request(**{"body": poll, **change})
    except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
        assert status == 413  # the eIM does not wait for the end of it
    else:
        assert (answered, len(body) > 0) == (status, True)
    here.ipa.connection.close()
    assert decode("GetEimPackageResponse", here.ipa.get_package(here.eid)) == NO_PACKAGE


def test_a_request_without_a_length_is_refused(here: World, pki_dir: Path) -> None:
    context = ssl.create_default_context(cafile=str(pki.paths(pki_dir).eim_tls_ca))
    raw = socket.create_connection(("127.0.0.1", port_of(here.eim)), PATIENCE)
    with context.wrap_socket(raw, server_hostname="localhost") as tls:
        tls.sendall(b"POST /gsma/rsp2/asn1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert tls.recv(4096).startswith(b"HTTP/1.1 411")


def test_many_clients_at_once_are_served(here: World, pki_dir: Path) -> None:
    answers = []

    def poll() -> None:
        ipa = Ipa(port_of(here.eim), pki.paths(pki_dir).eim_tls_ca)
        answers.append(ipa.get_package(here.eid))
        ipa.connection.close()

    threads = [threading.Thread(target=poll) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(answers) == 8


def spoil(here: World, fault: str, **more: Any) -> None:
    here.admin.post("/faults", {"fault": fault, **more})


def test_faults_hit_the_next_answers_and_then_are_over(here: World, poll: bytes) -> None:
    spoil(here, "http-500", count=2)
    assert [here.ipa.request(poll)[0] for _ in range(3)] == [500, 500, 200]


def test_a_busy_eim_says_when_to_come_back(here: World, poll: bytes) -> None:
    spoil(here, "http-503", retryAfter=17)
    status, _, headers = here.ipa.request(poll)
    assert (status, headers["Retry-After"]) == (503, "17")


def test_a_fault_may_wait_for_its_function(here: World, poll: bytes) -> None:
    spoil(here, "http-500", function="ProvideEimPackageResult")
    assert here.ipa.request(poll)[0] == 200
    here.order(LIST)
    result = here.load(here.fetch())
    provided = wrap(0xBF50, wrap(0x5A, bytes.fromhex(here.eid)), result)
    assert here.ipa.request(provided)[0] == 500


def test_an_answer_can_be_cut_off(here: World, poll: bytes) -> None:
    spoil(here, "truncate")
    with pytest.raises(http.client.IncompleteRead):
        here.ipa.request(poll)


def test_an_answer_can_be_missing_though_the_request_was_handled(here: World) -> None:
    number = here.order(LIST)
    result = here.load(here.fetch())
    spoil(here, "drop")
    with pytest.raises(http.client.RemoteDisconnected):
        here.provide(result)
    assert here.admin.package(number)["state"] == "done"
    here.ipa.connection.close()
    assert here.provide(result)[0] == "eimAcknowledgements"
    assert here.admin.package(number)["results"][0]["deliveries"] == 2


def test_an_answer_can_be_of_any_size_type_and_sense(here: World, poll: bytes) -> None:
    spoil(here, "oversize", size=3_000_000)
    assert len(here.ipa.request(poll)[1]) == 3_000_000
    spoil(here, "content-type")
    assert here.ipa.request(poll)[2]["Content-Type"] == "text/html"
    spoil(here, "garbage")
    with pytest.raises(DecodeError):
        decode("GetEimPackageResponse", here.ipa.request(poll)[1])


def test_an_answer_can_come_octet_by_octet(here: World, poll: bytes) -> None:
    spoil(here, "slow", seconds=0.01)
    assert decode("GetEimPackageResponse", here.ipa.request(poll)[1]) == NO_PACKAGE
    assert last(here)["summary"]["fault"] == "slow"


@pytest.mark.parametrize(
    "fault",
    [{}, {"fault": "rain"}, {"fault": "drop", "count": 0}, {"fault": "drop", "count": "x"},
     {"fault": "slow", "seconds": -1}, {"fault": "drop", "colour": "red"}, []],
)  # fmt: skip
def test_a_fault_that_there_is_not_is_refused(here: World, fault: Any) -> None:
    with pytest.raises(PeerRefused) as refused:
        here.admin.post("/faults", fault)
    assert refused.value.code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("POST", "/euiccs", {}, 400),
        ("POST", "/euiccs", {"eid": "89" * 16, "token": 1}, 404),
        ("POST", "/euiccs", {"eum": "x", "euicc": "y"}, 400),
        ("POST", "/packages", {"eid": "89" * 16, "operations": [LIST]}, 404),
        ("POST", "/packages", [], 400),
        ("DELETE", "/packages/x", None, 404),
        ("GET", "/config?token=x", None, 400),
        ("GET", "/config?counter=-1", None, 400),
    ],
)
def test_the_rest_interface_says_what_is_wrong(
    here: World, method: str, path: str, body: Any, status: int
) -> None:
    with pytest.raises(PeerRefused) as refused:
        call(here.admin.url, method, path, body)
    assert refused.value.code == status
    assert refused.value.name


def test_the_rest_interface_takes_no_flood(here: World) -> None:
    connection = http.client.HTTPConnection(
        "127.0.0.1", int(here.admin.url.rpartition(":")[2]), timeout=PATIENCE
    )
    connection.putrequest("POST", "/packages")
    connection.putheader("Content-Length", str(1 << 30))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(("anchor", "arm"), [
    ("ca", "trustedCertificateTls"), ("leaf", "trustedCertificateTls"), ("key", "trustedEimPkTls"),
])  # fmt: skip
def test_the_configuration_names_the_chosen_anchor(
    tmp_path: Path, pki_dir: Path, anchor: str, arm: str
) -> None:
    with world(tmp_path, pki_dir, anchor=anchor, fqdn="eim.example:443") as here:
        der = bytes.fromhex(here.admin.get("/config")["eimConfigurationData"])
    configuration = decode("EimConfigurationData", der)
    assert configuration["trustedPublicKeyDataTls"][0] == arm
    assert configuration["eimFqdn"] == "eim.example:443"


def test_the_configuration_can_ask_for_a_token_and_continue_a_counter(here: World) -> None:
    here.order(LIST)
    here.provide(here.load(here.fetch()))
    der = here.admin.get("/config", token=-1, eid=here.eid, key="bare")["eimConfigurationData"]
    configuration = decode("EimConfigurationData", bytes.fromhex(der))
    assert (configuration["associationToken"], configuration["counterValue"]) == (-1, 1)
    assert configuration["eimPublicKeyData"][0] == "eimPublicKey"

"""What is JSON's own in ESipa's JSON binding: headers, odd shapes, and text that is none of it."""

import json
import tracemalloc
from typing import Any

import pytest

from ipad.asn1 import value, wrap
from ipad.errors import DecodeError, PeerRefused
from ipad.esipa.json_binding import JsonBinding
from ipad.esipa.model import (
    Acknowledged,
    AuthenticateClientOkDp,
    DownloadTrigger,
    EmptyResponse,
    Malformed,
    NoPackage,
)
from tests.agent.eim_answers import JsonSays, base64, failed, success
from tests.agent.test_esipa_download import AUTHENTICATED, INITIATED
from tests.rsp.server_answers import KEY_ID, METADATA, SIGNATURE

BINDING = JsonBinding("/gsma/rsp2/esipa/", "application/json")
TRIGGER = DownloadTrigger(b"\xbf\x54\x00")


def test_no_package_comes_in_three_shapes() -> None:
    assert BINDING.eim_package(success(eimPackageError=1)) == NoPackage()
    assert BINDING.eim_package(failed("8.1.1", "3.7")) == NoPackage()
    assert BINDING.eim_package(b'{"eimPackageError": 1}') == NoPackage()


def test_zero_beside_a_package_is_no_error() -> None:
    assert BINDING.eim_package(success(profileDownloadTriggerRequest="v1QA", eimPackageError=0)) == TRIGGER
    answer = success(eimAcknowledgements="v1MA", provideEimPackageResultError=0)
    assert BINDING.acknowledgement(answer) == Acknowledged(())


def test_an_error_number_says_more_than_a_package_beside_it() -> None:
    with pytest.raises(PeerRefused, match=r"eidNotFound\(2\)"):
        BINDING.eim_package(success(profileDownloadTriggerRequest="v1QA", eimPackageError=2))
    with pytest.raises(PeerRefused, match=r"missingEid\(4\)"):
        BINDING.acknowledgement(success(provideEimPackageResultError=4))


def test_null_is_as_good_as_absent_and_others_members_do_not_matter() -> None:
    answer = {
        "header": {"functionExecutionStatus": {"status": "Executed-Success", "statusCodeData": None}, "x": 1},
        "euiccPackageRequest": None,
        "eimPackageError": None,
        "profileDownloadTriggerRequest": "v1QA",
        "later": [1.5, {"a": None}],
    }
    assert BINDING.eim_package(json.dumps(answer).encode()) == TRIGGER


def test_the_last_of_two_members_with_one_name_counts() -> None:
    assert BINDING.eim_package(b'{"eimPackageError": 2, "eimPackageError": 1}') == NoPackage()


def test_a_kind_of_package_that_is_not_known_is_answered_as_such() -> None:
    found = BINDING.eim_package(success(somethingNewRequest="AAAA"))
    assert isinstance(found, Malformed)
    assert found.code == "unknownPackage"


@pytest.mark.parametrize("octets", ["v1Q", "v1Q!", "v1QA\n", "v1==QA", "é", "", "v1QA" * 2])
def test_a_package_that_is_not_base64_of_one_is_answered_as_such(octets: str) -> None:
    found = BINDING.eim_package(success(profileDownloadTriggerRequest=octets))
    assert isinstance(found, Malformed)
    assert found.code == "invalidPackageFormat"


def test_success_alone_is_an_empty_response() -> None:
    assert BINDING.acknowledgement(success()) == EmptyResponse()
    for read in (BINDING.acknowledgement, BINDING.cancel_session_ok):
        with pytest.raises(DecodeError):
            read(b"{}")


def test_a_warning_is_a_success_and_an_expiry_a_failure() -> None:
    answer = {"header": {"functionExecutionStatus": {"status": "Executed-WithWarning"}}}
    assert BINDING.acknowledgement(json.dumps(answer).encode()) == EmptyResponse()
    answer = {"header": {"functionExecutionStatus": {"status": "Expired"}}}
    with pytest.raises(PeerRefused, match=r"undefinedError\(127\)"):
        BINDING.acknowledgement(json.dumps(answer).encode())


def test_a_failure_that_is_not_known_is_quoted_but_not_at_length_nor_with_control_characters() -> None:
    with pytest.raises(PeerRefused) as refused:
        BINDING.taken(failed("9.9", "1\n1", message="\x1b[2Jno \ud800" + "x" * 5000))
    assert (refused.value.name, refused.value.code) == ("undefinedError", 127)
    assert "the eIM says 9.9/1?1: ?[2Jno ?xxx" in str(refused.value)
    assert len(str(refused.value)) < 400


def test_signatures_and_key_identifiers_may_come_bare() -> None:
    bare: dict[str, bytes | None] = {
        "serverSignature1": value(SIGNATURE),
        "euiccCiPKIdentifierToBeUsed": value(KEY_ID),
    }
    says = JsonSays()
    whole = BINDING.initiate_authentication_ok(says.ok("initiateAuthentication", INITIATED))
    assert BINDING.initiate_authentication_ok(says.ok("initiateAuthentication", INITIATED | bare)) == whole
    body = says.ok("authenticateClient", AUTHENTICATED | {"smdpSignature2": value(SIGNATURE)})
    found = BINDING.authenticate_client_ok(body)
    assert isinstance(found, AuthenticateClientOkDp)
    assert found.smdp_signature2 == SIGNATURE


def test_metadata_has_two_spellings() -> None:
    members = {("profileMetaData" if k == "profileMetadata" else k): v for k, v in AUTHENTICATED.items()}
    found = BINDING.authenticate_client_ok(JsonSays().ok("authenticateClient", members))
    assert isinstance(found, AuthenticateClientOkDp)
    assert found.metadata == METADATA


def test_hex_comes_in_either_case_and_base64_without_padding() -> None:
    assert b"==" in JsonSays().ok("initiateAuthentication", INITIATED)
    body = JsonSays().ok("initiateAuthentication", INITIATED)
    assert BINDING.initiate_authentication_ok(
        body.replace(b"0A1B2C3D", b"0a1b2C3d").replace(b"=", b"")
    ) == BINDING.initiate_authentication_ok(body)


@pytest.mark.parametrize("text", ["0A1", "0A 1B", "XY", "", "00" * 17, " 0A1B2C3D"])
def test_a_transaction_id_that_is_not_hex_is_malformed(text: str) -> None:
    body = JsonSays().ok("initiateAuthentication", INITIATED).replace(b"0A1B2C3D", text.encode())
    with pytest.raises(DecodeError, match="transactionId"):
        BINDING.initiate_authentication_ok(body)


def test_an_element_with_something_behind_it_is_malformed() -> None:
    signed = INITIATED["serverSigned1"]
    assert signed is not None
    longer = INITIATED | {"serverSigned1": signed + b"\x05\x00"}
    with pytest.raises(DecodeError):
        BINDING.initiate_authentication_ok(JsonSays().ok("initiateAuthentication", longer))


HEADERS: list[Any] = [
    5,
    [],
    "Executed-Success",
    {},
    {"functionExecutionStatus": None},
    {"functionExecutionStatus": "Executed-Success"},
    {"functionExecutionStatus": {}},
    {"functionExecutionStatus": {"status": 1}},
    {"functionExecutionStatus": {"status": "Executed"}},
    {"functionExecutionStatus": {"status": "Failed", "statusCodeData": []}},
    {"functionExecutionStatus": {"status": "Failed", "statusCodeData": {"subjectCode": 8}}},
]


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_is_none_is_malformed(header: Any) -> None:
    for read in (BINDING.eim_package, BINDING.acknowledgement, BINDING.taken, BINDING.cancel_session_ok):
        with pytest.raises(DecodeError):
            read(json.dumps({"header": header, "eimPackageError": 1}).encode())


@pytest.mark.parametrize(
    "number", ["true", "1.0", '"1"', "1e400", "NaN", "-Infinity", "9" * 5000, "2147483648"]
)
def test_a_number_that_is_none_is_malformed(number: str) -> None:
    with pytest.raises(DecodeError):
        BINDING.eim_package(f'{{"eimPackageError": {number}}}'.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"x"',
        b"\xff\xfe{\x00}\x00",
        b'{"eimPackageError": 1} x',
        b"{'eimPackageError': 1}",
        b'{"eimPackageError": 1}\x00',
        b"<html>",
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":[' + b"0," * 400_000 + b'0],"eimPackageError":1}',
        b'{"a":[' + b"{}," * 300_000 + b'{}],"eimPackageError":1}',
        b'{"a":"' + b"x" * 1_000_000 + "𝄞".encode() + b'","eimPackageError":1}',
        b'{"euiccPackageRequest":"' + b"A" * 1_000_001,
        b'{"eimPackageError":' + b"9" * 1_000_000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_such_object_is_malformed_and_does_not_eat_the_memory(body: bytes) -> None:
    for read in (BINDING.eim_package, BINDING.initiate_authentication_ok, BINDING.acknowledgement):
        tracemalloc.start()
        try:
            with pytest.raises(DecodeError):
                read(body)
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
        finally:
            tracemalloc.stop()


def test_a_large_package_costs_little_more_than_its_octets() -> None:
    body = success(boundProfilePackage=base64(wrap(0xBF36, bytes(700_000))))
    tracemalloc.start()
    try:
        assert len(BINDING.get_bound_profile_package_ok(body).bound_profile_package) > 700_000
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()

"""ESipa's JSON binding as it is on the wire (SGP.32 6.4)."""

import json
from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import decode, value, wrap
from ipad.testbed.eim.json_binding import answer, failed
from tests.testbed.eim_world import JSON_HEADERS, JsonIpa, World, octets, text, world

LIST: dict[str, object] = {"listProfileInfo": {}}
PATH = "/gsma/rsp2/esipa/"
SUCCESS = {"functionExecutionStatus": {"status": "Executed-Success"}}


@pytest.fixture
def binding() -> str:
    return "json"


def call(here: World, function: str, **request: Any) -> Any:
    assert isinstance(here.ipa, JsonIpa)
    return here.ipa.call(function, request)


def test_no_package_is_a_number_beside_a_header_of_success(here: World) -> None:
    status, answered = call(here, "getEimPackage", eidValue=here.eid)
    assert (status, answered) == (200, {"header": SUCCESS, "eimPackageError": 1})


def test_a_package_is_base64_of_its_whole_tlv(here: World) -> None:
    here.order(LIST)
    _, answered = call(here, "getEimPackage", eidValue=here.eid)
    assert set(answered) == {"header", "euiccPackageRequest"}
    assert decode("EuiccPackageRequest", octets(answered["euiccPackageRequest"]))
    result = here.load(octets(answered["euiccPackageRequest"]))
    _, answered = call(here, "provideEimPackageResult", eidValue=here.eid, eimPackageResult=text(result))
    assert answered["header"] == SUCCESS
    assert octets(answered["eimAcknowledgements"])[:2] == b"\xbf\x53"


@pytest.mark.parametrize(
    ("eid", "codes", "name"),
    [
        ({"eidValue": "89" * 16}, ("8.1.1", "3.9"), "eidNotFound"),
        ({"eidValue": "89" * 15}, ("8.1.1", "2.1"), "invalidEid"),
        ({"eidValue": "AB" * 16}, ("8.1.1", "2.1"), "invalidEid"),
        ({"eidValue": 89}, ("8.1.1", "2.1"), "invalidEid"),
        ({}, ("8.1.1", "2.2"), "missingEid"),
    ],
)
@pytest.mark.parametrize(
    ("function", "more"),
    [
        ("getEimPackage", {}),
        ("provideEimPackageResult", {"eimPackageResult": text(bytes.fromhex("A003020101"))}),
    ],
)
def test_an_eid_that_is_none_or_not_known_fails_with_its_codes(
    here: World, function: str, more: dict[str, Any], eid: dict[str, Any], codes: tuple[str, str], name: str
) -> None:
    status, answered = call(here, function, **eid, **more)
    told = answered["header"]["functionExecutionStatus"]
    assert (status, told["status"]) == (200, "Failed")
    assert (told["statusCodeData"]["subjectCode"], told["statusCodeData"]["reasonCode"]) == codes
    assert told["statusCodeData"]["message"] == name


def test_the_log_says_which_binding_it_was_and_keeps_what_was_sent(here: World) -> None:
    call(here, "getEimPackage", eidValue=here.eid, rPlmn=text(bytes.fromhex("00F110")), stateChangeCause=1)
    last = here.admin.get("/log")[-1]
    assert (last["function"], last["eid"]) == ("GetEimPackage", here.eid)
    assert (last["summary"]["binding"], last["summary"]["rPLMN"]) == ("json", "00101")
    assert json.loads(bytes.fromhex(last["request"]))["stateChangeCause"] == 1
    assert json.loads(bytes.fromhex(last["response"]))["eimPackageError"] == 1


@pytest.mark.parametrize(
    ("function", "body", "status"),
    [
        ("getEimPackage", b"", 400),
        ("getEimPackage", b"[]", 400),
        ("getEimPackage", b"{", 400),
        ("getEimPackage", b"[" * 100_000, 400),
        ("getEimPackage", b"\xff\xfe", 400),
        ("getEimPackage", b'{"eidValue": "%s", "rPlmn": "AA"}' % (b"89" * 16), 400),
        ("getEimPackage", b'{"eidValue": "%s", "rPlmn": "A"}' % (b"89" * 16), 400),
        ("getEimPackage", b'{"eidValue": "%s", "rPlmn": "?"}' % (b"89" * 16), 400),
        ("getEimPackage", b'{"eidValue": "%s", "stateChangeCause": "x"}' % (b"89" * 16), 400),
        ("getEimPackage", b'{"eidValue": "%s", "stateChangeCause": true}' % (b"89" * 16), 400),
        ("getEimPackage", b'{"eidValue": "%s", "stateChangeCause": 1e999}' % (b"89" * 16), 400),
        ("getEimPackage", b'{"eidValue": "%s", "notifyStateChange": 7}' % (b"89" * 16), 400),
        ("provideEimPackageResult", b'{"eidValue": "%s"}' % (b"89" * 16), 400),
        ("provideEimPackageResult", b'{"eimPackageResult": "MAA="}', 400),
        ("handleNotification", b"{}", 400),
        ("handleNotification", b'{"pendingNotification": "MAA="}', 400),
        ("initiateAuthentication", b'{"euiccChallenge": 5}', 400),
        ("initiateAuthentication", b'{"euiccChallenge": "AAAA", "smdpAddress": 5}', 400),
        ("authenticateClient", b'{"transactionId": "XY"}', 400),
        ("authenticateClient", b'{"transactionId": 5}', 400),
        ("cancelSession", b'{"transactionId": "00", "cancelSessionResponse": "MAA="}', 400),
        ("sing", b"{}", 404),
        ("", b"{}", 404),
    ],
)  # fmt: skip
def test_a_request_that_is_none_is_refused(here: World, function: str, body: bytes, status: int) -> None:
    answered, reason, _ = here.ipa.request(body, PATH + function, headers=JSON_HEADERS)
    assert (answered, len(reason) > 0) == (status, True)
    assert call(here, "getEimPackage", eidValue=here.eid)[1]["eimPackageError"] == 1


def test_each_binding_wants_its_media_type(here: World) -> None:
    body = json.dumps({"eidValue": here.eid}).encode()
    headers = {**JSON_HEADERS, "Content-Type": "application/x-gsma-rsp-asn1"}
    assert here.ipa.request(body, PATH + "getEimPackage", headers=headers)[0] == 415
    headers["Content-Type"] = "application/json; charset=utf-8"
    assert here.ipa.request(body, PATH + "getEimPackage", headers=headers)[0] == 200


@pytest.mark.parametrize(
    ("offered", "asn1", "json_"), [("both", 200, 200), ("asn1", 200, 404), ("json", 404, 200)]
)
def test_a_binding_that_is_not_offered_is_not_there(
    tmp_path: Path, pki_dir: Path, offered: str, asn1: int, json_: int
) -> None:
    with world(tmp_path, pki_dir, binding="json", bindings=offered) as here:
        poll = wrap(0xBF4F, wrap(0x5A, bytes.fromhex(here.eid)))
        assert here.ipa.request(poll)[0] == asn1
        assert call(here, "getEimPackage", eidValue=here.eid)[0] == json_


@pytest.mark.parametrize("status", [404, 405, 415, 500, 501, 503])
def test_a_server_may_not_hear_a_request(here: World, status: int) -> None:
    here.admin.post("/faults", {"fault": f"http-{status}", "function": "GetEimPackage"})
    assert call(here, "getEimPackage", eidValue=here.eid)[0] == status
    assert call(here, "getEimPackage", eidValue=here.eid)[0] == 200


def test_answers_are_spoilt_as_in_the_other_binding(here: World) -> None:
    here.admin.post("/faults", {"fault": "garbage"})
    body = json.dumps({"eidValue": here.eid}).encode()
    _, spoilt, headers = here.ipa.request(body, PATH + "getEimPackage", headers=JSON_HEADERS)
    assert headers["Content-Type"] == "application/json"
    with pytest.raises(ValueError, match=r"codec|Expecting"):
        json.loads(spoilt)


def test_raw_octets_go_out_as_a_package(here: World) -> None:
    here.admin.post("/packages", {"eid": here.eid, "raw": "BF4F03BF7700"})
    assert call(here, "getEimPackage", eidValue=here.eid)[1]["euiccPackageRequest"] == text(b"\xbf\x77\x00")
    number = here.admin.get("/packages")[0]["id"]
    here.admin.delete(f"/packages/{number}")
    here.admin.post("/packages", {"eid": here.eid, "raw": "FFFF"})
    assert call(here, "getEimPackage", eidValue=here.eid)[1]["euiccPackageRequest"] == text(b"\xff\xff")


SIGNATURE = wrap(0x5F37, bytes(64))
SEQUENCE, OTHER = wrap(0x30, b"\x80\x00"), wrap(0x30, b"\x81\x00")
CONTEXT = bytes.fromhex("A00480024142")


def test_the_answers_of_a_download_carry_their_members() -> None:
    initiated = wrap(
        0xBF39,
        wrap(0xA0, wrap(0x80, b"\xab"), SEQUENCE, SIGNATURE, wrap(0x04, bytes(20)), OTHER,
             wrap(0x0C, b"M-1"), wrap(0xA2, CONTEXT)),
    )  # fmt: skip
    assert json.loads(answer("InitiateAuthentication", initiated)) == {
        "header": SUCCESS,
        "transactionId": "AB",
        "serverSigned1": text(SEQUENCE),
        "serverSignature1": text(SIGNATURE),
        "euiccCiPKIdentifierToBeUsed": text(wrap(0x04, bytes(20))),
        "serverCertificate": text(OTHER),
        "matchingId": "M-1",
        "ctxParams1": text(CONTEXT),
    }
    authenticated = wrap(
        0xBF3B, wrap(0xA0, wrap(0xBF25, b""), SEQUENCE, SIGNATURE, OTHER, wrap(0x04, bytes(32)))
    )
    assert json.loads(answer("AuthenticateClient", authenticated)) == {
        "header": SUCCESS,
        "profileMetadata": text(wrap(0xBF25, b"")),
        "smdpSigned2": text(SEQUENCE),
        "smdpSignature2": text(SIGNATURE),
        "smdpCertificate": text(OTHER),
        "hashCc": text(wrap(0x04, bytes(32))),
    }
    odd = json.loads(answer("AuthenticateClient", authenticated, {"raw-signatures", "meta-data-name"}))
    assert (odd["smdpSignature2"], odd["profileMetaData"]) == (text(bytes(64)), text(wrap(0xBF25, b"")))
    trigger = wrap(0xBF54)
    elsewhere = wrap(0xBF3B, wrap(0xA1, wrap(0x80, b"\xab"), trigger))
    assert json.loads(answer("AuthenticateClient", elsewhere)) == {
        "header": SUCCESS, "transactionId": "AB", "profileDownloadTrigger": text(trigger),
    }  # fmt: skip
    bound = wrap(0xBF3A, wrap(0xA0, wrap(0x80, b"\xab"), wrap(0xBF36, b"")))
    assert json.loads(answer("GetBoundProfilePackage", bound)) == {
        "header": SUCCESS, "transactionId": "AB", "boundProfilePackage": text(wrap(0xBF36, b"")),
    }  # fmt: skip
    assert json.loads(answer("CancelSession", wrap(0xBF41, wrap(0xA0)))) == {"header": SUCCESS}


@pytest.mark.parametrize(
    ("function", "error", "codes"),
    [
        ("InitiateAuthentication", "BF3903810133", ("8.8", "3.10")),
        ("AuthenticateClient", "BF3B03820106", ("8.2.6", "3.8")),
        ("GetBoundProfilePackage", "BF3A0381015F", ("8.10.1", "3.9")),
        ("CancelSession", "BF4103810102", ("8.1", "6.1")),
        ("CancelSession", "BF410381017F", ("8.1", "4.2")),
    ],
)
def test_each_error_of_a_download_has_its_codes(function: str, error: str, codes: tuple[str, str]) -> None:
    told = json.loads(answer(function, bytes.fromhex(error)))["header"]["functionExecutionStatus"]
    assert told["status"] == "Failed"
    data = told["statusCodeData"]
    assert (data["subjectCode"], data["reasonCode"]) == codes
    code = value(value(bytes.fromhex(error)))[0]
    assert told == json.loads(failed(function, code))["header"]["functionExecutionStatus"]

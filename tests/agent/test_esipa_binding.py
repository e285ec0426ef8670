"""ESipa's packages and results in both bindings: what is asked, understood, and called malformed."""

import json
from typing import Literal

import pytest

from ipad.asn1 import decode, wrap
from ipad.eim import EimConfiguration
from ipad.errors import DecodeError, PeerRefused, Unreachable
from ipad.esipa import arms, package
from ipad.esipa.binding import Call
from ipad.esipa.client import host_and_port
from ipad.esipa.json_binding import JsonBinding
from ipad.esipa.model import (
    Acknowledged,
    DataRequest,
    DownloadTrigger,
    EmptyResponse,
    EuiccPackage,
    Malformed,
    NoPackage,
    Operation,
)
from tests.agent.eim_answers import Asn1Says, JsonSays, Says, base64, failed, success

EID = bytes.fromhex("89049032123451234512345678901235")
ICCID = bytes.fromhex("5A0A98001032547698103214")
DIGITS = "89000123456789012341"
SIGNATURE = wrap(0x5F37, bytes(64))


def signed_package(operations: bytes, *, transaction: bytes = b"\x82\x02\xab\xcd") -> bytes:
    frame = b"\x80\x01e" + wrap(0x5A, EID) + b"\x81\x01\x05" + transaction
    return wrap(0xBF51, wrap(0x30, frame, operations), SIGNATURE)


@pytest.fixture(params=[Asn1Says(), JsonSays()], ids=["asn1", "json"])
def eim(request: pytest.FixtureRequest) -> Says:
    says: Says = request.param
    return says


def answered(eim: Says, arm: bytes) -> object:
    return eim.binding.eim_package(eim.package(arm))


def posted(call: Call) -> tuple[str, dict[str, object]]:
    """Path and members of a request in JSON."""
    assert call.media_type == "application/json"
    return call.path, json.loads(call.body)


def test_get_eim_package_tells_a_state_change() -> None:
    asn1, json_ = Asn1Says.binding, JsonSays.binding
    call = asn1.get_eim_package(EID, False, None, None)
    assert (call.path, call.media_type) == ("/gsma/rsp2/asn1", "application/x-gsma-rsp-asn1")
    assert call.body == wrap(0xBF4F, wrap(0x5A, EID))
    told = (EID, True, 1, b"\x00\xf1\x10")
    assert decode("EsipaMessageFromIpaToEim", asn1.get_eim_package(*told).body) == (
        "getEimPackageRequest",
        {"eidValue": EID, "notifyStateChange": None, "stateChangeCause": 1, "rPLMN": b"\x00\xf1\x10"},
    )
    path = "/gsma/rsp2/esipa/getEimPackage"
    digits = "89049032123451234512345678901235"
    assert posted(json_.get_eim_package(EID, False, None, None)) == (path, {"eidValue": digits})
    assert posted(json_.get_eim_package(*told)) == (
        path,
        {"eidValue": digits, "notifyStateChange": True, "stateChangeCause": 1, "rPlmn": "APEQ"},
    )


@pytest.mark.parametrize("path", ["/a", "/a/"])
def test_the_functions_name_is_put_behind_the_path(path: str) -> None:
    assert JsonBinding(path, "x/y").handle_notification(b"").path == "/a/handleNotification"


def test_no_package_is_no_error_and_other_codes_are(eim: Says) -> None:
    assert eim.binding.eim_package(eim.no_package()) == NoPackage()
    with pytest.raises(PeerRefused, match=r"GetEimPackage: eidNotFound\(2\) \(is this gateway's EID"):
        eim.binding.eim_package(eim.refusal("getEimPackage", 2, "8.1.1/3.9"))
    with pytest.raises(PeerRefused, match=r"unknown\(66\)|127\) \(the eIM says 8.9/7: no more"):
        eim.binding.eim_package(eim.refusal("getEimPackage", 66, "8.9/7"))


def test_a_signed_package_is_passed_on_as_it_came(eim: Says) -> None:
    operations = wrap(0xA0, wrap(0xA3, ICCID, b"\x05\x00"), wrap(0xA4, ICCID), b"\xbf\x2d\x00", b"\xa9\x00")
    der = signed_package(operations)
    assert answered(eim, der) == EuiccPackage(
        der,
        "e",
        5,
        b"\xab\xcd",
        (
            Operation("enable", DIGITS, rollback=True),
            Operation("disable", DIGITS),
            Operation("listProfileInfo"),
            Operation("unsetFallbackAttribute"),
        ),
    )


def test_a_package_says_what_it_would_switch() -> None:
    found = package.read(signed_package(wrap(0xA0, wrap(0xA3, ICCID))))
    assert isinstance(found, EuiccPackage)
    assert (found.enables, found.rollback, found.may_switch) == (DIGITS, False, True)
    assert not found.only_asks
    found = package.read(signed_package(wrap(0xA1, bytes.fromhex("AB00"))))
    assert isinstance(found, EuiccPackage)
    assert found.operations == (Operation("listEim"),)
    assert (found.enables, found.rollback, found.may_switch) == (None, False, False)
    assert found.only_asks


@pytest.mark.parametrize("operation", ["BF7700", "A3020500"])
def test_operations_that_are_not_understood_are_the_cards_to_judge(eim: Says, operation: str) -> None:
    found = answered(eim, signed_package(wrap(0xA0, bytes.fromhex(operation))))
    assert isinstance(found, EuiccPackage)
    assert found.operations == (Operation("unknown"),)
    assert found.may_switch
    assert not found.only_asks


START = b"\x80\x01e" + wrap(0x5A, EID) + b"\x81\x01\x05\x82\x02\xab\xcd"


@pytest.mark.parametrize(
    "inner",
    [
        wrap(0x30, b"\x80\x01e", b"\x82\x02\xab\xcd", b"\xa0\x00"),  # without EID and counter
        wrap(0x30, b"\x80\x01e", b"\x5a\x01\x00", b"\x81\x01\x05", b"\x82\x02\xab\xcd", b"\xa0\x00"),
        wrap(0x30, START),  # no list of operations
        wrap(0x30, START, b"\xa0\x00", b"\xa1\x00"),  # two
        wrap(0x30, START, b"\xa0\x01\xff"),  # one that holds no TLVs
        wrap(0x30, START, b"\xa0\x02\xa3\x02"),
    ],
)
def test_a_malformed_package_is_answered_with_its_transaction(eim: Says, inner: bytes) -> None:
    found = answered(eim, wrap(0xBF51, inner, SIGNATURE))
    assert isinstance(found, Malformed)
    assert (found.code, found.transaction_id) == ("invalidPackageFormat", b"\xab\xcd")
    assert arms.response_error(found) == bytes.fromhex("A007 8002ABCD 020101")


@pytest.mark.parametrize(
    "arm",
    [
        "BF5100",
        "BF5103020100",
        "BF51023000",
        "BF5200",
        "BF5205 5C0181 8300",
        "BF5402 A000",
        "BF5180",
        "FFFFFF",
        "",
    ],
)
def test_other_malformed_packages_are_called_so(eim: Says, arm: str) -> None:
    found = answered(eim, bytes.fromhex(arm))
    assert isinstance(found, Malformed)
    assert found.code == "invalidPackageFormat"


def test_a_package_of_a_kind_that_is_not_known_is_called_so(eim: Says) -> None:
    found = answered(eim, bytes.fromhex("BF7703800100"))
    assert isinstance(found, Malformed)
    assert found.code == "unknownPackage"
    assert arms.response_error(found) == bytes.fromhex("A003020102")


@pytest.mark.parametrize("body", ["", "30", "BF50023000", "BF4F0302010100", "3C68746D6C3E", "7B7D", "5B5D"])
def test_an_answer_that_is_none_is_a_decode_error(eim: Says, body: str) -> None:
    with pytest.raises(DecodeError):
        eim.binding.eim_package(bytes.fromhex(body))


def test_data_requests_are_read(eim: Says) -> None:
    content = bytes.fromhex("5C08 81BF20BF22A2A9A5 0402AAAA A103800109 A203800107 8302ABCD")
    der = wrap(0xBF52, content)
    assert answered(eim, der) == DataRequest(
        der, (0x81, 0xBF20, 0xBF22, 0xA2, 0xA9, 0xA5), b"\xab\xcd", b"\xaa\xaa", 9, None, 7
    )
    by_event = wrap(0xBF52, bytes.fromhex("5C01A0 A10481020640"))
    found = answered(eim, by_event)
    assert isinstance(found, DataRequest)
    assert (found.notification_seq, found.notification_event) == (None, "enable")


def test_download_triggers_are_read(eim: Says) -> None:
    triggers: list[tuple[str, Literal["activationCode", "defaultSmdp", "smds", "eim"], str | None]] = [
        ("A00780056131246224", "activationCode", "a1$b$"),
        ("A0028100", "defaultSmdp", None),
        ("A008A2068004642E7878", "smds", "d.xx"),
        ("A002A200", "smds", None),
        ("", "eim", None),
    ]
    for content, kind, address in triggers:
        der = wrap(0xBF54, bytes.fromhex(content), b"\x82\x01\x01")
        assert answered(eim, der) == DownloadTrigger(der, b"\x01", kind, address)


def test_results_go_with_the_eid_and_signed_octets_as_they_are() -> None:
    result = wrap(0xBF51, wrap(0xA2, b"\x80\x01e"))
    notification = bytes.fromhex("3000")
    both = arms.result_and_notifications(result, [notification])
    assert both == wrap(0x30, result, wrap(0xA0, notification))
    asn1, json_ = Asn1Says.binding, JsonSays.binding
    for arm in (result, both):
        assert asn1.provide_eim_package_result(EID, arm).body == wrap(0xBF50, wrap(0x5A, EID), arm)
        assert posted(json_.provide_eim_package_result(EID, arm)) == (
            "/gsma/rsp2/esipa/provideEimPackageResult",
            {"eidValue": EID.hex(), "eimPackageResult": base64(arm)},
        )


def test_both_arms_of_handle_notification() -> None:
    notification, arm = bytes.fromhex("3000"), bytes.fromhex("BF5400")
    result = wrap(0xBF50, wrap(0x5A, EID), arm)
    asn1, json_ = Asn1Says.binding, JsonSays.binding
    assert asn1.handle_notification(notification).body == bytes.fromhex("BF3D04A0023000")
    assert asn1.handle_result(EID, arm).body == wrap(0xBF3D, result)
    path = "/gsma/rsp2/esipa/handleNotification"
    assert posted(json_.handle_notification(notification)) == (path, {"pendingNotification": "MAA="})
    assert posted(json_.handle_result(EID, arm)) == (path, {"provideEimPackageResult": base64(result)})


def test_a_notification_is_taken_by_nothing_or_a_word_of_success(eim: Says) -> None:
    eim.binding.taken(b"")
    JsonSays.binding.taken(success())
    with pytest.raises(PeerRefused, match="an answer of 2 octets where none is expected"):
        Asn1Says.binding.taken(b"\x30\x00")
    with pytest.raises(PeerRefused, match=r"HandleNotification: undefinedError\(127\) .*8.1/4.2: no room"):
        JsonSays.binding.taken(failed("8.1", "4.2", message="no room"))


def test_acknowledgements_are_read(eim: Says) -> None:
    def answer(arm: str) -> object:
        return eim.binding.acknowledgement(eim.acknowledgement(bytes.fromhex(arm)))

    assert answer("BF530680017F800100") == Acknowledged((127, 0))
    assert answer("BF5300") == Acknowledged(())
    assert answer("3000") == EmptyResponse()
    with pytest.raises(PeerRefused, match=r"ProvideEimPackageResult: invalidEid\(3\)"):
        eim.binding.acknowledgement(eim.refusal("provideEimPackageResult", 3, "8.1.1/2.1"))
    for arm in ("BF53020000", "8000", ""):
        with pytest.raises(DecodeError):
            answer(arm)
    for body in ("", "BF5000", "BF4F023000"):
        with pytest.raises(DecodeError):
            eim.binding.acknowledgement(bytes.fromhex(body))


def test_the_agents_own_answers_are_the_standards() -> None:
    assert arms.data_error(b"\x01", 1) == bytes.fromhex("BF5208A106800101020101")
    assert arms.data([b"\x81\x01x"]) == bytes.fromhex("BF5205A003810178")
    assert arms.download_error(b"\x01", 104) == bytes.fromhex("BF5408 820101 3003800168")
    for arm in (arms.data_error(None, 127), arms.data([b"\x81\x01x"]), arms.download_error(None)):
        decode("EimPackageResult", arm)


@pytest.mark.parametrize(
    ("fqdn", "expected"),
    [
        ("eim.example", ("eim.example", 443)),
        ("localhost:4433", ("localhost", 4433)),
        ("192.0.2.1:1", ("192.0.2.1", 1)),
        ("[2001:db8::1]", ("2001:db8::1", 443)),
        ("[2001:db8::1]:4433", ("2001:db8::1", 4433)),
    ],
)
def test_the_eims_address_may_carry_a_port(fqdn: str, expected: tuple[str, int]) -> None:
    assert host_and_port(EimConfiguration("e", fqdn)) == expected


@pytest.mark.parametrize(
    "fqdn",
    [None, "", ":443", "eim:0", "eim:65536", "eim:x", "eim:", "e im", "http://eim", ".eim", "ä.example"],
)
def test_an_address_that_is_none_is_unreachable(fqdn: str | None) -> None:
    with pytest.raises(Unreachable, match="eimFqdn"):
        host_and_port(EimConfiguration("e", fqdn))

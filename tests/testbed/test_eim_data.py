"""IpaEuiccData: requests with every criterion, and what the eIM checks and remembers of the answers."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from ipad.asn1 import DecodeError, decode, encode, member, value, wrap
from ipad.errors import PeerRefused
from ipad.testbed import pki
from ipad.testbed.eim.odd import standard
from tests.testbed.eim_world import EMPTY, UNDEFINED, World, register, world

CERTIFICATE_TAGS = {"eum": 0xA5, "euicc": 0xA6}


@pytest.fixture(params=["asn1", "json"])
def binding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(here: World, **data: Any) -> tuple[int, Any]:
    """Orders data, and fetches the request: the package's number and what the IPA got."""
    number = here.admin.post("/packages", {"eid": here.eid, "data": data})["id"]
    arm, request = decode("GetEimPackageResponse", here.ipa.get_package(here.eid))
    assert arm == "ipaEuiccDataRequest"
    return int(number), request


def answer(here: World, request: Any, *members: bytes) -> Any:
    data = wrap(0xA0, *members, wrap(0x87, request["eimTransactionId"]))
    return here.provide(wrap(0xBF52, data))


def refusal(here: World) -> str:
    (reason,) = (result["reason"] for result in here.admin.get("/results") if not result["accepted"])
    return str(reason)


def certificate(pki_dir: Path, name: str, tag: int | None = None) -> bytes:
    """A certificate as a member of IpaEuiccData: the standard's shape."""
    der = pki.read_certificate(pki_dir / f"{name}.pem").public_bytes(serialization.Encoding.DER)
    return wrap(tag or CERTIFICATE_TAGS[name], value(der))


def test_every_criterion_can_be_ordered(here: World) -> None:
    ci = "F54172BDF98A95D65CBEB88A38A1C11D800A85C3"
    number, request = ask(here, tagList="A0A281", ciPkId=ci, notificationSeq=7, resultSeq=9)
    assert request["tagList"] == bytes.fromhex("A0A281")
    assert request["euiccCiPKIdentifierToBeUsed"] == bytes.fromhex(ci)
    assert request["searchCriteriaNotification"] == ("seqNumber", 7)
    assert request["searchCriteriaEuiccPackageResult"] == ("seqNumber", 9)
    here.admin.delete(f"/packages/{number}")
    for event, bits in (("install", "0780"), ("enable", "0640"), ("disable", "0520"), ("delete", "0410")):
        number, request = ask(here, tagList="A0", notificationEvent=event)
        criterion = encode("IpaEuiccDataRequest", request)
        assert value(member(criterion, 0xBF52, 0xA1, 0x81)) == bytes.fromhex(bits)
        here.admin.delete(f"/packages/{number}")


@pytest.mark.parametrize(
    "data",
    [
        {"tagList": ""},
        {"tagList": "A0", "notificationSeq": 1, "notificationEvent": "install"},
        {"tagList": "A0", "notificationEvent": "rain"},
        {"tagList": "A0", "notificationEvent": []},
        {"tagList": "A0", "notificationSeq": "1"},
        {"tagList": "A0", "resultSeq": True},
        {"tagList": "A0", "ciPkId": "XY"},
        {"tagList": "A0", "colour": "red"},
        {"tagList": 5},
    ],
)
def test_a_data_order_that_makes_no_request_is_refused(here: World, data: dict[str, Any]) -> None:
    with pytest.raises(PeerRefused) as refused:
        here.admin.post("/packages", {"eid": here.eid, "data": data})
    assert refused.value.code == 400


def test_what_a_card_says_of_itself_is_remembered(here: World) -> None:
    number, request = ask(here, tagList="BF20BF22A8A9")
    info1, info2 = here.terminal.run(bytes.fromhex("BF2000")), here.terminal.run(bytes.fromhex("BF2200"))
    capabilities = wrap(0xA8, value(encode("IpaCapabilities", {"ipaFeatures": (b"\x04", 6)})))
    device = wrap(0xA9, value(encode("DeviceInfo", {"tac": bytes(4), "deviceCapabilities": {}})))
    assert answer(here, request, info1, info2, capabilities, device) == EMPTY
    (shown,) = here.admin.get("/euiccs")
    assert shown["remembered"] == {
        "euiccInfo1": info1.hex().upper(),
        "euiccInfo2": info2.hex().upper(),
        "ipaCapabilities": capabilities.hex().upper(),
        "deviceInfo": device.hex().upper(),
    }
    outcome = here.admin.package(number)["outcome"]
    assert outcome["ipaCapabilities"]["ipaFeatures"] == "000001"
    assert outcome["euiccInfo2"]["ppVersion"]


def test_nothing_of_a_refused_answer_is_remembered(here: World) -> None:
    _, request = ask(here, tagList="BF2084")
    info1 = here.terminal.run(bytes.fromhex("BF2000"))
    assert answer(here, request, info1, wrap(0x84, b"\x07")) == UNDEFINED
    assert here.admin.get("/euiccs")[0]["remembered"] == {}


@pytest.mark.parametrize("whole", [False, True], ids=["implicit", "whole"])
def test_certificates_must_be_those_that_are_registered(here: World, pki_dir: Path, whole: bool) -> None:
    def shaped(octets: bytes, tag: int) -> bytes:
        return wrap(tag, wrap(0x30, value(octets)) if whole else value(octets))

    number, request = ask(here, tagList="A5A6")
    eum, euicc = certificate(pki_dir, "eum"), certificate(pki_dir, "euicc")
    assert answer(here, request, shaped(euicc, 0xA5), shaped(eum, 0xA6)) == UNDEFINED
    assert refusal(here) == "the EUM's certificate is not the registered one"
    assert here.admin.package(number)["state"] == "sent"
    assert answer(here, request, shaped(eum, 0xA5), shaped(euicc, 0xA6)) == EMPTY
    assert here.admin.package(number)["state"] == "done"


def test_the_certificate_of_another_card_is_refused(here: World, pki_dir: Path) -> None:
    eum = pki.read_identity(pki_dir / "eum.pem", pki_dir / "eum.key")
    other = pki.make_euicc(eum, here.eid).certificate.public_bytes(serialization.Encoding.DER)
    _, request = ask(here, tagList="A5A6")
    assert answer(here, request, certificate(pki_dir, "eum"), wrap(0xA6, value(other))) == UNDEFINED
    assert refusal(here) == "the eUICC's certificate is not the registered one"


def test_the_association_token_must_be_the_registered_one(
    tmp_path: Path, pki_dir: Path, binding: str
) -> None:
    with world(tmp_path, pki_dir, token=-1, binding=binding) as here:
        token = here.admin.get("/euiccs")[0]["token"]
        _, request = ask(here, tagList="84")
        assert answer(here, request, wrap(0x84, bytes([token + 1]))) == UNDEFINED
        assert refusal(here) == "the associationToken is not the registered one"
        assert answer(here, request, wrap(0x84, bytes([token]))) == EMPTY


def test_of_a_card_without_registered_certificates_they_must_be_its_own(here: World, pki_dir: Path) -> None:
    eum = pki.read_identity(pki_dir / "eum.pem", pki_dir / "eum.key")
    other_eid = pki.make_eid(77)
    other = pki.make_euicc(eum, other_eid)
    spki = other.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    here.admin.post("/euiccs", {"eid": other_eid, "deviceKey": spki.hex()})
    here.admin.post("/packages", {"eid": other_eid, "data": {"tagList": "A5A6"}})
    request = decode("GetEimPackageResponse", here.ipa.get_package(other_eid))[1]
    der = other.certificate.public_bytes(serialization.Encoding.DER)
    transaction = wrap(0x87, request["eimTransactionId"])
    eum_member, mine = certificate(pki_dir, "eum"), certificate(pki_dir, "euicc")

    def provide(*members: bytes) -> Any:
        return here.ipa.provide(other_eid, wrap(0xBF52, wrap(0xA0, *members, transaction)))

    assert provide(eum_member, mine) == UNDEFINED
    assert refusal(here) == "the eUICC's certificate is of another EID"
    assert provide(wrap(0xA5, value(der)), wrap(0xA6, value(der))) == UNDEFINED
    assert provide(eum_member, wrap(0xA6, value(der))) == EMPTY


def test_members_directly_under_bf52_are_taken(here: World) -> None:
    number, request = ask(here, tagList="8183")
    transaction = wrap(0x87, request["eimTransactionId"])
    assert here.provide(wrap(0xBF52, wrap(0x81, b"smdp.example"), transaction)) == EMPTY
    assert here.admin.package(number)["outcome"]["defaultSmdpAddress"] == "smdp.example"


LIST: dict[str, object] = {"listProfileInfo": {}}


@pytest.mark.parametrize("directly", [False, True], ids=["30", "members"])
def test_a_package_result_without_the_choices_own_tag_is_taken(here: World, directly: bool) -> None:
    def odd(result: bytes) -> bytes:
        content = value(value(result))
        return wrap(0xBF51, content if directly else wrap(0x30, content))

    number = here.order(LIST)
    package = here.fetch()
    result, replay = here.load(package), here.load(package)
    assert here.provide(odd(replay)) == EMPTY
    assert here.provide(odd(result))[0] == "eimAcknowledgements"
    assert here.admin.package(number)["state"] == "done"
    forged = here.order(LIST, forge="wrong-signature")
    unsigned = here.load(here.fetch())
    assert decode("EuiccPackageResult", unsigned)[0] == "euiccPackageErrorUnsigned"
    assert here.provide(odd(unsigned)) == EMPTY
    assert here.admin.package(forged)["state"] == "failed"


def test_an_odd_result_is_verified_as_any(here: World) -> None:
    here.order(LIST)
    result = here.load(here.fetch())
    odd = wrap(0xBF51, wrap(0x30, value(value(result))))
    assert here.provide(odd[:-1] + bytes([odd[-1] ^ 1])) == UNDEFINED


def test_an_odd_result_may_come_with_notifications_and_inside_of_data(here: World) -> None:
    here.order(LIST)
    result = here.load(here.fetch())
    odd = wrap(0xBF51, wrap(0x30, value(value(result))))
    assert here.provide(wrap(0x30, odd, wrap(0xA0)))[0] == "eimAcknowledgements"
    _, request = ask(here, tagList="A2")
    arm, numbers = answer(here, request, wrap(0xA2, odd))
    assert (arm, len(numbers)) == ("eimAcknowledgements", 1)
    (counted,) = [r for r in here.admin.get("/results") if r["kind"] == "euiccPackageResult"]
    assert counted["deliveries"] == 2


@pytest.mark.parametrize(
    "message",
    [
        "", "BF50", "BF5000", "BF500430020000", "BF5003BF5200", "BF5006BF5103A0013F",
        "BF3D00", "BF4100", "BF4107800101A1028101",
    ],
)  # fmt: skip
def test_what_is_malformed_is_left_for_the_decoder(message: str) -> None:
    with pytest.raises(DecodeError):
        decode("EsipaMessageFromIpaToEim", standard(bytes.fromhex(message)))


def test_a_cancelled_session_with_both_tags_is_put_right() -> None:
    told = bytes.fromhex("810105")
    odd = wrap(0xBF41, wrap(0x80, b"\x01"), wrap(0xA1, wrap(0xBF41, told)))
    assert standard(odd) == wrap(0xBF41, wrap(0x80, b"\x01"), wrap(0xA1, told))
    assert standard(standard(odd)) == standard(odd)


def test_registering_again_changes_certificates_and_keeps_what_was_heard(here: World, pki_dir: Path) -> None:
    _, request = ask(here, tagList="BF20")
    answer(here, request, here.terminal.run(bytes.fromhex("BF2000")))
    shown = register(here.admin, pki_dir, token=None)
    assert set(shown["remembered"]) == {"euiccInfo1"}

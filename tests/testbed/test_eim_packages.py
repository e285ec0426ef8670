from pathlib import Path

import pytest

from ipad.asn1 import decode, encode, member, value, wrap
from ipad.errors import PeerRefused
from ipad.testbed import pki
from ipad.testbed.eim.serve import Settings, running
from tests.euicc_card.world import BOOTSTRAP, NORD
from tests.testbed.eim_world import EMPTY, NO_PACKAGE, Admin, Ipa, World, port_of, world

LIST: dict[str, object] = {"listProfileInfo": {}}


@pytest.fixture(params=["asn1", "json"])
def binding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def counter_of(package: bytes) -> int:
    return int(decode("EuiccPackageRequest", package)["euiccPackageSigned"]["counterValue"])


def test_an_idle_poll_says_that_there_is_nothing(here: World) -> None:
    assert decode("GetEimPackageResponse", here.ipa.get_package(here.eid)) == NO_PACKAGE


def test_an_unknown_eid_is_told_so(here: World) -> None:
    answer = here.ipa.get_package("89" * 16)
    assert decode("GetEimPackageResponse", answer) == ("eimPackageError", 2)


def test_a_package_is_carried_out_and_its_result_taken(here: World) -> None:
    number = here.order(LIST)
    result = here.load(here.fetch())
    assert here.admin.package(number)["state"] == "sent"
    arm, numbers = here.provide(result)
    assert (arm, len(numbers)) == ("eimAcknowledgements", 1)
    package = here.admin.package(number)
    assert package["state"] == "done"
    profiles = package["outcome"][0]["listProfileInfoResult"]["profileInfoListOk"]
    assert {profile["iccid"] for profile in profiles} >= {BOOTSTRAP, NORD}
    assert decode("GetEimPackageResponse", here.ipa.get_package(here.eid)) == NO_PACKAGE


@pytest.mark.parametrize("token", [None, -1], ids=["no token", "token"])
def test_the_card_accepts_the_signature_with_and_without_token(
    tmp_path: Path, pki_dir: Path, token: int | None
) -> None:
    with world(tmp_path, pki_dir, token=token) as here:
        here.order(LIST)
        arm, _ = here.provide(here.load(here.fetch()))
        assert arm == "eimAcknowledgements"


def test_a_wrong_token_at_the_eim_shows_in_both_directions(tmp_path: Path, pki_dir: Path) -> None:
    with world(tmp_path, pki_dir, token=-1) as here:
        here.order(LIST)
        result = here.load(here.fetch())
        here.admin.post("/euiccs", {"eid": here.eid, "token": 77})
        assert here.provide(result) == ("provideEimPackageResultError", 127)
        here.admin.post("/packages", {"eid": here.eid, "operations": [LIST]})


def test_a_package_is_the_same_octets_until_its_result_has_come(here: World) -> None:
    first = here.order(LIST)
    second = here.order(LIST)
    package = here.fetch()
    assert here.fetch() == package
    assert here.admin.package(first)["sent"] == 2
    here.provide(here.load(package))
    following = here.fetch()
    assert counter_of(following) == counter_of(package) + 1
    assert here.admin.package(second)["state"] == "sent"


def test_queue_counter_and_records_survive_a_restart(tmp_path: Path, pki_dir: Path) -> None:
    with world(tmp_path, pki_dir) as here:
        here.order(LIST)
        package = here.fetch()
        card = here.card
    with running(Settings(tmp_path / "eim", pki=pki_dir)) as eim:
        ipa = Ipa(port_of(eim), pki.paths(pki_dir).eim_tls_ca)
        assert value(ipa.get_package(card.eid)) == package
        assert Admin(eim.admin).get("/euiccs")[0]["counter"] == 1


def test_every_operation_of_the_standard_can_be_ordered_and_the_card_understands_it(here: World) -> None:
    configuration = here.admin.get("/config")["eimConfigurationData"]
    other = encode(
        "EimConfigurationData",
        {**decode("EimConfigurationData", bytes.fromhex(configuration)), "eimId": "other"},
    ).hex()
    psmos: list[dict[str, object]] = [
        {"listProfileInfo": {"tagList": "5A9F70", "iccid": NORD}},
        {"getRAT": {}},
        {"configureImmediateEnable": {"immediateEnableFlag": True, "defaultSmdpAddress": "smdp.example"}},
        {"setDefaultDpAddress": "smdp.example"},
        {"unsetFallbackAttribute": {}},
        {"setFallbackAttribute": BOOTSTRAP},
        {"delete": "8988280666000000005"},
        {"disable": BOOTSTRAP},
        {"enable": NORD, "rollback": True},
    ]
    ecos: list[dict[str, object]] = [
        {"addEim": other},
        {"listEim": {}},
        {"updateEim": other},
        {"deleteEim": "other"},
    ]
    for operation in psmos + ecos:
        here.order(operation)
        result = here.load(here.fetch())
        assert here.provide(result)[0] == "eimAcknowledgements", operation
        (done,) = decode("EuiccPackageResult", result)[1]["euiccPackageResultDataSigned"]["euiccResult"]
        assert done[0] != "processingTerminated", operation


def test_data_requests_and_downloads_are_handed_out_with_their_transaction(here: World) -> None:
    here.admin.post("/packages", {"eid": here.eid, "data": {"tagList": "BF20A5"}})
    arm, request = decode("GetEimPackageResponse", here.ipa.get_package(here.eid))
    assert (arm, request["tagList"]) == ("ipaEuiccDataRequest", bytes.fromhex("BF20A5"))
    error = {"eimTransactionId": request["eimTransactionId"], "eimPackageResultErrorCode": 127}
    assert here.provide(encode("EimPackageResult", ("eimPackageResultResponseError", error))) == EMPTY
    for download, wanted in (
        ({"activationCode": "1$smdp.example$X"}, ("activationCode", "1$smdp.example$X")),
        ({"defaultSmdp": True}, ("contactDefaultSmdp", None)),
        ({"smds": "smds.example"}, ("contactSmds", {"smdsAddress": "smds.example"})),
    ):
        number = here.admin.post("/packages", {"eid": here.eid, "download": download})["id"]
        arm, trigger = decode("GetEimPackageResponse", here.ipa.get_package(here.eid))
        assert (arm, trigger["profileDownloadData"]) == ("profileDownloadTriggerRequest", wanted)
        here.admin.delete(f"/packages/{number}")


def test_raw_octets_are_handed_out_as_they_are(here: World) -> None:
    here.admin.post("/packages", {"eid": here.eid, "raw": "BF4F03BF7700"})
    assert here.ipa.get_package(here.eid) == bytes.fromhex("BF4F03BF7700")


def test_what_the_ipa_could_not_even_start_ends_the_package_that_is_out(here: World) -> None:
    number = here.admin.post("/packages", {"eid": here.eid, "raw": "BF4F03BF7700"})["id"]
    here.ipa.get_package(here.eid)
    error = ("eimPackageResultResponseError", {"eimPackageResultErrorCode": 2})
    assert here.provide(encode("EimPackageResult", error)) == EMPTY
    assert here.admin.package(number)["state"] == "failed"


def test_a_state_change_is_recorded_with_cause_and_network(here: World) -> None:
    more = [wrap(0x80), wrap(0x81, b"\x01"), wrap(0x82, bytes.fromhex("00F110"))]
    here.ipa.get_package(here.eid, *more)
    last = here.admin.get("/log", eid=here.eid)[-1]
    assert last["function"] == "GetEimPackage"
    summary = last["summary"]
    assert summary["notifyStateChange"] is True
    assert (summary["stateChangeCause"], summary["rPLMN"]) == (1, "00101")
    assert last["port"] == here.ipa.local_port()


@pytest.mark.parametrize(
    ("forge", "arm", "code"),
    [
        ("wrong-signature", "euiccPackageErrorUnsigned", None),
        ("wrong-eid", "euiccPackageErrorSigned", 3),
        ("replay-counter", "euiccPackageErrorSigned", 4),
    ],
)
def test_a_forged_package_is_refused_by_the_card_and_its_error_taken(
    here: World, forge: str, arm: str, code: int | None
) -> None:
    number = here.order(LIST, forge=forge)
    result = here.load(here.fetch())
    name, content = decode("EuiccPackageResult", result)
    assert name == arm
    if code is not None:
        assert content["euiccPackageErrorDataSigned"]["euiccPackageErrorCode"] == code
    assert here.provide(result) == EMPTY
    assert here.admin.package(number)["state"] == "failed"
    here.order(LIST)
    assert here.provide(here.load(here.fetch()))[0] == "eimAcknowledgements"


def test_the_next_package_can_be_forged_by_a_fault(here: World) -> None:
    here.admin.post("/faults", {"fault": "wrong-signature"})
    forged, sound = here.order(LIST), here.order(LIST)
    assert here.provide(here.load(here.fetch())) == EMPTY
    assert here.provide(here.load(here.fetch()))[0] == "eimAcknowledgements"
    assert [here.admin.package(number)["forged"] for number in (forged, sound)] == ["wrong-signature", None]


def test_a_cancelled_package_is_not_handed_out(here: World) -> None:
    number = here.order(LIST)
    here.admin.delete(f"/packages/{number}")
    assert decode("GetEimPackageResponse", here.ipa.get_package(here.eid)) == NO_PACKAGE
    with pytest.raises(PeerRefused):
        here.admin.delete(f"/packages/{number}")


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"operations": []},
        {"operations": [{"enable": "12"}]},
        {"operations": [{"enable": NORD, "disable": NORD}]},
        {"operations": [{"disable": NORD, "rollback": True}]},
        {"operations": [{"getRAT": {"x": 1}}]},
        {"operations": [{"getRAT": {}}, {"listEim": {}}]},
        {"operations": [{"sing": {}}]},
        {"operations": [LIST], "data": {"tagList": "5A"}},
        {"operations": [LIST] * 65},
        {"operations": [LIST], "forge": "everything"},
        {"operations": [{"addEim": "3000"}]},
        {"operations": [{"setDefaultDpAddress": 5}]},
        {"operations": [{"listProfileInfo": {"tagList": "XY"}}]},
        {"data": {}},
        {"download": {"fax": 1}},
        {"raw": "0"},
    ],
)
def test_an_order_that_makes_no_package_is_refused(here: World, order: dict[str, object]) -> None:
    with pytest.raises(PeerRefused) as refused:
        here.admin.post("/packages", {"eid": here.eid, **order})
    assert refused.value.code == 400
    assert here.admin.get("/packages") == []


def test_the_card_gets_the_eim_it_was_offered(here: World) -> None:
    answer = here.terminal.run(bytes.fromhex("BF5500"))
    offered = bytes.fromhex(here.admin.get("/config")["eimConfigurationData"])
    kept = member(answer, 0xBF55, 0xA0, 0x30)
    for tag in (0x80, 0x81, 0x82, 0xA5, 0xA6, 0x87, 0x88):
        assert member(kept, 0x30, tag) == member(offered, 0x30, tag)

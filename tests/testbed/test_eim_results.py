import threading
from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import decode, encode, member, tlvs, value, wrap
from ipad.testbed import pki
from ipad.testbed.euicc import VirtualEuicc
from ipad.testbed.signature import sign
from tests.euicc_card.world import NORD, SUED, Terminal
from tests.testbed.eim_world import EMPTY, PATIENCE, UNDEFINED, Ipa, World, flipped, port_of

LIST: dict[str, object] = {"listProfileInfo": {}}
MISSING_EID = ("provideEimPackageResultError", 4)
EID_NOT_FOUND = ("provideEimPackageResultError", 2)
NOT_THE_CARD = "the signature is not the eUICC's, and no device key is known for it"
RETRIEVE_NOTIFICATIONS = bytes.fromhex("BF2B00")


@pytest.fixture(params=["asn1", "json"])
def binding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def accepted(here: World) -> list[Any]:
    return [result for result in here.admin.get("/results") if result["accepted"]]


def refused(here: World) -> list[str]:
    return [result["reason"] for result in here.admin.get("/results") if not result["accepted"]]


def notifications(terminal: Terminal) -> list[bytes]:
    """PendingNotifications, whole TLVs."""
    answer = terminal.run(RETRIEVE_NOTIFICATIONS)
    return [tlv for _, tlv in tlvs(value(member(answer, 0xBF2B, 0xA0)))]


def rollback(terminal: Terminal) -> bytes:
    """ProfileRollback; the package result that replaces the enable's."""
    return member(terminal.run(bytes.fromhex("BF5803800100")), 0xBF58, 0xBF51)


def test_a_repeated_result_is_acknowledged_again_and_counted_once(here: World) -> None:
    number = here.order(LIST)
    result = here.load(here.fetch())
    first = here.provide(result)
    assert here.provide(result) == first
    (counted,) = here.admin.package(number)["results"]
    assert counted["deliveries"] == 2


def test_a_result_delivered_on_many_connections_at_once_counts_once(here: World, pki_dir: Path) -> None:
    number = here.order(LIST)
    result = here.load(here.fetch())
    answers = []

    def deliver() -> None:
        ipa = Ipa(port_of(here.eim), pki.paths(pki_dir).eim_tls_ca)
        answers.append(ipa.provide(here.eid, result))
        ipa.connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [arm for arm, _ in answers] == ["eimAcknowledgements"] * 6
    (counted,) = here.admin.package(number)["results"]
    assert counted["deliveries"] == 6


@pytest.mark.parametrize(
    "path",
    [(0x5F37,), (0x30, 0x81), (0x30, 0x83), (0x30, 0x82)],
    ids=["signature", "counter", "seqNumber", "transaction"],
)
def test_a_result_that_was_tampered_with_is_refused(here: World, path: tuple[int, ...]) -> None:
    number = here.order(LIST)
    result = here.load(here.fetch())
    assert here.provide(flipped(result, 0xBF51, 0xA0, *path)) == UNDEFINED
    assert refused(here) == [NOT_THE_CARD]
    assert here.admin.package(number)["state"] == "sent"
    assert here.provide(result)[0] == "eimAcknowledgements"


def test_a_result_signed_by_another_card_is_refused(here: World, tmp_path: Path, pki_dir: Path) -> None:
    other_pki = tmp_path / "other-pki"
    other_pki.mkdir()
    for name in ("ci.pem", "ci.key", "eum.pem", "eum.key"):
        (other_pki / name).write_bytes((pki_dir / name).read_bytes())
    pki.make_pki(other_pki, eid=here.eid)  # even one with the same EID, under the same EUM
    other = Terminal(VirtualEuicc.open(tmp_path / "other-card", other_pki))
    offered = bytes.fromhex(here.admin.get("/config")["eimConfigurationData"])
    other.run(wrap(0xBF57, wrap(0xA0, offered)))
    here.order(LIST)
    assert here.provide(other.run(here.fetch())) == UNDEFINED
    assert refused(here) == [NOT_THE_CARD]


def test_a_result_of_a_package_that_was_never_handed_out_is_refused(here: World) -> None:
    here.order(LIST)
    result = here.load(here.fetch())
    with here.eim.eim.records.transaction() as records:
        package = records.sent_package(here.eid, None)
        assert package is not None
        records.signed(package, 5, package.answer, None)
    assert here.provide(result) == UNDEFINED
    assert refused(here) == ["no package with this counter and transaction was handed out"]


def test_a_result_meant_for_another_eim_is_refused(here: World, pki_dir: Path) -> None:
    here.order(LIST)
    package = decode("EuiccPackageRequest", here.fetch())["euiccPackageSigned"]
    key = pki.read_key(pki.paths(pki_dir).euicc_key)
    for eim_id, answer in (("another", UNDEFINED), ("eim.testbed.example", ("eimAcknowledgements", [3]))):
        data = encode(
            "EuiccPackageResultDataSigned",
            {
                "eimId": eim_id,
                "counterValue": package["counterValue"],
                "eimTransactionId": package["eimTransactionId"],
                "seqNumber": 3,
                "euiccResult": [("enableResult", 0)],
            },
        )
        signature = sign(key, data + bytes.fromhex("840100"))
        assert here.provide(wrap(0xBF51, wrap(0xA0, data, wrap(0x5F37, signature)))) == answer
    assert refused(here) == ["meant for another eIM"]


def test_a_result_needs_a_known_eid(here: World) -> None:
    here.order(LIST)
    result = here.load(here.fetch())
    assert here.ipa.provide(None, result) == MISSING_EID
    assert here.ipa.provide("89" * 16, result) == EID_NOT_FOUND


def test_a_rollback_supersedes_the_result_and_counts_beside_it(here: World) -> None:
    number = here.order({"enable": NORD, "rollback": True})
    enabled = here.load(here.fetch())
    assert here.provide(enabled)[0] == "eimAcknowledgements"
    assert here.admin.package(number)["state"] == "done"
    here.terminal.refresh()
    rolled_back = rollback(here.terminal)
    arm, numbers = here.provide(rolled_back)
    assert arm == "eimAcknowledgements"
    package = here.admin.package(number)
    assert package["state"] == "rolled back"
    assert [result["seq"] for result in package["results"]][1:] == numbers
    assert here.provide(enabled)[0] == "eimAcknowledgements"
    assert here.admin.package(number)["state"] == "rolled back"


def test_a_rollback_whose_enable_was_never_heard_of_ends_the_package(here: World) -> None:
    number = here.order({"enable": NORD, "rollback": True})
    here.load(here.fetch())
    here.terminal.refresh()
    assert here.provide(rollback(here.terminal))[0] == "eimAcknowledgements"
    assert here.admin.package(number)["state"] == "rolled back"


def test_results_and_notifications_come_together(here: World) -> None:
    here.order({"enable": SUED})
    result = here.load(here.fetch())
    here.terminal.refresh()
    pending = notifications(here.terminal)
    assert len(pending) == 2
    both = wrap(0x30, result, wrap(0xA0, *pending))
    arm, numbers = here.provide(both)
    assert (arm, len(numbers)) == ("eimAcknowledgements", 3)
    assert {r["kind"] for r in accepted(here)} == {"euiccPackageResult", "otherSignedNotification"}


def test_a_bad_notification_beside_a_good_result_is_not_acknowledged(here: World) -> None:
    here.order({"enable": SUED})
    result = here.load(here.fetch())
    here.terminal.refresh()
    good, bad = notifications(here.terminal)
    arm, numbers = here.provide(wrap(0x30, result, wrap(0xA0, good, flipped(bad, 0x30, 0x5F37))))
    assert (arm, len(numbers)) == ("eimAcknowledgements", 2)
    assert refused(here) == ["the signature is not the eUICC's"]


def test_a_notification_is_taken_with_204_and_refused_otherwise(here: World) -> None:
    here.order({"enable": SUED})
    here.load(here.fetch())
    here.terminal.refresh()
    one, other = notifications(here.terminal)
    assert here.ipa.handle_notification(wrap(0xA0, one)) == 204
    assert here.ipa.handle_notification(wrap(0xA0, one)) == 204
    (counted,) = accepted(here)
    assert (counted["eid"], counted["deliveries"]) == (here.eid, 2)
    assert here.ipa.handle_notification(wrap(0xA0, flipped(other, 0x30, 0xBF2F, 0x80))) == 403


def test_a_notification_of_a_card_under_another_ci_is_refused(here: World, tmp_path: Path) -> None:
    pki.make_pki(tmp_path / "other-pki")
    card = VirtualEuicc.open(tmp_path / "other-card", tmp_path / "other-pki")
    terminal = Terminal(card)
    offered = bytes.fromhex(here.admin.get("/config", key="bare")["eimConfigurationData"])
    configuration = decode("EimConfigurationData", offered)
    del configuration["euiccCiPKId"]
    terminal.run(wrap(0xBF57, wrap(0xA0, encode("EimConfigurationData", configuration))))
    here.admin.post("/packages", {"eid": here.eid, "operations": [{"enable": SUED}]})
    terminal.run(here.fetch())
    terminal.refresh()
    assert here.ipa.handle_notification(wrap(0xA0, notifications(terminal)[0])) == 403
    (reason,) = refused(here)
    assert "not signed by" in reason


def test_a_package_result_may_come_by_handle_notification(here: World) -> None:
    number = here.order(LIST)
    result = here.load(here.fetch())
    provided = wrap(0xBF50, wrap(0x5A, bytes.fromhex(here.eid)), result)
    assert here.ipa.handle_notification(provided) == 204
    assert here.admin.package(number)["state"] == "done"
    tampered = wrap(0xBF50, wrap(0x5A, bytes.fromhex(here.eid)), flipped(result, 0xBF51, 0xA0, 0x5F37))
    assert here.ipa.handle_notification(tampered) == 403


def test_a_data_response_is_taken_with_what_is_in_it(here: World) -> None:
    here.order({"enable": SUED})
    result = here.load(here.fetch())
    assert here.provide(result)[0] == "eimAcknowledgements"
    here.terminal.refresh()
    number = here.admin.post("/packages", {"eid": here.eid, "data": {"tagList": "A0A283"}})["id"]
    request = decode("GetEimPackageResponse", here.ipa.get_package(here.eid))[1]
    data = wrap(
        0xA0,
        wrap(0xA0, *notifications(here.terminal)),
        wrap(0xA2, result),
        wrap(0x83, b"smds.example"),
        wrap(0x87, request["eimTransactionId"]),
    )
    arm, numbers = here.provide(wrap(0xBF52, data))
    assert (arm, len(numbers)) == ("eimAcknowledgements", 3)
    package = here.admin.package(number)
    assert package["state"] == "done"
    assert package["outcome"]["rootSmdsAddress"] == "smds.example"


def test_a_data_response_without_numbers_gets_an_empty_response(here: World) -> None:
    number = here.admin.post("/packages", {"eid": here.eid, "data": {"tagList": "5A"}})["id"]
    here.ipa.get_package(here.eid)
    error = encode("IpaEuiccDataResponse", ("ipaEuiccDataResponseError", {"ipaEuiccDataErrorCode": 1}))
    assert here.provide(error) == EMPTY
    assert here.admin.package(number)["state"] == "failed"


def test_an_error_without_transaction_counts_for_each_package_once(here: World) -> None:
    error = encode("EimPackageResult", ("eimPackageResultResponseError", {"eimPackageResultErrorCode": 1}))
    assert here.provide(error) == UNDEFINED
    for _ in range(2):
        number = here.admin.post("/packages", {"eid": here.eid, "raw": "BF4F03BF7700"})["id"]
        here.ipa.get_package(here.eid)
        assert here.provide(error) == EMPTY
        assert here.provide(error) == EMPTY
        package = here.admin.package(number)
        assert package["state"] == "failed"
        assert len(package["results"]) == 1


def test_a_response_of_another_kind_than_the_request_is_refused(here: World) -> None:
    number = here.order(LIST)
    here.fetch()
    error = encode("IpaEuiccDataResponse", ("ipaEuiccDataResponseError", {"ipaEuiccDataErrorCode": 1}))
    assert here.provide(error) == UNDEFINED
    assert here.admin.package(number)["state"] == "sent"


def test_the_result_is_worth_more_than_the_replay_error_that_overtook_it(here: World) -> None:
    number = here.order(LIST)
    package = here.fetch()
    result, replay = here.load(package), here.load(package)
    assert here.provide(replay) == EMPTY
    assert here.admin.package(number)["state"] == "failed"
    assert here.provide(result)[0] == "eimAcknowledgements"
    assert here.provide(replay) == EMPTY
    assert here.admin.package(number)["state"] == "done"


def test_a_download_that_failed_ends_the_trigger(here: World) -> None:
    order = {"eid": here.eid, "download": {"activationCode": "1$smdp.example$X"}}
    number = here.admin.post("/packages", order)["id"]
    trigger = decode("GetEimPackageResponse", here.ipa.get_package(here.eid))[1]
    error = ("profileDownloadError", {"profileDownloadErrorReason": 127})
    result = {"eimTransactionId": trigger["eimTransactionId"], "profileDownloadTriggerResultData": error}
    assert here.provide(encode("ProfileDownloadTriggerResult", result)) == EMPTY
    assert here.admin.package(number)["state"] == "failed"


def installation_result(pki_dir: Path, seq: int) -> bytes:
    """A ProfileInstallationResult as this card would sign it."""
    metadata = {
        "seqNumber": seq,
        "profileManagementOperation": (b"\x80", 1),
        "notificationAddress": "smdp.example",
    }
    data = encode(
        "ProfileInstallationResultData",
        {
            "transactionId": b"\x01",
            "notificationMetadata": metadata,
            "smdpOid": "2.999.1",
            "finalResult": ("successResult", {"aid": b"\xa0" * 16, "simaResponse": b""}),
        },
    )
    key = pki.read_key(pki.paths(pki_dir).euicc_key)
    return wrap(0xBF37, data, wrap(0x5F37, sign(key, data)))


def test_an_installation_result_is_known_by_the_key_that_signed_it(here: World, pki_dir: Path) -> None:
    result = installation_result(pki_dir, 9)
    assert here.ipa.handle_notification(wrap(0xA0, result)) == 204
    (counted,) = accepted(here)
    assert (counted["eid"], counted["seq"]) == (here.eid, 9)
    assert here.ipa.handle_notification(wrap(0xA0, flipped(result, 0xBF37, 0x5F37))) == 403


def test_a_download_that_worked_ends_the_trigger_and_leaves_its_result_to_the_smdp(
    here: World, pki_dir: Path
) -> None:
    order = {"eid": here.eid, "download": {"activationCode": "1$smdp.example$X"}}
    number = here.admin.post("/packages", order)["id"]
    trigger = decode("GetEimPackageResponse", here.ipa.get_package(here.eid))[1]
    transaction, installed = wrap(0x82, trigger["eimTransactionId"]), installation_result(pki_dir, 9)
    assert here.provide(wrap(0xBF54, transaction, flipped(installed, 0xBF37, 0x5F37))) == UNDEFINED
    assert here.provide(wrap(0xBF54, transaction, installed)) == EMPTY
    assert here.admin.package(number)["state"] == "done"


def test_an_unsigned_error_cannot_undo_a_result(here: World) -> None:
    number = here.order(LIST)
    package = here.fetch()
    here.provide(here.load(package))
    transaction = value(member(package, 0xBF51, 0x30, 0x82))
    error = {"eimId": "eim.testbed.example", "eimTransactionId": transaction}
    assert here.provide(encode("EuiccPackageResult", ("euiccPackageErrorUnsigned", error))) == EMPTY
    assert here.admin.package(number)["state"] == "done"

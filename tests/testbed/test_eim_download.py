"""Downloads that go through the eIM: a real SM-DP+ behind it, the virtual eUICC before it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from ipad.asn1 import decode, encode, member, tlvs, value, wrap
from ipad.errors import PeerRefused
from ipad.testbed import pki
from ipad.testbed.eim.serve import Settings, running
from ipad.testbed.smdp import Authenticated, Initiated, ProfileOrder, Smdp
from ipad.testbed.smdp.orders import DOWNLOADED, ERROR, INSTALLED, RELEASED
from ipad.testbed.smdp.profiles import metadata
from tests.testbed.download_world import (
    ADDRESS,
    DEVICE_INFO,
    ICCID,
    MATCHING_ID,
    Indirect,
    Refused,
    indirect,
    state,
)
from tests.testbed.eim_world import EMPTY, IPAS, Admin, flipped, port_of, world
from tests.testbed.test_eim_results import notifications

POSTPONED, METADATA_MISMATCH, LOAD_ERROR = 1, 4, 5
"""CancelSessionReason."""


@pytest.fixture(params=["asn1", "json"])
def binding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def told(through: Indirect) -> Any:
    return through.here.admin.get("/log")[-1]


def test_a_profile_is_downloaded_through_the_eim(through: Indirect) -> None:
    through.release()
    number, package = through.up_to_bound()
    assert state(through) == DOWNLOADED
    result = through.load(package)
    assert through.here.ipa.handle_notification(wrap(0xA0, result)) == 204
    assert state(through) == INSTALLED
    shown = through.here.admin.package(number)
    assert shown["state"] == "done"
    assert [each["kind"] for each in shown["results"]] == ["profileInstallationResult"]
    assert ICCID in through.here.terminal.profiles()


def test_a_result_that_comes_twice_is_passed_on_and_counted_once(through: Indirect) -> None:
    through.release()
    number, package = through.up_to_bound()
    result = through.load(package)
    for _ in range(2):
        assert through.here.ipa.handle_notification(wrap(0xA0, result)) == 204
    (counted,) = through.here.admin.package(number)["results"]
    assert counted["deliveries"] == 2


def test_a_tampered_result_reaches_nobody(through: Indirect) -> None:
    through.release()
    number, package = through.up_to_bound()
    result = through.load(package)
    assert through.here.ipa.handle_notification(wrap(0xA0, flipped(result, 0xBF37, 0x5F37))) == 403
    assert state(through) == DOWNLOADED
    assert through.here.admin.package(number)["state"] == "sent"


def test_a_result_in_the_triggers_answer_ends_the_trigger(through: Indirect) -> None:
    through.release()
    number, transaction = through.trigger()
    through.initiate(transaction)
    through.authenticate()
    result = through.load(through.bound())
    answer = wrap(0xBF54, wrap(0x82, transaction), result)
    assert through.here.provide(answer) == EMPTY
    assert through.here.admin.package(number)["state"] == "done"
    assert state(through) == INSTALLED


def test_the_eim_fills_in_what_is_missing_from_what_it_remembers(through: Indirect) -> None:
    through.release()
    number, transaction = through.trigger()
    assert through.initiate(transaction, info1=False) == "undefinedError"
    assert told(through)["summary"]["reason"] == "not known: EUICCInfo1"
    through.here.admin.delete(f"/packages/{number}")
    through.answer_data("BF20", through.info1())
    _, transaction = through.trigger()
    assert not isinstance(through.initiate(transaction, info1=False), Refused)


def test_euicc_info1_follows_from_euicc_info2(through: Indirect) -> None:
    through.release()
    through.tell_info2()
    _, transaction = through.trigger()
    assert not isinstance(through.initiate(transaction, info1=False), Refused)


def test_the_eim_makes_ctx_params1_for_an_ipa_that_lets_it(through: Indirect) -> None:
    through.release()
    through.answer_data("A9", wrap(0xA9, value(DEVICE_INFO)))
    _, transaction = through.trigger(ctxParams=True)
    server = through.initiate(transaction)
    assert "matchingId" not in server
    context = decode("CtxParams1", value(server["ctxParams1"]))[1]
    assert context["matchingId"] == MATCHING_ID
    assert context["deviceInfo"]["tac"] == bytes.fromhex("35290011")
    assert "metadata" in through.authenticate()


def test_without_device_info_there_is_a_matching_id_instead(through: Indirect) -> None:
    through.release()
    _, transaction = through.trigger(ctxParams=True)
    server = through.initiate(transaction)
    assert (value(server["matchingId"]), "ctxParams1" in server) == (MATCHING_ID.encode(), False)


def test_an_ipa_that_saves_octets_is_spared_what_it_has_already(through: Indirect) -> None:
    through.release()
    through.tell_capabilities(1, 4, 5)
    _, transaction = through.trigger()
    assert "transaction" not in through.initiate(transaction)
    assert not {"transaction", "metadata"} & set(through.authenticate())
    assert isinstance(through.bound(), bytes)


def test_others_get_transaction_and_metadata(through: Indirect) -> None:
    through.release()
    _, transaction = through.trigger()
    assert value(through.initiate(transaction)["transaction"]) == through.transaction
    assert {"transaction", "metadata"} <= set(through.authenticate())


@pytest.mark.parametrize("code", ["1234", None], ids=["known", "unknown"])
def test_the_eim_answers_for_the_confirmation_code(through: Indirect, code: str | None) -> None:
    through.release(confirmation_code="1234")
    _, transaction = through.trigger(**({"confirmationCode": code} if code else {}))
    through.initiate(transaction)
    profile = through.authenticate()
    assert ("hashCc" in profile) is (code is not None)
    if code is None:
        assert through.bound(through.prepare_download(bytes(32))) == "confirmationCodeRefused"
    else:
        assert isinstance(through.bound(), bytes)


def test_a_wrong_confirmation_code_is_refused_until_the_order_ends(through: Indirect) -> None:
    through.release(confirmation_code="1234")
    _, transaction = through.trigger(confirmationCode="4321")
    for refusal in ("confirmationCodeRefused", "confirmationCodeRefused", "confirmationCodeRetriesExceeded"):
        through.initiate(transaction)
        through.authenticate()
        assert through.bound() == refusal


# what the eIM checks itself


@pytest.mark.parametrize(
    ("order", "address", "refusal"),
    [
        ({}, "other.example", "smdpAddressMismatch"),
        ({"smdpAddress": "other.example"}, None, "invalidDpAddress"),
        ({"smdpAddress": "other.example"}, ADDRESS, "smdpAddressMismatch"),
        ({"smdpOid": "2.999.77"}, None, "smdpOidMismatch"),
    ],
)
def test_the_server_must_be_the_one_that_was_ordered_from(
    through: Indirect, order: dict[str, str], address: str | None, refusal: str
) -> None:
    through.release()
    _, transaction = through.trigger(**{"smdpAddress": ADDRESS, **order})
    assert through.initiate(transaction, address) == refusal


def test_address_and_oid_of_an_activation_code_hold_too(through: Indirect, pki_dir: Path) -> None:
    oid = pki.registered_id(pki.read_certificate(pki.paths(pki_dir).dpauth))
    through.release()

    def order(code: str) -> bytes:
        here = through.here
        here.admin.post("/packages", {"eid": here.eid, "download": {"activationCode": code}})
        trigger = decode("GetEimPackageResponse", here.ipa.get_package(here.eid))[1]
        return bytes(trigger["eimTransactionId"])

    right = order(f"1${ADDRESS}${MATCHING_ID}${oid}")
    assert through.initiate(right, "other.example") == "smdpAddressMismatch"
    server = through.initiate(right, ADDRESS)
    assert "matchingId" not in server
    through.here.admin.delete(f"/packages/{through.here.admin.get('/packages')[-1]['id']}")
    assert through.initiate(order(f"LPA:1${ADDRESS}${MATCHING_ID}$2.999.77"), ADDRESS) == "smdpOidMismatch"


def test_an_order_must_be_out(through: Indirect) -> None:
    through.release()
    assert through.initiate(b"\x01") == "invalidEimTransactionId"
    assert through.initiate(None) == "invalidEimTransactionId"
    here = through.here
    queued = here.admin.post("/packages", {"eid": here.eid, "download": {"eim": True}, "transaction": "0A"})
    assert through.initiate(b"\x0a") == "invalidEimTransactionId"
    here.ipa.get_package(here.eid)
    assert not isinstance(through.initiate(b"\x0a"), Refused)
    here.admin.delete(f"/packages/{queued['id']}")
    assert through.initiate(b"\x0a") == "invalidEimTransactionId"


def test_a_package_of_another_kind_orders_no_download(through: Indirect) -> None:
    here = through.here
    body = {"eid": here.eid, "operations": [{"listProfileInfo": {}}], "transaction": "0B"}
    here.admin.post("/packages", body)
    here.ipa.get_package(here.eid)
    assert through.initiate(b"\x0b") == "invalidEimTransactionId"


def test_an_ipa_may_begin_by_itself_with_an_address(through: Indirect) -> None:
    through.release(matching_id="", eid=through.here.eid)
    assert "matchingId" not in through.initiate(None, ADDRESS)
    assert "metadata" in through.authenticate()
    result = through.load(through.bound())
    assert through.here.ipa.handle_notification(wrap(0xA0, result)) == 204
    assert state(through) == INSTALLED
    assert through.here.admin.get("/results")[-1]["eid"] == through.here.eid


def test_another_card_cannot_take_the_order(through: Indirect, pki_dir: Path) -> None:
    through.release()
    other = pki.make_euicc(pki.read_identity(pki_dir / "eum.pem", pki_dir / "eum.key"), pki.make_eid(5))
    _, transaction = through.trigger()
    through.initiate(transaction)
    full = through.authenticate_server()
    _, own, eum = (tlv for tag, tlv in tlvs(value(member(full, 0xBF38, 0xA0))) if tag == 0x30)
    der = other.certificate.public_bytes(serialization.Encoding.DER)
    forged = wrap(
        0xBF38, wrap(0xA0, member(full, 0xBF38, 0xA0, 0x30), member(full, 0xBF38, 0xA0, 0x5F37), der, eum)
    )
    assert own != der
    assert through.authenticate(forged) == "eidMismatch"


class Lying(Smdp):
    """An SM-DP+ that announces another profile than it sends, or signs another address."""

    announced: ProfileOrder | None = None
    signed_address: str | None = None

    def initiate_authentication(self, challenge: bytes, address: str, info1: bytes) -> Initiated:
        if self.signed_address is not None:
            self.address, honest = self.signed_address, self.address
            try:
                return super().initiate_authentication(challenge, self.address, info1)
            finally:
                self.address = honest
        return super().initiate_authentication(challenge, address, info1)

    def authenticate_client(self, transaction_id: bytes, response: bytes) -> Authenticated:
        answer = super().authenticate_client(transaction_id, response)
        return replace(answer, metadata=metadata(self.announced)) if self.announced else answer


def test_other_metadata_than_announced_is_not_handed_on(tmp_path: Path, pki_dir: Path, binding: str) -> None:
    smdp = Lying(tmp_path / "smdp", pki_dir, ADDRESS)
    with indirect(tmp_path, pki_dir, binding, smdp) as through:
        through.release()
        smdp.announced = ProfileOrder(ICCID, name="Cheaper")
        number, transaction = through.trigger()
        through.initiate(transaction)
        assert member(through.authenticate()["metadata"], 0xBF25, 0x92)[2:] == b"Cheaper"
        assert through.bound() == "metadataMismatch"
        assert (
            through.functions.cancel(through.transaction, through.cancel_session(METADATA_MISMATCH)) is None
        )
        assert state(through) == ERROR
        assert through.here.admin.package(number)["outcome"] == {"cancelSessionReason": METADATA_MISMATCH}


def test_a_server_that_signs_another_address_is_not_the_one(
    tmp_path: Path, pki_dir: Path, binding: str
) -> None:
    smdp = Lying(tmp_path / "smdp", pki_dir, ADDRESS)
    with indirect(tmp_path, pki_dir, binding, smdp) as through:
        smdp.signed_address = "elsewhere.example"
        _, transaction = through.trigger()
        assert through.initiate(transaction) == "smdpAddressMismatch"


RAT_LINE = {
    "pprIds": (b"\x60", 3),
    "allowedOperators": [{"mccMnc": b"\xee\xee\xee"}],
    "pprFlags": (b"\x00", 1),
}


@pytest.mark.parametrize(
    ("verifies", "rat", "refused"),
    [
        (True, [RAT_LINE], False),
        (True, [{**RAT_LINE, "pprFlags": (b"\x80", 1)}], True),
        (True, [{**RAT_LINE, "pprIds": (b"\x40", 2)}], True),
        (True, [], True),
        (True, None, True),
        (False, None, False),
    ],
    ids=["allowed", "consent", "another rule", "empty", "unknown", "the IPA does it"],
)
def test_policy_rules_must_be_in_the_rat(
    through: Indirect, verifies: bool, rat: list[Any] | None, refused: bool
) -> None:
    through.release(ProfileOrder(ICCID, policy_rules=(1, 2)))
    if verifies:
        through.tell_capabilities(1, 4)
    if rat is not None:
        octets = encode("RulesAuthorisationTable", rat)
        through.here.eim.eim.records.remember(through.here.eid, "rulesAuthorisationTable", octets)
    _, transaction = through.trigger()
    through.initiate(transaction)
    assert (through.authenticate() == "pprNotAllowed") is refused


def test_the_rat_comes_with_the_psmo(through: Indirect) -> None:
    through.here.order({"getRAT": {}})
    through.here.provide(through.here.load(through.here.fetch()))
    (shown,) = through.here.admin.get("/euiccs")
    rat = bytes.fromhex(shown["remembered"]["rulesAuthorisationTable"])
    assert decode("RulesAuthorisationTable", rat) == decode(
        "RulesAuthorisationTable",
        wrap(0x30, value(member(through.run(bytes.fromhex("BF4300")), 0xBF43, 0xA0))),
    )


# what the SM-DP+ refuses


def test_errors_of_the_smdp_come_through_by_name(through: Indirect) -> None:
    _, transaction = through.trigger()
    through.initiate(transaction)
    assert through.authenticate() == "matchingIdRefused"
    assert told(through)["summary"]["answer"] == "matchingIdRefused"
    through.release(eid=pki.make_eid(9))
    through.initiate(transaction)
    assert through.authenticate() == "eidMismatch"


def test_a_forged_signature_is_the_smdps_to_find(through: Indirect) -> None:
    through.release()
    _, transaction = through.trigger()
    through.initiate(transaction)
    forged = flipped(through.authenticate_server(), 0xBF38, 0xA0, 0x5F37)
    assert through.authenticate(forged) == "euiccSignatureInvalid 5"
    through.initiate(transaction)
    through.authenticate()
    assert (
        through.bound(flipped(through.prepare_download(), 0xBF21, 0xA0, 0x5F37)) == "euiccSignatureInvalid 1"
    )


def test_an_error_of_the_card_ends_the_session(through: Indirect) -> None:
    through.release()
    _, transaction = through.trigger()
    through.initiate(transaction)
    error = wrap(0xBF38, wrap(0xA1, wrap(0x80, through.transaction), wrap(0x02, b"\x06")))
    assert through.authenticate(error) == "undefinedError"
    assert through.authenticate() == "invalidTransactionId 10"


def test_a_session_that_there_is_not_is_said_so_by_each_function(through: Indirect) -> None:
    functions = through.functions
    through.release()
    _, transaction = through.trigger()
    through.initiate(transaction)
    full = through.authenticate_server()
    assert functions.authenticate(b"\x01", full) == "invalidTransactionId 10"
    through.authenticate(full)
    prepared = through.prepare_download()
    assert functions.bound(b"\x01", prepared) == "invalidTransactionId 95"
    cancelled = through.cancel_session(LOAD_ERROR)
    assert functions.cancel(b"\x01", cancelled) == "invalidTransactionId 1"
    through.initiate(transaction)
    assert through.functions.bound(through.transaction, prepared) == "invalidTransactionId 95"


# cancelling


@pytest.mark.parametrize(
    ("reason", "order", "package"),
    [(METADATA_MISMATCH, ERROR, "failed"), (LOAD_ERROR, RELEASED, "failed"), (POSTPONED, RELEASED, "sent")],
)
def test_a_cancelled_session_is_cancelled_at_the_smdp(
    through: Indirect, reason: int, order: str, package: str
) -> None:
    through.release()
    number, transaction = through.trigger()
    through.initiate(transaction)
    through.authenticate()
    assert through.functions.cancel(through.transaction, through.cancel_session(reason)) is None
    assert (state(through), through.here.admin.package(number)["state"]) == (order, package)
    assert told(through)["summary"]["reason"] == reason


def test_a_forged_cancellation_cancels_nothing(through: Indirect) -> None:
    through.release()
    number, transaction = through.trigger()
    through.initiate(transaction)
    through.authenticate()
    cancelled = through.cancel_session(METADATA_MISMATCH)
    forged = flipped(cancelled, 0xBF41, 0xA0, 0x5F37)
    assert through.functions.cancel(through.transaction, forged) == "euiccSignatureInvalid 2"
    assert through.here.admin.package(number)["state"] == "sent"
    assert through.functions.cancel(through.transaction, cancelled) is None


def test_a_cancellation_may_have_both_tags(tmp_path: Path, pki_dir: Path) -> None:
    with indirect(tmp_path, pki_dir, "asn1") as through:
        through.release()
        _, transaction = through.trigger()
        through.initiate(transaction)
        through.authenticate()
        cancelled = through.cancel_session(LOAD_ERROR)
        odd = wrap(0xBF41, wrap(0x80, through.transaction), wrap(0xA1, cancelled))
        assert through.here.ipa.post(odd) == wrap(0xBF41, wrap(0xA0))
        assert state(through) == RELEASED


# around it


def test_a_download_goes_on_after_the_eim_has_started_again(
    tmp_path: Path, pki_dir: Path, binding: str
) -> None:
    with indirect(tmp_path, pki_dir, binding) as before:
        before.release()
        number, transaction = before.trigger()
        before.initiate(transaction)
        full = before.authenticate_server()
    settings = Settings(tmp_path / "eim", pki=pki_dir, smdp=before.smdp)
    with running(settings) as eim:
        ipa = IPAS[binding](port_of(eim), pki.paths(pki_dir).eim_tls_ca)
        functions = type(before.functions)(ipa)
        through = replace(
            before,
            functions=functions,
            here=replace(before.here, eim=eim, admin=Admin(eim.admin), ipa=ipa),
        )
        through.authenticate(full)
        result = through.load(through.bound())
        assert ipa.handle_notification(wrap(0xA0, result)) == 204
        assert through.here.admin.package(number)["state"] == "done"
        ipa.connection.close()


def test_notifications_for_the_smdp_are_passed_on(through: Indirect) -> None:
    through.release(ProfileOrder(ICCID, imsi="001010000000421", notify=(((1, 2, 3), ADDRESS),)))
    _, package = through.up_to_bound()
    through.here.ipa.handle_notification(wrap(0xA0, through.load(package)))
    through.here.order({"enable": ICCID})
    through.here.load(through.here.fetch())
    through.here.terminal.refresh()
    for pending in notifications(through.here.terminal):
        if next(tlvs(pending))[0] == 0x30:
            assert through.here.ipa.handle_notification(wrap(0xA0, pending)) == 204
    heard = [(each.eid, each.events) for each in through.smdp.notifications() if each.iccid == ICCID]
    assert heard == [(through.here.eid, ["enable"])]


def test_without_an_smdp_there_are_no_downloads(tmp_path: Path, pki_dir: Path) -> None:
    with world(tmp_path, pki_dir) as here:
        request = wrap(0xBF39, wrap(0x81, bytes(16)), wrap(0x83, b"smdp.example"))
        assert here.ipa.request(request)[0] == 501
        assert "89" not in _configuration_tags(here)
    with indirect(tmp_path / "other", pki_dir, "asn1") as through:
        assert "89" in _configuration_tags(through.here)


def _configuration_tags(here: Any) -> list[str]:
    der = bytes.fromhex(here.admin.get("/config")["eimConfigurationData"])
    return [f"{tag:X}" for tag, _ in tlvs(value(der))]


@pytest.mark.parametrize(
    "download",
    [
        {"eim": True, "matchingId": 5},
        {"eim": True, "colour": "red"},
        {"eim": True, "ctxParams": "yes"},
        {"eim": 1.5},
    ],
)
def test_an_order_that_makes_no_download_is_refused(through: Indirect, download: dict[str, Any]) -> None:
    with pytest.raises(PeerRefused) as refused:
        through.here.admin.post("/packages", {"eid": through.here.eid, "download": download})
    assert refused.value.code == 400

"""Compact forms (minimizeEsipaBytes): rebuilt octet for octet, and verified, or refused."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from ipad.asn1 import decode, member, tlvs, value, wrap
from ipad.testbed import pki
from ipad.testbed.eim import expand
from ipad.testbed.signature import sign
from ipad.testbed.smdp import ProfileOrder
from ipad.testbed.smdp.orders import ERROR, INSTALLED, RELEASED
from tests.euicc_card.world import SUED
from tests.testbed.download_world import (
    ADDRESS,
    DEVICE_INFO,
    ICCID,
    Indirect,
    compact_authentication,
    compact_cancellation,
    compact_installation,
    compact_notification,
    compact_preparation,
    state,
)
from tests.testbed.eim_world import UNDEFINED, flipped
from tests.testbed.test_eim_results import notifications

METADATA_MISMATCH, LOAD_ERROR = 4, 5
"""CancelSessionReason."""


@pytest.fixture(params=["asn1", "json"])
def binding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def reason(through: Indirect) -> str:
    return str(through.here.admin.get("/log")[-1]["summary"]["reason"])


def test_a_whole_download_in_compact_forms(through: Indirect) -> None:
    through.tell_info2()
    through.release()
    number, transaction = through.trigger()
    through.initiate(transaction)
    full = through.authenticate_server()
    compact = compact_authentication(full)
    assert len(compact) < len(full) / 3
    assert "metadata" in through.authenticate(compact)
    result = through.load(through.bound(compact_preparation(through.prepare_download())))
    forged = compact_installation(flipped(result, 0xBF37, 0x5F37))
    assert through.here.ipa.handle_notification(wrap(0xA0, forged)) == 403
    assert through.here.ipa.handle_notification(wrap(0xA0, compact_installation(result))) == 204
    assert state(through) == INSTALLED
    shown = through.here.admin.package(number)
    assert (shown["state"], shown["results"][0]["octets"]) == ("done", result.hex().upper())


def test_ctx_params1_of_the_eims_making_may_be_left_out(through: Indirect) -> None:
    through.tell_info2()
    through.answer_data("A9", wrap(0xA9, value(DEVICE_INFO)))
    through.release()
    _, transaction = through.trigger(ctxParams=True)
    through.initiate(transaction)
    full = through.authenticate_server()
    assert "metadata" in through.authenticate(compact_authentication(full, with_ctx_params1=False))


def test_ctx_params1_that_the_eim_did_not_make_may_not(through: Indirect) -> None:
    through.tell_info2()
    through.release()
    _, transaction = through.trigger()
    through.initiate(transaction)
    full = through.authenticate_server()
    assert through.authenticate(compact_authentication(full, with_ctx_params1=False)) == "undefinedError"
    assert reason(through) == "not known: ctxParams1"
    assert "metadata" in through.authenticate(compact_authentication(full))


def test_euicc_info2_must_have_been_heard(through: Indirect) -> None:
    through.release()
    _, transaction = through.trigger()
    through.initiate(transaction)
    full = through.authenticate_server()
    assert through.authenticate(compact_authentication(full)) == "undefinedError"
    assert reason(through) == "not known: EUICCInfo2"
    assert "metadata" in through.authenticate(full)
    through.initiate(transaction)
    assert "metadata" in through.authenticate(compact_authentication(through.authenticate_server()))


def test_another_euicc_info2_than_remembered_does_not_verify(through: Indirect) -> None:
    through.release()
    info2 = flipped(through.run(bytes.fromhex("BF2200")), 0xBF22, 0x83)
    through.answer_data("BF22", info2)
    _, transaction = through.trigger()
    through.initiate(transaction)
    assert (
        through.authenticate(compact_authentication(through.authenticate_server()))
        == "euiccSignatureInvalid 5"
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda compact: flipped(compact, 0xBF38, 0xA2, 0x5F37),
        lambda compact: flipped(compact, 0xBF38, 0xA2, 0xA0, 0x84),
        lambda compact: flipped(compact, 0xBF38, 0xA2, 0xA0, 0xA2, 0xA0, 0xA1, 0x80),
    ],
    ids=["signature", "extCardResource", "ctxParams1"],
)
def test_a_tampered_compact_authentication_does_not_reach_the_smdp(through: Indirect, spoil: Any) -> None:
    through.tell_info2()
    through.release()
    _, transaction = through.trigger()
    through.initiate(transaction)
    compact = compact_authentication(through.authenticate_server())
    assert through.authenticate(spoil(compact)) == "euiccSignatureInvalid 5"
    assert "metadata" in through.authenticate(compact)  # the SM-DP+'s session is as it was


def test_compact_certificates_must_be_the_registered_ones(through: Indirect, pki_dir: Path) -> None:
    through.tell_info2()
    through.release()
    _, transaction = through.trigger()
    through.initiate(transaction)
    full = through.authenticate_server()
    _, euicc, eum = (tlv for tag, tlv in tlvs(value(member(full, 0xBF38, 0xA0))) if tag == 0x30)
    compact = value(member(compact_authentication(full), 0xBF38, 0xA2))

    def with_certificates(own: bytes) -> bytes:
        return wrap(0xBF38, wrap(0xA2, compact, wrap(0xA1, value(own)), wrap(0xA2, value(eum))))

    other = pki.make_euicc(pki.read_identity(pki_dir / "eum.pem", pki_dir / "eum.key"), through.here.eid)
    der = other.certificate.public_bytes(serialization.Encoding.DER)
    assert through.authenticate(with_certificates(der)) == "euiccCertificateInvalid"
    assert "metadata" in through.authenticate(with_certificates(euicc))


def test_euicc_signed1_may_stand_whole_with_the_certificates_left_out(through: Indirect) -> None:
    through.release()
    _, transaction = through.trigger()
    through.initiate(transaction)
    full = through.authenticate_server()
    arm = member(full, 0xBF38, 0xA0)
    compact = wrap(0xBF38, wrap(0xA2, member(arm, 0xA0, 0x30), member(arm, 0xA0, 0x5F37)))
    assert "metadata" in through.authenticate(compact)


def test_of_an_unregistered_card_the_certificates_must_come_along(through: Indirect) -> None:
    through.release(matching_id="", eid=through.here.eid)
    through.initiate(None, ADDRESS)
    full = through.authenticate_server()
    arm = member(full, 0xBF38, 0xA0)
    signed, signature = member(arm, 0xA0, 0x30), member(arm, 0xA0, 0x5F37)
    compact = wrap(0xBF38, wrap(0xA2, signed, signature))
    assert through.authenticate(compact) == "undefinedError"
    assert reason(through) == "not known: the eUICC's certificate"
    _, euicc, eum = (tlv for tag, tlv in tlvs(value(arm)) if tag == 0x30)
    certificates = wrap(0xA1, value(euicc)), wrap(0xA2, value(eum))
    assert "metadata" in through.authenticate(wrap(0xBF38, wrap(0xA2, signed, signature, *certificates)))


def test_an_otpk_that_was_asked_for_may_be_left_out(through: Indirect) -> None:
    through.release()
    _, transaction = through.trigger()
    for asked in (False, True):
        through.initiate(transaction)
        signed2 = decode("SmdpSigned2", through.authenticate()["signed"])
        assert ("bppEuiccOtpk" in signed2) is asked
        prepared = through.prepare_download()
        compact = compact_preparation(prepared, with_otpk=not asked)
        assert isinstance(through.bound(compact), bytes)


def test_an_otpk_that_nobody_knows_may_not(through: Indirect) -> None:
    through.release()
    _, transaction = through.trigger()
    through.initiate(transaction)
    through.authenticate()
    prepared = through.prepare_download()
    assert through.bound(compact_preparation(prepared, with_otpk=False)) == "undefinedError"
    assert reason(through) == "not known: euiccOtpk"
    assert isinstance(through.bound(compact_preparation(prepared)), bytes)


@pytest.mark.parametrize("with_hash_cc", [True, False])
def test_the_eims_own_hash_cc_may_be_left_out(through: Indirect, with_hash_cc: bool) -> None:
    through.release(confirmation_code="1234")
    _, transaction = through.trigger(confirmationCode="1234")
    through.initiate(transaction)
    through.authenticate()
    compact = compact_preparation(through.prepare_download(), with_hash_cc=with_hash_cc)
    assert isinstance(through.bound(compact), bytes)


@pytest.mark.parametrize("path", [(0x5F37,), (0x30, 0x5F49)], ids=["signature", "otpk"])
def test_a_tampered_compact_preparation_does_not_reach_the_smdp(
    through: Indirect, path: tuple[int, ...]
) -> None:
    through.release()
    _, transaction = through.trigger()
    through.initiate(transaction)
    through.authenticate()
    compact = compact_preparation(through.prepare_download())
    assert through.bound(flipped(compact, 0xBF21, 0xA2, *path)) == "euiccSignatureInvalid 1"
    assert isinstance(through.bound(compact), bytes)


@pytest.mark.parametrize("with_reason", [True, False])
@pytest.mark.parametrize(("why", "order"), [(METADATA_MISMATCH, ERROR), (LOAD_ERROR, RELEASED)])
def test_a_compact_cancellation_is_rebuilt_even_without_its_reason(
    through: Indirect, why: int, order: str, with_reason: bool
) -> None:
    through.release()
    number, transaction = through.trigger()
    through.initiate(transaction)
    through.authenticate()
    compact = compact_cancellation(through.cancel_session(why), with_reason)
    assert through.functions.cancel(through.transaction, compact) is None
    assert state(through) == order
    assert through.here.admin.package(number)["outcome"] == {"cancelSessionReason": why}


def test_a_tampered_compact_cancellation_cancels_nothing(through: Indirect) -> None:
    through.release()
    _, transaction = through.trigger()
    through.initiate(transaction)
    through.authenticate()
    compact = compact_cancellation(through.cancel_session(LOAD_ERROR))
    for path in ((0x5F37,), (0x30, 0x80)):
        spoilt = flipped(compact, 0xBF41, 0xA2, *path)
        assert through.functions.cancel(through.transaction, spoilt) == "euiccSignatureInvalid 2"
    assert through.functions.cancel(through.transaction, compact) is None


# notifications


def test_a_compact_installation_of_a_profile_that_failed_is_rebuilt(through: Indirect) -> None:
    through.release(ProfileOrder(ICCID, header_iccid="8900101000000000999"))
    number, package = through.up_to_bound()
    result = through.load(package)
    compact = compact_installation(result)
    assert through.here.ipa.handle_notification(wrap(0xA0, flipped(compact, 0xA0, 0xA0, 0x02))) == 403
    assert through.here.ipa.handle_notification(wrap(0xA0, compact)) == 204
    assert through.here.admin.package(number)["state"] == "failed"
    assert state(through) == RELEASED


def test_a_compact_installation_of_a_direct_download_cannot_be_rebuilt(through: Indirect) -> None:
    data = wrap(
        0xA0, wrap(0x80, b"\x01"), wrap(0x02, b"\x01"), wrap(0xA2, wrap(0xA0, wrap(0x4F, b"\x00\x10")))
    )
    compact = wrap(0xA0, data, wrap(0x5F37, bytes(64)))
    assert through.here.ipa.handle_notification(wrap(0xA0, compact)) == 403
    assert reason(through) == "a compact form of a download that did not go through this eIM"


def test_what_a_compact_installation_can_mean() -> None:
    """All that is left out is put in: operation, address, OID, AID, the response of a success."""
    data = wrap(
        0xA0,
        wrap(0x80, b"\x01\x02"),
        wrap(0x02, b"\x07"),
        wrap(0x01, b"\x00"),
        wrap(0xA2, wrap(0xA0, wrap(0x4F, b"\x12\x34"))),
    )
    compact = wrap(0xA0, data, wrap(0x5F37, bytes(64)))
    first, second = expand.installation_results(
        compact, addresses=["a.example", "b"], oid="2.999.1", iccid=None
    )
    assert first != second
    told = decode("ProfileInstallationResult", first)["profileInstallationResultData"]
    assert told["notificationMetadata"] == {
        "seqNumber": 7,
        "profileManagementOperation": (b"\x80", 1),
        "notificationAddress": "a.example",
    }
    assert (told["transactionId"], told["smdpOid"]) == (b"\x01\x02", "2.999.1")
    assert told["finalResult"] == (
        "successResult",
        {
            "aid": bytes.fromhex("A0000005591010FFFFFFFF8900123400"),
            "simaResponse": bytes.fromhex("3007A0053003800100"),
        },
    )
    with_iccid = wrap(
        0xA0, wrap(0xA0, *(t for tag, t in tlvs(value(data)) if tag != 0x01)), wrap(0x5F37, bytes(64))
    )
    with pytest.raises(expand.Missing, match="ICCID"):
        next(expand.installation_results(with_iccid, addresses=["a"], oid="2.999.1", iccid=None))


@pytest.fixture
def pending(through: Indirect) -> list[bytes]:
    """Two notifications of the card, in full."""
    through.here.order({"enable": SUED})
    through.here.provide(through.here.load(through.here.fetch()))
    through.here.terminal.refresh()
    return notifications(through.here.terminal)


@pytest.mark.parametrize("named", [True, False])
def test_a_compact_notification_is_rebuilt(through: Indirect, pending: list[bytes], named: bool) -> None:
    here = through.here
    compact = compact_notification(pending[0], here.eid if named else None)
    assert len(compact) < len(pending[0]) / 3
    for path in ((0x5F37,), (0xBF2F, 0x80)):
        assert here.ipa.handle_notification(wrap(0xA0, flipped(compact, 0xA1, *path))) == 403
    assert here.ipa.handle_notification(wrap(0xA0, compact)) == 204
    (kept,) = [
        r for r in here.admin.get("/results") if r["accepted"] and r["kind"] == "otherSignedNotification"
    ]
    assert (kept["eid"], kept["octets"]) == (here.eid, pending[0].hex().upper())
    assert here.ipa.handle_notification(wrap(0xA0, pending[0])) == 204
    assert {r["deliveries"] for r in here.admin.get("/results") if r["id"] == kept["id"]} == {2}


def test_a_compact_notification_leans_on_the_message_around_it(
    through: Indirect, pending: list[bytes]
) -> None:
    here = through.here
    here.order({"listProfileInfo": {}})
    result = here.load(here.fetch())
    compact = compact_notification(pending[0])
    arm, numbers = here.provide(wrap(0x30, result, wrap(0xA0, compact)))
    assert (arm, len(numbers)) == ("eimAcknowledgements", 2)


def test_a_compact_notification_of_nobody_known_is_refused(through: Indirect, pending: list[bytes]) -> None:
    here = through.here
    stranger = pki.make_eid(77)
    assert here.ipa.handle_notification(wrap(0xA0, compact_notification(pending[0], stranger))) == 403
    assert reason(through) == "a compact form of an eUICC whose certificates are not known"
    spki = here.eim.eim.identity.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    here.admin.post("/euiccs", {"eid": stranger, "deviceKey": spki.hex()})
    assert here.ipa.handle_notification(wrap(0xA0, compact_notification(pending[0], stranger))) == 403


def test_a_compact_notification_in_data_is_acknowledged(through: Indirect, pending: list[bytes]) -> None:
    here = through.here
    here.admin.post("/packages", {"eid": here.eid, "data": {"tagList": "A0"}})
    transaction = value(member(here.ipa.get_package(here.eid), 0xBF4F, 0xBF52, 0x83))
    data = wrap(
        0xA0, wrap(0xA0, *(compact_notification(each, here.eid) for each in pending)), wrap(0x87, transaction)
    )
    arm, numbers = here.provide(wrap(0xBF52, data))
    assert (arm, len(numbers)) == ("eimAcknowledgements", 2)


def test_what_is_rebuilt_is_no_way_around_the_signature(through: Indirect, pki_dir: Path) -> None:
    """A compact package result does not exist; one signed by the eIM's own key is not the card's."""
    here = through.here
    here.order({"listProfileInfo": {}})
    result = here.load(here.fetch())
    data = member(result, 0xBF51, 0xA0, 0x30)
    key = pki.read_key(pki.paths(pki_dir).eim_key)
    forged = wrap(0xBF51, wrap(0xA0, data, wrap(0x5F37, sign(key, data + bytes.fromhex("840100")))))
    assert here.provide(forged) == UNDEFINED

"""Data requests: every member and criterion, taken from the virtual card and verified by the eIM."""

from collections.abc import Callable
from typing import Any

import pytest

from ipad import asn1
from ipad.asn1 import certificate_der, decode, encode, member, tlvs, value
from ipad.esipa.model import DataRequest, Malformed
from ipad.esipa.package import read
from ipad.esipa.settings import EsipaSettings
from ipad.euicc import es10b
from ipad.procedures import data
from ipad.testbed.eim.faults import Fault
from ipad.testbed.eim.serve import EIM_ID
from ipad.testbed.euicc.state import State
from modem.errors import CardRefused, ModemError
from modem.radio import Identity
from modem.uicc import Reply
from tests.euicc_card.world import NORD
from tests.procedures.market import Market
from tests.procedures.polled import (
    LIST,
    answering,
    fall_back,
    history,
    run,
    spoil_first_notification,
    started,
)
from tests.procedures.scenarios import on_nord
from tests.procedures.site import Process, Site
from tests.procedures.tiny_modem import TinyModem

MakeSite = Callable[..., Site]

ALL = "A081A2BF20BF228384A5A6A8A9"
"""Every member of IpaEuiccData that can be asked for."""
IN_ORDER = [0xA0, 0x81, 0xA2, 0xBF20, 0xBF22, 0x83, 0x84, 0xA5, 0xA6, 0x87, 0xA8, 0xA9]
INCORRECT_TAG_LIST, CI_PK_ID_NOT_FOUND, ECALL_ACTIVE, UNDEFINED = 1, 5, 104, 127


def asked(site: Site, process: Process, **criteria: Any) -> dict[str, Any]:
    """What the eIM has of the answer to one data request."""
    number = site.desk.order(data=criteria)
    assert run(process).finished
    [answer] = site.desk.package(number)["results"]
    assert answer["accepted"], answer["reason"]
    assert process.journal.all_owed() == []
    assert isinstance(answer, dict)
    return answer


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """IpaEuiccData as the eIM decoded it."""
    assert answer["kind"] == "ipaEuiccData"
    decoded: dict[str, Any] = decode("IpaEuiccDataResponse", bytes.fromhex(answer["octets"]))[1]
    return decoded


def error(answer: dict[str, Any]) -> int:
    assert answer["kind"] == "ipaEuiccDataResponseError"
    return int(answer["content"]["ipaEuiccDataErrorCode"])


def members(arm: bytes) -> dict[int, bytes]:
    return dict(tlvs(value(member(arm, 0xBF52, 0xA0))))


def request(tag_list: str, **more: Any) -> DataRequest:
    made = read(encode("IpaEuiccDataRequest", {"tagList": bytes.fromhex(tag_list), **more}))
    assert isinstance(made, DataRequest)
    return made


def answered(process: Process, tag_list: str, eim_id: str | None = EIM_ID, **more: Any) -> dict[int, bytes]:
    """The members of the answer to a request that nobody has sent."""
    return members(data.answer(process.gateway, request(tag_list, **more), eim_id))


def with_addresses(card: State) -> None:
    on_nord(card)
    card.default_dp_address = "smdp.default.example"


in_both_bindings = pytest.mark.parametrize("binding", ["asn1", "json"])


# Every member


@in_both_bindings
def test_every_member_comes_in_the_order_of_the_standard_and_as_the_card_has_it(
    make_site: MakeSite, binding: str
) -> None:
    site = make_site(prepare=with_addresses, esipa=EsipaSettings(binding=binding))
    process = started(site)
    answer = asked(site, process, tagList=ALL)
    content = members(bytes.fromhex(answer["octets"]))
    assert list(content) == IN_ORDER
    isdr = process.gateway.isdr
    eum, euicc = es10b.certs(isdr)
    assert content[0xBF20] == es10b.info1(isdr)
    assert content[0xBF22] == es10b.info2(isdr).der
    assert (value(content[0xA5]), value(content[0xA6])) == (value(eum), value(euicc))
    assert value(content[0x81]) == b"smdp.default.example"
    assert value(content[0x83]).decode() == site.memory().root_ds_address
    assert int.from_bytes(value(content[0x84]), "big") == site.blank.tokens[0]
    assert content[0x87].hex().upper().endswith(site.desk.package(1)["transaction"].upper())
    assert (content[0xA0], content[0xA2]) == (b"\xa0\x00", b"\xa2\x00")
    assert site.desk.package(1)["state"] == "done"


@pytest.mark.parametrize("tag", ["A0", "A2", "BF20", "BF22", "83", "84", "A5", "A6", "A8", "A9", "81"])
def test_one_member_alone_comes_alone_with_the_transaction(make_site: MakeSite, tag: str) -> None:
    site = make_site(prepare=with_addresses)
    answer = asked(site, started(site), tagList=tag)
    assert set(members(bytes.fromhex(answer["octets"]))) == {int(tag, 16), 0x87}


def test_without_a_transaction_none_is_told(process: Process) -> None:
    assert list(answered(process, "83")) == [0x83]


def test_a_default_address_that_the_card_does_not_have_is_left_out(site: Site, process: Process) -> None:
    assert "defaultSmdpAddress" not in told(asked(site, process, tagList="8183"))


def test_the_order_and_repetition_of_the_list_do_not_matter(site: Site, process: Process) -> None:
    answer = asked(site, process, tagList="A8BF22BF2083A883")
    assert list(members(bytes.fromhex(answer["octets"]))) == [0xBF20, 0xBF22, 0x83, 0x87, 0xA8]


# Notifications and package results


def with_pending(make_site: MakeSite, binding: str = "asn1") -> tuple[Site, Process, list[int]]:
    """A site whose card keeps two notifications that the eIM did not take one by one."""
    site = make_site(prepare=on_nord, esipa=EsipaSettings(binding=binding))
    process = started(site)
    fall_back(process)
    site.desk.eim.faults.add(Fault("http-500", function="HandleNotification", count=2))
    run(process)
    return site, process, [n.seq for n in site.memory().notifications]


@in_both_bindings
def test_notifications_that_are_told_of_and_acknowledged_leave_the_card(
    make_site: MakeSite, binding: str
) -> None:
    site, process, pending = with_pending(make_site, binding)
    octets = [bytes.fromhex(n.octets) for n in site.memory().notifications]
    answer = asked(site, process, tagList="A0")
    listed = members(bytes.fromhex(answer["octets"]))[0xA0]
    assert [tlv for _, tlv in tlvs(value(listed))] == octets
    assert len(pending) == 2
    assert site.memory().notifications == []
    assert process.journal.all_owed() == []
    kept = [r["accepted"] for r in site.desk.results("otherSignedNotification")]
    assert kept == [True, True]


def test_a_notification_that_the_eim_does_not_acknowledge_stays(make_site: MakeSite) -> None:
    site, process, pending = with_pending(make_site)
    spoilt = spoil_first_notification(process)
    asked(site, process, tagList="A0")
    assert [n.seq for n in site.memory().notifications] == [spoilt]
    assert spoilt == pending[0]


@pytest.mark.parametrize(
    ("criterion", "which"),
    [
        ({"notificationEvent": "disable"}, [0]),
        ({"notificationEvent": "enable"}, [1]),
        ({"notificationEvent": "delete"}, []),
        ({"notificationEvent": "install"}, []),
    ],
)
def test_notifications_can_be_asked_for_by_event(
    make_site: MakeSite, criterion: dict[str, Any], which: list[int]
) -> None:
    site, process, pending = with_pending(make_site)
    listed = told(asked(site, process, tagList="A0", **criterion))["notificationsList"]
    seqs = [content["tbsOtherNotification"]["seqNumber"] for _, content in listed]
    assert seqs == [pending[n] for n in which]
    assert [n.seq for n in site.memory().notifications] == [s for s in pending if s not in seqs]


def test_notifications_can_be_asked_for_by_number(make_site: MakeSite) -> None:
    site, process, pending = with_pending(make_site)
    listed = told(asked(site, process, tagList="A0", notificationSeq=pending[1]))["notificationsList"]
    assert [content["tbsOtherNotification"]["seqNumber"] for _, content in listed] == [pending[1]]
    assert told(asked(site, process, tagList="A0", notificationSeq=4711))["notificationsList"] == []
    assert [n.seq for n in site.memory().notifications] == pending[:1]


def keeping_results(site: Site, process: Process, monkeypatch: pytest.MonkeyPatch, count: int) -> list[int]:
    """The card keeps results because the eIM answers nothing that acknowledges them."""
    with monkeypatch.context() as patch:
        patch.setattr(process.gateway.iot.__class__, "remove_result", lambda *_: False)
        for _ in range(count):
            site.desk.order(LIST)
        run(process)
    return [r.seq for r in site.memory().results]


def test_package_results_that_are_told_of_and_acknowledged_leave_the_card(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keeping_results(site, process, monkeypatch, 3)
    octets = [bytes.fromhex(r.octets) for r in site.memory().results]
    arm = data.answer(process.gateway, request("A2"), EIM_ID)
    assert [tlv for _, tlv in tlvs(value(members(arm)[0xA2]))] == octets
    assert data.numbers(arm) == (set(kept), set())
    process.gateway.owe(EIM_ID, arm)
    number = site.desk.order(data={"tagList": "A2"})
    process.gateway.unread = False
    run(process)
    assert site.desk.package(number)["state"] == "done"
    assert site.memory().results == []


def test_one_package_result_can_be_asked_for_by_number(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keeping_results(site, process, monkeypatch, 3)
    one = answered(process, "A2", searchCriteriaEuiccPackageResult=("seqNumber", kept[1]))
    [(_, result)] = tlvs(value(one[0xA2]))
    assert decode("EuiccPackageResult", result)[1]["euiccPackageResultDataSigned"]["seqNumber"] == kept[1]
    none = answered(process, "A2", searchCriteriaEuiccPackageResult=("seqNumber", 4711))
    assert none[0xA2] == b"\xa2\x00"


def test_another_eim_s_results_are_not_told(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping_results(site, process, monkeypatch, 1)
    assert answered(process, "A284", "eim.two") == {0xA2: b"\xa2\x00"}
    assert answered(process, "A2", None)[0xA2] != b"\xa2\x00", "somebody at the gateway may see all"


def test_a_response_has_room_for_so_much(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site, process, pending = with_pending(make_site)
    size = len(site.memory().notifications[0].octets) // 2
    monkeypatch.setattr(data, "LIST_LIMIT", 2 * (size + 10))
    listed = told(asked(site, process, tagList="A0"))["notificationsList"]
    assert len(listed) == 1
    assert "room for 1 of 2" in history(process)
    assert [n.seq for n in site.memory().notifications] == pending[1:]


def test_an_answer_whose_connection_broke_is_delivered_at_the_next_poll(site: Site, process: Process) -> None:
    number = site.desk.order(data={"tagList": "83"})
    site.desk.eim.faults.add(Fault("http-503", function="ProvideEimPackageResult"))
    with pytest.raises(Exception, match="503"):
        run(process)
    assert len(process.journal.all_owed()) == 1
    assert run(process).finished
    assert site.desk.package(number)["state"] == "done"
    assert process.journal.all_owed() == []


# Which key


def test_certificates_of_the_ci_key_that_is_named(site: Site, process: Process) -> None:
    [ci] = process.gateway.card().info.ci_pk_ids_signing
    certificates = told(asked(site, process, tagList="A5A6", ciPkId=ci.hex()))
    eum, euicc = es10b.certs(process.gateway.isdr)
    assert certificate_der(certificates["eumCertificate"]) == eum
    assert certificate_der(certificates["euiccCertificate"]) == euicc


@in_both_bindings
def test_a_ci_key_that_the_card_does_not_have_is_an_error_of_its_own(
    make_site: MakeSite, binding: str
) -> None:
    site = make_site(esipa=EsipaSettings(binding=binding))
    process = started(site)
    answer = asked(site, process, tagList="A6", ciPkId="00" * 20)
    assert error(answer) == CI_PK_ID_NOT_FOUND
    assert answer["transaction"] == site.desk.package(1)["transaction"]


def test_a_ci_key_matters_only_where_certificates_are_asked_for(site: Site, process: Process) -> None:
    assert "rootSmdsAddress" in told(asked(site, process, tagList="83", ciPkId="00" * 20))


# Lists that are none


@pytest.mark.parametrize(
    "tag_list", ["5A", "BF2D", "BF21", "82", "30", "835A", "BF", "83BF", "BFA0", "A083BF8F"]
)
def test_a_wrong_tag_list_is_told_as_such(site: Site, process: Process, tag_list: str) -> None:
    answer = asked(site, process, tagList=tag_list)
    assert error(answer) == INCORRECT_TAG_LIST
    assert answer["transaction"] == site.desk.package(1)["transaction"]


def test_an_empty_tag_list_is_a_wrong_one(process: Process) -> None:
    arm = data.answer(process.gateway, request("", eimTransactionId=bytes(16)), EIM_ID)
    wrong = {"eimTransactionId": bytes(16), "ipaEuiccDataErrorCode": INCORRECT_TAG_LIST}
    assert decode("IpaEuiccDataResponse", arm) == ("ipaEuiccDataResponseError", wrong)


def test_a_wrong_tag_list_without_a_transaction_is_answered_without_one(process: Process) -> None:
    arm = data.answer(process.gateway, request("5A"), EIM_ID)
    assert decode("IpaEuiccDataResponse", arm) == (
        "ipaEuiccDataResponseError",
        {"ipaEuiccDataErrorCode": INCORRECT_TAG_LIST},
    )


# What the card says no to


def emergency(card: State) -> None:
    for profile in card.profiles:
        profile.enabled = profile.ecall = profile.iccid == NORD


def test_while_an_emergency_profile_is_enabled_nothing_is_told(make_site: MakeSite) -> None:
    site = make_site(prepare=emergency)
    process = started(site)
    assert error(asked(site, process, tagList="83")) == ECALL_ACTIVE


def test_a_card_that_does_not_know_a_function_is_an_undefined_error(site: Site, process: Process) -> None:
    answering(process, b"\xbf\x56", Reply(b"", 0x6A88))
    assert error(asked(site, process, tagList="A5")) == UNDEFINED
    assert "eumCertificate" not in told(asked(site, process, tagList="83"))


def test_a_card_whose_answer_is_none_is_an_undefined_error(site: Site, process: Process) -> None:
    answering(process, b"\xbf\x56", Reply(bytes.fromhex("BF5602A000"), 0x9000))
    assert error(asked(site, process, tagList="A5")) == UNDEFINED
    assert "eumCertificate" not in told(asked(site, process, tagList="83"))


def test_a_card_that_waits_for_its_reset_is_asked_again_at_the_next_poll(
    site: Site, process: Process
) -> None:
    number = site.desk.order(data={"tagList": "83"})
    answering(process, b"\xbf\x3c", Reply(b"", 0x6985))
    with pytest.raises(CardRefused):
        run(process)
    assert process.journal.all_owed() == []
    process.uicc.meets = process.uicc.pass_on
    assert run(process).finished
    assert site.desk.package(number)["state"] == "done"


# The IPA and the device


def features(site: Site, process: Process) -> object:
    return told(asked(site, process, tagList="A8"))["ipaCapabilities"]["ipaFeatures"]


def test_capabilities_are_what_this_version_can(site: Site, process: Process) -> None:
    capabilities = told(asked(site, process, tagList="A8"))["ipaCapabilities"]
    assert capabilities == {"ipaFeatures": (b"\x78", 5), "ipaSupportedProtocols": (b"\x80", 1)}


def test_direct_downloads_are_offered_where_an_smdp_could_be_trusted(
    make_site: MakeSite, market: Market
) -> None:
    site = make_site(stall=market.open_stall)
    assert features(site, started(site)) == (b"\xf8", 5)


def test_compact_forms_are_told_to_an_eim_that_gets_them(make_site: MakeSite) -> None:
    site = make_site(esipa=EsipaSettings(minimize=True))
    assert features(site, started(site)) == (b"\x7c", 6)


def identified(monkeypatch: pytest.MonkeyPatch, imei: str, *technologies: str) -> None:
    identity = Identity("Testbed", "Tiny", "1", imei, frozenset(technologies))
    monkeypatch.setattr(TinyModem, "identity", lambda _: identity)


@pytest.mark.parametrize(
    ("imei", "tac", "octets"),
    [
        ("350000000000006", "53000000", "53000000000000F6"),
        ("86753104123456", "68571340", "68571340214365FF"),
    ],
)
def test_tac_and_imei_are_nibble_swapped(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch, imei: str, tac: str, octets: str
) -> None:
    identified(monkeypatch, imei)
    info = told(asked(site, process, tagList="A9"))["deviceInfo"]
    assert (info["tac"].hex().upper(), info["imei"].hex().upper()) == (tac, octets)


def test_the_device_can_what_its_modem_says_and_what_it_does(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    identified(monkeypatch, "350000000000006")
    # It is registered in E-UTRAN, whatever it says of itself.
    assert told(asked(site, process, tagList="A9"))["deviceInfo"]["deviceCapabilities"] == {
        "eutranEpcSupportedRelease": bytes((8, 0, 0))
    }
    identified(monkeypatch, "350000000000006", "GSM", "UTRAN", "NR")
    assert set(told(asked(site, process, tagList="A9"))["deviceInfo"]["deviceCapabilities"]) == {
        "gsmSupportedRelease",
        "utranSupportedRelease",
        "eutranEpcSupportedRelease",
        "nr5gcSupportedRelease",
    }


@pytest.mark.parametrize("imei", ["", "35000000000000X", "3500000000000061", "ERROR"])
def test_a_modem_that_tells_no_imei_leaves_the_device_out(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch, imei: str
) -> None:
    identified(monkeypatch, imei)
    assert set(told(asked(site, process, tagList="83A9"))) == {"rootSmdsAddress", "eimTransactionId"}


def test_without_a_modem_or_with_a_silent_one_the_device_is_left_out(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> Identity:
        raise ModemError("sending AT+CGSN", "no answer")

    monkeypatch.setattr(TinyModem, "identity", silent)
    assert answered(process, "A9") == {}
    process.gateway.radio = None
    assert answered(process, "A9") == {}


# Whatever an eIM may send


def test_every_cut_of_a_request_is_answered(process: Process) -> None:
    whole = encode(
        "IpaEuiccDataRequest",
        {
            "tagList": bytes.fromhex(ALL),
            "euiccCiPKIdentifierToBeUsed": bytes(20),
            "searchCriteriaNotification": ("profileManagementOperation", (b"\x80", 1)),
            "searchCriteriaEuiccPackageResult": ("seqNumber", 7),
            "eimTransactionId": bytes(16),
        },
    )
    content = value(whole)
    read_all = 0
    for end in range(len(content) + 1):
        match read(asn1.wrap(0xBF52, content[:end])):
            case DataRequest() as made:  # cut between two members
                data.answer(process.gateway, made, EIM_ID)
                read_all += 1
            case Malformed(code=code):
                assert code == "invalidPackageFormat"
    assert read_all == 5

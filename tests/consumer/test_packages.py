"""LoadEuiccPackage for a consumer card: who may, what is executed, what is answered."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ipad.asn1 import decode, encode, find, wrap
from ipad.consumer import memory
from ipad.consumer.card import Card
from ipad.consumer.stand_in import StandIn
from ipad.errors import EuiccRefused
from ipad.testbed.euicc import default_profiles
from modem.errors import CardRefused
from modem.uicc import Reply
from tests.euicc_card.world import (
    BOOTSTRAP,
    GET_RAT,
    LIST_PROFILES,
    NORD,
    SUED,
    UNSET_FALLBACK,
    Eim,
    by_iccid,
    delete,
    disable,
    enable,
    set_fallback,
)

from .bench import Bench

MakeBench = Callable[..., Bench]
UNKNOWN = "8999999999999999990"
TERMINATED = "processingTerminated"


# Who sent it, and may it


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.BrainpoolP256R1()])
@pytest.mark.parametrize("der", [False, True])
def test_a_signature_on_either_curve_and_in_either_form_is_accepted(
    make_bench: MakeBench, curve: ec.EllipticCurve, der: bool
) -> None:
    bench = make_bench()
    key = ec.generate_private_key(curve)
    other = Eim("other", key=key)
    added = bench.results(other.configuration(tag=0xA8), tag=0xA1)
    assert added == [("addEimResult", ("addEimResultCode", 0))]
    bench.eim = other
    assert bench.results(enable(NORD), der=der) == [("enableResult", 0)]


def test_a_bare_sequence_in_the_place_of_the_keys_choice_is_understood(bench: Bench) -> None:
    other = Eim("other")
    spki = find(other.public_key_data(), 0xA5, 0xA0)
    assert spki is not None
    bare = wrap(0xA5, b"\x30" + spki[1:])
    configuration = wrap(0xA8, wrap(0x80, b"other"), bare)
    assert bench.results(configuration, tag=0xA1) == [("addEimResult", ("addEimResultCode", 0))]
    bench.eim = other
    assert bench.results(GET_RAT)[0][0] == "getRATResult"


def test_the_association_token_is_part_of_what_is_signed(bench: Bench) -> None:
    assert bench.eim.token
    bench.eim.token += 1
    result = bench.load(bench.eim.package(bench.card, delete(SUED)))
    assert (result.kind, result.association_token) == ("unsigned", bench.eim.token - 1)


def test_without_a_token_zero_is_signed(make_bench: MakeBench) -> None:
    bench = make_bench(token=False)
    assert bench.eim.token is None
    assert bench.results(delete(SUED)) == [("deleteResult", 0)]


@pytest.mark.parametrize("known", [False, True])
def test_an_unknown_eim_or_a_wrong_signature_gets_the_unsigned_error(bench: Bench, known: bool) -> None:
    stranger = Eim(bench.eim.eim_id if known else "stranger")
    result = bench.load(stranger.package(bench.card, delete(SUED), transaction=b"\x07"))
    assert result.kind == "unsigned"
    _, error = decode("EuiccPackageResult", result.der)
    assert (error["eimId"], error["eimTransactionId"]) == (stranger.eim_id, b"\x07")
    assert error.get("associationToken") == (bench.eim.token if known else None)
    assert len(bench.on_card().profiles) == 3
    assert bench.results(LIST_PROFILES)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"eid": "89" * 16}, "invalidEid"),
        ({"counter": 0}, "replayError"),
        ({"counter": 0x800000}, "counterValueOutOfRange"),
    ],
)
def test_what_is_not_for_this_card_or_this_moment_gets_the_signed_error(
    bench: Bench, more: dict[str, Any], error: str
) -> None:
    package = bench.eim.package(bench.card, delete(SUED), transaction=b"\x01\x02", **more)
    before = list(bench.modem.functions)
    result = bench.load(package)
    assert (result.kind, result.error, result.seq) == ("error", error, None)
    assert bench.signed(result.der)["eimTransactionId"] == b"\x01\x02"
    assert bench.modem.functions == before
    assert bench.stand_in.package_results() == ()
    assert bench.results(delete(SUED)) == [("deleteResult", 0)]


def test_a_package_is_executed_once(bench: Bench) -> None:
    package = bench.eim.package(bench.card, enable(NORD))
    assert bench.load(package).switched
    bench.results(enable(BOOTSTRAP))
    assert bench.load(package).error == "replayError"
    bench.restart()
    assert bench.load(package).error == "replayError"
    assert bench.enabled() == BOOTSTRAP


@pytest.mark.parametrize("tags", ["00", "5A00", "1F00", "5A9F26001F"])
def test_a_tag_list_with_what_is_no_tag_in_it_has_a_result(bench: Bench, tags: str) -> None:
    (name, _), *_ = bench.results(wrap(0xBF2D, wrap(0x5C, bytes.fromhex(tags))))
    assert name == "listProfileInfoResult"
    assert bench.kept().running is None


def test_results_that_nobody_takes_do_not_grow_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MOST_RESULTS", 3)
    for _ in range(5):
        assert bench.results(GET_RAT)
    assert [r.seq - memory.FIRST_SEQ for r in bench.stand_in.package_results() if r.seq] == [2, 3, 4]


def test_the_highest_counter_is_accepted(bench: Bench) -> None:
    assert bench.results(GET_RAT, counter=0x7FFFFF)
    package = bench.eim.package(bench.card, GET_RAT, counter=0x7FFFFF)
    assert bench.load(package).error == "replayError"


@pytest.mark.parametrize("octets", ["BF5100", "BF510430020500", "BF51053003800161", "BF2D00", ""])
def test_a_malformed_package_is_refused_as_a_card_refuses_it(bench: Bench, octets: str) -> None:
    before = bench.kept()
    with pytest.raises(CardRefused) as refused:
        bench.stand_in.load_euicc_package(bytes.fromhex(octets))
    assert (refused.value.sw, refused.value.executed) == (0x6A80, False)
    assert bench.kept() == before


def test_the_counter_is_on_disk_before_the_card_is_touched(bench: Bench) -> None:
    class Cut(Exception):
        pass

    package = bench.eim.package(bench.card, enable(NORD), counter=7)
    bench.modem.spoil[0xBF31] = [Cut()]
    with pytest.raises(Cut):
        bench.stand_in.load_euicc_package(package)
    bench.restart()
    assert bench.kept().eims[0].counter == 7
    assert bench.load(package).error == "replayError"


# What is kept


def test_results_are_numbered_away_from_the_cards_notifications_and_kept_until_removed(bench: Bench) -> None:
    bench.results(enable(NORD))
    bench.results(delete(SUED))
    bench.restart()
    listed = bench.stand_in.package_results()
    assert [r.seq for r in listed] == [memory.FIRST_SEQ, memory.FIRST_SEQ + 1]
    assert {n.seq for n in bench.on_card().notifications}.isdisjoint(r.seq for r in listed)
    assert [r.seq for r in bench.stand_in.package_results(seq=memory.FIRST_SEQ + 1)] == [memory.FIRST_SEQ + 1]
    assert bench.stand_in.remove_result(memory.FIRST_SEQ)
    assert not bench.stand_in.remove_result(memory.FIRST_SEQ)
    assert [r.seq for r in bench.stand_in.package_results()] == [memory.FIRST_SEQ + 1]
    bench.results(GET_RAT)
    assert [r.seq for r in bench.stand_in.package_results()] == [memory.FIRST_SEQ + 1, memory.FIRST_SEQ + 2]


def test_a_result_is_the_same_octets_each_time(bench: Bench) -> None:
    given = bench.load(bench.eim.package(bench.card, GET_RAT, transaction=b"\x05"))
    bench.restart()
    [listed] = bench.stand_in.package_results()
    assert listed == given
    assert (listed.counter, listed.transaction_id) == (1, b"\x05")


def test_each_card_has_its_own_memory(bench: Bench) -> None:
    other = StandIn(Card(bench.isdr, None, bench.journal, bytes(16), bench.key_file, BOOTSTRAP))
    assert bench.stand_in.eim_configurations()
    assert other.eim_configurations() == ()


# PSMOs


def test_enable(bench: Bench) -> None:
    assert bench.results(enable(NORD)) == [("enableResult", 0)]
    assert bench.enabled() == NORD == bench.modem.iccid()


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        (enable(UNKNOWN), ("enableResult", 1)),
        (enable(BOOTSTRAP), ("enableResult", 2)),
        (disable(UNKNOWN), ("disableResult", 1)),
        (disable(NORD), ("disableResult", 2)),
        (delete(UNKNOWN), ("deleteResult", 1)),
        (delete(BOOTSTRAP), ("deleteResult", 2)),
    ],
)
def test_what_makes_no_sense_is_answered_without_telling_the_card(
    bench: Bench, operation: bytes, result: tuple[str, int]
) -> None:
    assert bench.results(operation) == [result]
    assert not {0xBF31, 0xBF32, 0xBF33} & set(bench.modem.functions)


def test_the_cards_policy_rules_bind(make_bench: MakeBench) -> None:
    profiles = default_profiles()
    profiles[0].policy_rules, profiles[1].policy_rules = [1], [2]
    bench = make_bench(profiles)
    assert bench.results(enable(NORD)) == [("enableResult", 3)]
    assert bench.results(disable(BOOTSTRAP)) == [("disableResult", 3)]
    assert bench.results(delete(NORD)) == [("deleteResult", 3)]


def test_cat_busy_is_waited_out(bench: Bench) -> None:
    bench.card.busy_answers = 2
    assert bench.results(enable(NORD)) == [("enableResult", 0)]
    assert len(bench.slept) == 2


def test_a_card_that_stays_busy_is_answered_as_that(bench: Bench) -> None:
    bench.card.busy_answers = 100
    assert bench.results(enable(NORD)) == [("enableResult", 5)]
    assert bench.enabled() == BOOTSTRAP


def test_disable(bench: Bench) -> None:
    assert bench.results(disable(BOOTSTRAP)) == [("disableResult", 0)]
    assert bench.enabled() is None


def test_operations_are_executed_in_order_each_after_the_cards_refresh(bench: Bench) -> None:
    bench.results(enable(NORD))
    assert bench.results(disable(NORD), enable(BOOTSTRAP), delete(NORD), delete(SUED)) == [
        ("disableResult", 0),
        ("enableResult", 0),
        ("deleteResult", 0),
        ("deleteResult", 0),
    ]
    assert [p.iccid for p in bench.on_card().profiles] == [BOOTSTRAP]


def test_after_a_failure_nothing_more_is_executed(bench: Bench) -> None:
    assert bench.results(delete(UNKNOWN), delete(SUED)) == [("deleteResult", 1)]
    assert len(bench.on_card().profiles) == 3


@pytest.mark.parametrize("twice", [(enable(NORD), enable(SUED)), (disable(BOOTSTRAP), disable(BOOTSTRAP))])
def test_a_second_enable_or_disable_is_damage(bench: Bench, twice: tuple[bytes, bytes]) -> None:
    [first, second] = bench.results(*twice)
    assert first[1] == 0
    assert second == (TERMINATED, 2)


@pytest.mark.parametrize("unknown", ["BC00", "A40181", "30"])
def test_what_nobody_knows_is_damage_and_what_was_before_stands(bench: Bench, unknown: str) -> None:
    operation = bytes.fromhex(unknown)
    if unknown == "30":  # the list itself is damaged: not even its frame can be read
        with pytest.raises(CardRefused):
            bench.load(bench.eim.package(bench.card, delete(SUED), operation))
        return
    if unknown == "A40181":
        operation = wrap(0xA4, bytes.fromhex("810100"))
    assert bench.results(delete(SUED), operation) == [("deleteResult", 0), (TERMINATED, 2)]


def test_the_list_of_profiles_is_the_cards_and_says_which_is_the_fallback_profile(bench: Bench) -> None:
    [(name, (arm, infos))] = bench.results(LIST_PROFILES)
    assert (name, arm) == ("listProfileInfoResult", "profileInfoListOk")
    assert {by_iccid(i["iccid"]): (i["profileState"], i["fallbackAttribute"]) for i in infos} == {
        BOOTSTRAP: (1, True),
        NORD: (0, False),
        SUED: (0, False),
    }


@pytest.mark.parametrize(
    ("tags", "marked"), [("5A9F70", False), ("9F26", True), ("9F679F7B", False), ("9F70919F26", True)]
)
def test_tags_that_a_consumer_card_refuses_are_not_asked_of_it(bench: Bench, tags: str, marked: bool) -> None:
    request = encode("ProfileInfoListRequest", {"tagList": bytes.fromhex(tags)})
    [(_, (arm, infos))] = bench.results(request)
    assert arm == "profileInfoListOk"
    found = {by_iccid(i["iccid"]): i["fallbackAttribute"] for i in infos}
    assert found == {BOOTSTRAP: marked, NORD: False, SUED: False}


def test_a_list_can_be_searched(bench: Bench) -> None:
    request = encode("ProfileInfoListRequest", {"searchCriteria": ("profileClass", 2)})
    [(_, (_, infos))] = bench.results(request)
    assert {by_iccid(i["iccid"]) for i in infos} == {NORD, SUED}


@pytest.mark.parametrize("answer", [Reply(bytes.fromhex("BF2D03810101"), 0x9000), Reply(b"", 0x6A80)])
def test_a_refused_list_is_the_operations_failure(bench: Bench, answer: Reply) -> None:
    bench.stand_in.profiles()
    bench.modem.spoil[0xBF2D] = [None, answer]  # the agent's own look at the card comes first
    code = 1 if answer.data else 127
    assert bench.results(LIST_PROFILES, delete(SUED)) == [
        ("listProfileInfoResult", ("profileInfoListError", code))
    ]


def test_the_rules_authorisation_table(bench: Bench) -> None:
    [(name, [rule])] = bench.results(GET_RAT)
    assert (name, rule["allowedOperators"]) == ("getRATResult", [{"mccMnc": b"\xee\xee\xee"}])


def test_a_card_without_one_ends_the_package(bench: Bench) -> None:
    bench.modem.spoil[0xBF43] = [Reply(b"", 0x6A88)]
    assert bench.results(GET_RAT, delete(SUED)) == [(TERMINATED, 127)]


def test_the_default_dp_address_is_set_as_a_consumer_card_knows_it(bench: Bench) -> None:
    request = encode("SetDefaultDpAddressRequest", {"defaultDpAddress": "dp.example"})
    [(name, answer)] = bench.results(request)
    assert (name, answer) == ("setDefaultDpAddressResult", {"setDefaultDpAddressResult": 0})
    assert bench.on_card().default_dp_address == "dp.example"


@pytest.mark.parametrize("answer", [Reply(bytes.fromhex("BF3F0380017F"), 0x9000), Reply(b"", 0x6A88)])
def test_a_card_that_does_not_take_the_address_is_answered_as_that(bench: Bench, answer: Reply) -> None:
    bench.modem.spoil[0xBF3F] = [answer]
    request = encode("SetDefaultDpAddressRequest", {"defaultDpAddress": "dp.example"})
    assert bench.results(request, delete(SUED)) == [
        ("setDefaultDpAddressResult", {"setDefaultDpAddressResult": 127})
    ]


def test_what_such_a_card_cannot_do_is_said_and_not_faked(make_bench: MakeBench) -> None:
    bench = make_bench()
    assert bench.results(bytes.fromhex("A7028000")) == [("configureImmediateEnableResult", 7)]
    assert bench.results(set_fallback(NORD)) == [("setFallbackAttributeResult", 2)]
    assert bench.results(set_fallback(UNKNOWN)) == [("setFallbackAttributeResult", 1)]
    assert bench.results(UNSET_FALLBACK) == [("unsetFallbackAttributeResult", 7)]
    assert make_bench(fallback="").results(UNSET_FALLBACK) == [("unsetFallbackAttributeResult", 2)]


# Rollback protects what it needs


def test_a_rollback_needs_a_profile_to_go_back_to(bench: Bench) -> None:
    assert bench.results(disable(BOOTSTRAP), enable(BOOTSTRAP, rollback=True)) == [
        ("disableResult", 0),
        ("enableResult", 20),
    ]
    bench.restart()
    assert bench.results(enable(NORD, rollback=True)) == [("enableResult", 20)]


def test_the_profile_that_a_rollback_would_need_is_not_deleted(bench: Bench) -> None:
    assert bench.results(enable(NORD, rollback=True), delete(BOOTSTRAP)) == [
        ("enableResult", 0),
        ("deleteResult", 20),
    ]
    assert bench.results(delete(BOOTSTRAP)) == [("deleteResult", 0)]


def test_the_profile_that_a_return_would_need_is_not_deleted(bench: Bench) -> None:
    bench.results(enable(NORD))
    bench.stand_in.execute_fallback()
    bench.settle()
    assert bench.results(delete(NORD)) == [("deleteResult", 21)]
    assert bench.results(delete(SUED)) == [("deleteResult", 0)]


# Odd cards


@pytest.mark.parametrize("shapes", [["aid-only"], ["no-refresh"], ["aid-only", "no-refresh"]])
def test_a_card_that_wants_to_be_asked_otherwise_is(make_bench: MakeBench, shapes: list[str]) -> None:
    bench = make_bench(shapes=shapes)
    assert bench.results(enable(NORD), delete(SUED)) == [("enableResult", 0), ("deleteResult", 0)]
    assert bench.enabled() == NORD == bench.modem.iccid()
    assert bench.results(disable(NORD)) == [("disableResult", 0)]


@pytest.mark.parametrize("shape", ["no-tag-lists", "bare-profile-list", "bare-list-error", "unknown-6d00"])
def test_other_odd_cards(make_bench: MakeBench, shape: str) -> None:
    bench = make_bench(shapes=[shape])
    [(_, (arm, infos))] = bench.results(LIST_PROFILES)
    assert (arm, len(infos)) == ("profileInfoListOk", 3)
    assert bench.results(enable(NORD)) == [("enableResult", 0)]


@pytest.mark.parametrize("sw", [0x6A80, 0x6A82, 0x6F00])
def test_a_status_word_for_an_enable_is_an_undefined_error(bench: Bench, sw: int) -> None:
    bench.modem.spoil[0xBF31] = [Reply(b"", sw)] * 4
    assert bench.results(enable(NORD)) == [("enableResult", 127)]


# The device key


def test_without_a_usable_device_key_nothing_is_begun(bench: Bench) -> None:
    bench.results(GET_RAT)
    bench.key_file.chmod(0o644)
    package = bench.eim.package(bench.card, enable(NORD))
    before = bench.kept()
    with pytest.raises(EuiccRefused, match=r"undefinedError.*device\.key.*0644"):
        bench.stand_in.load_euicc_package(package)
    assert (bench.kept(), bench.enabled()) == (before, BOOTSTRAP)
    bench.key_file.chmod(0o600)
    assert bench.load(package).switched

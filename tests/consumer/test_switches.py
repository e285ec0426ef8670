"""Rollback, fallback and return with a consumer card, and packages and switches that are interrupted."""

from collections.abc import Callable

import pytest

from ipad.asn1 import wrap
from ipad.consumer import memory
from ipad.consumer.execution import MOST_RESUMED
from ipad.consumer.memory import FIRST_SEQ
from ipad.errors import EuiccRefused, IpadError
from ipad.journal import Journal, Step
from ipad.testbed.euicc import default_profiles
from modem.errors import AtTimeout, CardRefused, ModemError
from modem.uicc import Reply
from tests.euicc_card.world import BOOTSTRAP, GET_RAT, LIST_PROFILES, NORD, SUED, Eim, delete, enable

from .bench import SILENT, UNHEARD, Bench

MakeBench = Callable[..., Bench]
ROLLED_BACK = [("enableResult", 0), ("rollbackResult", 0)]


def refused(do: Callable[[], object]) -> tuple[str, str, int]:
    with pytest.raises(EuiccRefused) as refusal:
        do()
    return refusal.value.function, refusal.value.name, refusal.value.code


# Rollback


def test_a_rollback_goes_back_and_replaces_the_result(bench: Bench) -> None:
    first = bench.load(bench.eim.package(bench.card, enable(NORD, rollback=True), transaction=b"\x09"))
    rolled_back = bench.stand_in.profile_rollback()
    assert rolled_back is not None
    bench.settle()
    assert bench.enabled() == BOOTSTRAP
    assert bench.verified(rolled_back.der) == ROLLED_BACK
    assert bench.stand_in.package_results() == (rolled_back,)
    assert (rolled_back.counter, rolled_back.transaction_id) == (first.counter, first.transaction_id)
    assert rolled_back.seq != first.seq
    assert not bench.stand_in.remove_result(FIRST_SEQ)


def test_it_is_allowed_once_and_only_after_an_enable_with_rollback_flag(bench: Bench) -> None:
    not_allowed = ("ProfileRollback", "rollbackNotAllowed", 1)
    assert refused(bench.stand_in.profile_rollback) == not_allowed
    bench.results(enable(NORD))
    assert refused(bench.stand_in.profile_rollback) == not_allowed
    bench.results(enable(SUED, rollback=True))
    bench.stand_in.profile_rollback()
    bench.settle()
    assert bench.enabled() == NORD
    assert refused(bench.stand_in.profile_rollback) == not_allowed


def test_neither_a_restart_nor_a_reset_of_the_card_ends_it(bench: Bench) -> None:
    bench.results(enable(NORD, rollback=True))
    bench.stand_in.remove_result(FIRST_SEQ)
    bench.restart()
    bench.modem.start()
    assert bench.stand_in.profile_rollback()


@pytest.mark.parametrize("accepted", [True, False])
def test_the_next_accepted_package_ends_it(bench: Bench, accepted: bool) -> None:
    bench.results(enable(NORD, rollback=True))
    if accepted:
        bench.results(LIST_PROFILES)
        assert refused(bench.stand_in.profile_rollback)[1] == "rollbackNotAllowed"
        return
    bench.load(Eim(bench.eim.eim_id).package(bench.card, GET_RAT))
    bench.load(bench.eim.package(bench.card, GET_RAT, counter=1))
    assert bench.stand_in.profile_rollback()


def test_a_fallback_ends_it(bench: Bench) -> None:
    bench.results(enable(NORD))
    bench.results(enable(SUED, rollback=True))
    bench.stand_in.execute_fallback()
    bench.settle()
    assert refused(bench.stand_in.profile_rollback)[1] == "rollbackNotAllowed"


def test_a_rollback_to_a_profile_that_is_gone_is_a_command_error(bench: Bench) -> None:
    bench.results(enable(NORD, rollback=True))
    memory = bench.on_card()
    memory.profiles = [p for p in memory.profiles if p.iccid != BOOTSTRAP]
    bench.replace(memory)
    assert refused(bench.stand_in.profile_rollback) == ("ProfileRollback", "commandError", 7)


def test_without_the_device_key_there_is_no_rollback(bench: Bench) -> None:
    bench.results(enable(NORD, rollback=True))
    bench.key_file.write_text("")
    assert refused(bench.stand_in.profile_rollback) == ("ProfileRollback", "undefinedError", 127)
    assert bench.enabled() == NORD


# Fallback and return


def test_fallback_and_return(bench: Bench) -> None:
    bench.results(enable(NORD))
    bench.stand_in.execute_fallback()
    bench.settle()
    assert bench.enabled() == BOOTSTRAP
    bench.restart()
    bench.stand_in.return_from_fallback()
    bench.settle()
    assert bench.enabled() == NORD
    assert refused(bench.stand_in.return_from_fallback) == (
        "ReturnFromFallback",
        "fallbackNotAvailable",
        6,
    )


def test_there_is_no_fallback_from_the_fallback_profile(bench: Bench) -> None:
    assert refused(bench.stand_in.execute_fallback) == (
        "ExecuteFallbackMechanism",
        "profileNotInDisabledState",
        2,
    )


@pytest.mark.parametrize("fallback", ["", "8999999999999999990"])
def test_there_is_no_fallback_without_a_configured_profile_that_is_there(
    make_bench: MakeBench, fallback: str
) -> None:
    bench = make_bench(fallback=fallback)
    bench.results(enable(NORD))
    assert refused(bench.stand_in.execute_fallback)[1:] == ("fallbackNotAvailable", 6)
    assert not any(p.fallback for p in bench.stand_in.profiles())
    assert any("fallback (" in phrase for phrase in bench.stand_in.unavailable)


def test_the_configured_profile_is_the_fallback_profile(bench: Bench) -> None:
    assert [p.iccid for p in bench.stand_in.profiles() if p.fallback] == [BOOTSTRAP]
    assert not any("fallback (" in phrase for phrase in bench.stand_in.unavailable)


def test_a_fallback_leads_out_of_no_profile_at_all(bench: Bench) -> None:
    bench.results(bytes.fromhex("A40C") + enable(BOOTSTRAP)[2:])  # disable
    assert bench.enabled() is None
    bench.stand_in.execute_fallback()
    bench.settle()
    assert bench.enabled() == BOOTSTRAP
    assert refused(bench.stand_in.return_from_fallback)[1] == "fallbackNotAvailable"


def test_an_enable_by_an_eim_ends_the_fallback(bench: Bench) -> None:
    bench.results(enable(NORD))
    bench.stand_in.execute_fallback()
    bench.settle()
    bench.results(enable(SUED))
    assert refused(bench.stand_in.return_from_fallback)[1] == "fallbackNotAvailable"


def test_the_cards_refusals_have_the_functions_names(make_bench: MakeBench) -> None:
    profiles = default_profiles()
    profiles[1].policy_rules = [1]
    bench = make_bench(profiles)
    bench.results(enable(NORD))
    assert refused(bench.stand_in.execute_fallback)[1:] == ("commandError", 7)
    other = make_bench()
    other.results(enable(NORD))
    other.card.busy_answers = 100
    assert refused(other.stand_in.execute_fallback)[1:] == ("catBusy", 5)
    assert other.kept().switch is None


# Interrupted


def begin(bench: Bench, package: bytes) -> None:
    bench.journal.begin(Step("package", bench.enabled(), None, bench.eim.eim_id, package))


def interrupted(bench: Bench, package: bytes) -> None:
    """The modem is silent when the package's next EnableProfile is sent."""
    begin(bench, package)
    with pytest.raises(ModemError) as error:
        bench.stand_in.load_euicc_package(package)
    assert error.value.executed is None


@pytest.mark.parametrize("heard", [False, True])
def test_a_package_goes_on_where_it_was(bench: Bench, heard: bool) -> None:
    package = bench.eim.package(bench.card, delete(SUED), enable(NORD), LIST_PROFILES)
    bench.modem.spoil[0xBF31] = [UNHEARD if heard else SILENT]
    interrupted(bench, package)
    bench.restart()
    [result] = bench.stand_in.package_results()
    names = [name for name, _ in bench.verified(result.der)]
    assert names == ["deleteResult", "enableResult", "listProfileInfoResult"]
    assert result.failed is None
    assert bench.modem.functions.count(0xBF31) == (1 if heard else 2)
    assert bench.enabled() == NORD
    assert bench.stand_in.package_results() == (result,)


@pytest.mark.parametrize(
    "error",
    [
        AtTimeout("sending an APDU", "no answer", executed=False),
        CardRefused("sending an APDU", 0x6985),
    ],
    ids=["not sent", "6985"],
)
def test_an_error_that_says_that_nothing_was_done_does_not_speak_of_the_package(
    bench: Bench, error: ModemError
) -> None:
    package = bench.eim.package(bench.card, delete(SUED), enable(NORD))
    bench.modem.spoil[0xBF31] = [error]
    interrupted(bench, package)
    [result] = bench.stand_in.package_results()
    assert bench.verified(result.der) == [("deleteResult", 0), ("enableResult", 0)]


def test_an_enable_of_what_was_enabled_all_along_is_not_taken_for_done(bench: Bench) -> None:
    package = bench.eim.package(bench.card, delete(SUED), enable(BOOTSTRAP))
    bench.modem.spoil[0xBF2D] = [None, None, None, SILENT]
    begin(bench, package)
    with pytest.raises(ModemError):
        bench.stand_in.load_euicc_package(package)
    [result] = bench.stand_in.package_results()
    assert bench.verified(result.der) == [("deleteResult", 0), ("enableResult", 2)]


def test_nothing_more_is_executed_when_nobody_waits_for_the_package(bench: Bench) -> None:
    package = bench.eim.package(bench.card, enable(NORD), delete(SUED))
    bench.modem.spoil[0xBF31] = [SILENT]
    interrupted(bench, package)
    bench.journal.finish()
    bench.restart()
    [result] = bench.stand_in.package_results()
    assert bench.verified(result.der) == [("processingTerminated", 3)]
    assert bench.modem.functions.count(0xBF31) == 1
    assert len(bench.on_card().profiles) == 3


def test_what_was_done_is_told_also_when_nobody_waits(bench: Bench) -> None:
    package = bench.eim.package(bench.card, enable(NORD), delete(SUED))
    bench.modem.spoil[0xBF31] = [UNHEARD]
    interrupted(bench, package)
    bench.journal.finish()
    bench.restart()
    [result] = bench.stand_in.package_results()
    assert bench.verified(result.der) == [("enableResult", 0), ("processingTerminated", 3)]


def test_the_step_of_another_package_is_not_that_ones(bench: Bench) -> None:
    package = bench.eim.package(bench.card, enable(NORD))
    bench.modem.spoil[0xBF31] = [SILENT]
    interrupted(bench, package)
    bench.journal.finish()
    assert bench.results(delete(SUED)) == [("deleteResult", 0)]
    first, second = bench.stand_in.package_results()
    assert bench.verified(first.der) == [("processingTerminated", 3)]
    assert first.seq is not None
    assert second.seq == first.seq + 1


def test_a_package_that_is_interrupted_again_and_again_is_given_up(bench: Bench) -> None:
    package = bench.eim.package(bench.card, delete(SUED), enable(NORD))
    bench.modem.spoil[0xBF31] = [SILENT] * 100
    interrupted(bench, package)
    for _ in range(MOST_RESUMED):
        bench.restart()
        with pytest.raises(AtTimeout):
            bench.stand_in.package_results()
    [result] = bench.stand_in.package_results()
    assert bench.verified(result.der) == [("deleteResult", 0), ("processingTerminated", 3)]
    assert bench.modem.functions.count(0xBF31) == 1 + MOST_RESUMED


def test_a_refusal_in_the_middle_of_a_package_is_none_of_the_package(bench: Bench) -> None:
    bench.stand_in.profiles()
    package = bench.eim.package(bench.card, delete(SUED), LIST_PROFILES)
    bench.modem.spoil[0xBF2D] = [None, None, Reply(bytes.fromhex("BF2D0381010B"), 0x9000)]
    begin(bench, package)
    with pytest.raises(IpadError) as error:
        bench.stand_in.load_euicc_package(package)
    assert not isinstance(error.value, EuiccRefused)
    [result] = bench.stand_in.package_results()
    assert [name for name, _ in bench.verified(result.der)] == ["deleteResult", "listProfileInfoResult"]


@pytest.mark.parametrize("done", [False, True])
def test_a_fallback_that_was_interrupted_is_known_by_the_card(bench: Bench, done: bool) -> None:
    bench.results(enable(NORD))
    bench.journal.begin(Step("fallback", NORD, BOOTSTRAP))
    bench.modem.spoil[0xBF31] = [UNHEARD if done else SILENT]
    with pytest.raises(AtTimeout):
        bench.stand_in.execute_fallback()
    bench.restart()
    bench.stand_in.profiles()
    assert bench.kept().fallback_origin == (NORD if done else None)
    bench.journal.finish()
    bench.stand_in.profiles()
    assert bench.kept().switch is None
    assert bench.enabled() == (BOOTSTRAP if done else NORD)


def test_a_rollback_that_was_interrupted_has_its_result(bench: Bench) -> None:
    bench.results(enable(NORD, rollback=True))
    bench.journal.begin(Step("rollback", NORD, BOOTSTRAP))
    bench.modem.spoil[0xBF31] = [UNHEARD]
    with pytest.raises(AtTimeout):
        bench.stand_in.profile_rollback()
    bench.restart()
    bench.stand_in.profiles()
    [result] = bench.stand_in.package_results()
    assert bench.verified(result.der) == ROLLED_BACK


def test_without_the_device_key_the_profiles_are_there_all_the_same(bench: Bench) -> None:
    bench.results(enable(NORD, rollback=True))
    bench.modem.spoil[0xBF31] = [UNHEARD]
    with pytest.raises(AtTimeout):
        bench.stand_in.profile_rollback()
    bench.restart()
    bench.key_file.chmod(0o640)
    assert len(bench.stand_in.profiles()) == 3
    bench.key_file.chmod(0o600)
    bench.stand_in.profiles()
    [result] = bench.stand_in.package_results()
    assert bench.verified(result.der) == ROLLED_BACK


def test_a_switch_that_surely_was_not_made_is_forgotten(bench: Bench) -> None:
    bench.results(enable(NORD))
    bench.modem.spoil[0xBF31] = [ModemError("sending an APDU", "busy", executed=False)]
    with pytest.raises(ModemError):
        bench.stand_in.execute_fallback()
    assert bench.kept().switch is None
    bench.stand_in.execute_fallback()


def test_a_fallback_is_possible_also_without_the_device_key(bench: Bench) -> None:
    bench.results(enable(NORD))
    bench.results(enable(SUED, rollback=True))
    bench.modem.spoil[0xBF31] = [UNHEARD]
    with pytest.raises(AtTimeout):
        bench.stand_in.profile_rollback()
    bench.restart()
    bench.key_file.write_text("damaged")
    bench.stand_in.execute_fallback()
    bench.settle()
    assert bench.enabled() == BOOTSTRAP
    bench.stand_in.return_from_fallback()
    bench.settle()
    assert bench.enabled() == NORD


def test_an_eim_that_an_interrupted_package_deleted_is_not_served_any_more(bench: Bench) -> None:
    class Cut(Exception):
        pass

    delete_itself = wrap(0xA9, wrap(0x80, bench.eim.eim_id.encode()))
    package = bench.eim.package(bench.card, delete_itself, tag=0xA1)
    begin(bench, package)
    load = memory.store
    stored = []

    def store(journal: Journal, eid: bytes, kept: memory.Memory) -> None:
        load(journal, eid, kept)
        stored.append(kept)
        if len(stored) == 2:  # the operation is done and recorded, its result is not signed yet
            raise Cut

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "store", store)
        with pytest.raises(Cut):
            bench.stand_in.load_euicc_package(package)
    bench.journal.finish()
    bench.restart()
    assert bench.load(bench.eim.package(bench.card, delete(SUED))).kind == "unsigned"
    [result] = bench.stand_in.package_results()
    assert bench.verified(result.der) == [("deleteEimResult", 2)]

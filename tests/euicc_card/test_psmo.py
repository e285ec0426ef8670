"""Every profile state management operation with every result that it has."""

from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import encode, wrap
from ipad.testbed.euicc import Profile, VirtualEuicc, default_profiles

from .world import (
    BOOTSTRAP,
    GET_RAT,
    NORD,
    SUED,
    UNSET_FALLBACK,
    Eim,
    Terminal,
    Verifier,
    delete,
    disable,
    enable,
    set_fallback,
    swapped,
)

UNKNOWN = "8999999999999999990"


class World:
    """A card with certain profiles, associated with an eIM, and its results verified."""

    def __init__(self, directory: Path, pki_dir: Path, profiles: list[Profile]) -> None:
        self.card = VirtualEuicc.open(directory, pki_dir, profiles)
        self.terminal = Terminal(self.card)
        self.eim = Eim()
        self.eim.associate(self.terminal)
        self.verifier = Verifier(pki_dir)

    def results(self, *operations: bytes, tag: int = 0xA0) -> list[Any]:
        """Runs a package, and the REFRESH if it switched."""
        answer = self.terminal.run(self.eim.package(self.card, *operations, tag=tag))
        if self.terminal.sw >> 8 == 0x91:
            self.terminal.refresh()
        found: list[Any] = self.verifier.result(answer, self.eim)["euiccResult"]
        return found


@pytest.fixture
def profiles() -> list[Profile]:
    return default_profiles()


@pytest.fixture
def world(tmp_path: Path, pki_dir: Path, profiles: list[Profile]) -> World:
    return World(tmp_path, pki_dir, profiles)


def test_enable_disables_what_was_enabled(world: World) -> None:
    assert world.results(enable(NORD)) == [("enableResult", 0)]
    states = {iccid: info["profileState"] for iccid, info in world.terminal.profiles().items()}
    assert states == {BOOTSTRAP: 0, NORD: 1, SUED: 0}


def test_enable_refuses_what_is_not_there_or_enabled_already(world: World) -> None:
    assert world.results(enable(UNKNOWN)) == [("enableResult", 1)]
    assert world.results(enable(BOOTSTRAP)) == [("enableResult", 2)]


def test_ppr1_forbids_disabling_also_by_an_enable(
    tmp_path: Path, pki_dir: Path, profiles: list[Profile]
) -> None:
    profiles[0].policy_rules = [1]
    world = World(tmp_path, pki_dir, profiles)
    assert world.results(disable(BOOTSTRAP)) == [("disableResult", 3)]
    assert world.results(enable(NORD)) == [("enableResult", 3)]
    assert world.terminal.iccid() == BOOTSTRAP


def test_ppr2_forbids_deleting(tmp_path: Path, pki_dir: Path, profiles: list[Profile]) -> None:
    profiles[1].policy_rules = [2]
    world = World(tmp_path, pki_dir, profiles)
    assert world.results(delete(NORD)) == [("deleteResult", 3)]
    assert NORD in world.terminal.profiles()


def test_disable_leaves_no_profile_enabled(world: World) -> None:
    assert world.results(disable(UNKNOWN)) == [("disableResult", 1)]
    assert world.results(disable(NORD)) == [("disableResult", 2)]
    assert world.results(disable(BOOTSTRAP)) == [("disableResult", 0)]
    assert world.terminal.iccid() is None


def test_disable_and_enable_fit_into_one_package(world: World) -> None:
    assert world.results(disable(BOOTSTRAP), enable(NORD)) == [("disableResult", 0), ("enableResult", 0)]
    assert world.terminal.iccid() == NORD


def test_enabling_again_what_the_package_disabled_is_no_switch(world: World) -> None:
    results = world.results(disable(BOOTSTRAP), enable(BOOTSTRAP))
    assert results == [("disableResult", 0), ("enableResult", 0)]
    assert world.terminal.sw == 0x9000
    assert world.terminal.iccid() == BOOTSTRAP


def test_a_rollback_needs_a_profile_to_go_back_to(world: World) -> None:
    assert world.results(disable(BOOTSTRAP), enable(BOOTSTRAP, rollback=True))[1:] == [("enableResult", 20)]
    assert world.terminal.iccid() is None
    assert world.results(enable(NORD, rollback=True)) == [("enableResult", 20)]


def test_delete_removes_a_disabled_profile(world: World) -> None:
    assert world.results(delete(UNKNOWN)) == [("deleteResult", 1)]
    assert world.results(delete(BOOTSTRAP)) == [("deleteResult", 2)]
    assert world.results(delete(NORD)) == [("deleteResult", 0)]
    assert NORD not in world.terminal.profiles()


def test_delete_spares_the_profile_of_a_rollback_in_the_same_package(world: World) -> None:
    results = world.results(enable(NORD, rollback=True), delete(BOOTSTRAP))
    assert results == [("enableResult", 0), ("deleteResult", 20)]
    assert BOOTSTRAP in world.terminal.profiles()


def test_delete_in_the_package_of_an_enable_takes_the_profile_that_still_runs(world: World) -> None:
    assert world.results(enable(NORD), delete(BOOTSTRAP)) == [("enableResult", 0), ("deleteResult", 0)]
    assert world.terminal.iccid() == NORD


def test_delete_spares_the_profile_that_a_return_goes_to(world: World) -> None:
    world.results(enable(NORD))
    assert world.terminal.functions("ExecuteFallbackMechanism") == {"executeFallbackMechanismResult": 0}
    world.terminal.refresh()
    assert world.results(delete(NORD)) == [("deleteResult", 21)]


def test_list_profile_info_in_a_package_is_the_same_as_over_es10c(world: World) -> None:
    [(name, (arm, infos))] = world.results(bytes.fromhex("BF2D055C035A9F70"))
    assert (name, arm) == ("listProfileInfoResult", "profileInfoListOk")
    assert [info["profileState"] for info in infos] == [1, 0, 0]


def test_list_profile_info_after_an_enable_shows_what_it_leads_to(world: World) -> None:
    [_, (_, (_, infos))] = world.results(enable(NORD), bytes.fromhex("BF2D055C035A9F70"))
    assert [info["profileState"] for info in infos] == [0, 1, 0]


def test_a_list_that_cannot_be_made_ends_the_package(world: World) -> None:
    results = world.results(bytes.fromhex("BF2D035C019F"), enable(NORD))
    assert results == [("listProfileInfoResult", ("profileInfoListError", 1))]


def test_get_rat_returns_the_table(world: World) -> None:
    [(name, [rule])] = world.results(GET_RAT)
    assert name == "getRATResult"
    assert rule["pprIds"] == (b"\x60", 3)


def test_configure_immediate_enable_and_default_dp_address_are_taken(world: World) -> None:
    configure = wrap(0xA7, wrap(0x80), wrap(0x82, b"dp.example"))
    address = encode("SetDefaultDpAddressRequest", {"defaultDpAddress": "dp.other"})
    assert world.results(configure, address) == [
        ("configureImmediateEnableResult", 0),
        ("setDefaultDpAddressResult", {"setDefaultDpAddressResult": 0}),
    ]
    assert b"dp.other" in world.terminal.run(bytes.fromhex("BF3C00"))


def test_the_fallback_attribute_moves_only_while_its_holder_is_disabled(
    tmp_path: Path, pki_dir: Path, profiles: list[Profile]
) -> None:
    profiles[2].fallback_allowed = True
    world = World(tmp_path, pki_dir, profiles)
    assert world.results(set_fallback(UNKNOWN)) == [("setFallbackAttributeResult", 1)]
    assert world.results(set_fallback(NORD)) == [("setFallbackAttributeResult", 2)]
    assert world.results(set_fallback(SUED)) == [("setFallbackAttributeResult", 3)]
    assert world.results(set_fallback(BOOTSTRAP)) == [("setFallbackAttributeResult", 0)]
    world.results(enable(NORD))
    assert world.results(set_fallback(SUED)) == [("setFallbackAttributeResult", 0)]
    holders = {i for i, info in world.terminal.profiles().items() if info["fallbackAttribute"]}
    assert holders == {SUED}


def test_the_fallback_attribute_can_be_taken_away(world: World) -> None:
    assert world.results(UNSET_FALLBACK) == [("unsetFallbackAttributeResult", 3)]
    world.results(enable(NORD))
    assert world.results(UNSET_FALLBACK) == [("unsetFallbackAttributeResult", 0)]
    assert world.results(UNSET_FALLBACK) == [("unsetFallbackAttributeResult", 2)]
    assert world.terminal.functions("ExecuteFallbackMechanism") == {"executeFallbackMechanismResult": 6}


def test_profiles_are_searched_by_iccid_aid_and_class(world: World) -> None:
    def found(criterion: bytes) -> list[bytes]:
        request = wrap(0xBF2D, wrap(0xA0, criterion), bytes.fromhex("5C015A"))
        [(_, (_, infos))] = world.results(request)
        return [info["iccid"] for info in infos]

    assert found(wrap(0x5A, swapped(SUED))) == [swapped(SUED)]
    assert found(wrap(0x5A, swapped(UNKNOWN))) == []
    assert found(wrap(0x95, b"\x01")) == [swapped(BOOTSTRAP)]
    aid = bytes.fromhex("A0000005591010FFFFFFFF8900001200")
    assert found(wrap(0x4F, aid)) == [swapped(NORD)]


def test_two_members_come_only_when_asked_for(world: World) -> None:
    [(_, (_, default))] = world.results(bytes.fromhex("BF2D00"))
    assert all("fallbackAllowed" not in info and "ecallIndication" not in info for info in default)
    assert default[0]["fallbackAttribute"] is True
    assert default[0]["profileOwner"]["mccMnc"] == bytes.fromhex("99F999")
    [(_, (_, asked))] = world.results(bytes.fromhex("BF2D065C049F679F7B"))
    assert [info["fallbackAllowed"] for info in asked] == [True, False, False]
    assert all(info["ecallIndication"] is False and "iccid" not in info for info in asked)

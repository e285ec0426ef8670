"""EuiccMemoryReset: each option, and the three results."""

from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import decode, encode
from ipad.testbed.euicc import Profile, VirtualEuicc, default_profiles, show
from ipad.testbed.euicc.defaults import isdp_aid
from ipad.testbed.euicc.state import TEST_CLASS, load, store

from .world import BOOTSTRAP, LIST_PROFILES, NORD, SUED, Eim, Terminal, enable

OPTIONS = ("operational", "field test", "address", "preloaded test", "provisioning", "eims", "immediate")
FIELD_TEST, PRELOADED_TEST = "8900000000000000011", "8900000000000000029"


def of_class_test(number: int, iccid: str, preloaded: bool) -> Profile:
    return Profile(
        iccid, None, isdp_aid(number), "Test", "Test", profile_class=TEST_CLASS, preloaded=preloaded
    )


@pytest.fixture
def card(tmp_path: Path, pki_dir: Path) -> VirtualEuicc:
    tests = [of_class_test(5, FIELD_TEST, False), of_class_test(6, PRELOADED_TEST, True)]
    return VirtualEuicc.open(tmp_path, pki_dir, [*default_profiles(), *tests])


def reset(terminal: Terminal, *options: str) -> dict[str, Any]:
    bits = [OPTIONS.index(option) for option in options]
    octet = sum(0x80 >> bit for bit in bits)
    request = encode("EuiccMemoryResetRequest", {"resetOptions": (bytes([octet]), max(bits) + 1)})
    found: dict[str, Any] = decode("EuiccMemoryResetResponse", terminal.run(request))
    if terminal.sw >> 8 == 0x91:
        terminal.refresh()
    return found


@pytest.mark.parametrize(
    ("option", "gone"),
    [
        ("operational", {NORD, SUED}),
        ("field test", {FIELD_TEST}),
        ("preloaded test", {PRELOADED_TEST}),
        ("provisioning", {BOOTSTRAP}),
    ],
)
def test_each_option_deletes_its_profiles_and_no_others(
    terminal: Terminal, option: str, gone: set[str]
) -> None:
    before = set(terminal.profiles())
    assert reset(terminal, option) == {"resetResult": 0}
    assert set(terminal.profiles()) == before - gone
    assert reset(terminal, option) == {"resetResult": 1}


def test_an_enabled_profile_goes_too_with_a_refresh(terminal: Terminal) -> None:
    terminal.run(encode("EuiccMemoryResetRequest", {"resetOptions": (b"\x08", 5)}))
    assert terminal.sw >> 8 == 0x91
    terminal.refresh()
    assert terminal.iccid() is None


def test_deleted_profiles_are_notified_whatever_their_policy(tmp_path: Path, pki_dir: Path) -> None:
    profiles = default_profiles()
    profiles[1].policy_rules = [1, 2]
    terminal = Terminal(VirtualEuicc.open(tmp_path, pki_dir, profiles))
    assert reset(terminal, "operational") == {"resetResult": 0}
    assert [n["profileManagementOperation"] for n in terminal.notifications()] == [(b"\x10", 4)] * 2


def test_the_address_is_emptied(terminal: Terminal, tmp_path: Path) -> None:
    terminal.run(encode("SetDefaultDpAddressRequest", {"defaultDpAddress": "dp.example"}))
    assert reset(terminal, "address") == {"resetResult": 0}
    assert show(tmp_path)["defaultDpAddress"] is None
    assert reset(terminal, "address") == {"resetResult": 1}


def test_eims_and_immediate_enabling_have_results_of_their_own(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, tmp_path: Path
) -> None:
    terminal.run(eim.package(card, enable(NORD, rollback=True)))
    terminal.refresh()
    assert reset(terminal, "eims", "immediate") == {
        "resetResult": 1,
        "resetEimResult": 0,
        "resetImmediateEnableConfigResult": 0,
    }
    assert show(tmp_path)["eims"] == []
    assert reset(terminal, "eims") == {"resetResult": 1, "resetEimResult": 1}
    assert terminal.functions("ProfileRollback")["cmdResult"] == 1
    assert decode("EuiccPackageResult", terminal.run(eim.package(card, LIST_PROFILES)))[0] == (
        "euiccPackageErrorUnsigned"
    )
    Eim("another").associate(terminal)  # open to AddInitialEim again


def test_a_card_that_keeps_its_eims_says_so_and_does_the_rest(
    terminal: Terminal, eim: Eim, tmp_path: Path, pki_dir: Path
) -> None:
    memory = load(tmp_path)
    memory.eim_reset_supported = memory.immediate_enable_reset_supported = False
    store(tmp_path, memory)
    terminal = Terminal(VirtualEuicc.open(tmp_path, pki_dir))
    assert reset(terminal, "operational", "eims", "immediate") == {
        "resetResult": 0,
        "resetEimResult": 2,
        "resetImmediateEnableConfigResult": 1,
    }
    assert [e["eimId"] for e in show(tmp_path)["eims"]] == [eim.eim_id]
    assert NORD not in terminal.profiles()


def test_immediate_enabling_is_forgotten(terminal: Terminal, tmp_path: Path) -> None:
    request = {"immediateEnableFlag": None, "defaultSmdpOid": "2.999.1"}
    terminal.run(encode("ConfigureImmediateProfileEnablingRequest", request))
    assert load(tmp_path).immediate_enable.flag
    reset(terminal, "immediate")
    assert not load(tmp_path).immediate_enable.flag
    assert load(tmp_path).immediate_enable.smdp_oid is None


@pytest.mark.usefixtures("eim")
def test_a_busy_card_resets_nothing(card: VirtualEuicc, terminal: Terminal, tmp_path: Path) -> None:
    card.busy_answers = 1
    before = show(tmp_path)
    assert reset(terminal, "provisioning", "eims") == {"resetResult": 5}
    assert show(tmp_path) == before
    assert reset(terminal, "provisioning", "eims") == {"resetResult": 0, "resetEimResult": 0}


def test_a_deleted_profile_is_no_way_back_any_more(card: VirtualEuicc, terminal: Terminal, eim: Eim) -> None:
    terminal.run(eim.package(card, enable(NORD)))
    terminal.refresh()
    terminal.functions("ExecuteFallbackMechanism")
    terminal.refresh()
    reset(terminal, "operational")
    assert terminal.functions("ReturnFromFallback") == {"returnFromFallbackResult": 6}
    assert terminal.iccid() == BOOTSTRAP

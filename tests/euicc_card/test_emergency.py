"""The Emergency Profile: enabled and disabled by the device, and what has to wait meanwhile."""

from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import decode, encode
from ipad.testbed.euicc import VirtualEuicc, default_profiles, show
from ipad.testbed.euicc.defaults import emergency_profile

from .world import BOOTSTRAP, LIST_PROFILES, NORD, SUED, Eim, Terminal, Verifier, enable

EMERGENCY = emergency_profile().iccid


@pytest.fixture
def card(tmp_path: Path, pki_dir: Path) -> VirtualEuicc:
    return VirtualEuicc.open(tmp_path, pki_dir, [*default_profiles(), emergency_profile()])


def call(terminal: Terminal, type_name: str) -> int:
    [code] = terminal.functions(type_name).values()
    if code == 0:
        terminal.refresh()
    return int(code)


def emergency(terminal: Terminal) -> int:
    return call(terminal, "EnableEmergencyProfile")


def over(terminal: Terminal) -> int:
    return call(terminal, "DisableEmergencyProfile")


def run(card: VirtualEuicc, terminal: Terminal, eim: Eim, *operations: bytes) -> bytes:
    answer = terminal.run(eim.package(card, *operations))
    if terminal.sw >> 8 == 0x91:
        terminal.refresh()
    return answer


def test_it_is_enabled_without_a_word_and_the_profile_before_it_comes_back(
    terminal: Terminal, tmp_path: Path
) -> None:
    assert emergency(terminal) == 0
    assert terminal.iccid() == EMERGENCY
    assert terminal.notifications() == []
    assert show(tmp_path)["emergencyOrigin"] == BOOTSTRAP
    assert emergency(terminal) == 2
    assert over(terminal) == 0
    assert terminal.iccid() == BOOTSTRAP
    assert [n["profileManagementOperation"] for n in terminal.notifications()] == [(b"\x40", 2)]
    assert over(terminal) == 2
    assert show(tmp_path)["emergencyOrigin"] is None


def test_a_card_without_one_says_so(tmp_path: Path, pki_dir: Path) -> None:
    terminal = Terminal(VirtualEuicc.open(tmp_path, pki_dir))
    assert emergency(terminal) == 8
    assert over(terminal) == 2
    info = decode("EUICCInfo2", terminal.run(bytes.fromhex("BF2200")))
    assert "ecallSupported" not in info["iotSpecificInfo"]


def test_it_is_announced_and_shown_only_when_asked_for(terminal: Terminal) -> None:
    info = decode("EUICCInfo2", terminal.run(bytes.fromhex("BF2200")))
    assert "ecallSupported" in info["iotSpecificInfo"]
    unasked = decode("ProfileInfoListResponse", terminal.run(bytes.fromhex("BF2D00")))[1]
    assert not any("ecallIndication" in profile for profile in unasked)
    asked = encode("ProfileInfoListRequest", {"tagList": bytes.fromhex("9F7B")})
    listed = decode("ProfileInfoListResponse", terminal.run(asked))[1]
    assert [profile["ecallIndication"] for profile in listed] == [False, False, False, True]


def test_packages_wait_until_it_is_over(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    assert emergency(terminal) == 0
    package = eim.package(card, LIST_PROFILES)
    refused = verifier.result(terminal.run(package), eim)
    assert refused["euiccPackageErrorCode"] == 104
    assert terminal.results() == []
    assert over(terminal) == 0
    assert "euiccResult" in verifier.result(terminal.run(package), eim)  # its counter was not used up


def test_fallback_return_and_reset_wait_too(card: VirtualEuicc, terminal: Terminal, eim: Eim) -> None:
    run(card, terminal, eim, enable(NORD))
    assert call(terminal, "ExecuteFallbackMechanism") == 0
    assert emergency(terminal) == 0
    assert call(terminal, "ExecuteFallbackMechanism") == 104
    assert call(terminal, "ReturnFromFallback") == 7
    reset = encode("EuiccMemoryResetRequest", {"resetOptions": (b"\x84", 6)})
    assert decode("EuiccMemoryResetResponse", terminal.run(reset)) == {"resetResult": 104}
    assert over(terminal) == 0
    assert terminal.iccid() == BOOTSTRAP
    assert call(terminal, "ReturnFromFallback") == 0
    assert terminal.iccid() == NORD


def test_it_ends_the_chance_to_roll_back(card: VirtualEuicc, terminal: Terminal, eim: Eim) -> None:
    run(card, terminal, eim, enable(NORD, rollback=True))
    assert emergency(terminal) == 0
    assert terminal.functions("ProfileRollback")["cmdResult"] == 1
    assert over(terminal) == 0
    assert terminal.functions("ProfileRollback")["cmdResult"] == 1


def test_no_eim_enables_it(card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier) -> None:
    [outcome] = verifier.result(run(card, terminal, eim, enable(EMERGENCY)), eim)["euiccResult"]
    assert outcome == ("enableResult", 3)
    assert terminal.iccid() == BOOTSTRAP


def test_without_a_profile_before_it_none_is_enabled_after_it(tmp_path: Path, pki_dir: Path) -> None:
    profiles = [*default_profiles(), emergency_profile()]
    profiles[0].enabled = False
    terminal = Terminal(VirtualEuicc.open(tmp_path, pki_dir, profiles))
    assert emergency(terminal) == 0
    assert terminal.iccid() == EMERGENCY
    assert over(terminal) == 0
    assert terminal.iccid() is None


@pytest.mark.parametrize("type_name", ["EnableEmergencyProfile", "DisableEmergencyProfile"])
def test_a_busy_card_says_so(card: VirtualEuicc, terminal: Terminal, type_name: str) -> None:
    if type_name == "DisableEmergencyProfile":
        assert emergency(terminal) == 0
    card.busy_answers = 1
    assert call(terminal, type_name) == 5
    assert call(terminal, type_name) == 0


def test_without_the_refresh_flag_the_switch_is_at_once(terminal: Terminal) -> None:
    answer: dict[str, Any] = terminal.functions("EnableEmergencyProfile", refresh=False)
    assert answer == {"enableEmergencyProfileResult": 0}
    assert terminal.sw == 0x9000
    assert terminal.iccid() == EMERGENCY


def test_it_outlasts_a_power_cut(terminal: Terminal, tmp_path: Path, pki_dir: Path) -> None:
    emergency(terminal)
    again = Terminal(VirtualEuicc.open(tmp_path, pki_dir))
    assert again.iccid() == EMERGENCY
    assert over(again) == 0
    assert again.iccid() == BOOTSTRAP
    assert SUED in again.profiles()

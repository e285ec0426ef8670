"""A consumer card (SGP.22): what it has, what it has not, and what it refuses."""

from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import decode, encode, find
from ipad.testbed.euicc import VirtualEuicc, default_profiles, show
from ipad.testbed.euicc.state import TEST_CLASS

from .world import BOOTSTRAP, NORD, SUED, Eim, Terminal, by_iccid, swapped

UNKNOWN = "8999999999999999990"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "card"


@pytest.fixture
def card(directory: Path, pki_dir: Path) -> VirtualEuicc:
    return VirtualEuicc.open(directory, pki_dir, consumer=True)


def with_rules(directory: Path, pki_dir: Path, rules: dict[str, list[int]]) -> Terminal:
    profiles = default_profiles()
    for profile in profiles:
        profile.policy_rules = rules.get(profile.iccid, [])
    return Terminal(VirtualEuicc.open(directory, pki_dir, profiles, consumer=True))


def states(terminal: Terminal) -> dict[str, int]:
    _, infos = decode("ProfileInfoListResponse", terminal.run(bytes.fromhex("BF2D00")))
    return {by_iccid(info["iccid"]): info["profileState"] for info in infos}


def switched(terminal: Terminal, name: str, identifier: tuple[str, bytes], refresh: bool = True) -> int:
    """EnableProfile or DisableProfile, and the REFRESH if there is one; the result's code."""
    request = {"profileIdentifier": identifier, "refreshFlag": refresh}
    answer = terminal.run(encode(f"{name}Request", request))
    if terminal.sw >> 8 == 0x91:
        terminal.refresh()
    [code] = decode(f"{name}Response", answer).values()
    return int(code)


def iccid(digits: str) -> tuple[str, bytes]:
    return "iccid", swapped(digits)


def deleted(terminal: Terminal, identifier: tuple[str, bytes]) -> int:
    answer = terminal.run(encode("DeleteProfileRequest", identifier))
    return int(decode("DeleteProfileResponse", answer)["deleteResult"])


# What it is


SGP32 = """
BF5100 BF5500 BF5600 BF5700 BF5803800101 BF5900 BF5A03800101 BF5B03800101 BF5C03800101 BF5D03800101
BF5E03800101 BF5F00 BF6404820205FE BF65028000
"""


@pytest.mark.parametrize("command", SGP32.split())
def test_it_does_not_know_what_sgp32_added(terminal: Terminal, command: str) -> None:
    assert terminal.run(bytes.fromhex(command)) == b""
    assert terminal.sw == 0x6A88


def test_some_say_that_with_another_status_word(directory: Path, pki_dir: Path) -> None:
    terminal = Terminal(VirtualEuicc.open(directory, pki_dir, consumer=True, shapes=["unknown-6d00"]))
    terminal.run(bytes.fromhex("BF5500"))
    assert terminal.sw == 0x6D00


def test_it_executes_no_package(card: VirtualEuicc, terminal: Terminal) -> None:
    assert terminal.run(Eim().package(card, bytes.fromhex("BF2D00"))) == b""
    assert terminal.sw == 0x6A88


def test_its_euicc_info2_is_that_of_sgp22(terminal: Terminal) -> None:
    info = decode("sgp22:EUICCInfo2", terminal.run(bytes.fromhex("BF2200")))
    assert "iotSpecificInfo" not in info
    assert not {"ipaMode", "iotSpecificInfo"} & set(decode("EUICCInfo2", encode("sgp22:EUICCInfo2", info)))


def test_its_fci_has_no_template_of_an_iot_card(terminal: Terminal) -> None:
    fci = terminal.send("01A40400", bytes.fromhex("A0000005591010FFFFFFFF8900000100")).data
    assert find(fci, 0x6F, 0xE1) is None
    assert find(fci, 0x6F, 0xE0) is not None


def test_it_stays_what_it_was_made(directory: Path, pki_dir: Path, card: VirtualEuicc) -> None:
    assert show(directory)["kind"] == "consumer"
    again = Terminal(VirtualEuicc.open(directory, pki_dir))
    again.run(bytes.fromhex("BF5500"))
    assert (again.sw, again.card.eid) == (0x6A88, card.eid)


def test_its_profiles_have_nothing_of_sgp32(terminal: Terminal) -> None:
    _, infos = decode("ProfileInfoListResponse", terminal.run(bytes.fromhex("BF2D00")))
    assert len(infos) == 3
    assert not any(info["fallbackAttribute"] for info in infos)


@pytest.mark.parametrize("tag", ["9F26", "9F67", "9F7B"])
def test_a_tag_list_with_tags_of_sgp32_is_refused(terminal: Terminal, tag: str) -> None:
    request = encode("ProfileInfoListRequest", {"tagList": bytes.fromhex("5A" + tag)})
    assert terminal.run(request) == bytes.fromhex("BF2D03810101")
    plain = encode("ProfileInfoListRequest", {"tagList": bytes.fromhex("5A9F70")})
    assert len(decode("ProfileInfoListResponse", terminal.run(plain))[1]) == 3


def test_of_package_results_it_has_not_heard(terminal: Terminal) -> None:
    terminal.run(bytes.fromhex("BF2B04A0028200"))
    assert terminal.sw == 0x6A80
    assert terminal.run(bytes.fromhex("BF2B00")) == bytes.fromhex("BF2B02A000")


# Profiles


@pytest.mark.parametrize("by_aid", [False, True])
def test_enable_disables_what_was_enabled_after_the_refresh(terminal: Terminal, by_aid: bool) -> None:
    aid = bytes.fromhex(default_profiles()[1].aid)
    name = ("isdpAid", aid) if by_aid else iccid(NORD)
    request = {"profileIdentifier": name, "refreshFlag": True}
    assert terminal.run(encode("EnableProfileRequest", request)) == bytes.fromhex("BF3103800100")
    assert terminal.sw >> 8 == 0x91
    assert terminal.card.transmit(bytes.fromhex("00A4000C023F00")).sw >> 8 == 0x91  # still to be fetched
    terminal.refresh()
    assert terminal.iccid() == NORD
    assert states(terminal) == {BOOTSTRAP: 0, NORD: 1, SUED: 0}


def test_without_a_refresh_the_switch_is_made_at_once(terminal: Terminal) -> None:
    assert switched(terminal, "EnableProfile", iccid(NORD), refresh=False) == 0
    assert terminal.sw == 0x9000
    assert terminal.iccid() == NORD


def test_disable_leaves_none_enabled(terminal: Terminal) -> None:
    assert switched(terminal, "DisableProfile", iccid(BOOTSTRAP)) == 0
    assert set(states(terminal).values()) == {0}
    assert terminal.iccid() is None


@pytest.mark.parametrize(
    ("name", "profile", "code"),
    [
        ("EnableProfile", UNKNOWN, 1),
        ("EnableProfile", BOOTSTRAP, 2),
        ("DisableProfile", UNKNOWN, 1),
        ("DisableProfile", NORD, 2),
    ],
)
def test_what_makes_no_sense_is_refused(terminal: Terminal, name: str, profile: str, code: int) -> None:
    before = states(terminal)
    assert switched(terminal, name, iccid(profile)) == code
    assert states(terminal) == before


def test_policy_rules_bind(directory: Path, pki_dir: Path) -> None:
    terminal = with_rules(directory, pki_dir, {BOOTSTRAP: [1], NORD: [2]})
    assert switched(terminal, "EnableProfile", iccid(SUED)) == 3
    assert switched(terminal, "DisableProfile", iccid(BOOTSTRAP)) == 3
    assert deleted(terminal, iccid(NORD)) == 3
    assert deleted(terminal, iccid(SUED)) == 0


def test_a_second_switch_before_the_refresh_finds_the_card_busy(terminal: Terminal) -> None:
    request = {"profileIdentifier": iccid(NORD), "refreshFlag": True}
    terminal.run(encode("EnableProfileRequest", request))
    request["profileIdentifier"] = iccid(SUED)
    assert terminal.run(encode("EnableProfileRequest", request)) == bytes.fromhex("BF3103800105")


def test_delete(terminal: Terminal) -> None:
    assert [deleted(terminal, iccid(p)) for p in (UNKNOWN, BOOTSTRAP, NORD)] == [1, 2, 0]
    assert set(states(terminal)) == {BOOTSTRAP, SUED}
    assert [n["profileManagementOperation"] for n in terminal.notifications()] == [(b"\x10", 4)]


def test_a_switch_leaves_a_notification_of_each(terminal: Terminal) -> None:
    switched(terminal, "EnableProfile", iccid(NORD))
    assert [by_iccid(n["iccid"]) for n in terminal.notifications()] == [BOOTSTRAP, NORD]


@pytest.mark.parametrize("nickname", ["Scale 7", ""])
def test_a_nickname_is_kept_and_can_be_removed(terminal: Terminal, nickname: str) -> None:
    for given in ("other", nickname):
        request = encode("SetNicknameRequest", {"iccid": swapped(NORD), "profileNickname": given})
        assert terminal.run(request) == bytes.fromhex("BF2903800100")
    request = encode("ProfileInfoListRequest", {"searchCriteria": iccid(NORD)})
    _, [info] = decode("ProfileInfoListResponse", terminal.run(request))
    assert info.get("profileNickname", "") == nickname
    request = encode("SetNicknameRequest", {"iccid": swapped(UNKNOWN), "profileNickname": "x"})
    assert terminal.run(request) == bytes.fromhex("BF2903800101")


def test_the_default_dp_address_is_set_with_sgp22_s_tag(terminal: Terminal) -> None:
    request = encode("sgp22:SetDefaultDpAddressRequest", {"defaultDpAddress": "dp.example"})
    assert terminal.run(request) == bytes.fromhex("BF3F03800100")
    answer = decode("EuiccConfiguredAddressesResponse", terminal.run(bytes.fromhex("BF3C00")))
    assert answer["defaultDpAddress"] == "dp.example"


def reset(terminal: Terminal, *names: str) -> int:
    bits = ("deleteOperationalProfiles", "deleteFieldLoadedTestProfiles", "resetDefaultSmdpAddress")
    octet = sum(0x80 >> bits.index(name) for name in names)
    request = {"resetOptions": (bytes([octet]), max(bits.index(name) for name in names) + 1)}
    answer = terminal.run(encode("sgp22:EuiccMemoryResetRequest", request))
    code: int = decode("sgp22:EuiccMemoryResetResponse", answer)["resetResult"]
    return code


def test_a_memory_reset_asks_neither_for_states_nor_for_rules(directory: Path, pki_dir: Path) -> None:
    terminal = with_rules(directory, pki_dir, {NORD: [1, 2]})
    switched(terminal, "EnableProfile", iccid(NORD))
    assert reset(terminal, "deleteOperationalProfiles") == 0
    assert terminal.sw >> 8 == 0x91
    terminal.refresh()
    assert states(terminal) == {BOOTSTRAP: 0}
    assert reset(terminal, "deleteOperationalProfiles", "resetDefaultSmdpAddress") == 1


def test_a_memory_reset_of_the_rest(directory: Path, pki_dir: Path) -> None:
    profiles = default_profiles()
    profiles[2].profile_class, profiles[2].preloaded = TEST_CLASS, False
    terminal = Terminal(VirtualEuicc.open(directory, pki_dir, profiles, consumer=True))
    request = encode("sgp22:SetDefaultDpAddressRequest", {"defaultDpAddress": "dp.example"})
    terminal.run(request)
    assert reset(terminal, "deleteFieldLoadedTestProfiles", "resetDefaultSmdpAddress") == 0
    assert terminal.sw == 0x9000
    assert set(states(terminal)) == {BOOTSTRAP, NORD}
    answer = decode("EuiccConfiguredAddressesResponse", terminal.run(bytes.fromhex("BF3C00")))
    assert "defaultDpAddress" not in answer


# Odd ones


def odd(directory: Path, pki_dir: Path, *shapes: str) -> Terminal:
    return Terminal(VirtualEuicc.open(directory, pki_dir, consumer=True, shapes=shapes))


def test_some_know_a_profile_by_its_aid_only(directory: Path, pki_dir: Path) -> None:
    terminal = odd(directory, pki_dir, "aid-only")
    name: tuple[str, Any] = ("isdpAid", bytes.fromhex(default_profiles()[1].aid))
    assert switched(terminal, "EnableProfile", iccid(NORD)) == 1
    assert switched(terminal, "EnableProfile", name) == 0
    assert deleted(terminal, iccid(SUED)) == 1
    assert switched(terminal, "DisableProfile", iccid(NORD)) == 1


def test_some_switch_only_without_a_refresh(directory: Path, pki_dir: Path) -> None:
    terminal = odd(directory, pki_dir, "no-refresh")
    assert switched(terminal, "EnableProfile", iccid(NORD)) == 127
    assert switched(terminal, "EnableProfile", iccid(NORD), refresh=False) == 0
    assert terminal.iccid() == NORD

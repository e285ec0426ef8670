"""ProfileRollback, ExecuteFallbackMechanism, ReturnFromFallback: when they are allowed, what they do."""

from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import encode, member
from ipad.testbed.euicc import VirtualEuicc, default_profiles, show

from .world import (
    BOOTSTRAP,
    LIST_PROFILES,
    NORD,
    SUED,
    Eim,
    Terminal,
    Verifier,
    disable,
    enable,
)


class Switcher:
    """Runs packages and functions, and the REFRESH that follows."""

    def __init__(self, card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier) -> None:
        self.card, self.terminal, self.eim, self.verifier = card, terminal, eim, verifier

    def package(self, *operations: bytes, transaction: bytes | None = None) -> dict[str, Any]:
        answer = self.terminal.run(self.eim.package(self.card, *operations, transaction=transaction))
        self._refresh()
        return self.verifier.result(answer, self.eim)

    def rollback(self) -> int:
        code: int = self.terminal.functions("ProfileRollback")["cmdResult"]
        self._refresh()
        return code

    def fallback(self) -> int:
        code: int = self.terminal.functions("ExecuteFallbackMechanism")["executeFallbackMechanismResult"]
        self._refresh()
        return code

    def back(self) -> int:
        code: int = self.terminal.functions("ReturnFromFallback")["returnFromFallbackResult"]
        self._refresh()
        return code

    def _refresh(self) -> None:
        if self.terminal.sw >> 8 == 0x91:
            self.terminal.refresh()


@pytest.fixture
def switcher(card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier) -> Switcher:
    return Switcher(card, terminal, eim, verifier)


def test_a_rollback_goes_back_and_replaces_the_result(
    switcher: Switcher, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    first = switcher.package(enable(NORD, rollback=True), transaction=b"\x07")
    assert terminal.iccid() == NORD
    answer = terminal.run(encode("ProfileRollbackRequest", {"refreshFlag": True}))
    result = member(answer, 0xBF58, 0xBF51)
    data = verifier.result(result, eim)
    terminal.refresh()
    assert terminal.iccid() == BOOTSTRAP
    assert data["euiccResult"] == [("enableResult", 0), ("rollbackResult", 0)]
    assert (data["counterValue"], data["eimTransactionId"]) == (first["counterValue"], b"\x07")
    assert data["seqNumber"] != first["seqNumber"]
    assert terminal.results() == [result]
    assert [n["profileManagementOperation"] for n in terminal.notifications()] == [
        (b"\x20", 3),
        (b"\x40", 2),
        (b"\x20", 3),
        (b"\x40", 2),
    ]


def test_a_rollback_happens_once(switcher: Switcher, terminal: Terminal) -> None:
    switcher.package(enable(NORD, rollback=True))
    assert switcher.rollback() == 0
    assert switcher.rollback() == 1
    assert terminal.iccid() == BOOTSTRAP


def test_without_the_flag_there_is_no_rollback(switcher: Switcher, terminal: Terminal) -> None:
    switcher.package(enable(NORD))
    answer = terminal.run(encode("ProfileRollbackRequest", {"refreshFlag": True}))
    assert answer == bytes.fromhex("BF5803020101")


def test_resets_do_not_end_the_chance_to_roll_back(switcher: Switcher, terminal: Terminal) -> None:
    switcher.package(enable(NORD, rollback=True))
    terminal.start()
    terminal.start()
    assert switcher.rollback() == 0


def test_the_result_may_have_been_removed_before_the_rollback(switcher: Switcher, terminal: Terminal) -> None:
    result = switcher.package(enable(NORD, rollback=True))
    terminal.run(encode("NotificationSentRequest", {"seqNumber": result["seqNumber"]}))
    assert switcher.rollback() == 0
    assert len(terminal.results()) == 1


def test_the_next_accepted_package_ends_the_chance_to_roll_back(switcher: Switcher) -> None:
    switcher.package(enable(NORD, rollback=True))
    switcher.package(LIST_PROFILES)
    assert switcher.rollback() == 1


def test_a_refused_package_does_not(
    switcher: Switcher, card: VirtualEuicc, terminal: Terminal, eim: Eim
) -> None:
    switcher.package(enable(NORD, rollback=True))
    terminal.run(eim.package(card, LIST_PROFILES, counter=1))
    terminal.run(Eim("eim.other").package(card, LIST_PROFILES))
    assert switcher.rollback() == 0


def test_a_fallback_ends_the_chance_to_roll_back(switcher: Switcher) -> None:
    switcher.package(enable(NORD))
    switcher.package(enable(SUED, rollback=True))
    assert switcher.fallback() == 0
    assert switcher.rollback() == 1


def test_an_enable_that_failed_leaves_no_rollback(switcher: Switcher) -> None:
    switcher.package(enable(BOOTSTRAP, rollback=True))
    assert switcher.rollback() == 1


def test_fallback_goes_to_the_profile_with_the_attribute_and_return_comes_back(
    switcher: Switcher, terminal: Terminal
) -> None:
    switcher.package(enable(NORD))
    told = len(terminal.notifications())
    assert switcher.fallback() == 0
    assert terminal.iccid() == BOOTSTRAP
    assert len(terminal.notifications()) == told + 2
    assert switcher.fallback() == 2
    assert switcher.back() == 0
    assert terminal.iccid() == NORD
    assert switcher.back() == 6


def test_return_without_a_fallback_is_not_available(switcher: Switcher) -> None:
    assert switcher.back() == 6
    switcher.package(enable(NORD))
    assert switcher.back() == 6


def test_without_an_enabled_profile_there_is_no_fallback(switcher: Switcher) -> None:
    switcher.package(disable(BOOTSTRAP))
    assert switcher.fallback() == 7


def test_without_the_attribute_there_is_no_fallback(tmp_path: Path, pki_dir: Path) -> None:
    profiles = default_profiles()
    profiles[0].fallback_attribute = False
    terminal = Terminal(VirtualEuicc.open(tmp_path, pki_dir, profiles))
    assert terminal.functions("ExecuteFallbackMechanism") == {"executeFallbackMechanismResult": 6}


@pytest.mark.parametrize("operation", [enable(SUED), disable(BOOTSTRAP)])
def test_a_switch_by_the_eim_ends_a_fallback(switcher: Switcher, operation: bytes) -> None:
    switcher.package(enable(NORD))
    switcher.fallback()
    switcher.package(operation)
    assert switcher.back() == 6


def test_a_package_that_switches_nothing_does_not_end_a_fallback(
    switcher: Switcher, terminal: Terminal
) -> None:
    switcher.package(enable(NORD))
    switcher.fallback()
    switcher.package(LIST_PROFILES)
    assert switcher.back() == 0
    assert terminal.iccid() == NORD


def test_a_rolled_back_switch_out_of_a_fallback_leaves_no_return(
    switcher: Switcher, terminal: Terminal
) -> None:
    switcher.package(enable(NORD))
    switcher.fallback()
    switcher.package(enable(SUED, rollback=True))
    assert switcher.rollback() == 0
    assert terminal.iccid() == BOOTSTRAP
    assert switcher.back() == 6


def test_policy_rules_do_not_hold_a_gateway_back(tmp_path: Path, pki_dir: Path, verifier: Verifier) -> None:
    profiles = default_profiles()
    profiles[1].policy_rules = [1]
    card = VirtualEuicc.open(tmp_path, pki_dir, profiles)
    terminal, eim = Terminal(card), Eim()
    eim.associate(terminal)
    switcher = Switcher(card, terminal, eim, verifier)
    switcher.package(enable(NORD, rollback=True))
    assert switcher.package(disable(NORD))["euiccResult"] == [("disableResult", 3)]
    assert switcher.fallback() == 0


def test_show_tells_what_is_so(switcher: Switcher, eim: Eim, tmp_path: Path) -> None:
    switcher.package(enable(NORD), transaction=b"\xab")
    switcher.fallback()
    shown = show(tmp_path)
    states = {p["iccid"]: (p["state"], p["fallbackAttribute"]) for p in shown["profiles"]}
    assert states[BOOTSTRAP] == ("enabled", True)
    assert states[NORD] == ("disabled", False)
    assert shown["fallbackOrigin"] == NORD
    assert shown["eims"] == [{"eimId": eim.eim_id, "counterValue": 1, "associationToken": eim.token}]
    [result] = shown["results"]
    assert (result["eimTransactionId"], result["results"]) == ("AB", ["enableResult"])
    assert [n["event"] for n in shown["notifications"]] == ["disable", "enable"] * 2
    assert shown["rollback"] is None
    switcher.package(enable(SUED, rollback=True))
    assert show(tmp_path)["rollback"] == {"iccid": BOOTSTRAP, "eimId": eim.eim_id, "counterValue": 2}

"""The switch of the profile as the terminal sees it: 91xx, FETCH, TERMINAL RESPONSE, reset."""

import pytest

from ipad.asn1 import decode, encode
from ipad.testbed.euicc import VirtualEuicc

from .world import BOOTSTRAP, NORD, SUED, Eim, Terminal, Verifier, disable, enable

DONE = bytes.fromhex("8103010104 82028281 830100")
UNABLE_NOW = bytes.fromhex("8103010104 82028281 830120")


@pytest.fixture
def switched(card: VirtualEuicc, terminal: Terminal, eim: Eim) -> Terminal:
    """A terminal whose card has just accepted an enable of Nord."""
    terminal.run(eim.package(card, enable(NORD)))
    return terminal


def test_until_the_reset_the_former_profile_runs(switched: Terminal) -> None:
    assert switched.sw == 0x910B
    assert switched.iccid() is None  # 91xx is not 9000, so:
    assert switched.send("00A4000C 02 2FE2").sw == 0x910B
    assert switched.send("00B00000 0A").data == bytes.fromhex("98999900000000000061")
    switched.refresh()
    assert switched.iccid() == NORD


def test_a_reset_alone_does_the_switch_too(switched: Terminal) -> None:
    switched.start()
    assert switched.iccid() == NORD
    assert switched.sw == 0x9000


def test_fetch_wants_the_announced_length(switched: Terminal) -> None:
    assert switched.send("80120000 0A").sw == 0x6C0B
    assert switched.send("80120000 0B").sw == 0x9000
    assert switched.send("80120000 0B").sw == 0x6985


def test_after_the_terminal_response_only_a_reset_helps(switched: Terminal) -> None:
    switched.send("80120000 0B")
    assert switched.send("80140000", DONE).sw == 0x9000
    assert switched.send("80F2000C").sw == 0x6985
    assert switched.run(bytes.fromhex("BF3E035C015A")) == b""
    assert switched.sw == 0x6985
    switched.start()
    assert switched.iccid() == NORD


def test_a_terminal_that_is_busy_is_asked_again(switched: Terminal) -> None:
    switched.send("80120000 0B")
    assert switched.send("80140000", UNABLE_NOW).sw == 0x910B
    switched.refresh()
    assert switched.iccid() == NORD


def test_a_terminal_response_to_something_else_is_wrong_data(switched: Terminal) -> None:
    switched.send("80120000 0B")
    for answer in ("8103012504 82028281 830100", "8103010104 82028281", "81"):
        assert switched.send("80140000", bytes.fromhex(answer)).sw == 0x6A80
    assert switched.send("80140000", DONE).sw == 0x9000


def test_a_terminal_without_terminal_profile_gets_no_proactive_command(
    card: VirtualEuicc, terminal: Terminal, eim: Eim
) -> None:
    card.reset()
    terminal.open_isdr()
    terminal.run(eim.package(card, enable(NORD)))
    assert terminal.sw == 0x9000
    assert terminal.send("80120000 0B").sw == 0x6985
    assert terminal.iccid() == BOOTSTRAP
    terminal.start()
    assert terminal.iccid() == NORD


@pytest.mark.parametrize("fetched", [False, True])
def test_while_the_switch_is_pending_nothing_else_switches(
    card: VirtualEuicc, switched: Terminal, eim: Eim, verifier: Verifier, fetched: bool
) -> None:
    if fetched:
        switched.send("80120000 0B")
    assert decode("ProfileInfoListResponse", switched.run(bytes.fromhex("BF2D00"))) == (
        "profileInfoListError",
        11,
    )
    assert switched.functions("ExecuteFallbackMechanism") == {"executeFallbackMechanismResult": 5}
    data = verifier.result(switched.run(eim.package(card, enable(SUED))), eim)
    assert data["euiccResult"] == [("enableResult", 5)]
    data = verifier.result(switched.run(eim.package(card, disable(NORD))), eim)
    assert data["euiccResult"] == [("disableResult", 5)]
    switched.start()
    assert switched.iccid() == NORD


def test_without_the_refresh_flag_the_new_profile_runs_at_once(
    card: VirtualEuicc, terminal: Terminal, eim: Eim
) -> None:
    terminal.run(eim.package(card, enable(NORD, rollback=True)))
    terminal.refresh()
    assert terminal.send("00A4080C", bytes.fromhex("7FFF6F07")).sw == 0x9000
    response = terminal.functions("ProfileRollback", refresh=False)
    assert response["cmdResult"] == 0
    assert terminal.sw == 0x9000
    assert terminal.send("00B00000 09").sw == 0x6986  # the file was the former profile's
    assert terminal.iccid() == BOOTSTRAP


def test_the_busy_knob_answers_so_many_times(card: VirtualEuicc, terminal: Terminal, eim: Eim) -> None:
    terminal.run(eim.package(card, enable(NORD, rollback=True)))
    terminal.refresh()
    card.busy_answers = 2
    request = encode("ProfileRollbackRequest", {"refreshFlag": True})
    answers = [decode("ProfileRollbackResponse", terminal.run(request))["cmdResult"] for _ in range(3)]
    assert answers == [5, 5, 0]

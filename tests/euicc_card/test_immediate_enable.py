"""ImmediateEnable: the profile that was just downloaded, if the card is set up for it."""

from pathlib import Path

import pytest

from ipad.asn1 import decode, encode
from ipad.testbed.euicc import VirtualEuicc, default_profiles
from ipad.testbed.euicc.isdr import Installed, Isdr
from ipad.testbed.euicc.keys import load_credentials
from ipad.testbed.euicc.state import State, store

from .world import NORD, SUED, Eim, Terminal, enable

SMDP = ("2.999.10", "smdp.testbed.example")


class Downloaded:
    """A card on which SUED was downloaded a moment ago: what the end of a download leaves in its memory."""

    def __init__(self, directory: Path, pki_dir: Path) -> None:
        credentials = load_credentials(pki_dir)
        self.state = State(credentials.eid, default_profiles())
        store(directory, self.state)
        self.isdr = Isdr(directory, self.state, credentials)
        self.card = VirtualEuicc(self.isdr)
        self.terminal = Terminal(self.card)
        self.isdr.installed = Installed(SUED, *SMDP)

    def configure(self, **members: object) -> None:
        request = encode("ConfigureImmediateProfileEnablingRequest", members)
        answer = decode("ConfigureImmediateProfileEnablingResponse", self.terminal.run(request))
        assert answer == {"configImmediateEnableResult": 0}

    def immediate_enable(self, refresh: bool = True) -> int:
        code: int = self.terminal.functions("ImmediateEnable", refresh)["immediateEnableResult"]
        if self.terminal.sw >> 8 == 0x91:
            self.terminal.refresh()
        return code


@pytest.fixture
def downloaded(tmp_path: Path, pki_dir: Path) -> Downloaded:
    return Downloaded(tmp_path, pki_dir)


@pytest.mark.parametrize(
    "members",
    [
        {"immediateEnableFlag": None},
        {"immediateEnableFlag": None, "defaultSmdpOid": SMDP[0]},
        {"immediateEnableFlag": None, "defaultSmdpOid": SMDP[0], "defaultSmdpAddress": SMDP[1]},
    ],
    ids=["any SM-DP+", "that OID", "that OID and address"],
)
def test_it_enables_what_was_downloaded(downloaded: Downloaded, members: dict[str, object]) -> None:
    downloaded.configure(**members)
    assert downloaded.immediate_enable() == 0
    assert downloaded.terminal.iccid() == SUED
    assert len(downloaded.terminal.notifications()) == 2
    assert downloaded.immediate_enable() == 4  # the session is over


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"defaultSmdpOid": SMDP[0]},
        {"immediateEnableFlag": None, "defaultSmdpOid": "2.999.11"},
        {"immediateEnableFlag": None, "defaultSmdpAddress": "another.example"},
    ],
    ids=["not configured", "no flag", "another OID", "another address"],
)
def test_it_is_not_available_otherwise(downloaded: Downloaded, members: dict[str, object]) -> None:
    downloaded.configure(**members)
    assert downloaded.immediate_enable() == 1
    assert downloaded.terminal.profiles()[SUED]["profileState"] == 0


def test_a_profile_that_must_not_be_disabled_stays(downloaded: Downloaded) -> None:
    downloaded.configure(immediateEnableFlag=None)
    downloaded.state.profiles[0].policy_rules = [1]
    assert downloaded.immediate_enable() == 1


def test_after_a_reset_there_is_nothing_to_enable(downloaded: Downloaded) -> None:
    downloaded.configure(immediateEnableFlag=None)
    downloaded.terminal.start()
    assert downloaded.immediate_enable() == 4


def test_a_profile_that_is_gone_can_not_be_enabled(downloaded: Downloaded) -> None:
    downloaded.configure(immediateEnableFlag=None)
    downloaded.isdr.installed = Installed("8900000000000000000", *SMDP)
    assert downloaded.immediate_enable() == 4


def test_a_busy_card_says_so_and_can_be_asked_again(downloaded: Downloaded) -> None:
    downloaded.configure(immediateEnableFlag=None)
    downloaded.card.busy_answers = 1
    assert downloaded.immediate_enable() == 5
    assert downloaded.immediate_enable(refresh=False) == 0
    assert downloaded.terminal.iccid() == SUED


def test_it_ends_a_fallback_and_the_chance_to_roll_back(downloaded: Downloaded) -> None:
    downloaded.configure(immediateEnableFlag=None)
    eim = Eim()
    eim.associate(downloaded.terminal)
    downloaded.terminal.run(eim.package(downloaded.card, enable(NORD, rollback=True)))
    downloaded.terminal.refresh()
    downloaded.isdr.installed = Installed(SUED, *SMDP)
    assert downloaded.immediate_enable() == 0
    assert downloaded.terminal.functions("ProfileRollback")["cmdResult"] == 1
    assert downloaded.terminal.functions("ReturnFromFallback")["returnFromFallbackResult"] == 6

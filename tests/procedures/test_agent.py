"""The agent's loop around the procedures: two eIMs, an order, what a former run has left."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ipad.connectivity.state import Command, Ended, Phase, Polled
from ipad.errors import EuiccRefused
from ipad.journal import Journal, Step
from ipad.procedures import poll, resume, switch
from ipad.procedures.gateway import Gateway
from ipad.testbed.eim.faults import Fault
from ipad.testbed.eim.serve import EIM_ID
from modem.errors import PortGone
from tests.euicc_card.world import BOOTSTRAP, NORD
from tests.procedures.eim_house import Desk, EimHouse, open_house
from tests.procedures.harm import Killed
from tests.procedures.scenarios import ended, on_nord, told_all
from tests.procedures.site import Blank, Site, make_blank

MakeSite = Callable[..., Site]
OTHER_EIM, FALLBACK = 0, 1
"""StateChangeCause."""


@dataclass
class Two:
    """A site whose card is associated with two eIMs."""

    site: Site
    other: Desk


@pytest.fixture
def two(
    disk: Path, tmp_path_factory: pytest.TempPathFactory, pki_dir: Path, house: EimHouse
) -> Iterator[Two]:
    with open_house(disk / "other", pki_dir, "eim.two") as second:
        blank: Blank = make_blank(tmp_path_factory.mktemp("blank"), pki_dir, [house, second])
        desk = house.open_desk(disk / "eim", blank.eid, blank.tokens[0])
        other = second.open_desk(disk / "two", blank.eid, blank.tokens[1])
        site = Site(disk, blank, desk)
        yield Two(site, other)
        site.close()
        other.records.close()


def test_an_eim_is_told_of_a_switch_unless_it_ordered_it(two: Two) -> None:
    two.site.desk.order({"enable": NORD})
    two.site.done = lambda site: ended(NORD, Phase.OPERATING, "done")(site) and told_all(site)
    two.site.run()
    assert two.site.desk.told() == []
    assert [told["stateChangeCause"] for told in two.other.told()] == [OTHER_EIM]


def test_each_eim_gets_the_results_of_its_own_packages(two: Two) -> None:
    two.site.desk.order({"listProfileInfo": {}})
    two.other.order({"listProfileInfo": {}})
    two.other.order({"delete": BOOTSTRAP}, forge="wrong-eid")
    two.site.done = lambda _site: all(p["state"] in ("done", "failed") for p in two.other.packages())
    two.site.run()
    assert [r["accepted"] for desk in (two.site.desk, two.other) for r in desk.results()] == [True] * 3
    assert len(two.other.results()) == 2


def test_an_eim_that_is_down_does_not_keep_the_other_from_its_results(two: Two) -> None:
    two.site.desk.order({"listProfileInfo": {}})
    two.other.order({"listProfileInfo": {}})
    two.site.desk.eim.faults.add(Fault("http-500", count=3))
    two.site.run()
    assert two.other.results()[0]["received_at"] < two.site.desk.results()[0]["received_at"]


def test_a_fallback_is_told_to_every_eim(two: Two) -> None:
    memory = two.site.memory()
    on_nord(memory)
    two.site.begin_with(memory)
    two.site.ask = lambda site: Command.FALLBACK if site.enabled() == NORD else None
    two.site.done = lambda site: site.enabled() == BOOTSTRAP and told_all(site)
    two.site.run()
    for desk in (two.site.desk, two.other):
        assert [told["stateChangeCause"] for told in desk.told()] == [FALLBACK]


@pytest.mark.parametrize("octets", [b"", b"\xbf\x51\x02\x30\x00", b"\xff"], ids=["none", "cut", "garbage"])
def test_a_step_that_cannot_be_resumed_is_given_up(make_site: MakeSite, octets: bytes) -> None:
    site = make_site()
    journal = Journal(site.directory / "journal.db")
    journal.begin(Step("package", BOOTSTRAP, NORD, EIM_ID, octets))
    journal.close()
    number = site.desk.order({"enable": NORD})
    site.done = ended(NORD, Phase.OPERATING, "done")
    site.run()
    assert len(site.desk.package(number)["results"]) == 1
    assert site.journal_left == (None, [])


def test_a_modem_in_the_middle_of_its_refresh_is_waited_for_before_the_card_is_asked(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(prompt=False)
    site.desk.order({"enable": NORD, "rollback": True})
    gateway = site.open().gateway
    monkeypatch.setattr(switch, "settle", killed)
    with pytest.raises(Killed):
        poll.run(gateway, EIM_ID, None)
    site.process.journal.close()
    monkeypatch.undo()
    end = resume.run(site.open().gateway)
    assert end is not None
    assert isinstance(end.outcome, Polled)
    assert end.outcome.trial is not None
    assert (end.outcome.trial.iccid, end.outcome.trial.former) == (NORD, BOOTSTRAP)


def test_a_modem_that_is_gone_is_not_waited_for_before_a_step_is_resumed(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site()
    gateway = site.open().gateway
    gateway.journal.begin(Step("fallback", NORD, BOOTSTRAP))

    def gone(*_: object) -> None:
        raise PortGone("sending AT+CPIN?", "the port is gone")

    monkeypatch.setattr(gateway.radio, "status", gone)
    monkeypatch.setattr(gateway.radio, "take_profile", killed)
    with pytest.raises(PortGone):
        resume.run(gateway)
    assert gateway.journal.step() is not None


def test_a_step_is_not_given_up_because_the_card_is_in_the_middle_of_its_switch(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site()
    journal = Journal(site.directory / "journal.db")
    journal.begin(Step("fallback", BOOTSTRAP, BOOTSTRAP))
    journal.close()
    resumed: list[bool] = []
    original = resume.run

    def busy_once(gateway: Gateway) -> Ended | None:
        resumed.append(gateway.journal.step() is not None)
        if len(resumed) == 1:
            raise EuiccRefused("GetProfilesInfo", "profileChangeOngoing", 11)
        return original(gateway)

    monkeypatch.setattr("ipad.agent.resume.run", busy_once)
    site.desk.order({"listProfileInfo": {}})
    site.done = ended(BOOTSTRAP, Phase.OPERATING, "done")
    site.run()
    assert resumed[:2] == [True, True]
    assert site.journal_left == (None, [])


def killed(*_: object) -> None:
    raise Killed


def test_an_idle_poll_by_order_sends_nothing_to_the_card(make_site: MakeSite) -> None:
    site = make_site()
    site.desk.order({"listProfileInfo": {}})
    counted: list[tuple[int, int]] = []

    def poll(site: Site) -> Command | None:
        counted.append((site.process.uicc.sent, len(site.desk.exchanges())))
        return Command.POLL if len(counted) < 3 else None

    site.ask = poll
    site.done = lambda _site: len(counted) == 3
    site.run()
    sent, asked = zip(*counted, strict=True)
    assert sent[0] == sent[1] == sent[2]
    assert [asked[1] - asked[0], asked[2] - asked[1]] == [1, 1]

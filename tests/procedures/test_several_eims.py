"""Several eIMs on one card: their schedules, their results, and what they do to each other's entries."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ipad import show, snapshot
from ipad.asn1 import wrap
from ipad.connectivity.state import Command, Phase
from ipad.errors import IpadError, Throttled, Unreachable, Untrusted
from ipad.journal import BINDING
from ipad.procedures import poll
from ipad.testbed.eim.faults import Fault
from ipad.testbed.eim.identity import configuration
from ipad.testbed.euicc import VirtualEuicc
from tests.euicc_card.world import BOOTSTRAP, NORD, Terminal
from tests.procedures.eim_house import Desk, EimHouse, open_house
from tests.procedures.polled import history, run, started
from tests.procedures.scenarios import ended, on_nord, told_all
from tests.procedures.site import WAITS, Blank, Process, Site, make_blank

MakeSite = Callable[..., Site]

OTHER_EIM, FALLBACK = 0, 1
"""StateChangeCause."""


@dataclass
class Two:
    """A site whose card is associated with two eIMs."""

    site: Site
    other: Desk
    first: EimHouse
    second: EimHouse


@pytest.fixture
def two(
    disk: Path, tmp_path_factory: pytest.TempPathFactory, pki_dir: Path, house: EimHouse
) -> Iterator[Two]:
    with open_house(disk / "other", pki_dir, "eim.two") as second:
        blank: Blank = make_blank(tmp_path_factory.mktemp("blank"), pki_dir, [house, second])
        desk = house.open_desk(disk / "eim", blank.eid, blank.tokens[0])
        other = second.open_desk(disk / "two", blank.eid, blank.tokens[1])
        site = Site(disk, blank, desk)
        yield Two(site, other, house, second)
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


# Verdicts


def test_only_the_eim_that_ordered_a_switch_gives_its_verdict(two: Two) -> None:
    refusing = Fault("http-503", function="ProvideEimPackageResult", count=1000)
    two.site.desk.eim.faults.add(refusing)
    two.site.desk.order({"enable": NORD, "rollback": True})
    asked_on_nord: list[int] = []

    def done(site: Site) -> bool:
        return ended(BOOTSTRAP, Phase.OPERATING, "rolled back")(site) and told_all(site)

    def watch(site: Site) -> None:
        if site.enabled() == NORD:
            asked_on_nord.append(len(two.other.exchanges("GetEimPackage")))
        elif asked_on_nord:
            two.site.desk.eim.faults.clear()

    two.site.ask = watch
    two.site.done = done
    two.site.run()
    assert max(asked_on_nord) > 0, "the other eIM was reached over the profile on trial"
    assert {told["stateChangeCause"] for told in two.other.told()} == {OTHER_EIM}
    assert two.site.desk.told() == []


def test_each_eim_is_polled_by_its_own_schedule(two: Two) -> None:
    two.other.eim.faults.add(Fault("http-503", retry_after=40_000))
    seen: list[tuple[float, int, int]] = []

    def watch(site: Site) -> None:
        seen.append((site.now, len(site.desk.exchanges()), len(two.other.exchanges())))

    two.site.ask = watch
    two.site.done = lambda site: len(site.desk.exchanges()) > 2
    two.site.run()
    first_polls, other_polls = (next(now for now, *counts in seen if counts[n] == 1) for n in (0, 1))
    assert abs(first_polls - other_polls) <= WAITS.poll_start
    again = next(now for now, _, count in seen if count == 2)
    assert other_polls + 40_000 <= again < other_polls + WAITS.poll_interval
    assert next(now for now, count, _ in seen if count == 2) > again, "the first has nothing to catch up on"


# What eCOs change for the agent


def polled_by(process: Process, desk: Desk) -> Any:
    return poll.run(process.gateway, desk.eim.identity.eim_id, None)


def test_an_added_eim_is_polled(site: Site, disk: Path, pki_dir: Path) -> None:
    with open_house(disk / "other", pki_dir, "eim.two") as second:
        other = second.open_desk(disk / "two", site.blank.eid, None)
        other.order({"listProfileInfo": {}})
        site.desk.order({"addEim": configuration(second.identity, 0, None).hex()})
        site.done = lambda _site: other.packages()[0]["state"] == "done"
        site.run()
        assert site.now < 1000 + 3 * site.process.gateway.waits.poll_start
        other.records.close()


def test_a_deleted_eim_is_polled_no_more_and_owed_nothing(two: Two) -> None:
    gone = two.other.eim.identity.eim_id
    process = two.site.open()
    process.journal.owe(gone, b"\xa0\x03\x02\x01\x01")
    process.journal.remember(**{BINDING + gone: "json"})
    process.journal.close()
    two.other.eim.faults.add(Fault("http-503", retry_after=30_000, count=1))
    two.site.desk.order({"deleteEim": gone})
    two.site.done = lambda site: len(site.desk.exchanges("GetEimPackage")) > 3
    two.site.run()
    assert two.site.agent is not None
    assert list(two.site.agent.state.polls) == [two.site.desk.eim.identity.eim_id]
    assert len(two.other.exchanges()) <= 1
    journal = started(two.site).journal
    assert (journal.all_owed(), journal.recall(BINDING + gone)) == ([], None)
    assert f"{gone} is not associated any more: 1 answers are dropped" in history(two.site.process)
    journal.close()


def test_an_eim_that_deletes_itself_still_gets_the_result(two: Two) -> None:
    me = two.site.desk.eim.identity.eim_id
    number = two.site.desk.order({"deleteEim": me})
    two.site.desk.order({"listProfileInfo": {}})
    process = started(two.site)
    ended_ = run(process)
    assert ended_.card is not None
    assert (ended_.finished, ended_.card.eims) == (True, (two.other.eim.identity.eim_id,))
    assert [p["state"] for p in two.site.desk.packages()] == ["done", "queued"]
    assert two.site.desk.package(number)["outcome"] == [{"deleteEimResult": 0}]
    assert two.site.memory().results == []
    assert process.uplink.traffic.connections == 1
    with pytest.raises(IpadError, match="not associated"):
        run(process)


def test_a_result_for_an_eim_that_is_gone_costs_the_others_nothing(two: Two) -> None:
    two.site.desk.eim.faults.add(Fault("http-503", function="ProvideEimPackageResult", count=1))
    two.site.desk.order({"deleteEim": two.site.desk.eim.identity.eim_id})
    process = started(two.site)
    with pytest.raises(Throttled):
        run(process)
    assert len(two.site.memory().results) == 1
    assert polled_by(process, two.other).delivered
    sent = process.uicc.sent
    assert polled_by(process, two.other).delivered
    assert process.uicc.sent == sent


def test_the_last_eim_deleted_leaves_the_card_open_to_a_first_one(site: Site, house: EimHouse) -> None:
    site.desk.order({"deleteEim": site.desk.eim.identity.eim_id})
    site.done = ended(BOOTSTRAP, Phase.OPERATING, "done")
    site.run()
    assert site.desk.package(1)["outcome"] == [{"deleteEimResult": 2}]
    assert site.agent is not None
    assert dict(site.agent.state.polls) == {}
    now = {"now": site.now}
    said = show.status(
        {**snapshot.status(site.agent.state, site.process.gateway.contents, site.agent.facts), **now}
    )
    assert any("none associated" in line for line in said)
    card = VirtualEuicc.open(site.card_dir, site.blank.pki)
    answer = Terminal(card).run(wrap(0xBF57, wrap(0xA0, configuration(house.identity, 0, -1))))
    assert answer.startswith(b"\xbf\x57")
    assert [eim.eim_id for eim in site.memory().eims] == [house.identity.eim_id]


@pytest.fixture
def elsewhere(disk: Path, pki_dir: Path, tmp_path: Path) -> Iterator[EimHouse]:
    """Another place, with another authority for its TLS."""
    with open_house(disk / "elsewhere", pki_dir, tls_dir=tmp_path / "pki") as opened:
        yield opened


def ports(desk: Desk) -> list[tuple[str, int]]:
    return [(line["function"], line["port"]) for line in desk.exchanges()]


def test_an_eim_that_moves_is_found_at_its_new_address_from_the_next_connection_on(
    site: Site, process: Process, elsewhere: EimHouse
) -> None:
    elsewhere.take_over(site.desk)
    number = site.desk.order({"updateEim": elsewhere.configuration()})
    site.desk.order({"listProfileInfo": {}})
    assert run(process).finished
    assert site.desk.package(number)["outcome"] == [{"updateEimResult": 0}]
    assert [p["state"] for p in site.desk.packages()] == ["done", "done"]
    assert process.uplink.traffic.connections == 2
    first, *rest = ports(site.desk)
    assert first[0] == "GetEimPackage"
    assert len({port for _, port in rest} - {first[1]}) == 1, "the result went over the new connection"
    assert first[1] not in {port for _, port in rest}
    assert process.gateway.card().eims[0].fqdn == elsewhere.identity.fqdn
    assert run(process).finished


def test_an_update_that_the_card_does_not_take_changes_nothing(
    site: Site, process: Process, elsewhere: EimHouse
) -> None:
    elsewhere.take_over(site.desk)
    number = site.desk.order({"updateEim": elsewhere.configuration(counterValue=0x800000)})
    assert run(process).finished
    assert site.desk.package(number)["outcome"] == [{"updateEimResult": 6}]
    assert process.uplink.traffic.connections == 1
    assert process.gateway.card().eims[0].fqdn != elsewhere.identity.fqdn


def test_one_eim_can_put_right_the_entry_of_another(two: Two, elsewhere: EimHouse) -> None:
    elsewhere.take_over(two.site.desk)
    lost = elsewhere.configuration(eimFqdn="localhost:9")
    two.site.desk.order({"updateEim": lost})
    number = two.site.desk.order({"listProfileInfo": {}})
    process = started(two.site)
    with pytest.raises(Unreachable):
        run(process)
    assert [r.eim_id for r in two.site.memory().results] == [two.site.desk.eim.identity.eim_id]
    two.other.order({"updateEim": elsewhere.configuration()})
    assert polled_by(process, two.other).delivered
    assert [r.eim_id for r in two.site.memory().results] == [two.site.desk.eim.identity.eim_id]
    assert run(process).finished
    assert two.site.desk.package(number)["state"] == "done"
    assert two.site.memory().results == []


def test_a_server_that_has_only_the_old_authority_is_not_trusted_any_more(
    site: Site, process: Process, house: EimHouse, elsewhere: EimHouse
) -> None:
    elsewhere.take_over(site.desk)
    site.desk.order({"updateEim": elsewhere.configuration(eimFqdn=house.identity.fqdn)})
    with pytest.raises(Untrusted):
        run(process)
    assert site.desk.package(1)["state"] == "sent"
    assert len(site.memory().results) == 1


def test_a_connection_that_breaks_after_an_eco_does_not_hide_it_from_deciding(
    site: Site, disk: Path, pki_dir: Path
) -> None:
    with open_house(disk / "other", pki_dir, "eim.two") as second:
        other = second.open_desk(disk / "two", site.blank.eid, None)
        site.desk.eim.faults.add(Fault("http-503", function="ProvideEimPackageResult", retry_after=50_000))
        site.desk.order({"addEim": configuration(second.identity, 0, None).hex()})
        polled_at: list[float] = []

        def watch(site: Site) -> None:
            if other.exchanges():
                polled_at.append(site.now)
                site.mailbox.stop()

        site.ask = watch
        site.run()
        assert site.desk.package(1)["state"] == "sent"
        assert polled_at[0] < 1000 + 3 * WAITS.poll_start
        other.records.close()

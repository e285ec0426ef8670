"""What is owed to an eIM: delivered, removed when it was taken, and offered again when it was not."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipad import journal
from ipad.errors import IpadError, PeerRefused
from ipad.esipa.client import Esipa
from ipad.esipa.model import Acknowledged, EmptyResponse
from ipad.esipa.settings import BINDINGS, EsipaSettings
from ipad.euicc import es10b
from ipad.procedures import deliver
from ipad.testbed import pki
from ipad.testbed.eim.faults import Fault
from ipad.testbed.eim.serve import EIM_ID
from modem.uicc import Reply
from tests.euicc_card.world import NORD, SUED
from tests.procedures import polled
from tests.procedures.polled import LIST, fall_back, history, run, spoil_first_notification, started
from tests.procedures.scenarios import on_nord
from tests.procedures.site import WAITS, Process, Site

MakeSite = Callable[..., Site]

in_every_way = pytest.mark.parametrize(
    "esipa",
    [EsipaSettings(binding=binding, minimize=minimize) for binding in BINDINGS for minimize in (False, True)],
    ids=str,
)


@in_every_way
def test_notifications_travel_with_the_result_that_they_belong_to(
    make_site: MakeSite, esipa: EsipaSettings
) -> None:
    site = make_site(esipa=esipa)
    site.desk.order({"delete": SUED})
    run(started(site))
    [handed_in] = site.desk.exchanges("ProvideEimPackageResult")
    assert handed_in["summary"]["kind"] == "ePRAndNotifications"
    assert len(handed_in["summary"]["seqNumbers"]) == 2
    assert site.desk.exchanges("HandleNotification") == []
    assert [r["kind"] for r in site.desk.results()] == ["euiccPackageResult", "otherSignedNotification"]


@in_every_way
def test_notifications_without_a_result_are_delivered_one_by_one(
    make_site: MakeSite, esipa: EsipaSettings
) -> None:
    site = make_site(prepare=on_nord, esipa=esipa)
    process = started(site)
    fall_back(process)
    assert len(site.memory().notifications) == 2
    assert run(process).delivered
    assert len(site.desk.exchanges("HandleNotification")) == 2
    assert site.memory().notifications == []


def test_a_notification_that_is_refused_does_not_hold_back_the_others(make_site: MakeSite) -> None:
    site = make_site(prepare=on_nord)
    process = started(site)
    fall_back(process)
    spoilt = spoil_first_notification(process)
    site.desk.order({"delete": SUED})
    assert run(process).delivered
    assert [n.seq for n in site.memory().notifications] == [spoilt]
    assert site.desk.package(1)["state"] == "done"
    assert len([r for r in site.desk.results("otherSignedNotification") if r["accepted"]]) == 2
    assert f"notification {spoilt} stays on the card" in history(process)
    assert process.gateway.unread, "it is offered again"


def answering(monkeypatch: pytest.MonkeyPatch, answer: Acknowledged | EmptyResponse) -> None:
    """An eIM that takes results, and answers as some do."""
    real = Esipa.provide_eim_package_result

    def provide(self: Esipa, arm: bytes) -> Acknowledged | EmptyResponse:
        real(self, arm)
        return answer

    monkeypatch.setattr(Esipa, "provide_eim_package_result", provide)


def test_a_result_that_is_not_acknowledged_stays_on_the_card(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, Acknowledged((4711,)))
    site.desk.order({"delete": SUED})
    polled = run(process)
    assert (polled.reached, polled.delivered) == (True, False)
    assert [r.seq for r in site.memory().results] == [1]
    assert "it stays on the card" in history(process)
    monkeypatch.undo()
    assert run(process).delivered
    assert site.memory().results == []
    assert len(site.desk.package(1)["results"]) == 1


def test_a_number_that_the_eim_acknowledges_unasked_is_not_removed(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(prepare=on_nord)
    process = started(site)
    fall_back(process)
    spoilt = spoil_first_notification(process)
    answering(monkeypatch, Acknowledged((3, 4711)))
    site.desk.order(LIST)
    monkeypatch.setattr(Esipa, "handle_notification", refuse)
    run(process)
    assert [n.seq for n in site.memory().notifications] == [spoilt, spoilt + 1]
    assert site.memory().results == []


def refuse(_self: Esipa, _notification: bytes) -> None:
    raise PeerRefused("HandleNotification", "Forbidden", 403)


def test_a_result_that_waits_is_not_the_answer_to_another_package(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, Acknowledged((4711,)))
    site.desk.order(LIST)
    other = site.desk.order({"delete": SUED}, forge="replay-counter")
    assert run(process).finished
    assert "replayError" in history(process)
    assert site.desk.package(other)["state"] == "failed"
    assert "sent a package again" not in history(process)


def test_an_empty_response_takes_the_result_and_no_notification(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, EmptyResponse())
    site.desk.order({"delete": SUED})
    assert run(process).delivered
    assert site.memory().results == []
    assert len(site.desk.exchanges("HandleNotification")) == 1
    assert site.memory().notifications == []


def test_a_result_that_the_eim_refuses_stays_and_the_poll_goes_on(
    make_site: MakeSite, disk: Path, house: Any
) -> None:
    site = make_site()
    process = started(site)
    site.desk.order({"enable": NORD})
    assert run(process).trial is not None
    process.journal.finish()
    # The eIM has lost its records: no package with this counter was ever handed out.
    site.desk.records.close()
    site.desk = house.open_desk(disk / "new", site.blank.eid, site.blank.tokens[0])
    polled = run(process)
    assert (polled.reached, polled.delivered, polled.finished) == (True, False, True)
    assert [r.seq for r in site.memory().results] == [1]


# What is refused is offered again, later each time


def refused_once(make_site: MakeSite) -> tuple[Site, Process, int]:
    """A site whose card keeps a notification that no eIM ever takes, and that was refused once."""
    site = make_site(prepare=on_nord)
    process = started(site)
    fall_back(process)
    spoilt = spoil_first_notification(process)
    run(process)
    assert [n.seq for n in site.memory().notifications] == [spoilt]
    return site, process, spoilt


def offered(site: Site) -> int:
    """How often the eIM refused a notification so far."""
    return len([r for r in site.desk.results("otherSignedNotification") if not r["accepted"]])


def test_a_refused_notification_waits_longer_each_time_up_to_a_cap(make_site: MakeSite) -> None:
    site, process, _ = refused_once(make_site)
    waits = []
    for times in range(1, 12):
        assert offered(site) == times
        again = run(process).again
        assert again is not None
        assert offered(site) == times, "it is too early"
        waits.append(again)
        site.now += again
        run(process)
    expected = [min(WAITS.notification_retry * 2**n, WAITS.notification_retry_max) for n in range(11)]
    assert all(cap / 2 <= wait <= cap for wait, cap in zip(waits, expected, strict=True))
    assert len({wait / cap for wait, cap in zip(waits, expected, strict=True)}) > 5, "jitter"


def test_its_patience_outlives_a_restart(make_site: MakeSite) -> None:
    site, process, _ = refused_once(make_site)
    process.journal.close()
    again = started(site)
    assert run(again).again is not None
    assert offered(site) == 1


def test_a_refused_notification_is_not_attached_to_a_result_until_its_time_has_come(
    make_site: MakeSite,
) -> None:
    site, process, spoilt = refused_once(make_site)
    site.desk.order({"delete": SUED})
    run(process)
    [handed_in] = site.desk.exchanges("ProvideEimPackageResult")
    assert (handed_in["summary"]["kind"], offered(site)) == ("ePRAndNotifications", 1)
    assert spoilt not in handed_in["summary"]["seqNumbers"]
    site.now += WAITS.notification_retry_max
    run(process)
    assert offered(site) == 2


def test_what_is_gone_from_the_card_is_forgotten(make_site: MakeSite) -> None:
    site, process, spoilt = refused_once(make_site)
    [(eim_id, what, times)] = process.journal.all_refused()
    assert (eim_id, times) == (site.desk.eim.identity.eim_id, 1)
    assert what.startswith(f"notification {spoilt} ")
    es10b.remove_notification(process.gateway.isdr, spoilt)
    assert run(process).again is None
    assert process.journal.all_refused() == []


def test_an_eim_that_fails_over_one_notification_gets_the_rest_and_gives_its_packages(
    make_site: MakeSite,
) -> None:
    site = make_site(prepare=on_nord)
    process = started(site)
    fall_back(process)
    site.desk.eim.faults.add(Fault("http-500", function="HandleNotification"))
    number = site.desk.order(LIST)
    assert run(process).finished
    assert site.desk.package(number)["state"] == "done"
    assert len(site.memory().notifications) == 1


@pytest.mark.parametrize("fault", ["truncate", "content-type", "garbage"])
def test_an_eim_that_answers_nonsense_to_one_result_gets_it_at_the_next_poll(
    site: Site, process: Process, fault: str
) -> None:
    number = site.desk.order({"delete": SUED})
    site.desk.eim.faults.add(Fault(fault, function="ProvideEimPackageResult"))
    with contextlib.suppress(IpadError):
        run(process)
    assert len(site.memory().results) == 1
    assert run(process).delivered
    assert (site.desk.package(number)["state"], site.memory().results) == ("done", [])


def test_more_notifications_than_travel_with_a_result_follow_one_by_one(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site()
    process = started(site)
    monkeypatch.setattr(deliver, "MOST_ATTACHED", 1)
    site.desk.order({"delete": SUED})
    assert run(process).delivered
    assert site.memory().notifications == []
    [handed_in] = site.desk.exchanges("ProvideEimPackageResult")
    assert handed_in["summary"]["kind"] == "euiccPackageResult"
    assert len(site.desk.exchanges("HandleNotification")) == 1


def test_a_number_that_was_not_sent_is_not_taken(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "MOST_ATTACHED", 1)
    monkeypatch.setattr(Esipa, "handle_notification", refuse)
    answering(monkeypatch, Acknowledged((1, 2, 3)))
    site.desk.order({"delete": SUED})
    run(process)
    assert site.memory().results == []
    assert len(site.memory().notifications) == 1


# A card that does not do its part

ODD_REPLIES = pytest.mark.parametrize(
    "reply",
    [Reply(b"", 0x6A88), Reply(bytes.fromhex("BF2B0381017F"), 0x9000), Reply(b"\xbf\x2b\x03\xa0", 0x9000)],
    ids=["status word", "undefinedError", "no answer"],
)


@ODD_REPLIES
def test_a_card_that_does_not_tell_what_waits_on_it_is_polled_for_all_the_same(
    site: Site, process: Process, reply: Reply
) -> None:
    polled.answering(process, b"\xbf\x2b", reply)
    first, second = site.desk.order({"delete": SUED}), site.desk.order(data={"tagList": "83"})
    told = run(process)
    assert (told.reached, told.delivered, told.finished) == (True, False, False)
    assert [r.seq for r in site.memory().results] == [1]
    process.uicc.meets = process.uicc.pass_on
    assert run(process).delivered
    assert [site.desk.package(number)["state"] for number in (first, second)] == ["done", "done"]
    assert (site.memory().results, site.memory().notifications) == ([], [])


def test_notifications_that_the_card_does_not_tell_do_not_hold_back_the_results(make_site: MakeSite) -> None:
    site = make_site(prepare=on_nord)
    process = started(site)
    fall_back(process)
    polled.answering(process, b"\xbf\x2b\x00", Reply(b"", 0x6A88))
    number = site.desk.order({"delete": SUED})
    assert run(process).delivered
    assert site.desk.package(number)["state"] == "done"
    assert process.gateway.unread, "they may be told next time"
    assert len(site.memory().notifications) == 3


@pytest.mark.parametrize("code", [0x7F, 0x05], ids=["undefinedError", "catBusy"])
def test_a_card_that_does_not_let_go_of_what_was_taken_is_polled_for_all_the_same(
    site: Site, process: Process, code: int
) -> None:
    polled.answering(process, b"\xbf\x30", Reply(bytes((0xBF, 0x30, 3, 0x80, 1, code)), 0x9000))
    number = site.desk.order({"delete": SUED})
    told = run(process)
    assert (told.reached, told.delivered, told.finished) == (True, True, True)
    assert site.desk.package(number)["state"] == "done"
    assert [r.seq for r in site.memory().results] == [1]
    assert "stays on the card all the same" in history(process)


# Answers that only the journal keeps


def refuse_answers(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    seen: list[bytes] = []

    def refused(_self: Esipa, arm: bytes) -> Acknowledged:
        seen.append(arm)
        raise PeerRefused("ProvideEimPackageResult", "undefinedError", 127)

    monkeypatch.setattr(Esipa, "provide_eim_package_result", refused)
    return seen


def test_an_answer_that_is_refused_waits_and_is_given_up_in_the_end(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    process.gateway.owe(EIM_ID, b"\xa0\x03\x02\x01\x01")
    seen = refuse_answers(monkeypatch)
    for times in range(1, deliver.MOST_REFUSALS + 1):
        run(process)
        again = run(process).again
        assert len(seen) == times, "once each time, and not before it is due"
        site.now += again or 0.0
    assert again is None
    assert process.journal.all_owed() == []
    assert process.journal.all_refused() == []
    assert f"is given up, {EIM_ID} refused it {deliver.MOST_REFUSALS} times" in history(process)


def test_an_answer_that_is_refused_does_not_hold_back_the_next(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    process.gateway.owe(EIM_ID, b"\xa0\x03\x02\x01\x01")
    with monkeypatch.context() as patch:
        refuse_answers(patch)
        run(process)
    number = site.desk.order({"delete": SUED}, forge="wrong-eid")
    assert run(process).finished
    assert site.desk.package(number)["state"] == "failed"
    assert [owed.arm for owed in process.journal.all_owed()] == [b"\xa0\x03\x02\x01\x01"]


def test_what_one_card_owes_is_not_delivered_in_the_name_of_another(site: Site, process: Process) -> None:
    process.gateway.owe(EIM_ID, b"\xa0\x03\x02\x01\x01")
    process.gateway.read_card()
    assert len(process.journal.all_owed()) == 1, "it is the same card"
    other = bytes.fromhex(pki.make_eid(2))
    polled.answering(process, b"\xbf\x3e", Reply(b"\xbf\x3e\x12\x5a\x10" + other, 0x9000))
    assert process.gateway.read_card().eims != ()
    assert process.journal.all_owed() == []
    assert "another card is in the gateway: 1 answers" in history(process)
    assert not {site.desk.eid, other.hex()} & set(history(process).split())


def test_an_eim_is_owed_so_much_and_no_more(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "OWED_ROWS", 3)
    for number in range(5):
        process.gateway.owe(EIM_ID, bytes([0xA0, 3, 2, 1, number]))
    process.gateway.owe("eim.other", b"\xa0\x03\x02\x01\x09")
    assert [owed.arm[-1] for owed in process.journal.all_owed()] == [2, 3, 4, 9]
    assert history(process).count("the oldest of too many is dropped") == 2

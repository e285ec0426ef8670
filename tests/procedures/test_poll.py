"""The poll, with a real eIM and the virtual card: what is fetched, delivered, told, and removed."""

from collections.abc import Callable

import pytest

from ipad.asn1 import wrap
from ipad.connectivity.state import Cause
from ipad.errors import IpadError, Throttled
from ipad.esipa import arms
from ipad.procedures import poll
from ipad.testbed.eim.faults import Fault
from ipad.testbed.eim.serve import EIM_ID
from modem.errors import CardRefused
from modem.uicc import Reply
from tests.euicc_card.world import BOOTSTRAP, NORD, SUED
from tests.procedures.polled import LIST, history, run
from tests.procedures.site import Process, Site

MakeSite = Callable[..., Site]
INVALID, UNKNOWN, UNDEFINED = 1, 2, 127
"""eimPackageResultErrorCode invalidPackageFormat, unknownPackage, undefinedError."""


# What the eIM has to give


def test_packages_are_worked_off_until_there_are_none(site: Site, process: Process) -> None:
    numbers = [site.desk.order(LIST), site.desk.order({"delete": SUED}), site.desk.order(LIST)]
    polled = run(process)
    assert (polled.reached, polled.delivered, polled.finished, polled.trial) == (True, True, True, None)
    assert [site.desk.package(n)["state"] for n in numbers] == ["done"] * 3
    assert [p.iccid for p in process.gateway.card().profiles] == [BOOTSTRAP, NORD]
    assert (site.memory().results, site.memory().notifications) == ([], [])


def test_an_eim_that_never_ends_gets_the_rest_at_the_next_poll(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll, "MOST_PACKAGES", 3)
    for _ in range(5):
        site.desk.order(LIST)
    first = run(process)
    assert (first.delivered, first.finished) == (True, False)
    assert [p["state"] for p in site.desk.packages()] == ["done"] * 3 + ["queued"] * 2
    assert run(process).finished
    assert [p["state"] for p in site.desk.packages()] == ["done"] * 5


def test_a_switch_ends_the_poll_with_the_profile_on_trial(site: Site, process: Process) -> None:
    site.desk.order({"enable": NORD, "rollback": True})
    site.desk.order(LIST)
    polled = run(process)
    assert polled.trial is not None
    assert (polled.trial.iccid, polled.trial.former, polled.trial.rollback) == (NORD, BOOTSTRAP, True)
    assert not polled.delivered
    assert polled.card is not None
    assert polled.card.enabled == NORD
    assert [p["state"] for p in site.desk.packages()] == ["sent", "queued"]


def test_a_package_that_switches_to_where_the_card_is_puts_nothing_on_trial(
    site: Site, process: Process
) -> None:
    number = site.desk.order({"enable": BOOTSTRAP})
    assert run(process).trial is None
    assert site.desk.package(number)["state"] == "done"
    assert process.journal.step() is None


@pytest.mark.parametrize(
    ("raw", "code", "named"),
    [
        ("BF4F03 BF7700", UNKNOWN, False),
        ("BF4F15 BF5212 8310{}", INVALID, True),
        ("BF4F18 BF5415 8210{} 9F0101", INVALID, True),
        ("BF4F17 BF5114 3012 8210{}", INVALID, True),
        ("BF4F05 BF5102 3000", INVALID, False),
    ],
)
def test_a_package_that_cannot_be_worked_on_is_answered_and_out_of_the_way(
    site: Site, process: Process, raw: str, code: int, named: bool
) -> None:
    number = site.desk.order(raw=raw.replace(" ", ""))
    after = site.desk.order(LIST)
    assert run(process).finished
    assert [site.desk.package(n)["state"] for n in (number, after)] == ["failed", "done"]
    [answer] = site.desk.results("eimPackageResultResponseError")
    assert answer["content"]["eimPackageResultErrorCode"] == code
    assert (answer["transaction"] == site.desk.package(number)["transaction"]) is named
    assert process.journal.all_owed() == []


def test_a_package_that_no_chain_of_store_data_has_room_for_is_answered(site: Site, process: Process) -> None:
    operations = wrap(0xA0, *[wrap(0xA5, wrap(0x5A, bytes(10)))] * 5000)
    head = wrap(0x80, EIM_ID.encode()) + wrap(0x5A, bytes.fromhex(site.desk.eid)) + b"\x81\x01\x01"
    signed = wrap(0x30, head, wrap(0x82, bytes(16)), operations)
    package = wrap(0xBF4F, wrap(0xBF51, signed, wrap(0x5F37, bytes(64))))
    number = site.desk.order(raw=package.hex().replace("8210" + bytes(16).hex(), "8210{}", 1))
    sent = process.uicc.sent
    assert run(process).finished
    assert site.desk.package(number)["state"] == "failed"
    assert process.uicc.sent - sent < 30, "nothing of it went to the card"
    assert process.journal.step() is None
    assert "too many for the card" in history(process)


def test_a_download_is_written_down_and_ends_the_poll(site: Site, process: Process) -> None:
    number = site.desk.order(download={"activationCode": "1$smdp.example$"})
    site.desk.order(LIST)
    for _ in range(2):  # an eIM that hands it out again means the same one
        polled = run(process)
        assert (polled.finished, polled.more) == (True, True)
    wanted = process.journal.wanted()
    assert wanted is not None
    assert (wanted.eim_id, wanted.tries) == (EIM_ID, 0)
    assert b"1$smdp.example$" in wanted.trigger
    assert [p["state"] for p in site.desk.packages()] == ["sent", "queued"]
    process.journal.downloaded(wanted.id, (EIM_ID, arms.download_error(arms.transaction_of(wanted.trigger))))
    assert process.journal.wanted() is None
    run(process)
    assert [p["state"] for p in site.desk.packages()] == ["failed", "done"]
    assert "127" in str(site.desk.package(number)["results"][0]["content"])


@pytest.mark.parametrize(
    ("forge", "kind", "code"),
    [
        ("wrong-signature", "euiccPackageErrorUnsigned", None),
        ("wrong-eid", "euiccPackageErrorSigned", 3),
        ("replay-counter", "euiccPackageErrorSigned", 4),
    ],
)
def test_a_package_that_the_card_refuses_is_answered_in_the_cards_own_words(
    site: Site, process: Process, forge: str, kind: str, code: int | None
) -> None:
    site.desk.order(LIST)
    number = site.desk.order({"delete": SUED}, forge=forge)
    assert run(process).delivered
    [result] = site.desk.package(number)["results"]
    assert result["kind"] == kind
    assert result["content"].get("euiccPackageErrorCode") == code
    assert site.memory().profile(SUED) is not None
    assert process.journal.all_owed() == []


class Refusing:
    """A card that meets packages with a status word, before or after it has executed them."""

    def __init__(self, process: Process, sw: int, executes: bool = False) -> None:
        self.tries = 0
        self._sw, self._executes = sw, executes
        self._card, process.uicc.meets = process.uicc.meets, self._refuse

    def _refuse(self, apdu: bytes) -> Reply:
        if apdu[1] != 0xE2 or not apdu[5:].startswith(b"\xbf\x51"):
            return self._card(apdu)
        self.tries += 1
        if self._executes:
            self._card(apdu)
        return Reply(b"", self._sw)


@pytest.mark.parametrize(("sw", "code"), [(0x6A80, INVALID), (0x6A88, UNDEFINED), (0x6D00, UNDEFINED)])
def test_a_package_that_the_card_has_only_a_status_word_for_is_answered_and_out_of_the_way(
    site: Site, process: Process, sw: int, code: int
) -> None:
    card = Refusing(process, sw)
    number = site.desk.order(LIST)
    assert run(process).finished
    assert card.tries == 1
    [answer] = site.desk.package(number)["results"]
    assert (site.desk.package(number)["state"], answer["kind"]) == ("failed", "eimPackageResultResponseError")
    assert answer["content"]["eimPackageResultErrorCode"] == code
    assert (process.journal.step(), process.journal.all_owed()) == (None, [])


def test_a_status_word_that_may_pass_is_answered_only_if_it_comes_again_and_again(
    site: Site, process: Process
) -> None:
    card = Refusing(process, 0x6F00)
    number = site.desk.order(LIST)
    for _ in range(poll.MOST_TRIES - 1):
        with pytest.raises(CardRefused):
            run(process)
        assert process.journal.step() is None
        assert site.desk.package(number)["state"] == "sent"
    assert run(process).finished
    assert card.tries == poll.MOST_TRIES
    [answer] = site.desk.package(number)["results"]
    assert answer["content"]["eimPackageResultErrorCode"] == UNDEFINED
    assert process.journal.all_refused() == []


def test_a_status_word_that_has_passed_is_forgotten(site: Site, process: Process) -> None:
    Refusing(process, 0x6F00)
    site.desk.order(LIST)
    with pytest.raises(CardRefused):
        run(process)
    process.uicc.meets = process.uicc.pass_on
    assert run(process).again is None
    assert process.journal.all_refused() == []


def test_a_package_that_was_executed_before_the_status_word_is_done(site: Site, process: Process) -> None:
    card = Refusing(process, 0x6F00, executes=True)
    number = site.desk.order({"enable": NORD, "rollback": True})
    polled = run(process)
    assert card.tries == 1
    assert polled.trial is not None
    assert (polled.trial.iccid, polled.trial.former) == (NORD, BOOTSTRAP)
    assert process.journal.step() is not None, "the trial is not saved yet"
    process.journal.finish()
    assert run(process).delivered
    assert site.desk.package(number)["state"] == "done"


def test_a_package_whose_result_is_not_taken_is_not_executed_again(site: Site, process: Process) -> None:
    number = site.desk.order({"delete": SUED})
    site.desk.eim.faults.add(Fault("http-500", function="ProvideEimPackageResult", count=2))
    polled = run(process)
    assert (polled.delivered, polled.finished) == (False, False)
    assert "whose result waits" not in history(process)
    assert run(process).delivered
    assert "whose result waits" in history(process)
    assert site.desk.package(number)["state"] == "done"
    assert [r["kind"] for r in site.desk.package(number)["results"]] == ["euiccPackageResult"]


def test_an_error_report_that_did_not_get_through_is_kept_for_the_next_poll(
    site: Site, process: Process
) -> None:
    number = site.desk.order({"delete": SUED}, forge="wrong-eid")
    site.desk.eim.faults.add(Fault("http-503", function="ProvideEimPackageResult"))
    with pytest.raises(IpadError):
        run(process)
    assert len(process.journal.all_owed()) == 1
    assert run(process).delivered
    assert site.desk.package(number)["state"] == "failed"
    assert process.journal.all_owed() == []


def test_an_eim_that_is_no_longer_associated_is_not_polled(site: Site, process: Process) -> None:
    with pytest.raises(IpadError, match="not associated"):
        poll.run(process.gateway, "eim.gone", None)
    assert site.desk.exchanges() == []


def test_an_eim_that_asks_for_patience_says_how_much(site: Site, process: Process) -> None:
    site.desk.eim.faults.add(Fault("http-503", retry_after=77))
    with pytest.raises(Throttled) as asked:
        run(process)
    assert asked.value.retry_after == 77


# What the eIM is told


def test_a_change_of_the_profile_is_told_once_with_its_cause_and_the_network(
    site: Site, process: Process
) -> None:
    site.desk.order(LIST)
    run(process, Cause.FALLBACK)
    first, second = [line["summary"] for line in site.desk.exchanges("GetEimPackage")]
    assert (first["notifyStateChange"], first["rPLMN"]) == (True, "00101")
    assert first["stateChangeCause"] == 1
    assert not {"notifyStateChange", "stateChangeCause", "rPLMN"} & set(second)
    assert site.desk.package(1)["state"] == "done"


def test_without_a_change_nothing_is_told(site: Site, process: Process) -> None:
    run(process)
    assert site.desk.told() == []


# What it costs


def test_an_idle_poll_is_one_request_on_one_connection_and_no_apdu(site: Site, process: Process) -> None:
    run(process)
    sent, traffic = process.uicc.sent, process.uplink.traffic
    connections, requests = traffic.connections, len(site.desk.exchanges())
    polled = run(process)
    assert (polled.delivered, polled.card) == (True, None)
    assert process.uicc.sent == sent
    assert traffic.connections - connections == 1
    assert len(site.desk.exchanges()) - requests == 1


def test_all_requests_of_a_poll_share_a_connection(site: Site, process: Process) -> None:
    site.desk.order(LIST)
    site.desk.order({"delete": SUED})
    run(process)
    assert process.uplink.traffic.connections == 1
    assert len({line["port"] for line in site.desk.exchanges()}) == 1
    assert len(site.desk.exchanges()) == 5

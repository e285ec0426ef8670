"""Packages that came by hand: executed with the same checks as from the air, the answer written out."""

from collections.abc import Callable
from typing import Any

import pytest

from ipad.asn1 import decode, encode, member, tlvs, value, wrap
from ipad.connectivity.state import PACKAGE_LIMIT, Inject, Injected, Phase
from ipad.errors import PeerRefused
from ipad.esipa.client import Esipa
from ipad.mailbox import Order
from ipad.procedures import inject
from ipad.testbed.eim import packages, results
from ipad.testbed.eim.desk import Desk as ResultDesk
from ipad.testbed.eim.serve import EIM_ID
from modem.errors import AtTimeout
from tests.euicc_card.world import BOOTSTRAP, NORD, SUED
from tests.procedures.polled import LIST, fall_back, history, run, started
from tests.procedures.scenarios import ended, on_nord
from tests.procedures.site import Process, Site

MakeSite = Callable[..., Site]

RECEIVED = bytes.fromhex("BF4E020500")
INVALID, UNKNOWN, UNDEFINED = 1, 2, 127


def handed_out(site: Site, *operations: dict[str, Any], **order: Any) -> bytes:
    """The eIM's answer to a GetEimPackage (BF4F), saved by somebody."""
    site.desk.order(*operations, **order)
    eim = site.desk.eim
    euicc = eim.records.euicc(site.desk.eid)
    assert euicc is not None
    handed = packages.hand_out(eim.records, eim.identity, eim.faults, euicc)
    assert handed is not None
    return handed[1]


def injected(process: Process, octets: bytes) -> tuple[int, bytes]:
    """The tag and the octets of the arm in the answer."""
    made = inject.run(process.gateway, octets)
    decode("TransferEimPackageResponse", made.response)
    [(tag, arm)] = tlvs(value(made.response))
    return tag, arm


def error(process: Process, octets: bytes) -> int:
    tag, arm = injected(process, octets)
    assert tag == 0x02
    return int.from_bytes(value(arm), "big")


def taken_to_the_eim(site: Site, arm: bytes) -> list[int] | None:
    """Somebody carries the answer to the eIM, which verifies it. The numbers that it acknowledges."""
    eim = site.desk.eim
    euicc = eim.records.euicc(site.desk.eid)
    assert euicc is not None
    desk = ResultDesk(eim.records, eim.identity)
    match next(tlvs(arm))[0]:
        case 0x30:
            return results.result_and_notifications(desk, euicc, arm)
        case 0xBF52:
            return results.data_response(desk, euicc, arm)
        case _:
            number = results.package_result(desk, euicc, arm)
            return None if number is None else [number]


def acknowledgements(*numbers: int) -> bytes:
    return encode("TransferEimPackageRequest", ("eimAcknowledgements", list(numbers)))


# Packages


@pytest.mark.parametrize(
    "form",
    [lambda bf4f: bf4f, value, lambda bf4f: wrap(0xBF4E, value(bf4f))],
    ids=["GetEimPackageResponse", "bare", "TransferEimPackageRequest"],
)
def test_a_package_is_executed_and_its_result_written_out(
    site: Site, process: Process, form: Callable[[bytes], bytes]
) -> None:
    tag, arm = injected(process, form(handed_out(site, {"delete": SUED})))
    assert tag == 0x30
    assert [p.iccid for p in process.gateway.card().profiles] == [BOOTSTRAP, NORD]
    numbers = taken_to_the_eim(site, arm)
    assert numbers is not None
    assert site.desk.package(1)["state"] == "done"
    assert (process.journal.step(), process.journal.all_owed()) == (None, [])
    assert injected(process, acknowledgements(*numbers)) == (0x05, b"\x05\x00")
    assert (site.memory().results, site.memory().notifications) == ([], [])


def test_a_result_without_notifications_stands_alone(site: Site, process: Process) -> None:
    tag, arm = injected(process, handed_out(site, LIST))
    assert tag == 0xBF51
    assert taken_to_the_eim(site, arm) == [1]


def test_a_result_that_was_written_out_goes_over_the_air_too_if_nobody_acknowledges_it(
    site: Site, process: Process
) -> None:
    injected(process, handed_out(site, LIST))
    assert run(process).delivered
    assert site.desk.package(1)["state"] == "done"
    assert site.memory().results == []


@pytest.mark.parametrize("forge", ["wrong-signature", "wrong-eid", "replay-counter"])
def test_a_package_that_the_card_refuses_is_answered_in_the_cards_own_words(
    site: Site, process: Process, forge: str
) -> None:
    if forge == "replay-counter":
        injected(process, handed_out(site, LIST))
        run(process)
    tag, arm = injected(process, handed_out(site, {"delete": SUED}, forge=forge))
    assert tag == 0xBF51
    taken_to_the_eim(site, arm)
    assert site.desk.packages()[-1]["state"] == "failed"
    assert site.memory().profile(SUED) is not None
    assert (process.journal.step(), process.journal.all_owed()) == (None, []), "the answer is written out"


def test_a_package_of_an_eim_that_the_card_does_not_know_is_refused_by_the_card(
    site: Site, process: Process
) -> None:
    octets = handed_out(site, {"delete": SUED}).replace(EIM_ID.encode(), EIM_ID.encode()[::-1])
    tag, arm = injected(process, octets)
    assert (tag, next(tlvs(value(arm)))[0]) == (0xBF51, 0xA2)
    assert site.memory().profile(SUED) is not None


def test_the_same_package_twice_is_executed_once_and_answered_the_same(site: Site, process: Process) -> None:
    octets = handed_out(site, LIST)
    first, second = injected(process, octets), injected(process, octets)
    assert first == second
    assert len(site.memory().results) == 1


def test_a_switch_is_on_trial(site: Site, process: Process) -> None:
    octets = handed_out(site, {"enable": NORD, "rollback": True})
    made = inject.run(process.gateway, octets)
    assert made.trial is not None
    assert (made.trial.iccid, made.trial.former, made.trial.rollback) == (NORD, BOOTSTRAP, True)
    assert made.card.enabled == NORD
    assert process.journal.step() is not None, "until what deciding makes of it is saved"


# Data and acknowledgements


def test_a_data_request_is_answered(site: Site, process: Process) -> None:
    tag, arm = injected(process, handed_out(site, data={"tagList": "8384A8"}))
    assert tag == 0xBF52
    assert taken_to_the_eim(site, arm) is None
    assert site.desk.package(1)["state"] == "done"
    token = member(arm, 0xBF52, 0xA0, 0x84)
    assert int.from_bytes(value(token), "big") == site.blank.tokens[0], "the only eIM must have asked"
    assert process.journal.all_owed() == []


def test_a_wrong_tag_list_is_told_as_such(site: Site, process: Process) -> None:
    tag, arm = injected(process, handed_out(site, data={"tagList": "5A"}))
    assert (tag, decode("IpaEuiccDataResponse", arm)[0]) == (0xBF52, "ipaEuiccDataResponseError")


def test_only_what_was_written_out_is_removed(make_site: MakeSite) -> None:
    site = make_site(prepare=on_nord)
    process = started(site)
    fall_back(process)
    first, second = (n.seq for n in site.memory().notifications)
    assert injected(process, acknowledgements(first, second)) == (0x05, b"\x05\x00")
    assert [n.seq for n in site.memory().notifications] == [first, second], "nobody has seen them"
    injected(process, handed_out(site, data={"tagList": "A0", "notificationSeq": second}))
    assert injected(process, acknowledgements(first, second, 4711)) == (0x05, b"\x05\x00")
    assert [n.seq for n in site.memory().notifications] == [first]
    assert "2 others are ignored" in history(process)


def test_what_was_written_out_is_known_after_a_restart(site: Site, process: Process) -> None:
    injected(process, handed_out(site, LIST))
    process.journal.close()
    again = started(site)
    injected(again, acknowledgements(1))
    assert site.memory().results == []
    assert injected(again, acknowledgements(1)) == (0x05, b"\x05\x00"), "again, as the file is read twice"


# What is none


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        ("", INVALID),
        ("00", INVALID),
        ("BF51", INVALID),
        ("BF4E00", INVALID),
        ("BF5103300000", INVALID),
        ("BF4E06BF7703800100", UNKNOWN),
        ("BF4F03020101", UNKNOWN),
        ("3000", UNKNOWN),
        ("BF5203830100", INVALID),
        ("BF53038001FFFF", INVALID),
        ("BF5305800100", INVALID),
        ("BF5303820101", INVALID),
        ("BF53050401010101", INVALID),
        ("BF5404A0028000BF54", INVALID),
    ],
)
def test_what_is_no_package_is_answered_and_changes_nothing(
    site: Site, process: Process, octets: str, code: int
) -> None:
    before = site.memory()
    assert error(process, bytes.fromhex(octets)) == code
    assert site.memory() == before
    assert (process.journal.step(), process.journal.all_owed()) == (None, [])


def test_wrappers_inside_wrappers_do_not_go_deep(process: Process) -> None:
    octets = wrap(0xBF51, b"")
    while len(octets) < PACKAGE_LIMIT - 10:
        octets = wrap(0xBF4E, octets)
    assert error(process, octets) in (INVALID, UNKNOWN)


def test_more_octets_than_a_package_may_have_are_refused(process: Process) -> None:
    assert error(process, wrap(0xBF51, bytes(PACKAGE_LIMIT))) == INVALID


def test_every_cut_of_a_package_is_answered(site: Site, process: Process) -> None:
    octets = handed_out(site, {"delete": SUED})
    for end in range(len(octets)):
        assert error(process, octets[:end]) in (INVALID, UNKNOWN)
    assert site.memory().profile(SUED) is not None


# In the daemon


def ordered(site: Site, octets: bytes) -> list[dict[str, Any]]:
    """Lets somebody order the injection once, when the agent is idle; where its answers will be."""
    answers: list[dict[str, Any]] = []
    asked: list[bool] = []

    def once(site: Site) -> None:
        if not asked and site.desk.exchanges():
            asked.append(True)
            site.mailbox.put(Order(Inject(octets), answers.append))

    site.ask = once
    site.done = lambda _site: bool(answers)
    return answers


def test_the_agent_executes_it_and_judges_the_switch(site: Site) -> None:
    octets = handed_out(site, {"enable": NORD, "rollback": True})
    # The eIM, if it is asked, has the same for it: the first poll must not be the one that executes it.
    site.desk.records.cancel(1)
    answers = ordered(site, octets)
    site.done = lambda site: bool(answers) and ended(NORD, Phase.OPERATING, "done")(site)
    site.run()
    [answer] = answers
    assert answer["problem"] is None
    assert answer["did"][0] == f"Inject: {NORD} is enabled, and on trial"
    response = bytes.fromhex(answer["response"])
    assert decode("TransferEimPackageResponse", response)[0] == "ePRAndNotifications"
    assert site.desk.package(1)["state"] == "done", "the verdict was its delivery over the new profile"
    assert site.journal_left == (None, [])


def test_a_switch_whose_result_cannot_be_delivered_is_rolled_back(site: Site) -> None:
    octets = handed_out(site, {"enable": NORD, "rollback": True})
    site.desk.records.cancel(1)
    site.routeless.add(NORD)
    answers = ordered(site, octets)
    site.done = lambda site: bool(answers) and ended(BOOTSTRAP, Phase.OPERATING, "rolled back")(site)
    site.run()


def test_a_modem_that_fails_under_it_is_a_problem_that_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    octets = handed_out(site, LIST)
    site.desk.records.cancel(1)
    answers = ordered(site, octets)
    failed: list[bool] = []
    real = inject.run

    def fails_once(*arguments: Any) -> Injected:
        if failed:
            return real(*arguments)
        failed.append(True)
        raise AtTimeout("sending an APDU", "no answer", executed=None)

    monkeypatch.setattr("ipad.actions.inject.run", fails_once)
    site.run()
    assert answers[0]["problem"].startswith("inject: ")
    assert "response" not in answers[0]


def test_without_a_poll_an_answer_needs_no_eim(
    site: Site, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object) -> None:
        raise PeerRefused("anything", "nobody is there")

    monkeypatch.setattr(Esipa, "_post", nobody)
    assert injected(process, handed_out(site, LIST))[0] == 0xBF51

"""Each row of decide, by the situation that it is for."""

from dataclasses import dataclass, replace

import pytest

from ipad.connectivity import diagram
from ipad.connectivity.decide import decide, wake
from ipad.connectivity.link import Facts, Link, diagnose
from ipad.connectivity.memory import dump, load
from ipad.connectivity.rows import ROWS, SWITCHES
from ipad.connectivity.state import (
    Action,
    ApplyRemedy,
    Asked,
    CardChanged,
    CardView,
    Cause,
    Command,
    Deadline,
    Done,
    Download,
    Downloaded,
    Ended,
    EndEmergency,
    Event,
    Failed,
    Fallback,
    Inject,
    Injected,
    LinkChanged,
    Phase,
    Plan,
    Poll,
    Polled,
    Probe,
    Probed,
    Refused,
    Return,
    Rollback,
    Started,
    State,
    Switched,
    Trial,
    TrialKind,
)
from ipad.errors import DecodeError
from ipad.waits import Waits
from modem.radio import RadioStatus, Registration, Remedy, Sim

BOOTSTRAP, NORD = "8999990000000000001", "8900101000000000001"
NOW = 1000.0
WAITS = Waits()

ON_NORD = CardView(NORD, BOOTSTRAP, True, ())
ON_BOOTSTRAP = CardView(BOOTSTRAP, BOOTSTRAP, True, ())
ON_EMERGENCY = CardView("8999990000000000911", BOOTSTRAP, True, (), emergency=True)
WITHOUT_PROFILE = CardView(None, BOOTSTRAP, True, ())
WITHOUT_FALLBACK = CardView(NORD, None, True, ())
ROLLBACK_TRIAL = Trial(TrialKind.ORDERED, NORD, former=BOOTSTRAP, rollback=True, eim_id="eim")
PLAIN_TRIAL = Trial(TrialKind.ORDERED, NORD, former=BOOTSTRAP, eim_id="eim")
INJECT = Inject(b"package")
DOWNLOAD = Download(b"trigger")
IMMEDIATE_TRIAL = Trial(TrialKind.IMMEDIATE, NORD, former=BOOTSTRAP)
RETURN_TRIAL = Trial(TrialKind.RETURN, NORD, former=BOOTSTRAP)

operating = State(Phase.OPERATING, card=ON_NORD, link=Link.OK, until=None)
remedying = State(Phase.REMEDYING, card=ON_NORD, link=Link.NOT_REGISTERED, until=NOW + 1)
fallen = State(Phase.FALLBACK, card=ON_BOOTSTRAP, link=Link.OK, origin=NORD, until=NOW + 1, return_at=NOW + 1)
lost_bootstrap = replace(fallen, phase=Phase.REMEDYING, link=Link.NOT_REGISTERED)
trial = State(Phase.TRIAL, card=ON_NORD, link=None, trial=PLAIN_TRIAL, until=NOW + 1)
rollback_trial = replace(trial, trial=ROLLBACK_TRIAL)
emergency = State(Phase.EMERGENCY, card=ON_EMERGENCY, until=NOW + 1, emergency_until=NOW + 9)
no_card = State(Phase.NO_CARD, card=None, until=NOW + 1)


def late(state: State) -> State:
    """The state when its patience is over."""
    return replace(state, until=NOW)


@dataclass(frozen=True)
class Case:
    why: str
    state: State
    event: Event
    phase: Phase
    action: Action | None = None


CASES = [
    Case(
        "the new profile was enabled at once: it is on trial",
        replace(operating, card=ON_BOOTSTRAP),
        Ended(Download(), Downloaded(NORD, None, ON_NORD, IMMEDIATE_TRIAL)),
        Phase.TRIAL,
        Probe(),
    ),
    Case("a download was asked for at the gateway", remedying, Asked(DOWNLOAD), Phase.REMEDYING, DOWNLOAD),
    Case("the card does not answer", operating, CardChanged(None), Phase.NO_CARD),
    Case(
        "the card is there, with a profile on trial",
        replace(no_card, trial=PLAIN_TRIAL),
        CardChanged(ON_NORD),
        Phase.TRIAL,
    ),
    Case(
        "the card is there, still fallen back",
        replace(no_card, origin=NORD),
        CardChanged(ON_BOOTSTRAP),
        Phase.FALLBACK,
    ),
    Case("the card is there", no_card, CardChanged(ON_NORD), Phase.OPERATING),
    Case(
        "an Emergency Profile is enabled: it is left alone",
        remedying,
        CardChanged(ON_EMERGENCY),
        Phase.EMERGENCY,
    ),
    Case(
        "the emergency is over: the trial starts anew",
        replace(emergency, trial=PLAIN_TRIAL),
        CardChanged(ON_NORD),
        Phase.TRIAL,
    ),
    Case(
        "the emergency is over: still fallen back",
        replace(emergency, origin=NORD),
        CardChanged(ON_BOOTSTRAP),
        Phase.FALLBACK,
    ),
    Case("the emergency is over", emergency, CardChanged(ON_NORD), Phase.OPERATING),
    Case(
        "the Emergency Profile is still enabled: tried again",
        late(replace(emergency, emergency_until=NOW)),
        Ended(EndEmergency(), Refused("catBusy")),
        Phase.EMERGENCY,
    ),
    Case(
        "a poll asked for at the gateway, in an emergency",
        replace(emergency, link=Link.OK, polls={"eim": Plan(due=NOW + 9)}),
        Asked(Command.POLL),
        Phase.EMERGENCY,
        Poll("eim"),
    ),
    Case(
        "the Emergency Profile was forgotten: it is disabled",
        late(replace(emergency, emergency_until=NOW)),
        Deadline(),
        Phase.EMERGENCY,
        EndEmergency(),
    ),
    Case(
        "looking whether the Emergency Profile is still enabled",
        late(emergency),
        Deadline(),
        Phase.EMERGENCY,
        Probe(),
    ),
    Case(
        "still no card: the modem is reset",
        late(replace(no_card, rung=2)),
        Deadline(),
        Phase.NO_CARD,
        ApplyRemedy(Remedy.RESET),
    ),
    Case("looking for the card again", late(no_card), Deadline(), Phase.NO_CARD, Probe()),
    Case(
        "the eIM switched the profile: it is on trial",
        operating,
        Ended(Poll("eim"), Polled(True, True, card=ON_NORD, trial=PLAIN_TRIAL)),
        Phase.TRIAL,
        Probe(),
    ),
    Case(
        "fallen back to the bootstrap profile",
        remedying,
        Ended(Fallback(), Switched(ON_BOOTSTRAP)),
        Phase.FALLBACK,
        Probe(),
    ),
    Case(
        "returned from fallback: the profile is on trial",
        fallen,
        Ended(Return(), Switched(ON_NORD)),
        Phase.TRIAL,
        Probe(),
    ),
    Case(
        "rolled back: the former profile is on trial",
        rollback_trial,
        Ended(Rollback(), Switched(ON_BOOTSTRAP)),
        Phase.TRIAL,
        Probe(),
    ),
    Case(
        "the fallback did not reach the card: a modem reset, and once more",
        remedying,
        Ended(Fallback(), Failed("x")),
        Phase.REMEDYING,
        ApplyRemedy(Remedy.RESET),
    ),
    Case(
        "the fallback did not happen",
        remedying,
        Ended(Fallback(), Refused("fallbackNotAvailable")),
        Phase.REMEDYING,
    ),
    Case(
        "the card knows nothing to return to: the eIM decides",
        fallen,
        Ended(Return(), Refused("fallbackNotAvailable")),
        Phase.OPERATING,
    ),
    Case("the return did not happen", fallen, Ended(Return(), Refused("catBusy")), Phase.FALLBACK),
    Case(
        "no rollback, and the link is there: only the eIM is not",
        replace(rollback_trial, link=Link.OK),
        Ended(Rollback(), Refused("rollbackNotAllowed")),
        Phase.OPERATING,
    ),
    Case(
        "the rollback did not happen: it will be tried again",
        replace(rollback_trial, link=Link.OK),
        Ended(Rollback(), Failed("x")),
        Phase.TRIAL,
    ),
    Case(
        "the rollback did not reach the card: a modem reset, and once more",
        replace(rollback_trial, link=Link.MODEM_STUCK),
        Ended(Rollback(), Failed("x")),
        Phase.TRIAL,
        ApplyRemedy(Remedy.RESET),
    ),
    Case(
        "no rollback: fallback instead",
        replace(rollback_trial, link=Link.NOT_REGISTERED),
        Ended(Rollback(), Refused("rollbackNotAllowed")),
        Phase.TRIAL,
        Fallback(),
    ),
    Case(
        "no rollback, and no fallback profile",
        replace(rollback_trial, link=Link.NOT_REGISTERED, card=WITHOUT_FALLBACK),
        Ended(Rollback(), Refused("rollbackNotAllowed")),
        Phase.REMEDYING,
    ),
    Case(
        "fallback asked for at the gateway", operating, Asked(Command.FALLBACK), Phase.OPERATING, Fallback()
    ),
    Case("return asked for at the gateway", fallen, Asked(Command.RETURN), Phase.FALLBACK, Return()),
    Case("a package came by hand", operating, Asked(INJECT), Phase.OPERATING, INJECT),
    Case(
        "no profile is enabled: rollback",
        replace(rollback_trial, card=WITHOUT_PROFILE),
        Deadline(),
        Phase.TRIAL,
        Rollback(),
    ),
    Case(
        "no profile is enabled, and there is no fallback profile",
        late(replace(operating, card=replace(WITHOUT_PROFILE, fallback=None))),
        LinkChanged(Link.NOT_REGISTERED),
        Phase.REMEDYING,
    ),
    Case(
        "no profile is enabled: fallback",
        replace(operating, card=WITHOUT_PROFILE),
        LinkChanged(Link.NOT_REGISTERED),
        Phase.REMEDYING,
        Fallback(),
    ),
    Case(
        "still no profile is enabled: fallback",
        late(replace(remedying, card=WITHOUT_PROFILE)),
        Deadline(),
        Phase.REMEDYING,
        Fallback(),
    ),
    Case(
        "still no profile is enabled: a package by hand would help",
        late(replace(remedying, card=replace(WITHOUT_PROFILE, fallback=None))),
        Deadline(),
        Phase.REMEDYING,
    ),
    Case(
        "the result is delivered over the new profile",
        replace(rollback_trial, link=Link.OK),
        Ended(Poll("eim"), Polled(True, True)),
        Phase.OPERATING,
    ),
    Case(
        "the result could not be delivered in time: rollback",
        late(replace(rollback_trial, link=Link.OK)),
        Deadline(),
        Phase.TRIAL,
        Rollback(),
    ),
    Case(
        "the profile works",
        replace(trial, link=Link.OK),
        Ended(Probe(), Probed(None)),
        Phase.OPERATING,
    ),
    Case(
        "the other operator is not back: fallback",
        late(replace(trial, trial=RETURN_TRIAL, link=Link.NOT_REGISTERED)),
        Deadline(),
        Phase.TRIAL,
        Fallback(),
    ),
    Case("the link is there", late(replace(trial, link=Link.OK)), Deadline(), Phase.OPERATING),
    Case(
        "the profile does not work: fallback",
        late(replace(trial, link=Link.NO_TRAFFIC)),
        Deadline(),
        Phase.TRIAL,
        Fallback(),
    ),
    Case(
        "the profile does not work, and there is no other way",
        late(replace(trial, link=Link.REFUSED, card=WITHOUT_FALLBACK)),
        Deadline(),
        Phase.REMEDYING,
    ),
    Case(
        "no link halfway through the trial: the modem is reset",
        replace(trial, link=Link.NOT_REGISTERED, remedy_at=NOW),
        Deadline(),
        Phase.TRIAL,
        ApplyRemedy(Remedy.RESET),
    ),
    Case(
        "there is no link: it may come back by itself",
        operating,
        LinkChanged(Link.NOT_REGISTERED),
        Phase.REMEDYING,
    ),
    Case(
        "the link is back, on the bootstrap profile",
        lost_bootstrap,
        LinkChanged(Link.OK),
        Phase.FALLBACK,
        Probe(),
    ),
    Case("the link is back", remedying, LinkChanged(Link.OK), Phase.OPERATING, Probe()),
    Case(
        "the link stays lost: next remedy",
        late(remedying),
        Deadline(),
        Phase.REMEDYING,
        ApplyRemedy(Remedy.REATTACH),
    ),
    Case(
        "no remedy helped: fallback",
        late(replace(remedying, rung=4)),
        Deadline(),
        Phase.REMEDYING,
        Fallback(),
    ),
    Case(
        "the bootstrap profile has no link either: trying the other one",
        late(replace(lost_bootstrap, rung=4)),
        Deadline(),
        Phase.REMEDYING,
        Return(),
    ),
    Case(
        "no remedy helped: from the start again, with more patience",
        late(replace(remedying, rung=4, card=WITHOUT_FALLBACK)),
        Deadline(),
        Phase.REMEDYING,
    ),
    Case(
        "the switches that it may make in a day are used up: the return waits",
        late(replace(fallen, switches=(NOW,) * (SWITCHES - 1))),
        Deadline(),
        Phase.FALLBACK,
    ),
    Case("time for the trial of a return", late(fallen), Deadline(), Phase.FALLBACK, Return()),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_a_row_is_taken_in_its_situation(case: Case) -> None:
    state, action = decide(case.state, case.event, NOW, WAITS)
    assert (state.why, state.phase, action) == (case.why, case.phase, case.action)


def test_every_row_has_its_situation_here() -> None:
    assert {row.why for row in ROWS} == {case.why for case in CASES}


def test_the_diagram_in_the_documents_is_current(pytestconfig: pytest.Config) -> None:
    assert (pytestconfig.rootpath / "docs" / "decide.md").read_text("utf-8") == diagram.document()


def test_another_eim_s_delivery_is_no_verdict_on_a_trial_with_rollback() -> None:
    state = replace(rollback_trial, link=Link.OK)
    state, _ = decide(state, Ended(Poll("other"), Polled(True, True)), NOW, WAITS)
    assert state.phase is Phase.TRIAL


def test_a_result_that_the_eim_refuses_is_no_verdict_on_a_trial_with_rollback() -> None:
    state = replace(rollback_trial, link=Link.OK)
    state, _ = decide(state, Ended(Poll("eim"), Polled(True, False)), NOW, WAITS)
    assert state.phase is Phase.TRIAL


def test_a_rollback_that_does_not_reach_the_card_is_tried_again_after_resets_and_then_a_fallback() -> None:
    state, missed = late(replace(rollback_trial, link=Link.MODEM_STUCK)), Failed("no answer")
    done: list[Action | None] = []
    event: Event = Deadline()
    reset = ApplyRemedy(Remedy.RESET)
    for _ in range(6):
        state, action = decide(state, event, NOW, WAITS)
        assert action is not None
        done.append(action)
        event = Ended(action, missed if isinstance(action, Rollback) else Done())
    assert done == [Rollback(), reset, Rollback(), reset, Rollback(), Fallback()]


def test_a_fallback_that_does_not_reach_the_card_is_tried_again_after_a_reset() -> None:
    state = replace(remedying, link=Link.MODEM_STUCK, rung=4, busy=Fallback())
    state, action = decide(state, Ended(Fallback(), Refused("catBusy")), NOW, WAITS)
    assert action == ApplyRemedy(Remedy.RESET)
    state, action = decide(state, Ended(action, Done()), NOW, WAITS)
    assert (state.phase, action) == (Phase.REMEDYING, None)
    assert state.until is not None
    assert NOW < state.until <= NOW + 2 * WAITS.reset
    state, action = decide(state, Deadline(), state.until, WAITS)
    assert action == Fallback()


def test_a_bootstrap_profile_without_link_is_not_left_before_it_has_rested() -> None:
    state = late(replace(lost_bootstrap, rung=4, rest_until=NOW + 5))
    state, action = decide(state, Deadline(), NOW, WAITS)
    assert action is None
    assert state.phase is Phase.REMEDYING


def test_each_failed_return_doubles_the_wait_for_the_next_up_to_a_cap() -> None:
    waits = []
    state = fallen
    for _ in range(6):
        state, _ = decide(replace(state, busy=Return()), Ended(Return(), Switched(ON_NORD)), NOW, WAITS)
        state, _ = decide(
            replace(state, busy=Fallback(), link=Link.NOT_REGISTERED),
            Ended(Fallback(), Switched(ON_BOOTSTRAP)),
            NOW,
            WAITS,
        )
        assert state.return_at is not None
        waits.append(state.return_at - NOW)
    expected = [min(WAITS.return_after * 2**n, WAITS.return_max) for n in range(1, 7)]
    assert waits == expected


def test_what_happens_while_an_action_is_in_flight_is_kept_for_its_end() -> None:
    state = replace(operating, busy=Poll("eim"))
    state, action = decide(state, LinkChanged(Link.NOT_REGISTERED), NOW, WAITS)
    assert (state.phase, action) == (Phase.OPERATING, None)
    state, _ = decide(state, Ended(Poll("eim"), Polled(False, False)), NOW, WAITS)
    assert state.phase is Phase.REMEDYING


def test_the_look_that_finds_the_card_ends_before_anything_else_begins() -> None:
    state = replace(no_card, busy=Probe())
    state, action = decide(state, Started(ON_NORD), NOW, WAITS)
    assert (state.busy, action) == (Probe(), None)
    state, action = decide(state, Ended(Probe(), Probed(None)), NOW, WAITS)
    assert (state.phase, action) == (Phase.OPERATING, Probe())


def test_a_switch_that_is_over_once_the_card_is_back_knows_where_it_came_from() -> None:
    lost, _ = decide(remedying, CardChanged(None), NOW, WAITS)
    ended = Ended(Fallback(), Switched(ON_BOOTSTRAP, former=NORD))
    state, _ = decide(lost, Started(ON_BOOTSTRAP, ended), NOW, WAITS)
    assert (state.phase, state.origin) == (Phase.FALLBACK, NORD)


def test_a_fallback_is_told_to_every_eim_and_an_order_to_all_but_its_own() -> None:
    card = replace(ON_NORD, eims=("a", "b"))
    polls = {"a": Plan(due=NOW + 9), "b": Plan(due=NOW + 9)}
    state = replace(remedying, card=card, polls=polls)
    fell, _ = decide(state, Ended(Fallback(), Switched(ON_BOOTSTRAP)), NOW, WAITS)
    assert [plan.tell for plan in fell.polls.values()] == [Cause.FALLBACK, Cause.FALLBACK]
    ordered = replace(PLAIN_TRIAL, eim_id="a")
    outcome = Polled(True, True, card=card, trial=ordered)
    switched, _ = decide(replace(state, link=Link.OK), Ended(Poll("a"), outcome), NOW, WAITS)
    assert [plan.tell for plan in switched.polls.values()] == [None, Cause.OTHER_EIM]


def test_a_trial_goes_on_over_a_restart_with_the_patience_that_is_left() -> None:
    before = replace(rollback_trial, until=NOW + 7)
    state, _ = decide(load(dump(before)), Started(ON_NORD), NOW, WAITS)
    assert (state.phase, state.until) == (Phase.TRIAL, NOW + 7)


def test_a_fallback_cut_in_two_by_a_power_cut_is_a_fallback_after_the_start() -> None:
    ended = Ended(Fallback(), Switched(ON_BOOTSTRAP))
    state, _ = decide(load(dump(remedying)), Started(ON_BOOTSTRAP, ended), NOW, WAITS)
    assert (state.phase, state.origin) == (Phase.FALLBACK, NORD)


def test_a_package_cut_in_two_by_a_power_cut_is_on_trial_after_the_start() -> None:
    before = State(Phase.OPERATING, card=ON_BOOTSTRAP, until=None)
    ended = Ended(Poll("eim"), Polled(False, False, card=ON_NORD, trial=ROLLBACK_TRIAL))
    state, _ = decide(load(dump(before)), Started(ON_NORD, ended), NOW, WAITS)
    assert (state.phase, state.trial) == (Phase.TRIAL, ROLLBACK_TRIAL)


def test_the_card_overrules_what_the_memory_says() -> None:
    state, _ = decide(load(dump(fallen)), Started(ON_NORD), NOW, WAITS)
    assert state.phase is Phase.OPERATING


def test_a_poll_follows_the_link_but_not_more_often_than_the_minimum() -> None:
    polls = {"eim": Plan(due=NOW + 9999, last=NOW - 1)}
    state = replace(remedying, card=replace(ON_NORD, eims=("eim",)), polls=polls)
    state, action = decide(state, LinkChanged(Link.OK), NOW, WAITS)
    assert action == Probe()
    assert state.polls["eim"].due == NOW - 1 + WAITS.poll_min


def test_an_eim_that_asks_for_patience_gets_it_whatever_happens_unless_somebody_asks() -> None:
    polls = {"eim": Plan(due=NOW, last=NOW - 9999)}
    before = replace(operating, card=replace(ON_NORD, eims=("eim",)), polls=polls)
    outcome = Polled(False, False, retry_after=5000.0, finished=False)
    state, _ = decide(replace(before, busy=Poll("eim")), Ended(Poll("eim"), outcome), NOW, WAITS)
    until = NOW + 5000.0
    back, _ = decide(replace(state, link=Link.NOT_REGISTERED, busy=None), LinkChanged(Link.OK), NOW, WAITS)
    started, _ = decide(load(dump(state)), Started(before.card), NOW, WAITS)
    fell, _ = decide(state, Ended(Fallback(), Switched(replace(ON_BOOTSTRAP, eims=("eim",)))), NOW, WAITS)
    for after in (state, back, started, fell):
        assert after.polls["eim"].due == until
    asked, action = decide(replace(state, probe_at=None, busy=None), Asked(Command.POLL), NOW, WAITS)
    assert action == Poll("eim")
    done, _ = decide(asked, Ended(Poll("eim"), Polled(True, True)), NOW, WAITS)
    assert done.polls["eim"].not_before is None


def test_what_an_eim_refused_is_offered_again_before_the_next_ordinary_poll() -> None:
    state = replace(operating, busy=Poll("eim"), polls={"eim": Plan(due=NOW)})
    state, _ = decide(state, Ended(Poll("eim"), Polled(True, True, again=700.0)), NOW, WAITS)
    assert state.polls["eim"].due == NOW + 700.0


def test_a_package_by_hand_that_switches_is_on_trial_like_any_other() -> None:
    card = replace(ON_NORD, eims=("eim", "other"))
    injected = Injected(b"", card, ROLLBACK_TRIAL)
    state = replace(operating, card=ON_BOOTSTRAP, busy=INJECT)
    state, _ = decide(state, Ended(INJECT, injected), NOW, WAITS)
    assert (state.phase, state.trial) == (Phase.TRIAL, ROLLBACK_TRIAL)
    assert [plan.tell for plan in state.polls.values()] == [None, Cause.OTHER_EIM]


def test_a_package_by_hand_waits_for_the_verdict_of_a_trial_and_for_a_card() -> None:
    for state in (rollback_trial, no_card):
        after, action = decide(state, Asked(INJECT), NOW, WAITS)
        assert (after.phase, action) == (state.phase, None)


def test_an_eim_that_a_package_by_hand_adds_is_polled_and_a_deleted_one_no_more() -> None:
    polls = {"a": Plan(due=NOW + 9999), "b": Plan(due=NOW + 9999)}
    state = replace(operating, card=replace(ON_NORD, eims=("a", "b")), polls=polls, busy=INJECT)
    injected = Injected(b"", replace(ON_NORD, eims=("b", "c")))
    state, _ = decide(state, Ended(INJECT, injected), NOW, WAITS)
    assert list(state.polls) == ["b", "c"]
    assert state.polls["c"].due <= NOW + WAITS.poll_start


def test_an_eim_that_asks_for_patience_gets_it_even_in_a_trial() -> None:
    polls = {"eim": Plan(due=NOW)}
    state = replace(rollback_trial, until=NOW + WAITS.trial, link=Link.OK, polls=polls)
    outcome = Polled(False, False, retry_after=5000.0)
    state, _ = decide(state, Ended(Poll("eim"), outcome), NOW, WAITS)
    assert state.polls["eim"].due == NOW + 5000.0


def test_a_poll_that_broke_off_is_tried_again_soon_although_nothing_was_owed() -> None:
    state = replace(operating, busy=Poll("eim"), polls={"eim": Plan(due=NOW)})
    state, _ = decide(state, Ended(Poll("eim"), Polled(True, True, finished=False)), NOW, WAITS)
    assert state.polls["eim"].due <= NOW + WAITS.poll_retry


def test_a_remedy_that_only_registers_the_modem_again_is_followed_by_a_probe_and_by_the_next_remedy() -> None:
    state = replace(remedying, link=Link.NOT_REGISTERED, rung=1, until=NOW + 5, rounds=2)
    state, action = decide(state, LinkChanged(Link.NO_TRAFFIC), NOW, WAITS)
    assert action == Probe()
    state, action = decide(state, Ended(Probe(), Probed(False)), NOW, WAITS)
    assert (state.phase, action) == (Phase.REMEDYING, None)
    state, action = decide(state, Deadline(), NOW + 5, WAITS)
    assert action == ApplyRemedy(Remedy.BEARER)


def test_nothing_is_waited_for_while_all_is_well_but_the_next_poll_and_look() -> None:
    state = replace(operating, polls={"eim": Plan(due=NOW + 50)}, probe_at=NOW + 60)
    assert wake(state) == NOW + 50
    assert wake(replace(state, link=Link.NOT_REGISTERED)) == NOW + 60


@pytest.mark.parametrize(
    ("radio", "reachable", "link"),
    [
        (None, None, Link.MODEM_STUCK),
        (RadioStatus(Sim.NOT_READY, Registration.HOME, address="10.0.0.1"), True, Link.NO_SIM),
        (RadioStatus(Sim.READY, Registration.DENIED), None, Link.REFUSED),
        (RadioStatus(Sim.READY, Registration.SEARCHING), None, Link.NOT_REGISTERED),
        (RadioStatus(Sim.READY, Registration.UNKNOWN, address="10.0.0.1"), None, Link.NOT_REGISTERED),
        (RadioStatus(Sim.READY, Registration.HOME), None, Link.NO_BEARER),
        (RadioStatus(Sim.READY, Registration.ROAMING, address="10.0.0.1"), False, Link.NO_TRAFFIC),
        (RadioStatus(Sim.READY, Registration.ROAMING, address="10.0.0.1"), None, Link.OK),
    ],
)
def test_the_diagnosis_follows_the_facts(
    radio: RadioStatus | None, reachable: bool | None, link: Link
) -> None:
    assert diagnose(Facts(radio=radio, reachable=reachable)) is link


@pytest.mark.parametrize("state", [operating, fallen, rollback_trial, no_card])
def test_the_memory_gives_back_what_it_was_given(state: State) -> None:
    assert load(dump(state)) == replace(state, link=None)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 0}', '{"version": 1, "phase": "X"}'])
def test_a_memory_that_cannot_be_read_is_an_error_of_its_own_kind(text: str) -> None:
    with pytest.raises(DecodeError):
        load(text)

"""The ladder's patience, its hysteresis, the budget, and how a fleet is spread."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from ipad.connectivity.decide import decide, wake
from ipad.connectivity.link import Link
from ipad.connectivity.memory import dump, load
from ipad.connectivity.rows import LADDER, REMEDIES, SWITCHES
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
    Ended,
    Fallback,
    LinkChanged,
    Phase,
    Plan,
    Poll,
    Polled,
    Probe,
    Probed,
    Return,
    Started,
    State,
    Switched,
    Trial,
    TrialKind,
    Unknown,
    draw,
)
from ipad.waits import Waits
from modem.radio import Remedy

BOOTSTRAP, NORD, EIM = "8999990000000000001", "8900101000000000001", "eim"
NOW, DAY = 100_000.0, 86400.0
WAITS = Waits()
ON_NORD = CardView(NORD, BOOTSTRAP, True, (EIM,))
ON_BOOTSTRAP = CardView(BOOTSTRAP, BOOTSTRAP, True, (EIM,))
operating = State(
    Phase.OPERATING, card=ON_NORD, link=Link.OK, until=None, polls={EIM: Plan(due=NOW + DAY, last=NOW - DAY)}
)
fallen = replace(
    operating, phase=Phase.FALLBACK, card=ON_BOOTSTRAP, origin=NORD, until=NOW + DAY, return_at=NOW + DAY
)


def lost(link: Link, state: State = operating) -> tuple[list[tuple[float, Action]], State, float]:
    """The link is lost for good: what is done against it and when, up to the first switch or new round."""
    state, _ = decide(state, LinkChanged(link), NOW, WAITS)
    now = NOW
    done: list[tuple[float, Action]] = []
    for _ in range(200):
        due = wake(state)
        assert due is not None
        now = max(now, due)
        rounds = state.rounds
        state, action = decide(state, Deadline(), now, WAITS)
        if state.rounds > rounds:
            return done, state, now
        if action is None:
            continue
        if isinstance(action, Probe):
            state, _ = decide(state, Ended(action, Probed(None)), now, WAITS)
            continue
        done.append((now - NOW, action))
        if not isinstance(action, ApplyRemedy):
            return done, state, now
        state, _ = decide(state, Ended(action, Done()), now, WAITS)
    raise AssertionError(f"neither a switch nor a new round: {state}")


def test_each_remedy_has_its_time_before_the_next_and_the_fallback_comes_last() -> None:
    done, _, _ = lost(Link.NO_TRAFFIC)
    assert done == [
        (120.0, ApplyRemedy(Remedy.REATTACH)),
        (180.0, ApplyRemedy(Remedy.BEARER)),
        (240.0, ApplyRemedy(Remedy.RADIO_CYCLE)),
        (360.0, ApplyRemedy(Remedy.RESET)),
        (540.0, Fallback()),
    ]


@pytest.mark.parametrize("link", [link for link in Link if link is not Link.OK])
def test_only_what_may_help_is_tried_in_order_of_cost(link: Link) -> None:
    done, _, _ = lost(link)
    tried = [action.remedy for _, action in done if isinstance(action, ApplyRemedy)]
    assert tried == list(REMEDIES[link])
    assert tried == [remedy for remedy in LADDER if remedy in tried]


def test_a_network_that_says_no_is_given_less_time() -> None:
    done, _, _ = lost(Link.REFUSED)
    assert done[0] == (WAITS.grace_refused, ApplyRemedy(Remedy.RADIO_CYCLE))


def test_jitter_takes_a_fifth_at_most_and_adds_nothing() -> None:
    times = set()
    for number in range(50):
        done, _, _ = lost(Link.NO_TRAFFIC, replace(operating, seed=f"89{number:030d}"))
        at, action = done[-1]
        assert action == Fallback()
        assert 0.8 * 540 <= at <= 540
        times.add(at)
    assert len(times) == 50


def test_neighbours_in_a_fleet_have_nothing_in_common() -> None:
    """EIDs are consecutive; each tenth of the spread gets about a tenth of the fleet."""
    drawn = [draw(f"89{number:030d}", 1) for number in range(1000)]
    tenths = [sum(int(10 * each) == tenth for each in drawn) for tenth in range(10)]
    assert all(60 < count < 140 for count in tenths)
    assert sum(abs(a - b) < 0.1 for a, b in pairwise(drawn)) < 300


def test_without_another_profile_the_patience_doubles_up_to_its_cap() -> None:
    alone = replace(operating, card=CardView(NORD, None, True, ()), polls={})
    state, now, began = alone, NOW, [NOW]
    state, _ = decide(state, LinkChanged(Link.MODEM_STUCK), now, WAITS)
    while len(began) < 9:
        rounds = state.rounds
        due = wake(state)
        assert due is not None
        now = max(now, due)
        state, action = decide(state, Deadline(), now, WAITS)
        if state.rounds > rounds:
            began.append(now)
        if action is not None:
            state, _ = decide(state, Ended(action, Done()), now, WAITS)
    lengths = [later - at for at, later in pairwise(began)]
    grown = [2**n * (WAITS.grace + WAITS.reset) for n in range(8)]
    capped = 2 * WAITS.remedy_max
    assert lengths[:4] == grown[:4]
    assert lengths[-1] == capped


# A link that comes and goes


def comes_and_goes(up: float, down: float, times: int) -> list[Action]:
    """What is done about it."""
    state, now, done = operating, NOW, []
    for _ in range(times):
        for link, seconds in ((Link.NOT_REGISTERED, down), (Link.OK, up)):
            state, action = decide(state, LinkChanged(link), now, WAITS)
            end = now + seconds
            for _ in range(1000):
                if action is not None:
                    done.append(action)
                    outcome = Polled(True, True) if isinstance(action, Poll) else Done()
                    if isinstance(action, Fallback):
                        return done
                    state, action = decide(state, Ended(action, outcome), now, WAITS)
                    continue
                due = wake(state)
                if due is None or due > end:
                    break
                now = max(now, due)
                state, action = decide(state, Deadline(), now, WAITS)
            now = end
    return done


def test_a_link_that_is_never_there_for_long_is_lost() -> None:
    done = comes_and_goes(up=WAITS.settle / 2, down=WAITS.grace / 2, times=20)
    assert [action for action in done if isinstance(action, ApplyRemedy | Fallback)] == [
        ApplyRemedy(Remedy.REATTACH),
        ApplyRemedy(Remedy.RADIO_CYCLE),
        ApplyRemedy(Remedy.RESET),
        Fallback(),
    ]


def test_a_link_that_settles_in_between_is_a_new_loss_each_time() -> None:
    done = comes_and_goes(up=2 * WAITS.settle, down=WAITS.grace / 2, times=20)
    assert not any(isinstance(action, ApplyRemedy | Fallback) for action in done)


@pytest.mark.parametrize(
    ("held", "returns"), [(WAITS.steady - 1, 1), (WAITS.steady, 0)], ids=["lost again soon", "held"]
)
def test_a_return_that_does_not_hold_is_one_that_failed(held: float, returns: int) -> None:
    back = replace(operating, phase=Phase.TRIAL, trial=Trial(TrialKind.RETURN, NORD))
    state, _ = decide(replace(back, busy=Probe()), Ended(Probe(), Probed(True)), NOW, WAITS)
    assert (state.phase, state.returned_at) == (Phase.OPERATING, NOW)
    state, _ = decide(
        replace(state, busy=Fallback()), Ended(Fallback(), Switched(ON_BOOTSTRAP)), NOW + held, WAITS
    )
    assert state.returns == returns
    assert state.return_at == NOW + held + WAITS.return_after * 2**returns


def test_a_return_that_fell_due_without_a_link_is_tried_once_the_bootstrap_profile_has_one() -> None:
    away = replace(fallen, phase=Phase.REMEDYING, link=Link.NOT_REGISTERED, until=NOW + 9, return_at=NOW - 9)
    _, action = decide(away, LinkChanged(Link.OK), NOW, WAITS)
    assert action == Return()


def test_a_return_waits_for_a_look_at_the_link() -> None:
    state, action = decide(replace(fallen, until=NOW), Started(ON_BOOTSTRAP), NOW, WAITS)
    assert action == Probe()
    state, _ = decide(state, LinkChanged(Link.OK), NOW, WAITS)
    _, action = decide(state, Ended(Probe(), Probed(True)), NOW, WAITS)
    assert action == Return()


# The budget


def test_a_person_may_switch_without_end_and_the_memory_stays_small() -> None:
    state = replace(fallen, switches=(NOW,) * SWITCHES)
    state, action = decide(state, Asked(Command.RETURN), NOW, WAITS)
    assert action == Return()
    state, _ = decide(state, Ended(Return(), Switched(ON_NORD)), NOW, WAITS)
    assert len(state.switches) == SWITCHES


def test_the_budget_comes_back_with_time() -> None:
    spent = replace(fallen, until=NOW, return_at=NOW, switches=(NOW - WAITS.budget,) * SWITCHES)
    _, action = decide(spent, Deadline(), NOW, WAITS)
    assert action == Return()


def test_the_way_back_from_an_order_costs_nothing() -> None:
    ordered = replace(operating, phase=Phase.TRIAL, trial=Trial(TrialKind.ORDERED, NORD), busy=Fallback())
    state, _ = decide(ordered, Ended(Fallback(), Switched(ON_BOOTSTRAP)), NOW, WAITS)
    assert state.switches == ()


def test_the_budget_outlives_a_restart() -> None:
    assert load(dump(replace(fallen, switches=(1.0, 2.0)))).switches == (1.0, 2.0)


# Switches that nobody ordered


def test_a_fallback_that_nobody_knows_of_is_one_once_the_card_says_so() -> None:
    state = replace(operating, phase=Phase.REMEDYING, link=Link.NOT_REGISTERED, busy=Fallback(), until=NOW)
    state, _ = decide(state, CardChanged(ON_BOOTSTRAP), NOW, WAITS)
    state, _ = decide(state, Ended(Fallback(), Unknown()), NOW, WAITS)
    state, _ = decide(replace(state, busy=None), LinkChanged(Link.OK), NOW + 1, WAITS)
    assert (state.phase, state.origin) == (Phase.FALLBACK, NORD)


def test_a_switch_by_somebody_else_is_told_even_if_the_card_was_away_meanwhile() -> None:
    state, _ = decide(operating, CardChanged(None), NOW, WAITS)
    state, _ = decide(state, Started(ON_BOOTSTRAP), NOW, WAITS)
    assert state.polls[EIM].tell is Cause.LOCAL


# Polls


def test_what_fell_due_without_a_link_is_spread_once_it_is_back() -> None:
    dues = []
    for number in range(200):
        state = replace(
            operating,
            phase=Phase.REMEDYING,
            link=Link.NOT_REGISTERED,
            until=NOW + 9,
            seed=f"89{number:030d}",
            polls={EIM: Plan(due=NOW - 5, last=NOW - DAY)},
        )
        state, _ = decide(state, LinkChanged(Link.OK), NOW, WAITS)
        dues.append(state.polls[EIM].due - NOW)
    assert 0 <= min(dues) < 0.1 * WAITS.poll_spread
    assert 0.9 * WAITS.poll_spread < max(dues) < WAITS.poll_spread
    assert abs(sum(dues) / len(dues) - WAITS.poll_spread / 2) < 0.15 * WAITS.poll_spread


def test_a_result_that_a_trial_waits_for_is_not_spread() -> None:
    trial = Trial(TrialKind.ORDERED, NORD, rollback=True, eim_id=EIM)
    ended = Ended(Poll(EIM), Polled(True, False, card=ON_NORD, trial=trial))
    before = replace(operating, card=ON_BOOTSTRAP, busy=Poll(EIM), seed="89")
    state, _ = decide(before, ended, NOW, WAITS)
    assert state.polls[EIM].due == NOW
    state, _ = decide(replace(state, busy=None), LinkChanged(Link.OK), NOW + 40, WAITS)
    assert state.polls[EIM].due <= NOW + 40


def test_a_start_and_a_fallback_keep_the_minimum_between_two_polls() -> None:
    polled = replace(operating, polls={EIM: Plan(due=NOW + DAY, last=NOW - 1)})
    for event in (Started(ON_NORD), Ended(Fallback(), Switched(ON_BOOTSTRAP))):
        state, _ = decide(polled, event, NOW, WAITS)
        assert state.polls[EIM].due == NOW - 1 + WAITS.poll_min


def test_a_fleet_that_is_asked_for_patience_until_the_same_second_does_not_come_back_in_it() -> None:
    ended = Ended(Poll(EIM), Polled(False, False, retry_after=600.0))
    dues = set()
    for number in range(20):
        state, _ = decide(replace(operating, seed=f"89{number:030d}", busy=Poll(EIM)), ended, NOW, WAITS)
        dues.add(state.polls[EIM].due)
    assert len(dues) == 20
    assert min(dues) >= NOW + 600.0


# Memory


def test_a_journal_of_before_is_read_with_the_defaults_for_what_it_does_not_know() -> None:
    fields: dict[str, Any] = json.loads(dump(fallen))
    for name in ("remedy_at", "back_at", "returned_at", "switches", "emergency_until", "looks", "known"):
        del fields[name]
    del fields["card"]["emergency"]
    state = load(json.dumps(fields))
    assert state == replace(fallen, link=None)


def test_a_journal_of_a_later_version_is_read_without_what_it_knows_more() -> None:
    fields = json.loads(dump(fallen)) | {"mood": "fine"}
    assert load(json.dumps(fields)) == replace(fallen, link=None)

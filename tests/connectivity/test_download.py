"""When a download is gone on with, and what comes of its end."""

from dataclasses import replace
from typing import Any

import pytest

from ipad.connectivity.decide import decide, wake
from ipad.connectivity.link import Link
from ipad.connectivity.memory import dump, load
from ipad.connectivity.state import (
    Action,
    Asked,
    CardView,
    Cause,
    Deadline,
    Download,
    Downloaded,
    Ended,
    Failed,
    Inject,
    Injected,
    Outcome,
    Phase,
    Plan,
    Poll,
    Polled,
    Probe,
    State,
    Trial,
    TrialKind,
    Unknown,
)
from ipad.waits import Waits

NOW = 1000.0
WAITS = Waits()
CARD = CardView("old", "old", True, ("eim", "other"))
POLLS = {"eim": Plan(due=NOW + 9999), "other": Plan(due=NOW + 9999)}
operating = State(Phase.OPERATING, card=CARD, link=Link.OK, until=None, polls=POLLS)
ordered = replace(operating, download=Plan(due=NOW))
DONE = Downloaded("new", None, CARD, eim_id="eim", again=0.0)


def after(state: State, action: Action, outcome: Outcome, now: float = NOW) -> tuple[State, Action | None]:
    return decide(replace(state, busy=action), Ended(action, outcome), now, WAITS)


def test_what_a_poll_brought_is_downloaded_at_once() -> None:
    state, action = after(operating, Poll("eim"), Polled(True, True, more=True))
    assert action == Download()
    assert state.busy == Download()


def test_what_came_by_hand_is_too() -> None:
    _, action = after(operating, Inject(b""), Injected(b"", CARD, more=True))
    assert action == Download()


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"link": Link.NOT_REGISTERED, "phase": Phase.REMEDYING, "until": NOW + 9},
        {"phase": Phase.TRIAL, "trial": Trial(TrialKind.ORDERED, "old"), "until": NOW + 9},
        {"phase": Phase.NO_CARD, "card": None, "until": NOW + 9},
    ],
    ids=lambda e: e["phase"].value,
)
def test_it_waits_for_a_link_a_card_and_the_verdict_of_a_trial(elsewhere: dict[str, Any]) -> None:
    state, action = decide(replace(ordered, **elsewhere), Deadline(), NOW, WAITS)
    assert action is None
    assert state.download == Plan(due=NOW)


def test_the_gateway_wakes_up_for_it() -> None:
    assert wake(replace(ordered, download=Plan(due=NOW + 7))) == NOW + 7
    assert wake(replace(ordered, link=Link.NO_BEARER, phase=Phase.REMEDYING, until=NOW + 9)) == NOW + 9


def test_whoever_ordered_it_is_polled_when_it_is_over() -> None:
    state, action = after(ordered, Download(), replace(DONE, again=None))
    assert action == Poll("eim")
    assert state.download is None
    assert state.polls["other"].due == NOW + 9999


def test_what_is_left_comes_first() -> None:
    state, action = after(ordered, Download(), DONE)
    assert action == Download()
    state, action = after(state, Download(), Downloaded(None, None, CARD, again=700.0))
    assert (action, state.download) == (Poll("eim"), Plan(due=NOW + 700, last=NOW))


def test_a_failure_of_the_network_is_tried_again_with_growing_waits() -> None:
    state, waits = ordered, []
    for _ in range(12):
        state, action = after(state, Download(), Failed("cut off"))
        assert action == Probe()
        assert state.download is not None
        waits.append(state.download.due - NOW)
    assert 30 <= waits[0] <= 60
    assert all(later > 1.3 * earlier for earlier, later in zip(waits[:7], waits[2:9], strict=True))
    assert max(waits) <= WAITS.download_retry_max


def test_a_server_that_asks_for_patience_gets_it() -> None:
    state, _ = after(ordered, Download(), Failed("503", retry_after=5000.0))
    assert state.download is not None
    assert state.download.due == NOW + 5000


def test_what_somebody_at_the_gateway_wanted_is_not_tried_again() -> None:
    for outcome in (Failed("cut off"), Unknown()):
        state, action = after(operating, Download(b"trigger"), outcome)
        assert (action, state.download) == (None, None)


def test_somebody_at_the_gateway_waits_for_a_trial() -> None:
    trial = replace(operating, phase=Phase.TRIAL, trial=Trial(TrialKind.ORDERED, "old"), until=NOW + 9)
    _, action = decide(trial, Asked(Download(b"trigger")), NOW, WAITS)
    assert action is None


def test_every_eim_is_told_that_the_card_enabled_the_profile_at_once() -> None:
    card = replace(CARD, enabled="new")
    trial = Trial(TrialKind.IMMEDIATE, "new", former="old")
    state, _ = after(ordered, Download(), replace(DONE, card=card, trial=trial))
    assert (state.phase, state.trial) == (Phase.TRIAL, trial)
    assert [plan.tell for plan in state.polls.values()] == [Cause.IMMEDIATE_ENABLE] * 2


def test_it_outlives_a_restart() -> None:
    assert load(dump(ordered)).download == Plan(due=NOW)
    assert load(dump(operating)).download is None

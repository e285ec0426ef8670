"""Counterproof: a guard is taken out, and one of the proofs fails."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from unittest import mock

import pytest
from hypothesis import Phase as Searching
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from ipad.connectivity import decide, polling, rows
from ipad.connectivity.link import Link
from ipad.connectivity.rows import ROWS, Guard, Row
from ipad.connectivity.state import Asked, Cause, Command, Phase, Plan, Started
from ipad.waits import Waits
from tests.connectivity.exploration import WORLDS, explore
from tests.connectivity.gateway import Gateway
from tests.connectivity.test_decide_properties import DAY, Life
from tests.connectivity.world import NORD, Networks, World

LIMIT = 4000


def without_guards(*guards: Guard) -> tuple[Row, ...]:
    """The rows, with these guards taken out wherever they stand."""
    return tuple(replace(row, guards=tuple(g for g in row.guards if g not in guards)) for row in ROWS)


def without_row(*whys: str) -> tuple[Row, ...]:
    """The rows but these."""
    assert set(whys) <= {row.why for row in ROWS}
    return tuple(row for row in ROWS if row.why not in whys)


def proof_fails(world: str) -> bool:
    """Whether exploring this world finds something."""
    try:
        return bool(explore(WORLDS[world], LIMIT).stuck)
    except AssertionError:
        return True


EXPLORED: dict[str, tuple[str, str]] = {
    "the fallback": ("outages", "no remedy helped: fallback"),
    "the way back to the other profile": (
        "outages",
        "the bootstrap profile has no link either: trying the other one",
    ),
    "the emergency's peace": ("emergencies", "an Emergency Profile is enabled: it is left alone"),
    "the end of a forgotten emergency": (
        "emergencies",
        "the Emergency Profile was forgotten: it is disabled",
    ),
    "looking for the card": ("a card that comes and goes", "looking for the card again"),
}


@pytest.mark.parametrize("world", sorted({world for world, _ in EXPLORED.values()}))
def test_with_all_of_them_the_exploration_finds_nothing(world: str) -> None:
    assert not proof_fails(world)


@pytest.mark.parametrize("what", EXPLORED)
def test_without_its_row_the_exploration_finds_something(what: str) -> None:
    world, why = EXPLORED[what]
    with mock.patch.object(decide, "_ROWS", rows.dispatch(without_row(why))):
        assert proof_fails(world)


def operator_that_comes_and_goes() -> None:
    """For ten days, each time for as long as it takes to believe in it, and to lose that again."""
    eager = replace(Waits(), return_after=600.0, return_max=600.0, steady=1.0, other_after=1.0)
    gateway = Gateway(eager, World(enabled=NORD))
    gateway.feed(Started(gateway.world.view()))
    while gateway.now < 10 * DAY:
        for link, seconds in ((Link.NOT_REGISTERED, 900.0), (Link.OK, 900.0)):
            gateway.world = replace(gateway.world, networks=Networks(nord=link))
            gateway.look()
            gateway.live(gateway.now + seconds)


def both_operators_dark() -> None:
    """For ten days."""
    networks = Networks(bootstrap=Link.NOT_REGISTERED, nord=Link.NOT_REGISTERED)
    eager = replace(Waits(), return_max=1.0, other_after=1.0, remedy_max=60.0, grace=1.0)
    gateway = Gateway(eager, World(networks, enabled=NORD))
    gateway.feed(Started(gateway.world.view()))
    gateway.live(10 * DAY)


def rollback_that_the_card_refuses(nord: Link) -> None:
    """The eIM dies after its order; the card has forgotten the chance to roll back."""
    gateway = Gateway(Waits(), World(order=(NORD, True), eim_dies_after_order=True))
    gateway.feed(Started(gateway.world.view()))
    gateway.feed(Asked(Command.POLL))
    gateway.world = replace(gateway.world, rollback_to=None, networks=Networks(nord=nord))
    gateway.look()
    gateway.live(DAY)


UNLIMITED = without_guards(rows.affords_fallback, rows.affords_return)
STORIES: dict[str, tuple[Callable[[], None], tuple[Row, ...]]] = {
    "the budget": (
        operator_that_comes_and_goes,
        tuple(row for row in UNLIMITED if rows.spent not in row.guards),
    ),
    "the budget, with both operators dark": (
        both_operators_dark,
        UNLIMITED,
    ),
    "the link that makes a refused rollback harmless": (
        partial(rollback_that_the_card_refuses, Link.OK),
        without_row(
            "no rollback, and the link is there: only the eIM is not",
            "the rollback did not happen: it will be tried again",
        ),
    ),
    "the fallback after a refused rollback": (
        partial(rollback_that_the_card_refuses, Link.NOT_REGISTERED),
        without_row("no rollback: fallback instead", "no rollback, and no fallback profile"),
    ),
}


@pytest.mark.parametrize("what", STORIES)
def test_the_story_ends_well_with_it_and_not_without(what: str) -> None:
    story, changed = STORIES[what]
    story()
    with mock.patch.object(decide, "_ROWS", rows.dispatch(changed)), pytest.raises(AssertionError):
        story()


def impatiently(old: Plan, due: float) -> Plan:
    return Plan(due, old.last, old.failures, old.tell, old.not_before)


def no_minimum(old: Plan, due: float, _waits: Waits, *, failures: int, tell: Cause | None) -> Plan:
    return polling.patiently(Plan(due, old.last, failures, tell, old.not_before), due)


@pytest.mark.parametrize(
    ("name", "replacement"),
    [("patiently", impatiently), ("planned", no_minimum), ("SILENT", (Phase.NO_CARD,))],
    ids=["Retry-After", "the minimum interval", "no polls in an emergency"],
)
def test_without_it_the_properties_fail(name: str, replacement: object) -> None:
    searching = settings(
        max_examples=500, deadline=None, derandomize=True, database=None, phases=[Searching.generate]
    )
    with mock.patch.object(polling, name, replacement), pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(Life, settings=searching)

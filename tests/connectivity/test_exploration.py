"""A bounded part of the exhaustive exploration; `make prove` has all of it."""

import pytest

from tests.connectivity.exploration import WORLDS, explore

LIMIT = 1500


@pytest.mark.parametrize("world", WORLDS)
def test_no_state_is_without_a_way_out(world: str) -> None:
    explored = explore(WORLDS[world], LIMIT)
    assert explored.stuck == []
    assert explored.states == LIMIT

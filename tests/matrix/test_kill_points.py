"""A few of the points at which the agent's process may be killed; `make prove` has all of them."""

import os

from tests.matrix import kill_points


def test_wherever_the_process_is_killed_the_order_ends_as_it_has_to() -> None:
    found = list(kill_points.sweep(120, 2 * len(os.sched_getaffinity(0))))
    assert not [f"{kill}: {verdict}" for kill, verdict in found if not kill.holds(verdict)]
    assert sum(verdict.struck for _, verdict in found) >= 12

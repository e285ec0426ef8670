"""A few of the points at which the agent's process may be killed; `make prove` has all of them."""

from tests.killed.sweep import sweep


def test_wherever_the_process_is_killed_the_day_comes_out_as_it_has_to() -> None:
    found = sweep(400, lambda _kill, _verdict: None)
    assert not [f"{kill}: {verdict}" for kill, verdict in found if verdict.outcome != "done"]
    assert sum(verdict.struck for _, verdict in found) >= 10

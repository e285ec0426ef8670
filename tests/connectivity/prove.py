"""`make prove`: the long proofs of deciding, and what they counted.

1. properties: hypothesis lives gateways through whatever can happen, in any order.
2. exploration: every state of each small world, and the way out of each.
3. fleet: each scenario.
4. kill points: a whole day in virtual time, cut in two at each point where that makes a difference; and the
   demo's day, the agent's process killed at every AT command, request and write of the journal.
"""

import argparse
import subprocess
import sys
import time

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from ipad.testbed.fleet import fleet, report
from ipad.testbed.fleet.scenario import SCENARIOS
from tests.connectivity.exploration import WORLDS, explore
from tests.connectivity.test_decide_properties import Life


def prove_properties(lives: int) -> bool:
    begin, steps = time.monotonic(), 0

    class Counted(Life):
        def teardown(self) -> None:
            nonlocal steps
            steps += self.gateway.steps

    run_state_machine_as_test(
        Counted,
        settings=settings(
            max_examples=lives,
            stateful_step_count=50,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"properties: {lives:,} lives, {steps:,} decisions, {time.monotonic() - begin:.0f} s", flush=True)
    return True


def prove_exploration(limit: int) -> bool:
    holds = True
    for name, happens in WORLDS.items():
        begin = time.monotonic()
        explored = explore(happens, limit)
        print(
            f"exploration, {name}: {explored.states:,} states ({'all' if explored.complete else 'NOT all'}), "
            f"{explored.transitions:,} transitions, {len(explored.stuck)} without a way out, "
            f"{time.monotonic() - begin:.0f} s",
            flush=True,
        )
        holds &= explored.complete and not explored.stuck
    return holds


def prove_fleet(gateways: int) -> bool:
    holds = True
    for name, scenario in SCENARIOS.items():
        figures = fleet.run(scenario, gateways, lambda _done: None).figures()
        print(f"fleet, {name}: {', '.join(f'{key} {report.said(each)}' for key, each in figures.items())}")
        sys.stdout.flush()
        ratio, switches = figures["eim_peak_ratio"], figures["switches"]
        assert isinstance(ratio, float)
        holds &= figures["stranded"] == 0 and ratio <= 2 and (name != "eim-outage" or switches == 0)
    return holds


def prove_kill_points() -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "tests/procedures/prove_day.py"]
    return subprocess.run(command, check=False).returncode == 0


def prove_kills(*options: str) -> bool:
    return subprocess.run([sys.executable, "-m", "tests.killed.sweep", *options], check=False).returncode == 0


def main() -> int:
    """Exit status 0 if all of it holds."""
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__)
    parser.add_argument("--lives", type=int, default=5000, help="of the properties (%(default)s)")
    parser.add_argument("--limit", type=int, default=2_000_000, help="states of a world (%(default)s)")
    parser.add_argument("--gateways", type=int, default=100_000, help="of a fleet (%(default)s)")
    args = parser.parse_args()
    proofs = (
        prove_properties(args.lives),
        prove_exploration(args.limit),
        prove_fleet(args.gateways),
        prove_kill_points(),
        prove_kills(),
        prove_kills("--power", "--every", "10"),
    )
    print("proven" if all(proofs) else "NOT PROVEN")
    return 0 if all(proofs) else 1


if __name__ == "__main__":
    sys.exit(main())

"""All gateways of a fleet, in as many processes as there are processors, and what came of it in numbers."""

import multiprocessing
import os
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate

from ipad.connectivity.rows import SWITCHES
from ipad.connectivity.state import Phase
from ipad.testbed.fleet.life import Life, edges, fleet_waits, live
from ipad.testbed.fleet.scenario import Scenario

BIN = 30.0
"""Seconds in which the eIM's load is counted."""
POINTS = 240
"""Of a curve over the whole time."""
_CHUNK = 250
NO_POWER = "no power"
Progress = Callable[[int], None]
"""Called with the number of gateways that are done."""
STATES = (*(phase.value for phase in Phase), NO_POWER)


@dataclass
class Sums:
    """What came of some gateways, to be added up."""

    lasts: float
    gateways: int = 0
    stranded: int = 0
    switches: int = 0
    most_switches: int = 0
    events: int = 0
    on_bootstrap: float = 0.0
    offline: "array[float]" = field(default_factory=lambda: array("d"))
    polls: "array[int]" = field(default_factory=lambda: array("L"))
    """Reached the eIM, in each BIN."""
    failed_polls: "array[int]" = field(default_factory=lambda: array("L"))
    entered: "dict[str, array[int]]" = field(default_factory=dict)
    """For each state, how many more gateways are in it than at the point before."""

    def __post_init__(self) -> None:
        bins = int(self.lasts / BIN) + 1
        self.polls = array("L", bytes(8 * bins))
        self.failed_polls = array("L", bytes(8 * bins))
        self.entered = {state: array("l", bytes(8 * (POINTS + 1))) for state in STATES}

    def take(self, life: Life) -> None:
        """One more gateway."""
        self.gateways += 1
        self.stranded += life.stranded
        self.switches += life.switches
        self.most_switches = max(self.most_switches, life.most_switches)
        self.events += life.events
        self.on_bootstrap += life.on_bootstrap
        self.offline.append(life.offline)
        for at in life.polls:
            self.polls[int(at / BIN)] += 1
        for at in life.failed_polls:
            self.failed_polls[int(at / BIN)] += 1
        former = None
        for at, phase in life.phases:
            point = min(int(at * POINTS / self.lasts) + (at > 0), POINTS)
            if former is not None:
                self.entered[former][point] -= 1
            former = NO_POWER if phase is None else phase.value
            self.entered[former][point] += 1

    def add(self, other: "Sums") -> None:
        """Those of others."""
        self.gateways += other.gateways
        self.stranded += other.stranded
        self.switches += other.switches
        self.most_switches = max(self.most_switches, other.most_switches)
        self.events += other.events
        self.on_bootstrap += other.on_bootstrap
        self.offline.extend(other.offline)
        for mine, others in (
            (self.polls, other.polls),
            (self.failed_polls, other.failed_polls),
            *((self.entered[state], other.entered[state]) for state in STATES),
        ):
            for n, more in enumerate(others):
                if more:
                    mine[n] += more

    def states(self) -> dict[str, list[int]]:
        """Gateways in each state, at each point."""
        return {state: list(accumulate(changes)) for state, changes in self.entered.items()}


@dataclass(frozen=True)
class Result:
    """What came of a fleet."""

    scenario: Scenario
    sums: Sums
    spread: float
    """Seconds over which the waits spread the polls after an outage."""
    wall: float
    """Seconds that it took to simulate."""

    def figures(self) -> dict[str, object]:
        """What --json prints."""
        sums = self.sums
        offline = sorted(sums.offline)
        return {
            "scenario": self.scenario.name,
            "gateways": sums.gateways,
            "stranded": sums.stranded,
            "switches": sums.switches,
            "switches_most": sums.most_switches,
            "switches_budget": SWITCHES,
            "offline_s": {
                "median": round(_quantile(offline, 0.5), 1),
                "p99": round(_quantile(offline, 0.99), 1),
                "max": round(offline[-1], 1),
            },
            "eim_peak_ratio": round(self.peak_ratio(), 2),
            "bootstrap_hours": round(sums.on_bootstrap / 3600, 1),
            "events": sums.events,
            "wall_s": round(self.wall, 1),
        }

    def busiest(self) -> int:
        """The bin with most polls after the outage."""
        first = int(self.scenario.begin_of_load() / BIN)
        return max(range(first, len(self.sums.polls)), key=self.sums.polls.__getitem__)

    def peak_ratio(self) -> float:
        """A bin's polls over the mean of the busiest spread around it, where that is highest.

        Of the bins after the outage with a hundredth of the fleet, or of the busiest alone: the noise of a
        few polls is no peak.
        """
        polls, width = self.sums.polls, max(1, round(self.spread / BIN))
        first = int(self.scenario.begin_of_load() / BIN)
        some = [n for n in range(first, len(polls)) if polls[n] * 100 >= self.sums.gateways]
        return max(_over_mean(polls, n, width, first) for n in some or [self.busiest()])


def _over_mean(polls: "array[int]", at: int, width: int, first: int) -> float:
    starts = range(max(first, at - width + 1), max(first, min(at, len(polls) - width)) + 1)
    most = max(sum(polls[start : start + width]) for start in starts)
    return polls[at] * width / most if most else 0.0


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _part(task: tuple[Scenario, range]) -> Sums:
    scenario, numbers = task
    waits = fleet_waits()
    usual, cut = edges(scenario, False), edges(scenario, True)
    sums = Sums(scenario.lasts)
    for number in numbers:
        sums.take(live(number, scenario, cut if scenario.in_region(number) else usual, waits))
    return sums


def run(scenario: Scenario, gateways: int, progress: Progress) -> Result:
    """The whole fleet."""
    begin = time.monotonic()
    tasks = [(scenario, range(n, min(n + _CHUNK, gateways))) for n in range(0, gateways, _CHUNK)]
    total = Sums(scenario.lasts)
    with multiprocessing.get_context("fork").Pool(min(os.cpu_count() or 1, len(tasks))) as pool:
        for part in pool.imap_unordered(_part, tasks):
            total.add(part)
            progress(total.gateways)
    return Result(scenario, total, fleet_waits().poll_spread, time.monotonic() - begin)

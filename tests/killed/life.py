"""One life: a story, and where the agent's process is killed in it."""

import io
import time
from dataclasses import dataclass
from pathlib import Path

from ipad.errors import IpadError
from ipad.testbed.timeline import PATIENCE, Failed
from tests.killed.gateway import MortalGateway, Watched
from tests.killed.points import Boundary, Points
from tests.killed.stories import STORIES, Story
from tests.matrix.cell import Cell, Verdict

LONGEST = 5 * PATIENCE
"""Seconds that no life takes."""
_LINES = 60


@dataclass(frozen=True)
class Kill(Cell):
    """Where the process is killed, counted from 1; 0: nowhere. power: modem and card lose theirs with it."""

    story: int = 0
    boundary: Boundary = "AT command"
    at: int = 0
    power: bool = False

    def __str__(self) -> str:
        how = "power cut" if self.power else "killed"
        return f"{super().__str__()}: {STORIES[self.story].name}, {how} at {self.boundary} {self.at}"


def run(kill: Kill, directory: Path, pki_dir: Path) -> Verdict:
    """Lives it in `directory`, which is empty. "done": it came out as it has to."""
    began, told = time.monotonic(), io.StringIO()
    line, story = Watched(told), STORIES[kill.story]
    (directory / "points").mkdir()
    points = Points(directory / "points", directory / "tty", kill.boundary, kill.at, kill.power)
    gateway = MortalGateway(
        directory, line, pki_dir, points, story.all_waits(), model=kill.model, blank=story.blank
    )
    with gateway:
        reason = _lived(story, gateway, line)
    return Verdict(
        "wrong" if reason else "done",
        reason,
        time.monotonic() - began,
        points.counted()["AT command"],
        points.struck(),
        [*told.getvalue().splitlines()[-_LINES:], *gateway.agent_log()[-_LINES:]],
        points.counted(),
    )


def _lived(story: Story, gateway: MortalGateway, line: Watched) -> str:
    """How it did not come out; empty: as it has to."""
    try:
        for chapter in story.chapters:
            chapter(gateway, line)
        wanted = story.end(gateway.eim_id)
        end = time.monotonic() + PATIENCE
        while (found := gateway.came_to()) != wanted:
            if time.monotonic() > end:
                return "; ".join(f"{k} {found[k]}, not {wanted[k]}" for k in wanted if found[k] != wanted[k])
            line.pass_time(0.3)
    except (Failed, IpadError) as problem:
        return str(problem)
    return ""

"""The agent's process killed (SIGKILL) at every line to the modem, every request, every write of its journal.

The agent has no part in it: the mock modem kills it when it hears the line, the eIM when the request is
there or before the answer goes out, sqlite's trace when the statement is about to be carried out. Then it
starts again, and the order has to end as it would have, with one signed result at the eIM.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

from ipad.agent import Agent
from ipad.connectivity import memory
from ipad.testbed.operators import OperatorState, Radio
from tests.euicc_card.world import NORD
from tests.matrix.cell import PATIENCE, Cell, Scene, Verdict, scene_of
from tests.matrix.killed_agent import WRITES
from tests.procedures.eim_house import Desk

Boundary = Literal["AT command", "request", "write"]
BOUNDARIES: tuple[Boundary, ...] = ("AT command", "request", "write")
Story = Literal["done", "rolled back", "fallen back", "lost"]
STORIES: dict[Story, str] = {
    "done": "an enable whose profile works",
    "rolled back": "an enable whose profile has no network, to be rolled back",
    "fallen back": "the same, where the eIM allows no rollback",
    "lost": "a link lost until the last remedy, and then the enable",
}
"""What happens, by how it ends; "lost" ends with the order done."""
_LONG_TRIAL, _SHORT_TRIAL = 30.0, 3.0
_LOOK = 0.02
_RESET = "AT+CFUN=1,1"
_CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Kill(Cell):
    """Where the process is killed, counted from 1; 0: nowhere."""

    story: Story = "done"
    boundary: Boundary = "AT command"
    at: int = 0

    def __str__(self) -> str:
        return f"{super().__str__()}: {STORIES[self.story]}, killed at {self.boundary} {self.at or 'none'}"

    @property
    def trial(self) -> float:
        """Seconds that the new profile has: many where it works, for a killed process needs some to start."""
        return _LONG_TRIAL if self.story in ("done", "lost") else _SHORT_TRIAL

    def holds(self, verdict: Verdict) -> bool:
        """It ended as it has to."""
        return verdict.outcome == ("done" if self.story == "lost" else self.story)


class KilledScene(Scene):
    """A gateway whose agent is a process, and who kills it. Once."""

    def __init__(self, kill: Kill, directory: Path, pki_dir: Path, desk: Desk) -> None:
        self.kill = kill
        self.points: Counter[str] = Counter()
        self.struck = False
        super().__init__(kill, directory, pki_dir, desk)
        # The eIM asks whether to misbehave before it takes a request, and before it answers.
        asked = SimpleNamespace(take=lambda _kinds, _function: self.pass_("request"))
        object.__setattr__(desk.eim, "faults", asked)
        self._light(on=kill.story == "done")

    def order(self) -> int:
        rollback = self.kill.story != "fallen back"
        return self.desk.order({"listProfileInfo": {}}, {"enable": NORD, "rollback": rollback})

    def _light(self, *, on: bool) -> None:
        """Nord's network; and all of them, where the link is to be lost."""
        radio = Radio()
        for plmn in radio.operators if self.kill.story == "lost" else ("00101",):
            radio = radio.switched(plmn, OperatorState.ON if on else OperatorState.DARK)
        self.air.radio = radio

    def begin(self, fatal_write: int) -> None:
        """The agent starts."""
        arguments = (str(self.directory), str(fatal_write), str(self.kill.trial))
        command = [sys.executable, "-m", "tests.matrix.killed_agent", *arguments]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=_CHECKOUT)

    def _count(self, line: str) -> None:
        super()._count(line)
        if self.kill.story == "lost" and line == _RESET:
            self._light(on=True)
        self.pass_("AT command")

    def pass_(self, boundary: Boundary) -> None:
        """One more point; the one at which it is killed?"""
        self.points[boundary] += 1
        if self.kill.boundary == boundary and self.points[boundary] == self.kill.at and not self.struck:
            self.struck = True
            os.kill(self.process.pid, signal.SIGKILL)

    def look(self) -> None:
        """Starts the agent again if it has died, as systemd does; and what it remembers, from outside."""
        if self.process.poll() is not None:
            self.struck |= self.kill.boundary == "write"
            self.begin(0)
        try:
            self.agent = cast(Agent, SimpleNamespace(state=_remembered(self.directory / "journal.db")))
        except (sqlite3.Error, TypeError):
            self.agent = None  # it has not begun yet
        self.points["write"] = _size(self.directory / WRITES)

    def over(self) -> bool:
        """A fallback has to be told to the eIM, too."""
        return super().over() and (self.kill.story != "fallen back" or self._fell_back())

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def run(kill: Kill, directory: Path, pki_dir: Path) -> Verdict:
    """Plays it in `directory`, which is empty."""
    began = time.monotonic()
    with scene_of(kill, directory, pki_dir, KilledScene) as scene, scene.modem:
        scene.begin(kill.at if kill.boundary == "write" else 0)
        over = False
        while not over and time.monotonic() < began + PATIENCE:
            time.sleep(_LOOK)
            scene.look()
            over = scene.over()
        scene.end()
        outcome, reason = scene.judge(over)
        seconds = time.monotonic() - began
        return Verdict(outcome, reason, seconds, scene.lines, scene.struck, scene.told(), dict(scene.points))


def _remembered(path: Path) -> Any:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as db:
        (text,) = db.execute("SELECT value FROM memory WHERE key = 'state'").fetchone()
    return memory.load(text)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0

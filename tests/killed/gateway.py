"""The demo's gateway, with an agent that somebody kills (SIGKILL) at one point of its life.

The surroundings are the demo's, as processes, and the daemon is `ipad run`; only that each process is forked
and not started anew, for there are thousands of lives to live. The agent has no part in its death: the mock
modem kills it when it hears a line, a server when it has a request or an answer, sqlite's trace when a
statement is about to be carried out. Then it is started again, as systemd does, and somebody who was just
asking asks again.
"""

import re
import sqlite3
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TextIO, cast
from unittest.mock import patch

from ipad import cli
from ipad.errors import IpadError
from ipad.testbed import cli as testbed
from ipad.testbed import faults, modem_command
from ipad.testbed.gateway import Gateway
from ipad.testbed.timeline import PATIENCE, Failed, Timeline
from modem.mock.modem import MockModem
from tests.killed.forked import Forked
from tests.killed.points import Points, counting
from tests.matrix.cell import SCALE

_LOOK = 0.1
_STARTED_LOOK = 0.01
_CHANGE = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE)", re.IGNORECASE)
_TASKS = ("step", "owed", "wanted")
"""Tables of the journal: what is being done, and what is still to be done."""
_SPEAKS = ("run", "provision")
"""The commands that talk to the card."""


class Watched(Timeline):
    """Whoever waits looks after the gateway."""

    def __init__(self, out: TextIO) -> None:
        super().__init__({}, out)
        self.look: Callable[[], None] = lambda: None

    def rest(self) -> None:
        time.sleep(_LOOK)
        self.look()


class MortalGateway(Gateway):
    """points: where it dies. blank: as of a Gateway."""

    def __init__(
        self,
        directory: Path,
        line: Watched,
        pki_dir: Path,
        points: Points,
        waits: Mapping[str, float],
        *,
        model: str,
        blank: bool,
    ) -> None:
        self._points = points
        super().__init__(directory, line, SCALE, waits, pki_dir=pki_dir, model=model, blank=blank)
        line.look = self._look_after

    # Processes

    def _fork(self, name: str, main: Callable[[], int]) -> Forked:
        return Forked(main, self._file(name, "out"), self._file(name, "log"))

    def _file(self, name: str, kind: str) -> Path:
        """What a process prints, "out" or "log"."""
        return self.directory / f"{name}.{kind}"

    def _begin(self, name: str, process: Forked) -> None:
        self._processes[name] = cast("subprocess.Popen[str]", process)

    def _start(self, part: str, *arguments: str, name: str = "") -> None:
        name = name or part
        out = self._file(name, "out")
        out.unlink(missing_ok=True)
        process = self._fork(name, partial(_part, self._points, [part, *arguments]))
        self._begin(name, process)
        end = time.monotonic() + PATIENCE
        while not (out.exists() and out.read_text().startswith("ready ")):
            if process.poll() is not None or time.monotonic() > end:
                raise IpadError(f"{name} did not start: {self._file(name, 'log').read_text()}")
            time.sleep(_STARTED_LOOK)

    def _run(self, part: str, *arguments: str) -> str:
        status, printed = self._to_its_end(part, partial(testbed.main, [part, *arguments]))
        if status:
            raise IpadError(f"ipad-testbed {part} ended with {status}")
        return printed

    def _to_its_end(self, name: str, main: Callable[[], int]) -> tuple[int, str]:
        """Exit status, and what was printed."""
        out = self._file(name, "out")
        out.unlink(missing_ok=True)
        return self._fork(name, main).wait(PATIENCE), out.read_text()

    def start_agent(self, **_environment: str) -> None:
        self._begin("agent", self._fork("agent", self._command("run")))

    def _command(self, *arguments: str) -> Callable[[], int]:
        words = [*arguments, "--config", str(self.config)]
        return partial(_mortal, self._points, words) if words[0] in _SPEAKS else partial(cli.main, words)

    def _look_after(self) -> None:
        """systemd: a daemon that has died is started again. After a power cut, the modem is, too."""
        modem = self._processes.get("modem")
        if modem is not None and modem.poll() is not None:
            self.plug_in()
        agent = self._processes.get("agent")
        if agent is not None and agent.poll() is not None:
            self._line.say("systemd", f"the daemon has ended ({agent.poll()}), and is started again")
            self.start_agent()

    def ipad(self, *arguments: str, wait: bool = True) -> str | None:
        """Asked again if it was killed meanwhile, or the daemon that it spoke to."""
        self._line.say("operator", f"ipad {arguments[0]}")
        command = self._command(*arguments)
        if not wait:
            self._begin("order", self._fork("order", command))
            return None
        end = time.monotonic() + PATIENCE
        while True:
            struck = self._points.struck()
            status, printed = self._to_its_end(arguments[0], command)
            # A poll may fail where the eIM is down; a card has to get its eIM.
            wanted = (cli.OK,) if arguments[0] == "provision" else (cli.OK, cli.FAILED)
            if status in wanted and struck == self._points.struck():
                return printed
            if time.monotonic() > end:
                raise Failed(f"ipad {arguments[0]}: {status}, {self._file(arguments[0], 'log').read_text()}")
            time.sleep(_LOOK)
            self._look_after()

    def phase(self) -> str:
        try:
            return super().phase()
        except (IpadError, OSError):
            return "nobody answers"

    def _follow(self, what: Callable[..., None], *arguments: object) -> None:
        """Nobody watches: whoever forks has no threads."""

    # The end

    def came_to(self) -> dict[str, Any]:
        """What has come of it, in everybody's records."""
        card, packages = self.card(), self.eim("GET", "/packages")
        installed = {p["iccid"]: len(self.smdp.installed(p["iccid"])) for p in card["profiles"]}
        return {
            "enabled": self.enabled(),
            "profiles": {profile["iccid"] for profile in card["profiles"]},
            "eIMs": [eim["eimId"] for eim in card["eims"]],
            "left on the card": [*card["results"], *card["notifications"]],
            "left in the journal": [table for table in _TASKS if self._rows(table)],
            "packages": [package["state"] for package in packages],
            "results that count": [self.accepted_results(package["id"]) for package in packages],
            "installed": {iccid: count for iccid, count in installed.items() if count},
            "orders": [order["state"] for order in self.smdp.call("GET", "/orders")],
            "events": self.smds.call("GET", "/events"),
            "serving": self.serving(),
            "phase": self.phase(),
        }

    def _rows(self, table: str) -> int:
        journal = self.directory / "state" / "journal.db"
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=5.0)) as db:
            (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(count)


def _part(points: Points, words: list[str]) -> int:
    """A part of the surroundings, which kills."""
    if words[0] == "modem":
        points.live("modem")
    heard = partial(MockModem, on_command=lambda _line: points.pass_("AT command"))
    take = counting(partial(points.pass_, "request"), faults.Faults.take)
    with patch.object(modem_command, "MockModem", heard), patch.object(faults.Faults, "take", take):
        return testbed.main(words)


def _mortal(points: Points, words: list[str]) -> int:
    """Something that talks to the card."""
    points.live("agent")
    connect = sqlite3.connect

    def traced(*arguments: Any, **more: Any) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(*arguments, **more)
        db.set_trace_callback(partial(_written, points, db))
        return db

    with patch.object(sqlite3, "connect", traced):
        return cli.main(words)


def _written(points: Points, db: sqlite3.Connection, statement: str) -> None:
    """Nothing of a transaction is on the disk before it is committed: to be killed earlier is the same."""
    if statement == "COMMIT" or (_CHANGE.match(statement) and not db.in_transaction):
        points.pass_("write")

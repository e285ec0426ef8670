"""Plays many cells at a time, each in a process of its own, so that one that hangs can be ended."""

import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Generic, TypeVar, cast

from ipad.testbed import pki
from tests.matrix.cell import Cell, Verdict, run

HARD_LIMIT = 90.0
"""Seconds that no cell takes."""
_SERVER = multiprocessing.get_context("forkserver")
"""Its children begin with the modules loaded, and with no threads of whoever plays."""
_SERVER.set_forkserver_preload(["tests.killed.life", "ipad.daemon", "ipad.provision"])


C = TypeVar("C", bound=Cell)
Run = Callable[[C, Path, Path], Verdict]
"""Plays a cell, in an empty directory, with the PKI in another one."""


@dataclass
class _Player(Generic[C]):
    cell: C
    process: multiprocessing.process.BaseProcess
    verdict: Connection
    until: float


def play(
    cells: Iterable[C],
    at_once: int,
    tell: Callable[[C, Verdict], None],
    run: Run[C] = run,
    limit: float = HARD_LIMIT,
) -> list[tuple[C, Verdict]]:
    """Plays all, `at_once` at a time; `tell` is told each verdict as it comes. limit: seconds for each."""
    memory = Path("/dev/shm")
    found: list[tuple[C, Verdict]] = []
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as made:
        directory = Path(made)
        pki.make_pki(directory / "pki")
        waiting = list(cells)[::-1]
        players: list[_Player[C]] = []
        while waiting or players:
            while waiting and len(players) < at_once:
                players.append(_start(waiting.pop(), directory, run, limit))
            wait([player.verdict for player in players], timeout=1.0)
            for player in [p for p in players if p.verdict.poll() or time.monotonic() > p.until]:
                players.remove(player)
                verdict = _end(player)
                found.append((player.cell, verdict))
                tell(player.cell, verdict)
    return found


def _start(cell: C, directory: Path, run: Run[C], limit: float) -> _Player[C]:
    ours, theirs = _SERVER.Pipe(duplex=False)
    process = _SERVER.Process(target=_play, args=(run, cell, directory, theirs))
    process.start()
    theirs.close()
    return _Player(cell, process, ours, time.monotonic() + limit)


def _play(run: Run[C], cell: C, directory: Path, verdict: Connection) -> None:
    os.setpgid(0, 0)  # to be ended with all that it has started
    with tempfile.TemporaryDirectory(dir=directory) as own:
        verdict.send(run(cell, Path(own), directory / "pki"))
    verdict.close()
    os._exit(0)  # a thread that hangs would keep the process


def _end(player: _Player[C]) -> Verdict:
    try:
        if player.verdict.poll():
            verdict: Verdict = player.verdict.recv()
        else:
            verdict = Verdict("wrong", "hangs")
    except EOFError:
        verdict = Verdict("wrong", "the player died")
    player.verdict.close()
    with suppress(ProcessLookupError):
        os.killpg(cast(int, player.process.pid), signal.SIGKILL)
    player.process.kill()
    player.process.join()
    return verdict

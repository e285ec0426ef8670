"""Plays many cells at a time, each in a process of its own, so that one that hangs can be ended."""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Generic, TypeVar

from ipad.testbed import pki
from tests.matrix.cell import Cell, Verdict, run

HARD_LIMIT = 90.0
"""Seconds that no cell takes."""
_SERVER = multiprocessing.get_context("forkserver")
"""Its children begin with the modules loaded, and with no threads of whoever plays."""
_SERVER.set_forkserver_preload(["tests.matrix.cell"])


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
    cells: Iterable[C], at_once: int, tell: Callable[[C, Verdict], None], run: Run[C] = run
) -> list[tuple[C, Verdict]]:
    """Plays all, `at_once` at a time; `tell` is told each verdict as it comes."""
    memory = Path("/dev/shm")
    found: list[tuple[C, Verdict]] = []
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as made:
        directory = Path(made)
        pki.make_pki(directory / "pki")
        waiting = list(cells)[::-1]
        players: list[_Player[C]] = []
        while waiting or players:
            while waiting and len(players) < at_once:
                players.append(_start(waiting.pop(), directory, run))
            wait([player.verdict for player in players], timeout=1.0)
            for player in [p for p in players if p.verdict.poll() or time.monotonic() > p.until]:
                players.remove(player)
                verdict = _end(player)
                found.append((player.cell, verdict))
                tell(player.cell, verdict)
    return found


def _start(cell: C, directory: Path, run: Run[C]) -> _Player[C]:
    ours, theirs = _SERVER.Pipe(duplex=False)
    process = _SERVER.Process(target=_play, args=(run, cell, directory, theirs))
    process.start()
    theirs.close()
    return _Player(cell, process, ours, time.monotonic() + HARD_LIMIT)


def _play(run: Run[C], cell: C, directory: Path, verdict: Connection) -> None:
    with tempfile.TemporaryDirectory(dir=directory) as own:
        verdict.send(run(cell, Path(own), directory / "pki"))
    verdict.close()
    os._exit(0)  # a thread that hangs would keep the process


def _end(player: _Player[C]) -> Verdict:
    try:
        if player.verdict.poll():
            verdict: Verdict = player.verdict.recv()
        else:
            verdict = Verdict("wrong", "hangs", HARD_LIMIT)
    except EOFError:
        verdict = Verdict("wrong", "the player died")
    player.verdict.close()
    player.process.kill()
    player.process.join()
    return verdict

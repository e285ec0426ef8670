"""Plays many cells at a time, each in a process of its own, so that one that hangs can be ended."""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from ipad.testbed import pki
from tests.matrix.cell import Cell, Verdict, run

HARD_LIMIT = 90.0
"""Seconds that no cell takes."""
_SERVER = multiprocessing.get_context("forkserver")
"""Its children begin with the modules loaded, and with no threads of whoever plays."""
_SERVER.set_forkserver_preload(["tests.matrix.cell"])


@dataclass
class _Player:
    cell: Cell
    process: multiprocessing.process.BaseProcess
    verdict: Connection
    until: float


def play(
    cells: Iterable[Cell], at_once: int, tell: Callable[[Cell, Verdict], None]
) -> list[tuple[Cell, Verdict]]:
    """Plays all, `at_once` at a time; `tell` is told each verdict as it comes."""
    memory = Path("/dev/shm")
    found: list[tuple[Cell, Verdict]] = []
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as made:
        directory = Path(made)
        pki.make_pki(directory / "pki")
        waiting = list(cells)[::-1]
        players: list[_Player] = []
        while waiting or players:
            while waiting and len(players) < at_once:
                players.append(_start(waiting.pop(), directory))
            wait([player.verdict for player in players], timeout=1.0)
            for player in [p for p in players if p.verdict.poll() or time.monotonic() > p.until]:
                players.remove(player)
                verdict = _end(player)
                found.append((player.cell, verdict))
                tell(player.cell, verdict)
    return found


def _start(cell: Cell, directory: Path) -> _Player:
    ours, theirs = _SERVER.Pipe(duplex=False)
    process = _SERVER.Process(target=_play, args=(cell, directory, theirs))
    process.start()
    theirs.close()
    return _Player(cell, process, ours, time.monotonic() + HARD_LIMIT)


def _play(cell: Cell, directory: Path, verdict: Connection) -> None:
    with tempfile.TemporaryDirectory(dir=directory) as own:
        verdict.send(run(cell, Path(own), directory / "pki"))
    verdict.close()
    os._exit(0)  # a thread that hangs would keep the process


def _end(player: _Player) -> Verdict:
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

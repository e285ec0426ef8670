"""The daemon as a process: when it is ready, what it holds, what it does when there is nothing to do."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ipad import control
from ipad.errors import IpadError
from ipad.testbed.bench.table import Row
from ipad.testbed.bench.world import World

START_GOAL = 0.5
RESIDENT_GOAL = 32.0
IDLE_GOAL = 0.1

_READY_WITHIN = 30.0
_END_WITHIN = 30.0
_ORDER_WITHIN = 60.0
_SETTLES_WITHIN = 30.0
_QUIET = 0.3
"""Seconds without a wake-up after which the daemon has nothing left to do."""
_LOOK = 0.05
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Daemon:
    """A running `ipad run` that has said READY."""

    pid: int
    ready_after: float
    """Seconds from before fork."""
    control: Path
    notify: socket.socket
    """The service manager's side of sd_notify(3). Its queue is short, and a full one blocks the daemon."""

    def poll(self) -> None:
        """`ipad poll`; returns when it is done. IpadError if it failed."""
        answer = control.ask(self.control, {"order": "poll"}, _ORDER_WITHIN)
        if "Poll: done" not in answer["did"]:
            raise IpadError(f"the daemon was to poll, and did {answer['did']}")

    def told(self) -> list[str]:
        """What it has told the service manager since the last call."""
        lines: list[str] = []
        with suppress(TimeoutError):
            while True:
                lines += self.notify.recv(4096).decode().splitlines()
        return lines

    def resident(self) -> tuple[float, float]:
        """RSS and PSS in MB (10^6 octets), as smaps_rollup has them (proc(5))."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text("ascii")
        kilobytes = {line.split()[0]: int(line.split()[1]) for line in rollup.splitlines()[1:]}
        return kilobytes["Rss:"] * 1024 / _MB, kilobytes["Pss:"] * 1024 / _MB

    def processor_time(self) -> float:
        """User and system time so far in seconds (proc(5), fields 14 and 15 of stat)."""
        after_name = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    def wake_ups(self) -> int:
        """Voluntary context switches of all threads so far: each is one sleep that has ended."""
        count = 0
        for thread in Path(f"/proc/{self.pid}/task").iterdir():
            status = (thread / "status").read_text("ascii")
            count += int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
        return count

    def settle(self) -> None:
        """Waits until it sleeps. IpadError if it does not come to rest."""
        end = time.monotonic() + _SETTLES_WITHIN
        seen, since = self.wake_ups(), time.monotonic()
        while time.monotonic() - since < _QUIET:
            time.sleep(_LOOK)
            now = self.wake_ups()
            if now != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() > end:
                raise IpadError("the daemon does not come to rest")


@contextmanager
def daemon(
    world: World, *options: str, watchdog: float | None = None, log: Path | None = None
) -> Iterator[Daemon]:
    """Starts it, and stops it with SIGTERM at the end.

    options: of the Python interpreter. watchdog: the service manager's patience in seconds. log: gets
    standard error. IpadError if it does not say READY, or does not end.
    """
    command = [sys.executable, *options, "-m", "ipad.cli", "run", "--config", str(world.config)]
    address = world.directory / "notify"
    address.unlink(missing_ok=True)
    environment = {**os.environ, "NOTIFY_SOCKET": str(address)}
    if watchdog is not None:
        environment["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(log or os.devnull, "wb") as stderr:
        notify.settimeout(_LOOK)
        notify.bind(str(address))
        began = time.monotonic()
        process = subprocess.Popen(command, stderr=stderr, env=environment)
        try:
            _await_ready(notify, process)
            ready_after = time.monotonic() - began
            yield Daemon(process.pid, ready_after, world.directory / "run" / "control.sock", notify)
        finally:
            process.terminate()
            try:
                process.wait(_END_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise IpadError("the daemon did not end when told to") from None


def _await_ready(notify: socket.socket, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _READY_WITHIN
    while time.monotonic() < end and process.poll() is None:
        try:
            if b"READY=1" in notify.recv(4096).split(b"\n"):
                return
        except TimeoutError:
            continue
    raise IpadError(f"the daemon has not said READY (exit status {process.returncode})")


def _run(*arguments: str) -> float:
    """Seconds that this Python takes for it, as a process of its own."""
    began = time.monotonic()
    subprocess.run([sys.executable, *arguments], check=True, timeout=_READY_WITHIN)
    return time.monotonic() - began


def start(world: World, times: int) -> list[Row]:
    """From fork to READY=1, median; beside it what Python itself and the imports take of that."""
    group = f"Start (median of {times})"
    bare = median(_run("-c", "pass") for _ in range(times))
    imports = median(_run("-c", "import ipad.cli, ipad.daemon") for _ in range(times))
    ready = []
    with daemon(world):
        pass  # the very first start tries how long the modem's commands may be
    for _ in range(times):
        world.tally()
        with daemon(world) as running:
            asked = world.tally()
            ready.append(running.ready_after)
    return [
        Row(group, "ipad run: fork to READY", median(ready), "s", START_GOAL),
        Row(group, "of it: Python's own bare start", bare, "s"),
        Row(group, "of it: Python and all imports", imports, "s"),
        Row(group, "of it: AT+CSIM exchanges", asked.exchanges, ""),
    ]


def idle(world: World, seconds: float) -> list[Row]:
    """What the daemon holds and does after its first poll over TLS, with a watchdog of `seconds`.

    Sleeping half of the watchdog's patience at a time, it may wake up twice in that stretch.
    """
    group = f"Idle, after a first poll over TLS ({seconds:g} s, watchdog of {seconds:g} s)"
    with daemon(world, watchdog=seconds) as running:
        running.poll()
        running.settle()
        running.told()
        rss, pss = running.resident()
        world.tally()
        began, spent, woken = time.monotonic(), running.processor_time(), running.wake_ups()
        time.sleep(seconds)
        spent, woken = running.processor_time() - spent, running.wake_ups() - woken
        asked = world.tally()
        share = 100 * spent / (time.monotonic() - began)
    return [
        Row(group, "resident memory (RSS)", rss, "MB", RESIDENT_GOAL),
        Row(group, "its share of what is resident (PSS)", pss, "MB"),
        Row(group, "processor time, of one core", share, "%", IDLE_GOAL),
        Row(group, "wake-ups: one in half a watchdog's time", woken, "", 2),
        Row(group, "AT commands", asked.exchanges + asked.others, "", 0),
    ]

"""`ipad-hooks`: runs the programs in /etc/ipad/hooks.d for each event that the agent has left. As root.

What is in an event comes from a less trusted user: only known names and plain values reach a program, no link
is followed, and only a program that root owns and nobody else may write is run.
"""

import argparse
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

EVENTS = Path("/run/ipad/events")
PROGRAMS = Path("/etc/ipad/hooks.d")
SECONDS = 60.0
"""What each program is given."""

_FILE_LIMIT = 4096
_MOST_EVENTS = 1000
_VALUES = {
    "event": re.compile(r"switch|up|down"),
    "iccid": re.compile(r"[0-9A-F]{18,20}"),
    "former_iccid": re.compile(r"[0-9A-F]{18,20}"),
    "interface": re.compile(r"[A-Za-z0-9._-]{1,15}"),
    "address": re.compile(r"[0-9A-Fa-f.:]{2,64}"),
    "plmn": re.compile(r"[0-9]{5,6}"),
    "tech": re.compile(r"[A-Z-]{2,10}"),
}
"""The names that an event may have, and what their values look like."""


def run(events: Path = EVENTS, programs: Path = PROGRAMS, seconds: float = SECONDS) -> int:
    """Runs all programs for all events, oldest first; how many programs failed."""
    try:
        directory = os.open(events, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return 0
    failed = 0
    try:
        for _ in range(_MOST_EVENTS):
            waiting = sorted(os.listdir(directory))
            if not waiting:
                break
            told = _read(waiting[0], directory)
            try:
                os.unlink(waiting[0], dir_fd=directory)
            except OSError as error:
                _say(f"{waiting[0]!r} can't be taken away: {error.strerror}")
                return failed + 1
            if told is None:
                _say(f"{waiting[0]!r}: no event, and dropped")
                continue
            for program in _programs(programs):
                failed += not _run(program, told, seconds)
    finally:
        os.close(directory)
    return failed


def _read(name: str, directory: int) -> dict[str, str] | None:
    """What an event says; None if it is none."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        opened = os.open(name, flags, dir_fd=directory)
    except OSError:
        return None
    with os.fdopen(opened, "rb") as octets:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            return None
        text = octets.read(_FILE_LIMIT + 1)
    try:
        told = json.loads(text) if len(text) <= _FILE_LIMIT else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or "event" not in told or not told.keys() <= _VALUES.keys():
        return None
    if not all(isinstance(value, str) and _VALUES[key].fullmatch(value) for key, value in told.items()):
        return None
    return told


def _programs(directory: Path) -> list[Path]:
    """The programs, by name; one that others than root could have written is not among them."""
    found = []
    for file in sorted(directory.glob("*")) if directory.is_dir() else []:
        if file.name.startswith(".") or not os.access(file, os.X_OK) or not file.is_file():
            continue
        made = file.stat()
        if made.st_uid not in (0, os.geteuid()) or made.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            _say(f"{file}: not run, since others than root may write it")
            continue
        found.append(file)
    return found


def _run(program: Path, told: Mapping[str, str], seconds: float) -> bool:
    """Runs one program; whether it went well."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    environment |= {f"IPAD_{name.upper()}": value for name, value in told.items()}
    try:
        process = subprocess.Popen(
            [program], env=environment, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True
        )
    except OSError as error:
        _say(f"{program}: {error.strerror}")
        return False
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # and whatever it has started
        process.wait()
        _say(f"{program}: killed after {seconds:g} s ({told['event']})")
        return False
    if status:
        _say(f"{program}: exit status {status} ({told['event']})")
    return status == 0


def _say(text: str) -> None:
    print(f"ipad-hooks: {text}", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """0 unless a program failed."""
    parser = argparse.ArgumentParser(prog="ipad-hooks", description="Runs the hooks for what ipad has left.")
    parser.add_argument("--events", type=Path, default=EVENTS, metavar="DIR", help="(%(default)s)")
    parser.add_argument("--programs", type=Path, default=PROGRAMS, metavar="DIR", help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each program (%(default)s)")
    arguments = parser.parse_args(argv)
    return 1 if run(arguments.events, arguments.programs, arguments.seconds) else 0


if __name__ == "__main__":
    sys.exit(main())

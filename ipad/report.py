"""`ipad report --html FILE`: one page for a support engineer, without external parts and of bounded size.

It asks the daemon, reads the samples beside its journal, and has the doctor look. What is not to be had is
said, and the rest is there. EIDs are shortened in all of it.
"""

import os
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ipad import __version__, config, doctor, report_page, samples, show
from ipad.config_command import toml_value, values
from ipad.errors import IpadError
from ipad.report_page import Facts

DAY = 86400.0
Ask = Callable[[str], Any]


def run(file: Path | None, out: Path, days: float, ask: Ask) -> dict[str, Any]:
    """Writes the page to `out`. file: the configuration. ask: of the daemon; raises IpadError."""
    facts = gather(file, days, ask)
    text = report_page.page(facts)
    new = out.with_name(out.name + ".new")
    new.write_text(text, "utf-8")
    new.replace(out)
    return {
        "written": str(out),
        "octets": len(text.encode()),
        "samples": len(facts.samples),
        "missing": facts.missing,
    }


def gather(file: Path | None, days: float, ask: Ask) -> Facts:
    """All that there is; nothing that is missing ends it."""
    loaded = config.read(file)
    missing: list[str] = []

    def asked(question: str) -> Any:
        try:
            return ask(question)
        except IpadError as error:
            if str(error) not in missing:
                missing.append(str(error))
            return None

    status, info = asked("status"), asked("info")
    profiles, history = asked("profiles") or [], asked("history") or []
    state_dir = Path(loaded.config.agent.state_dir)
    made = time.time()
    since = made - days * DAY
    try:
        seen = samples.read(state_dir / samples.FILE, since)
    except (IpadError, OSError) as error:
        missing.append(f"the timeline: {error}")
        seen = []
    return Facts(
        made=made,
        since=max(since, seen[0].clock if seen else since),
        status=status,
        info=info,
        profiles=profiles,
        history=history,
        samples=seen,
        findings=[asdict(finding) for finding in doctor.examine(file)],
        machine=_machine(state_dir),
        settings={
            name: f"{toml_value(value)}  ({loaded.sources[name]})"
            for name, value in values(loaded)
            if name in loaded.sources
        },
        missing=missing,
    )


def _machine(state_dir: Path) -> dict[str, str]:
    """The gateway itself."""
    found = {"ipad": __version__, "Python": platform.python_version(), "kernel": platform.release()}
    found["architecture"] = platform.machine()
    try:
        found["system"] = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        found["system"] = platform.system()
    with open("/proc/uptime", encoding="ascii") as uptime:
        found["up for"] = show.span(float(uptime.read().split()[0]))
    found["load"] = " ".join(f"{load:.2f}" for load in os.getloadavg())
    try:
        found["disk"] = f"{shutil.disk_usage(state_dir).free // 2**20} MiB free at {state_dir}"
        found["journal"] = f"{(state_dir / 'journal.db').stat().st_size // 1024} KiB"
    except OSError as error:
        found["disk"] = f"{state_dir}: {error.strerror}"
    return found


def written(answer: dict[str, Any]) -> list[str]:
    """What `ipad report` prints."""
    lines = [f"{answer['written']}: {answer['octets'] // 1024} KiB, {answer['samples']} samples"]
    return [*lines, *(f"not in it: {text}" for text in answer["missing"])]

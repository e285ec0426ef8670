"""The metrics file for the textfile collector of Prometheus' node exporter; docs/metrics.md names them."""

import errno
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ipad.connectivity.link import Link
from ipad.connectivity.state import Phase

FILE = "ipad.prom"
_CLOCK_SET = 1_700_000_000
"""A wall clock before this (2023) was never set: no date can be told."""

log = logging.getLogger("ipad")


class Metrics:
    """Keeps `directory`/ipad.prom. None: there is none to keep. What cannot be written is said once."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._failed = False
        self.events: Counter[str] = Counter()
        """What was noted since the start, by its kind."""
        self._started = time.time()

    def publish(self, status: Mapping[str, Any], now: float) -> None:
        """now: powered seconds, of `status`."""
        if self._directory is None:
            return
        text = render(status, now, self.events, time.time(), self._started)
        path = self._directory / FILE
        new = path.with_suffix(".new")  # the collector takes *.prom
        try:
            new.write_text(text, "utf-8")
            os.chmod(new, 0o644)  # another user reads it
            new.replace(path)
        except OSError as error:
            if not self._failed:
                log.warning(
                    "writing the metrics %s: %s%s; going on without", path, error.strerror, _advice(error)
                )
            self._failed = True
        else:
            self._failed = False


def _advice(error: OSError) -> str:
    if error.errno == errno.EROFS:
        return (
            " (ReadWritePaths= of ipad.service has to name the directory; if it is new, restart the service)"
        )
    if error.errno == errno.EACCES:
        return " (the group ipad has to have the right to write there)"
    return ""


def render(
    status: Mapping[str, Any], now: float, events: Mapping[str, int], clock: float, started: float
) -> str:
    """The file: text format of Prometheus, version 0.0.4."""
    lines = []
    for name, kind, help_text, values in _metrics(status, now, events, clock, started):
        if values:
            lines += [f"# HELP ipad_{name} {help_text}", f"# TYPE ipad_{name} {kind}"]
            lines += [f"ipad_{name}{_labels(labels)} {value:.15g}" for labels, value in values]
    return "\n".join(lines) + "\n"


_Values = list[tuple[dict[str, str], float]]


def _metrics(
    status: Mapping[str, Any], now: float, events: Mapping[str, int], clock: float, started: float
) -> Iterator[tuple[str, str, str, _Values]]:
    """Name, type, help, and the values with their labels."""
    radio = status["radio"] or {}
    dated = clock >= _CLOCK_SET

    def date(powered: float | None) -> float | None:
        return clock - (now - powered) if dated and powered is not None else None

    def one(value: float | None, **labels: str) -> _Values:
        return [] if value is None else [(labels, float(value))]

    yield "info", "gauge", "The running version.", one(1, version=status["version"])
    yield "updated_timestamp_seconds", "gauge", "When this was written.", one(clock if dated else None)
    yield "start_timestamp_seconds", "gauge", "When the daemon started.", one(started if dated else None)
    phases: _Values = [({"phase": phase.value}, float(phase.value == status["phase"])) for phase in Phase]
    yield "phase", "gauge", "1 for the phase that the gateway is in.", phases
    yield "phase_since_timestamp_seconds", "gauge", "Since when.", one(date(status["since"]))
    links: _Values = [({"link": link.value}, float(link.value == status["link"])) for link in Link]
    yield "link", "gauge", "1 for what the link is diagnosed as.", links if status["link"] else []
    yield "signal_dbm", "gauge", "Received signal.", one(radio.get("signal"))
    plmn, tech = radio.get("plmn") or "", radio.get("tech") or ""
    registered = float(radio.get("registration") in ("home", "roaming"))
    yield (
        "registered",
        "gauge",
        "Registered in a network.",
        one(registered, plmn=plmn, tech=tech) if radio else [],
    )
    roaming = float(radio.get("registration") == "roaming")
    yield (
        "roaming",
        "gauge",
        "Registered in another network than the profile's own.",
        one(roaming) if radio else [],
    )
    enabled = one(1, iccid=status["iccid"], name=status["profile"] or "") if status["iccid"] else []
    yield "profile_enabled", "gauge", "The enabled profile.", enabled
    yield "on_fallback", "gauge", "On the fallback profile by a fallback.", one(float(status["on_fallback"]))
    yield "trial", "gauge", "A switch waits for its verdict.", one(float(status["trial"] is not None))
    eims = status["eims"].items()
    last = [({"eim": eim}, when) for eim, plan in eims if (when := date(plan["last_poll"])) is not None]
    yield "eim_last_poll_timestamp_seconds", "gauge", "When the eIM was last tried.", last
    due = [({"eim": eim}, when) for eim, plan in eims if (when := date(plan["next_poll"])) is not None]
    yield "eim_next_poll_timestamp_seconds", "gauge", "When it is polled next.", due
    failures: _Values = [({"eim": eim}, float(plan["failures"])) for eim, plan in eims]
    yield "eim_poll_failures", "gauge", "Polls in a row that failed.", failures
    counted: _Values = [({"what": what}, float(count)) for what, count in sorted(events.items())]
    yield "events_total", "counter", "Lines of the history since the start, by kind.", counted


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')

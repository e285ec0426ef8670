"""What the daemon lets others know: the control socket's answers, its line for systemd, metrics, samples."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ipad import snapshot
from ipad.agent import Agent
from ipad.clock import PoweredClock
from ipad.errors import IpadError
from ipad.journal import Journal
from ipad.journald import JournalHandler
from ipad.metrics import Metrics
from ipad.procedures.gateway import Progress
from ipad.samples import Recorder, Sample
from ipad.trace.trace import Trace
from ipad.watchdog import Watchdog
from modem.errors import ModemError

_STEP, _QUARTER = 5, 25
"""Percent of a download between two lines for the service manager, and for the log."""

log = logging.getLogger("ipad")


class Board:
    """The last snapshot, where the control thread reads it. Replaced whole, never changed."""

    def __init__(
        self, watchdog: Watchdog, recorder: Recorder, metrics: Metrics, entries: JournalHandler | None
    ) -> None:
        self._watchdog = watchdog
        self._recorder = recorder
        self._metrics = metrics
        self._entries = entries
        self._status: dict[str, Any] = {}
        self._profiles: list[dict[str, Any]] | None = None
        self._info: dict[str, Any] | None = None
        self._ready = False
        self._said = ""
        self._download: Progress | None = None
        self._modem: str | None = None
        self._asked = False

    def heard(self, what: str) -> None:
        """A line of this kind went into the history."""
        self._metrics.events[what] += 1

    def show(self, agent: Agent) -> None:
        """From now on this is the answer."""
        contents = agent.gateway.contents
        try:
            pending = snapshot.pending(agent.gateway, agent.state)
        except IpadError as error:
            pending = [str(error)]
        self._status = snapshot.status(agent.state, contents, agent.facts, pending)
        if contents is not None:
            self._profiles = snapshot.profiles(contents)
            self._info = snapshot.info(contents)
        if self._entries is not None:
            self._entries.context = _context(agent)

    def publish(self, agent: Agent) -> None:
        """The answer, and the service manager's line; the first time, that the agent is ready."""
        self.show(agent)
        said = f"{agent.state.phase.value}: {agent.state.why}"
        if said != self._said:
            self._watchdog.status(said)
            self._said = said
        if not self._ready:
            self._watchdog.ready()
            self._ready = True
        elif not self._asked and agent.facts.radio is not None:
            self._asked = True
            self._modem = _modem(agent)
        now = agent.clock.now()
        self._metrics.publish(self._status, now)
        self._recorder.record(_sample(agent, now))

    def progress(self, now: Progress | None) -> None:
        """How far a download is: for whoever asks, the service manager, and at each quarter the log."""
        before, self._download = self._download, now
        if now is None:
            self._said = ""  # the line goes back to what it was with the next one
            return
        if before is None or before.percent // _STEP != now.percent // _STEP:
            self._watchdog.status(f"downloading from {now.server}: {now.percent} %")
        if before is not None and before.percent // _QUARTER != now.percent // _QUARTER:
            log.info("download: %d %% of %d octets are on the card", now.percent, now.total)

    def answers(self, powered: PoweredClock, journal: Path, trace: Trace) -> dict[str, Callable[[], Any]]:
        """What can be asked, and who answers it."""

        def status() -> dict[str, Any]:
            directory = trace.directory
            progress = self._download
            return {
                **self._status,
                "modem": self._modem,
                "now": powered.now(),
                "trace": str(directory) if directory else None,
                "download": None if progress is None else snapshot.progress(progress),
            }

        return {
            "status": status,
            "profiles": lambda: self._of_card(self._profiles),
            "info": lambda: self._of_card(self._info),
            "history": lambda: _history(journal),
        }

    def _of_card(self, known: Any) -> Any:
        """What was read from the card; IpadError if none has been."""
        if known is None:
            raise IpadError(f"no card has been read since the start ({self._status['why']})")
        return known


def _modem(agent: Agent) -> str | None:
    """Maker, model and revision, asked once and not before READY; None: it does not tell."""
    if agent.gateway.radio is None:
        return None
    try:
        identity = agent.gateway.radio.identity()
    except ModemError as error:
        log.info("the modem does not say what it is: %s", error)
        return None
    return f"{identity.manufacturer} {identity.model}, {identity.revision}"


def _context(agent: Agent) -> dict[str, str]:
    """Fields of every entry in the systemd journal."""
    card, contents = agent.state.card, agent.gateway.contents
    fields = {
        "IPAD_PHASE": agent.state.phase.value,
        "IPAD_ICCID": card.enabled if card else None,
        "IPAD_EID": snapshot.shortened(contents.eid) if contents else None,
    }
    return {name: value for name, value in fields.items() if value}


def _sample(agent: Agent, now: float) -> Sample:
    state, radio = agent.state, agent.facts.radio
    return Sample(
        clock=time.time(),
        powered=now,
        phase=state.phase.value,
        link=state.link.value if state.link else None,
        iccid=state.card.enabled if state.card else None,
        plmn=radio.plmn if radio else None,
        signal=radio.signal if radio else None,
    )


def _history(path: Path) -> list[dict[str, Any]]:
    # sqlite's connections belong to one thread: the control thread opens its own.
    journal = Journal(path)
    try:
        return [asdict(entry) for entry in journal.history()]
    finally:
        journal.close()

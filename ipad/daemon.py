"""`ipad run`: the agent as a service. Puts the parts together, and takes them apart again."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ipad import clock, config, snapshot
from ipad.agent import Agent
from ipad.clock import PoweredClock
from ipad.config import Config
from ipad.control import ControlServer
from ipad.errors import ConfigError, IpadError, Unreachable
from ipad.instance import lock, make_directories
from ipad.journal import Journal
from ipad.mailbox import Mailbox
from ipad.net.http import Uplink
from ipad.opening import open_gateway
from ipad.trace.trace import Trace
from ipad.watchdog import Watchdog

log = logging.getLogger("ipad")

_HISTORY_SHOWN = 200


def run(config_file: Path | None) -> None:
    """Runs until SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    watchdog = Watchdog()
    try:
        settings = config.load(config_file)
    except ConfigError as error:
        watchdog.status(f"not started: {error}")
        raise
    set_up_logging()
    mailbox = Mailbox()
    _handle_signals(mailbox)
    state_dir, runtime_dir = make_directories(settings)
    with lock(runtime_dir):
        while True:
            _run_once(settings, state_dir, runtime_dir, mailbox, watchdog)
            if mailbox.ending:
                break
            watchdog.reloading()
            mailbox.reloading = False
            settings = _reload(config_file, settings)
    watchdog.stopping()
    mailbox.close()


def _reload(config_file: Path | None, settings: Config) -> Config:
    try:
        new = config.load(config_file)
    except ConfigError as error:
        log.error("the configuration stays as it was: %s", error)
        return settings
    if (new.agent.state_dir, new.agent.runtime_dir) != (settings.agent.state_dir, settings.agent.runtime_dir):
        log.warning("agent.state_dir and agent.runtime_dir take effect at the next start, not now")
    return new


def _run_once(
    settings: Config, state_dir: Path, runtime_dir: Path, mailbox: Mailbox, watchdog: Watchdog
) -> None:
    journal = Journal(state_dir / "journal.db")
    powered = clock.start(journal)

    def idle() -> None:
        """In waits for the network: whoever stops the daemon is not kept waiting for an eIM."""
        watchdog.feed()
        if mailbox.stopping:
            raise Unreachable("broken off: the daemon is told to stop")

    trace = _start_trace(settings)
    uplink = Uplink(interface=settings.connectivity.interface or None, idle=idle, observe=trace.exchange)
    board = _Board(watchdog)
    with open_gateway(settings, journal, powered, uplink, watchdog.feed, trace.apdu) as gateway:
        agent = Agent(settings, journal, powered, mailbox, uplink, gateway, watchdog, board.publish)
        board.show(agent)  # what the journal remembers, for whoever asks before the card is read
        answers = board.answers(powered, journal.path, trace)
        tools = {"trace": lambda request: _trace(trace, request, state_dir)}
        control = ControlServer(runtime_dir / "control.sock", answers, mailbox, tools)
        try:
            agent.run()
        finally:
            control.close()
    trace.stop()
    journal.close()


def _start_trace(settings: Config) -> Trace:
    """The trace, which writes already if the configuration says so."""
    trace = Trace()
    if settings.agent.trace:
        try:
            trace.start(Path(settings.agent.trace))
        except IpadError as error:
            log.warning("%s; going on without", error)
    return trace


def _trace(trace: Trace, request: dict[str, str], state_dir: Path) -> dict[str, Any]:
    """`ipad trace start|stop`: where it writes now, or wrote until now."""
    if request.get("do") == "stop":
        before = trace.stop()
        return {"running": False, "directory": str(before) if before else None}
    directory = Path(request.get("directory") or state_dir / "trace")
    trace.start(directory)
    return {"running": True, "directory": str(directory)}


class _Board:
    """The last snapshot, where the control thread reads it. Replaced whole, never changed."""

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        self._status: dict[str, Any] = {}
        self._profiles: list[dict[str, Any]] | None = None
        self._info: dict[str, Any] | None = None
        self._ready = False
        self._said = ""

    def show(self, agent: Agent) -> None:
        """From now on this is the answer."""
        contents = agent.gateway.contents
        self._status = snapshot.status(agent.state, contents, agent.radio_status)
        if contents is not None:
            self._profiles = snapshot.profiles(contents)
            self._info = snapshot.info(contents)

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

    def answers(self, powered: PoweredClock, journal: Path, trace: Trace) -> dict[str, Callable[[], Any]]:
        def status() -> dict[str, Any]:
            directory = trace.directory
            return {**self._status, "now": powered.now(), "trace": str(directory) if directory else None}

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


def _history(path: Path) -> list[dict[str, Any]]:
    # sqlite's connections belong to one thread: the control thread opens its own.
    journal = Journal(path)
    try:
        return [asdict(entry) for entry in journal.history(_HISTORY_SHOWN)]
    finally:
        journal.close()


def _handle_signals(mailbox: Mailbox) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: mailbox.stop())
    signal.signal(signal.SIGHUP, lambda *_: mailbox.reload())


class _Priorities(logging.Formatter):
    """Syslog priorities in front of the lines, as the systemd journal reads them (sd-daemon(3))."""

    _LEVELS = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))

    def format(self, record: logging.LogRecord) -> str:
        priority = next((p for level, p in self._LEVELS if record.levelno >= level), 7)
        return f"<{priority}>{super().format(record)}"


def set_up_logging() -> None:
    """Lines on standard error: with priorities for the journal, with times for a terminal."""
    handler = logging.StreamHandler(sys.stderr)
    if os.environ.get("JOURNAL_STREAM"):
        handler.setFormatter(_Priorities("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)

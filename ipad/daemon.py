"""`ipad run`: the agent as a service. Puts the parts together, and takes them apart again."""

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipad import clock, config, journald, samples
from ipad.agent import Agent
from ipad.board import Board
from ipad.config import Config
from ipad.connectivity.link import Link
from ipad.control import ControlServer
from ipad.errors import ConfigError, IpadError, Unreachable
from ipad.instance import lock, make_directories
from ipad.journal_rescue import open_anyhow
from ipad.mailbox import Mailbox
from ipad.metrics import Metrics
from ipad.net.http import Uplink
from ipad.opening import open_gateway
from ipad.samples import Recorder
from ipad.trace.trace import Trace
from ipad.watchdog import Watchdog

log = logging.getLogger("ipad")


def run(config_file: Path | None) -> None:
    """Runs until SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    watchdog = Watchdog()
    try:
        settings = config.load(config_file)
    except ConfigError as error:
        watchdog.status(f"not started: {error}")
        raise
    entries = set_up_logging()
    mailbox = Mailbox()
    _handle_signals(mailbox)
    state_dir, runtime_dir = make_directories(settings)
    with lock(runtime_dir):
        while True:
            _run_once(settings, (state_dir, runtime_dir), mailbox, watchdog, entries)
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
    settings: Config,
    directories: tuple[Path, Path],
    mailbox: Mailbox,
    watchdog: Watchdog,
    entries: journald.JournalHandler | None,
) -> None:
    state_dir, runtime_dir = directories
    journal = open_anyhow(state_dir / "journal.db")
    powered = clock.start(journal)

    def idle() -> None:
        """In waits for the network: whoever stops the daemon is not kept waiting for an eIM."""
        watchdog.feed()
        if mailbox.stopping:
            raise Unreachable("broken off: the daemon is told to stop")

    trace = _start_trace(settings)
    uplink = Uplink(interface=settings.connectivity.interface or None, idle=idle, observe=trace.exchange)
    board = Board(watchdog, Recorder(state_dir / samples.FILE), Metrics(_metrics_dir(settings)), entries)
    hooks = _hooks(settings, runtime_dir)

    def publish(agent: Agent) -> None:
        board.publish(agent)
        hooks(agent)

    with open_gateway(settings, journal, powered, uplink, watchdog.feed, trace.apdu, board.heard) as gateway:
        gateway.progress = board.progress
        agent = Agent(settings, journal, powered, mailbox, uplink, gateway, watchdog, publish)
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


def _metrics_dir(settings: Config) -> Path | None:
    return Path(settings.agent.metrics_dir) if settings.agent.metrics_dir else None


def _hooks(settings: Config, runtime_dir: Path) -> Callable[[Agent], None]:
    """What tells the programs in hooks.d, if the configuration wants that."""
    if settings.connectivity.bearer != "hook":
        return lambda _agent: None
    from ipad.hooks import Hooks

    hooks = Hooks(runtime_dir, settings.connectivity.interface)

    def tell(agent: Agent) -> None:
        card, link = agent.state.card, agent.state.link
        enabled = card.enabled if card is not None else None
        hooks.seen(enabled, None if link is None else link is Link.OK, agent.facts.radio)

    return tell


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


def _handle_signals(mailbox: Mailbox) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: mailbox.stop())
    signal.signal(signal.SIGHUP, lambda *_: mailbox.reload())


def set_up_logging() -> journald.JournalHandler | None:
    """To the systemd journal, if it listens to this process, or as lines with times for a terminal.

    Returns the journal's handler.
    """
    log.setLevel(logging.INFO)
    if journald.is_connected():
        entries = journald.JournalHandler()
        log.addHandler(entries)
        return entries
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log.addHandler(lines)
    return None

"""The card without the daemon: for questions when none is running, for the factory, and for a check."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ipad import snapshot
from ipad.config import Config
from ipad.errors import IpadError
from ipad.euicc import es10b, es10c
from ipad.euicc.iot import IotFunctions
from ipad.euicc.isdr import Isdr
from ipad.instance import lock, make_directories
from ipad.journal import Journal
from ipad.opening import JournalMemory, iot_functions, open_isdr, open_modem
from ipad.procedures.gateway import Contents
from ipad.trace.trace import Trace
from modem.connect import Modem
from modem.errors import NoCard

log = logging.getLogger("ipad")

_JOURNAL = "journal.db"


@dataclass(frozen=True, slots=True)
class Parts:
    """A modem and the card in it, for as long as the daemon is kept away."""

    modem: Modem
    isdr: Isdr
    choose: Callable[[bytes], IotFunctions]

    def iot(self) -> IotFunctions:
        """What the card, or somebody for it, does for its eIMs."""
        return self.choose(es10c.eid(self.isdr))


def ask(settings: Config, name: str) -> Any:
    """`profiles` or `info`, read from the card now."""
    with opened(settings) as parts:
        found = contents(parts)
    return snapshot.profiles(found) if name == "profiles" else snapshot.info(found)


def contents(parts: Parts) -> Contents:
    """What is on the card, which is waited for."""
    eid = await_card(parts.isdr)
    iot = parts.iot()
    return Contents(
        eid,
        es10b.info2(parts.isdr),
        iot.profiles(),
        iot.eim_configurations(),
        iot.kind,
        iot.unavailable,
    )


@contextmanager
def opened(settings: Config) -> Iterator[Parts]:
    """Modem and card, with the lock that keeps the daemon away. Nothing has been said to them yet."""
    state_dir, runtime_dir = make_directories(settings)
    with lock(runtime_dir), ExitStack() as stack:

        @cache
        def journaled() -> Journal:
            return stack.enter_context(closing(journal(state_dir)))

        def made() -> Journal | None:
            """A look is no reason to make one."""
            return journaled() if (state_dir / _JOURNAL).exists() else None

        trace = _trace(settings)
        modem = open_modem(settings, lambda: None, trace.apdu, JournalMemory(made))
        isdr = open_isdr(settings, modem, lambda: None)
        try:
            yield Parts(modem, isdr, iot_functions(settings, isdr, modem.radio, journaled))
        finally:
            isdr.close()
            modem.close()
            trace.stop()


def journal(state_dir: Path) -> Journal:
    """The journal. One that root makes is the directory's owner's: the daemon is not root."""
    path = state_dir / _JOURNAL
    new = not path.exists()
    made = Journal(path)
    if new and os.geteuid() == 0:
        owner = state_dir.stat()
        for file in state_dir.glob("journal.db*"):
            os.chown(file, owner.st_uid, owner.st_gid)
    return made


def _trace(settings: Config) -> Trace:
    trace = Trace()
    if settings.agent.trace:
        try:
            trace.start(Path(settings.agent.trace))
        except IpadError as error:
            log.warning("%s; going on without", error)
    return trace


def await_card(isdr: Isdr) -> bytes:
    """The EID. A modem that has just been powered up needs a moment to find its card."""
    end = time.monotonic() + isdr.waits.sim_ready
    while True:
        try:
            return es10c.eid(isdr)
        except NoCard:
            if time.monotonic() > end:
                raise
            time.sleep(isdr.waits.poll_ready)

"""The real modem layer against the mock modem, with a small UICC and a network that tests can switch."""

import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from modem import connect, ports
from modem.at import At
from modem.connect import Modem
from modem.mock import MockModem, NetworkStatus
from modem.mock.network import NOT_REGISTERED
from modem.radio import Radio
from modem.waits import Waits
from tests.modem.tiny_uicc import TinyUicc

WAITS = Waits(at_sync=0.1, refresh=3.0, reset_begins=2.0, modem_boot=20.0, sim_ready=10.0, poll_ready=0.01)
SCALE = 0.05
PATIENCE = 20.0


def radio_of(modem: Modem) -> Radio:
    """Every modem has one; a reader would not."""
    assert modem.radio is not None
    return modem.radio


class Switchable:
    """A Network whose status the test sets; by default at home on the IMSI's operator."""

    def __init__(self) -> None:
        self.imsi: str | None = None
        self.forced: NetworkStatus | None = None
        self._changed = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def force(self, status: NetworkStatus | None) -> None:
        self.forced = status
        os.eventfd_write(self._changed, 1)

    def register(self, imsi: str | None) -> None:
        self.imsi = imsi

    def status(self) -> NetworkStatus:
        if self.imsi is None:
            return NOT_REGISTERED
        return self.forced or NetworkStatus(1, self.imsi[:5], rssi=-71, address="10.64.0.2")

    def fileno(self) -> int:
        return self._changed

    def pump(self) -> None:
        os.eventfd_read(self._changed)


@dataclass
class World:
    """One mock modem and what is around it."""

    uicc: TinyUicc
    network: Switchable
    path: str
    events: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    """AT command lines, as the modem has heard them."""
    heard: threading.Condition = field(default_factory=threading.Condition)
    opened: list[Callable[[], None]] = field(default_factory=list)

    def tell(self, name: str, details: dict[str, str]) -> None:
        with self.heard:
            self.events.append((name, details))
            self.heard.notify_all()

    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def wait_for(self, name: str, times: int = 1) -> dict[str, str]:
        """The details of an event, once it has happened so often."""
        with self.heard:
            assert self.heard.wait_for(lambda: self.names().count(name) >= times, PATIENCE), self.events
        return [details for said, details in self.events if said == name][times - 1]

    def modem(self, waits: Waits = WAITS, idle: Callable[[], None] = lambda: None) -> Modem:
        modem = connect.connect(self.path, waits=waits, idle=idle)
        self.opened.append(modem.close)
        return modem

    def at(self) -> At:
        at = At(lambda: ports.open_port(self.path), WAITS)
        self.opened.append(at.close)
        return at


@contextmanager
def world(
    tmp_path: Path, *, model: str = "generic", faults: tuple[str, ...] = (), uicc: TinyUicc | None = None
) -> Iterator[World]:
    """A mock modem that is up; registered too if its card has a profile."""
    made = World(uicc or TinyUicc(), Switchable(), str(tmp_path / "modem"))
    with MockModem(
        made.uicc,
        made.network,
        made.path,
        model=model,
        faults=faults,
        scale=SCALE,
        on_event=made.tell,
        on_command=made.lines.append,
    ):
        made.wait_for("registered" if made.uicc.profile is not None else "sim")
        yield made
    for close in made.opened:
        close()
    os.close(made.network.fileno())


def readable(thing: int) -> bool:
    return bool(select.select([thing], [], [], PATIENCE)[0])

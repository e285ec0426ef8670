"""Powered seconds over restarts and boots; the mailbox that wakes the loop."""

import os
import select
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipad import clock
from ipad.connectivity.state import Command
from ipad.journal import Journal
from ipad.mailbox import Mailbox, Order


class Machine:
    """A computer whose time passes when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.since_boot = 5000.0
        self.boot_id = "first"
        monkeypatch.setattr(clock, "_since_boot", lambda: self.since_boot)
        monkeypatch.setattr(clock, "_boot_id", lambda: self.boot_id)

    def boot(self) -> None:
        self.since_boot, self.boot_id = 3.0, self.boot_id + "+"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def test_powered_seconds_begin_at_nought(machine: Machine, journal: Journal) -> None:
    started = clock.start(journal)
    assert started.now() == 0.0
    machine.since_boot += 7
    assert started.now() == 7.0


def test_powered_seconds_go_on_while_the_agent_does_not_run(machine: Machine, journal: Journal) -> None:
    first = clock.start(journal)
    machine.since_boot += 100
    journal.remember(**first.values())
    machine.since_boot += 20
    second = clock.start(journal)
    machine.since_boot += 3
    assert second.now() == 123.0


def test_a_boot_loses_only_what_passed_since_the_last_save(machine: Machine, journal: Journal) -> None:
    first = clock.start(journal)
    machine.since_boot += 100
    journal.remember(**first.values())
    machine.since_boot += 20
    machine.boot()
    second = clock.start(journal)
    assert second.now() == 100.0
    machine.since_boot += 5
    assert second.now() == 105.0


def test_powered_seconds_never_go_back(machine: Machine, journal: Journal) -> None:
    now = 0.0
    for boots in range(5):
        started = clock.start(journal)
        assert started.now() >= now
        machine.since_boot += 10 * boots
        now = started.now()
        journal.remember(**started.values())
        machine.boot()


def test_a_system_without_boot_id_counts_each_start_as_a_boot(machine: Machine, journal: Journal) -> None:
    machine.boot_id = ""
    first = clock.start(journal)
    machine.since_boot += 100
    journal.remember(**first.values())
    machine.since_boot += 20
    assert clock.start(journal).now() == 100.0


def test_the_wall_clock_does_not_matter(
    machine: Machine, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = clock.start(journal)
    monkeypatch.setattr("time.time", lambda: 0.0)
    machine.since_boot += 1
    assert started.now() == 1.0


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.close()


def order(command: Command = Command.POLL) -> Order:
    return Order(command, lambda _answer: None)


def readable(mailbox: Mailbox) -> bool:
    return bool(select.select([mailbox], [], [], 0)[0])


def test_orders_come_out_in_their_order_and_once(mailbox: Mailbox) -> None:
    assert mailbox.take() == []
    sent = [order(), order(Command.FALLBACK), order(Command.RETURN)]
    for each in sent:
        mailbox.put(each)
    assert readable(mailbox)
    assert mailbox.take() == sent
    assert not readable(mailbox)
    assert mailbox.take() == []


def test_an_order_from_another_thread_wakes_whoever_waits(mailbox: Mailbox) -> None:
    sent = order()
    thread = threading.Thread(target=mailbox.put, args=(sent,))
    thread.start()
    assert select.select([mailbox], [], [], 20)[0]
    thread.join()
    assert mailbox.take() == [sent]


def test_a_signal_wakes_the_loop_and_stops_it(mailbox: Mailbox) -> None:
    def stop(*_: Any) -> None:
        mailbox.stop()

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert select.select([mailbox], [], [], 20)[0]
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (mailbox.stopping, mailbox.ending, mailbox.reloading) == (True, True, False)


def test_a_stop_is_not_taken_back_by_a_reload(mailbox: Mailbox) -> None:
    mailbox.reload()
    assert (mailbox.stopping, mailbox.ending, mailbox.reloading) == (True, False, True)
    mailbox.stop()
    mailbox.reloading = False
    assert mailbox.stopping
    assert readable(mailbox)

"""The daemon as a service manager sees it, and with parts that come and go."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipad.testbed.gateway import Gateway
from tests.system.conftest import Start
from tests.system.world import (
    BOOTSTRAP,
    LIST,
    WAITS,
    answer,
    ipad,
    is_at,
    operates,
    says,
    settle,
    until,
    works,
)

BAD_CONFIG = 78
LONG = 3600.0


@pytest.fixture(scope="module")
def provisioned(start: Start) -> Iterator[Gateway]:
    with start() as gateway:
        gateway.provision()
        yield gateway


@pytest.fixture
def stopped(provisioned: Gateway) -> Iterator[Gateway]:
    """All but the daemon. After each test it is stopped again."""
    yield provisioned
    provisioned.write_config(WAITS)
    if provisioned.running("agent"):
        assert provisioned.stop_agent() == 0
    for part, start_it in (("eIM", provisioned.start_eim), ("modem", provisioned.plug_in)):
        if not provisioned.running(part):
            start_it()


@pytest.fixture
def gateway(stopped: Gateway) -> Gateway:
    """A gateway that operates."""
    stopped.start_agent()
    settle(stopped)
    return stopped


# The service manager


def test_the_service_manager_is_told_ready_status_and_the_end(gateway: Gateway) -> None:
    told = gateway.notified
    assert "READY=1" in told
    assert any(line.startswith("STATUS=operating: ") for line in told)
    assert gateway.stop_agent() == 0
    until("the last word", lambda: "STOPPING=1" in told[told.index("READY=1") :])


def test_the_watchdog_is_fed_while_nothing_happens(stopped: Gateway) -> None:
    stopped.start_agent(WATCHDOG_USEC="400000")
    operates(stopped)
    fed = stopped.notified.count("WATCHDOG=1")
    until("some rounds", lambda: stopped.notified.count("WATCHDOG=1") > fed + 5)


def test_the_watchdog_is_fed_in_the_middle_of_a_slow_answer(stopped: Gateway) -> None:
    stopped.write_config({**WAITS, "http": LONG})
    stopped.start_agent(WATCHDOG_USEC="400000")
    operates(stopped)
    begin_a_slow_poll(stopped)
    fed = stopped.notified.count("WATCHDOG=1")
    until("some rounds", lambda: stopped.notified.count("WATCHDOG=1") > fed + 2)


def test_after_sigterm_the_port_and_the_card_are_free(gateway: Gateway) -> None:
    assert gateway.stop_agent() == 0
    assert not (gateway.directory / "run" / "control.sock").exists()
    assert answer(gateway, "info")["eid"] == gateway.card()["eid"]


def test_sigterm_does_not_wait_for_an_eim(stopped: Gateway) -> None:
    stopped.write_config({**WAITS, "http": LONG})
    stopped.start_agent()
    operates(stopped)
    begin_a_slow_poll(stopped)
    assert stopped.stop_agent() == 0


def test_sigterm_is_not_forgotten_over_a_sighup(gateway: Gateway) -> None:
    begin_a_slow_poll(gateway)
    gateway.agent.send_signal(signal.SIGTERM)
    gateway.agent.send_signal(signal.SIGHUP)
    assert gateway.agent.wait(30) == 0


def test_many_starts_leave_the_card_with_free_channels(stopped: Gateway) -> None:
    for _ in range(4):
        stopped.start_agent()
        operates(stopped)
        assert stopped.stop_agent() == 0
    assert answer(stopped, "info")["eid"] == stopped.card()["eid"]


def test_sighup_makes_a_changed_wait_count(gateway: Gateway) -> None:
    works(gateway)
    due = poll_in(gateway)
    assert due > LONG
    gateway.write_config({**WAITS, "poll_interval": LONG})
    reload(gateway)
    works(gateway)
    until("the shorter wait", lambda: poll_in(gateway) <= LONG)


def test_a_broken_configuration_is_reported_and_the_old_one_stays(gateway: Gateway) -> None:
    gateway.config.write_text(gateway.config.read_text() + "pol_interval = 3\n")
    reload(gateway)
    until("the report", lambda: says(gateway, "the configuration stays as it was", "waits.pol_interval"))
    gateway.write_config(WAITS)
    operates(gateway)
    works(gateway)
    assert poll_in(gateway) > LONG


def test_there_is_one_instance_only(gateway: Gateway) -> None:
    second = ipad(gateway, "run")
    assert second.returncode == 1
    assert "another ipad is running" in second.stderr
    assert gateway.running("agent")
    works(gateway)


# Parts that come and go


def test_the_daemon_starts_without_a_modem_and_finds_it_when_it_appears(stopped: Gateway) -> None:
    stopped.unplug()
    stopped.start_agent()
    until("the wait for a card", lambda: is_at(stopped, "no card"))
    for command in ("status", "why", "history"):
        assert ipad(stopped, command).returncode == 0
    for command in ("info", "profiles"):
        done = ipad(stopped, command)
        assert done.returncode == 1
        assert "no card" in done.stderr
    stopped.plug_in()
    operates(stopped)
    works(stopped)


def test_a_modem_that_is_unplugged_and_comes_back_is_used_again(gateway: Gateway) -> None:
    switches = gateway.refreshes()
    gateway.unplug()
    until("its loss", lambda: is_at(gateway, "no card"))
    assert ipad(gateway, "poll").returncode == 1
    gateway.plug_in()
    operates(gateway)
    works(gateway)
    assert gateway.refreshes() == switches


def test_a_modem_that_is_gone_when_it_is_looked_at_next_is_used_again(gateway: Gateway) -> None:
    begin_a_slow_poll(gateway)
    gateway.unplug()
    until("its loss", lambda: is_at(gateway, "no card"))
    gateway.plug_in()
    operates(gateway)
    works(gateway)


def test_the_daemon_starts_without_an_eim_and_polls_it_when_it_is_there(stopped: Gateway) -> None:
    stopped.kill_eim()
    stopped.start_agent()
    operates(stopped)
    until("a poll that failed", lambda: answer(stopped, "status")["eims"][stopped.eim_id]["failures"] > 0)
    stopped.start_eim()
    polls = stopped.polls()
    until("a poll, by itself", lambda: stopped.polls() > polls)
    works(stopped)
    assert stopped.enabled() == BOOTSTRAP


# A configuration that cannot be used


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        (
            "[modem]\nprot = '/dev/ttyUSB2'\n",
            "modem.prot",
            "no such key; known here: baudrate, block, models, port",
        ),
        ("[modm]\n", "modm", "no such key"),
        ("modem = 3\n", "modem", "expected a table [modem]"),
        ("[modem]\nport = 3\n", "modem.port", "expected a string, not 3"),
        ("[modem]\nport = 'ttyUSB2'\n", "modem.port", "expected a path like /dev/ttyUSB2"),
        ("[waits]\ntrial = 'long'\n", "waits.trial", "expected a number of seconds, not 'long'"),
        ("[waits]\ntrial = -1\n", "waits.trial", "expected at least 0.01 s"),
        ("[connectivity]\nprobes = ['localhost']\n", "connectivity.probes", 'expected "host:port"'),
        ("[modem\n", "", "not TOML"),
    ],
)
@pytest.mark.parametrize("command", ["run", "status"])
def test_a_wrong_configuration_ends_with_78_and_says_what_was_expected(
    tmp_path: Path, command: str, text: str, key: str, expected: str
) -> None:
    file = tmp_path / "ipad.toml"
    file.write_text(text)
    done = command_with(file, command)
    assert done.returncode == BAD_CONFIG
    assert f"{file}: {key}" in done.stderr
    assert expected in done.stderr


def test_a_configuration_that_is_not_there_ends_with_78(tmp_path: Path) -> None:
    done = command_with(tmp_path / "missing.toml", "run")
    assert done.returncode == BAD_CONFIG
    assert "missing.toml: cannot be read: No such file" in done.stderr


def command_with(config: Path, command: str) -> "subprocess.CompletedProcess[str]":
    arguments = [sys.executable, "-m", "ipad.cli", command, "--config", str(config)]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)


def begin_a_slow_poll(gateway: Gateway) -> None:
    """Returns while the daemon waits for the rest of the eIM's answer."""
    gateway.eim("POST", "/faults", {"fault": "slow", "function": "GetEimPackage", "seconds": 0.5})
    gateway.order(LIST)
    asked = gateway.polls()
    gateway.ipad("poll", wait=False)
    until("the request", lambda: gateway.polls() > asked)


def reload(gateway: Gateway) -> None:
    """SIGHUP; returns when the daemon is ready again."""
    ready = gateway.notified.count("READY=1")
    gateway.agent.send_signal(signal.SIGHUP)
    until("the end of the reload", lambda: gateway.notified.count("READY=1") > ready)


def poll_in(gateway: Gateway) -> float:
    """Seconds until the daemon wants to poll the eIM again."""
    told = gateway.status()
    return float(told["eims"][gateway.eim_id]["next_poll"]) - float(told["now"])

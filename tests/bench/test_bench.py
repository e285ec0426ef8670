"""The bench measures all its figures; and what is no matter of time, but of how often, holds."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipad.procedures import poll
from ipad.testbed.bench import __main__ as bench
from ipad.testbed.bench.daemon import daemon
from ipad.testbed.bench.esipa import FORMS
from ipad.testbed.bench.parts import parts
from ipad.testbed.bench.table import Row, lines
from ipad.testbed.bench.world import Tally, World, world

FIGURES = {
    "Start": ["ipad run: fork to READY", "bare start", "all imports", "AT+CSIM exchanges"],
    "Idle, after": ["RSS", "PSS", "processor time", "wake-ups", "AT commands"],
    "AT+CSIM exchanges": ["at a start", "listing", "updateEim", "enable", "taking the new profile", "result"],
    "Idle poll, new": ["AT+CSIM exchanges", "other AT", "connections", "requests", "sent", "received"],
    "Idle poll, resumed": ["AT+CSIM exchanges", "other AT", "connections", "requests", "sent", "received"],
    "Poll with one package": ["AT+CSIM exchanges", "other AT", "connections", "requests", "sent", "received"],
    "On the tty": ["first time", "being known", "an idle poll", "an enable"],
    "A download of 20 KB": ["on the tty", "busy"],
    "One ESipa message": ["decode and encode", "decode", "encode", "first decode"],
}
ESIPA = {
    "GetEimPackage",
    "ProvideEimPackageResult",
    "HandleNotification",
    "InitiateAuthentication",
    "AuthenticateClient",
    "GetBoundProfilePackage",
    "CancelSession",
}
NOT_NEEDED = ("cryptography", "pyparsing", "asyncio", "http.server", "pytest", "ipad.testbed")
NOT_NEEDED_OF_ASN1TOOLS = ("asn1tools.parser", "asn1tools.compiler", "asn1tools.codecs.per")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("bench")) as here:
        yield here


@pytest.fixture
def here(shared: World) -> World:
    shared.write_config()
    return shared


def test_every_figure_is_measured_and_what_is_counted_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--json", "--starts", "1", "--idle", "1", "--rounds", "2"]) == 0
    measured = json.loads(capsys.readouterr().out)
    rows = measured["rows"]
    for group, figures in FIGURES.items():
        found = [row["what"] for row in rows if row["group"].startswith(group)]
        for figure in figures:
            assert any(figure in what for what in found), (group, figure)
    counted = [row for row in rows if row["unit"] == "" and "wake-ups" not in row["what"]]
    assert [row for row in counted if row["verdict"] == "MISSED"] == []
    [started] = [row for row in rows if row["what"] == "of it: AT+CSIM exchanges"]
    [least] = [row["goal"] for row in rows if row["what"] == "reading the card as at a start"]
    assert started["value"] == least
    assert {e["function"] for e in measured["esipa"]} == ESIPA
    sent = [sum(e["octets"][form][0] for e in measured["esipa"]) for form in range(len(FORMS))]
    assert sent[1] < 0.7 * sent[0]  # compact forms, ASN.1
    assert sent[3] < 0.7 * sent[2]  # and JSON


def test_a_goal_that_is_missed_is_printed_as_missed() -> None:
    printed = lines([Row("Group", "slow", 0.6, "s", 0.5), Row("Group", "quick", 0.5, "s", 0.5)])
    assert printed[1] == "Group"
    assert printed[2].endswith("MISSED")
    assert printed[3].endswith("holds")


def test_a_daemon_that_does_not_start_is_a_failure_to_measure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(World, "write_config", lambda self: self.config.write_text("not TOML"))
    assert bench.main(["--json", "--starts", "1", "--idle", "1", "--rounds", "2"]) == 1
    assert "READY" in capsys.readouterr().err


def test_an_idle_poll_asks_neither_card_nor_modem_anything(here: World) -> None:
    with daemon(here) as running:
        running.poll()
        running.settle()
        here.tally()
        running.poll()
        assert here.tally() == Tally(0, 0)


def test_a_package_that_only_asks_does_not_make_the_agent_read_the_card_again(here: World) -> None:
    with parts(here) as agent:
        before = agent.gateway.contents
        here.order({"listProfileInfo": {}})
        assert poll.run(agent.gateway, agent.eim.eim_id, None).delivered
        assert agent.gateway.contents is before
        own = here.admin("GET", "/config", eid=here.eid, token=-1)["eimConfigurationData"]
        here.order({"updateEim": own})
        assert poll.run(agent.gateway, agent.eim.eim_id, None).delivered
        assert agent.gateway.contents is not before


def test_the_daemon_loads_nothing_that_an_iot_card_does_not_need(here: World, tmp_path: Path) -> None:
    log = tmp_path / "imports"
    with daemon(here, "-X", "importtime", log=log) as running:
        running.poll()
    text = [line for line in log.read_text("utf-8").splitlines() if line.startswith("import time:")]
    loaded = {line.rpartition("|")[2].strip() for line in text}
    assert {"ipad.agent", "ssl", "sqlite3"} <= loaded
    spare = [name for name in loaded if name.startswith((*NOT_NEEDED, *NOT_NEEDED_OF_ASN1TOOLS))]
    assert spare == []


def test_ready_does_not_wait_for_a_probe_that_nobody_answers(here: World) -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):  # the queue is full: whoever comes now gets no answer
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        here.write_config(f"127.0.0.1:{listener.getsockname()[1]}", probe=60.0)
        with daemon(here):
            listener.close()  # refused from now on, so that the probe ends


def test_the_loop_wakes_up_in_time_for_a_watchdog_of_any_patience(here: World) -> None:
    with daemon(here, watchdog=2.0) as running:
        running.poll()
        running.settle()
        running.told()
        told: list[str] = []
        for _ in range(1000):  # 50 s at most
            told += running.told()
            if told.count("WATCHDOG=1") > 1:
                break
        assert set(told) == {"WATCHDOG=1"}


def test_a_clean_stop_closes_the_logical_channel(here: World) -> None:
    with daemon(here):
        here.tally()
    assert here.commands[-1].startswith('AT+CSIM=8,"007080')

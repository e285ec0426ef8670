"""Events for the programs in hooks.d: what the agent leaves, and what root's runner makes of it."""

import json
import os
import time
from pathlib import Path

import pytest

from ipad import hook_runner
from ipad.hooks import EVENTS, MOST_WAITING, Hooks
from modem.radio import RadioStatus, Registration, Sim

A, B = "8900101000000000019", "8900102000000000018"
RADIO = RadioStatus(Sim.READY, Registration.HOME, plmn="00101", tech="E-UTRAN", iccid=A, address="10.64.0.2")


def events(runtime: Path) -> list[dict[str, str]]:
    return [json.loads(file.read_text("utf-8")) for file in sorted((runtime / EVENTS).glob("*"))]


def test_the_link_and_each_switch_are_told_once(tmp_path: Path) -> None:
    hooks = Hooks(tmp_path, "wwan0")
    for enabled, up in [
        (A, None),
        (A, True),
        (A, True),
        (A, False),
        (B, False),
        (B, True),
        (None, None),
        (B, True),
    ]:
        hooks.seen(enabled, up, RADIO)
    told = events(tmp_path)
    assert [event["event"] for event in told] == ["up", "down", "switch", "up", "switch"]
    assert told[0] == {
        **{"event": "up", "iccid": A, "interface": "wwan0"},
        **{"address": "10.64.0.2", "plmn": "00101", "tech": "E-UTRAN"},
    }
    assert (told[2]["former_iccid"], told[2]["iccid"]) == (A, B)


def test_a_link_that_was_never_up_does_not_go_down(tmp_path: Path) -> None:
    Hooks(tmp_path, "").seen(A, False, None)
    assert events(tmp_path) == []


def test_if_nobody_runs_the_hooks_the_oldest_events_are_dropped(tmp_path: Path) -> None:
    hooks = Hooks(tmp_path, "")
    for turn in range(MOST_WAITING + 10):
        hooks.seen(A, turn % 2 == 0, None)
    assert len(events(tmp_path)) == MOST_WAITING


def test_a_directory_that_is_gone_is_no_reason_to_end(tmp_path: Path) -> None:
    Hooks(tmp_path / "gone", "").seen(A, True, None)


class House:
    """A runtime directory and hooks.d."""

    def __init__(self, directory: Path) -> None:
        self.runtime = directory / "run"
        self.programs = directory / "hooks.d"
        self.out = directory / "out"
        for made in (self.runtime, self.programs):
            made.mkdir()

    def program(self, name: str, text: str, mode: int = 0o755) -> Path:
        file = self.programs / name
        file.write_text(f"#!/bin/sh\n{text}\n", "ascii")
        file.chmod(mode)
        return file

    def run(self, seconds: float = 20.0) -> int:
        return hook_runner.run(self.runtime / EVENTS, self.programs, seconds)

    def written(self) -> str:
        return self.out.read_text("utf-8") if self.out.exists() else ""


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_programs_run_in_order_with_the_facts_in_their_environment(house: House) -> None:
    house.program("20-second", f"echo second $IPAD_EVENT >> {house.out}")
    house.program(
        "10-first", f"env | grep -c SECRET >> {house.out}; echo $IPAD_ADDRESS $IPAD_ICCID >> {house.out}"
    )
    house.program("30-not-executable", f"echo no >> {house.out}", 0o644)
    os.environ["SECRET"] = "x"
    try:
        Hooks(house.runtime, "wwan0").seen(A, True, RADIO)
        assert house.run() == 0
    finally:
        del os.environ["SECRET"]
    assert house.written() == f"0\n10.64.0.2 {A}\nsecond up\n"
    assert events(house.runtime) == []


def test_a_program_that_hangs_is_killed_with_all_that_it_started(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    house.program("10-hangs", f"sleep 300 & echo $! > {house.out}; wait")
    house.program("20-next", f"echo next >> {house.out}")
    Hooks(house.runtime, "").seen(A, True, None)
    assert house.run(seconds=0.5) == 1
    child, after = house.written().split()
    assert after == "next"
    end = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < end
    assert "killed after 0.5 s" in capfd.readouterr().err


def test_a_program_that_fails_is_said_and_the_others_run(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    house.program("10-fails", "exit 3")
    house.program("20-next", f"echo next >> {house.out}")
    Hooks(house.runtime, "").seen(A, True, None)
    assert house.run() == 1
    assert house.written() == "next\n"
    assert "exit status 3" in capfd.readouterr().err


def test_a_program_that_others_may_write_is_not_run(house: House, capfd: pytest.CaptureFixture[str]) -> None:
    house.program("10-open", f"echo no >> {house.out}", 0o777)
    Hooks(house.runtime, "").seen(A, True, None)
    assert house.run() == 0
    assert not house.written()
    assert "others than root" in capfd.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"event": "up", "LD_PRELOAD": "/tmp/x"}',
        '{"event": "rm"}',
        '{"event": "up", "interface": "wwan0; reboot"}',
        '{"event": "up", "address": 7}',
        '{"event": "up\\n"}',
        '{"event": "up", "plmn": "' + "0" * 5000 + '"}',
        "[" * 4000,
        "\xff",
    ],
)
def test_what_is_no_event_is_dropped_and_runs_nothing(house: House, text: str) -> None:
    house.program("10-any", f"echo no >> {house.out}")
    (house.runtime / EVENTS).mkdir()
    (house.runtime / EVENTS / "1.json").write_text(text, "latin-1")
    assert house.run() == 0
    assert not house.written()
    assert list((house.runtime / EVENTS).iterdir()) == []


def test_a_link_or_a_pipe_in_the_place_of_an_event_is_dropped(house: House, tmp_path: Path) -> None:
    house.program("10-any", f"echo no >> {house.out}")
    (house.runtime / EVENTS).mkdir()
    secret = tmp_path / "secret"
    secret.write_text('{"event": "up"}', "utf-8")
    (house.runtime / EVENTS / "1.json").symlink_to(secret)
    os.mkfifo(house.runtime / EVENTS / "2.json")
    assert house.run() == 0
    assert secret.exists()
    assert not house.written()


def test_events_that_are_a_link_to_somewhere_else_are_left_alone(house: House, tmp_path: Path) -> None:
    elsewhere = tmp_path / "etc"
    elsewhere.mkdir()
    (elsewhere / "important.json").write_text('{"event": "up"}', "utf-8")
    (house.runtime / EVENTS).symlink_to(elsewhere)
    assert house.run() == 0
    assert (elsewhere / "important.json").exists()


def test_no_hooks_at_all_is_fine(tmp_path: Path) -> None:
    assert hook_runner.main(["--events", str(tmp_path / "a"), "--programs", str(tmp_path / "b")]) == 0

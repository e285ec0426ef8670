"""`ipad status --watch`, away from a terminal: one answer after another, each when something changed."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from pytest_mock import MockerFixture

from ipad import watch
from tests.agent_parts.test_show import OPERATING, TRIAL


class Gone(Exception):
    """No daemon."""


@pytest.fixture(autouse=True)
def no_waiting(mocker: MockerFixture) -> None:
    mocker.patch("ipad.watch.time.sleep")


def asking(*answers: Any) -> Callable[[], Any]:
    """Gives the answers one by one, then somebody presses Ctrl-C."""
    left = iter(answers)

    def ask() -> Any:
        answer = next(left, None)
        if answer is None:
            raise KeyboardInterrupt
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def watched(capsys: pytest.CaptureFixture[str], as_json: bool, *answers: Any) -> str:
    with pytest.raises(KeyboardInterrupt):
        watch.run(asking(*answers), Gone, as_json)
    return capsys.readouterr().out


def test_only_what_changed_is_shown_again(capsys: pytest.CaptureFixture[str]) -> None:
    later = OPERATING | {"now": OPERATING["now"] + 1}
    said = watched(capsys, False, OPERATING, later, TRIAL, TRIAL)
    assert [line for line in said.splitlines() if line.startswith("ipad ")] == [
        "ipad     1.2: operating for 60 min",
        "ipad     1.2: trial for 10 s",
    ]


def test_each_line_of_json_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    said = watched(capsys, True, OPERATING, Gone("not running"), TRIAL)
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line.get("phase", line.get("error")) for line in lines] == ["operating", "not running", "trial"]


def test_a_daemon_that_is_not_there_is_said_once_and_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    said = watched(capsys, False, Gone("not running"), Gone("not running"), OPERATING)
    assert said.count("ipad: not running") == 1
    assert "operating" in said

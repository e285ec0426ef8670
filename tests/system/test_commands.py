"""The `ipad` command, with the daemon running and without: what is printed, what is done, how it exits."""

import json
from collections.abc import Iterator

import pytest

from ipad.testbed.gateway import Gateway
from tests.system.conftest import Start
from tests.system.world import (
    BOOTSTRAP,
    LIST,
    NORD,
    NORD_PLMN,
    answer,
    enable,
    ipad,
    is_at,
    operates,
    settle,
    until,
)

FAILED, UNAVAILABLE = 1, 69
QUESTIONS = ("status", "why", "profiles", "info", "history")
NEED_THE_DAEMON = ("status", "why", "history", "poll", "fallback", "return")


@pytest.fixture(scope="module")
def alone(start: Start) -> Iterator[Gateway]:
    """A gateway where no daemon runs, on the bootstrap profile."""
    with start() as gateway:
        gateway.provision()
        yield gateway


@pytest.fixture(scope="module")
def running(start: Start) -> Iterator[Gateway]:
    """A gateway in everyday use: Nord is enabled, its daemon runs."""
    with start() as gateway:
        gateway.provision()
        gateway.start_agent()
        operates(gateway)
        enable(gateway, NORD)
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    settle(running)
    return running


# Without the daemon


@pytest.mark.parametrize("command", NEED_THE_DAEMON)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_without_the_daemon_a_command_that_needs_it_says_so(
    alone: Gateway, command: str, form: tuple[str, ...]
) -> None:
    done = ipad(alone, command, *form)
    assert done.returncode == UNAVAILABLE
    assert done.stdout == ""
    assert "the daemon is not running" in done.stderr
    assert "systemctl start ipad" in done.stderr


def test_without_the_daemon_the_profiles_are_read_from_the_card(alone: Gateway) -> None:
    listed = answer(alone, "profiles")
    on_the_card = {p["iccid"]: p["state"] == "enabled" for p in alone.card()["profiles"]}
    assert {p["iccid"]: p["enabled"] for p in listed} == on_the_card
    assert [p["iccid"] for p in listed if p["fallback"]] == [BOOTSTRAP]
    printed = ipad(alone, "profiles").stdout
    assert all(iccid in printed for iccid in on_the_card)


def test_without_the_daemon_the_info_is_read_from_the_card(alone: Gateway) -> None:
    told = answer(alone, "info")
    assert told["eid"] == alone.card()["eid"]
    assert [e["eim_id"] for e in told["eims"]] == [alone.eim_id]
    assert alone.card()["eid"] in ipad(alone, "info").stdout


def test_a_second_provisioning_changes_nothing_and_says_so(alone: Gateway) -> None:
    before = alone.card()["eims"]
    file = str(alone.directory / "eim.der")
    again = answer(alone, "provision", "--eim", file)
    assert again["changed"] is False
    assert [e["association_token"] for e in again["eims"]] == [before[0]["associationToken"]]
    assert "nothing was changed" in ipad(alone, "provision", "--eim", file).stdout
    assert alone.card()["eims"] == before


def test_what_is_no_eim_configuration_is_refused(alone: Gateway) -> None:
    for content in (b"", b"eim.testbed.example\n", bytes(70_000)):
        file = alone.directory / "wrong.der"
        file.write_bytes(content)
        done = ipad(alone, "provision", "--eim", str(file))
        assert done.returncode == FAILED
        assert f"{file}: " in done.stderr
    missing = ipad(alone, "provision", "--eim", str(alone.directory / "missing"))
    assert missing.returncode == FAILED
    assert "No such file" in missing.stderr


# With it


@pytest.mark.parametrize("command", QUESTIONS)
def test_a_question_is_answered_for_people_and_in_json(gateway: Gateway, command: str) -> None:
    done = ipad(gateway, command)
    assert done.returncode == 0
    assert done.stdout.strip()
    assert not done.stderr
    assert answer(gateway, command)


def test_status_tells_what_the_far_side_knows_too(gateway: Gateway) -> None:
    told = answer(gateway, "status")
    assert (told["phase"], told["link"]) == ("operating", "ok")
    assert told["iccid"] == gateway.enabled() == NORD
    assert told["radio"]["plmn"] == gateway.serving()[1] == NORD_PLMN
    assert list(told["eims"]) == [gateway.eim_id]
    printed = ipad(gateway, "status").stdout
    assert all(word in printed for word in ("operating", NORD, NORD_PLMN, gateway.eim_id))


def test_why_names_the_phase_and_the_reason(gateway: Gateway) -> None:
    told = answer(gateway, "why")
    assert ipad(gateway, "why").stdout.startswith(f"operating: {told['why']}")


def test_the_daemon_s_word_on_the_card_is_the_card_s(gateway: Gateway) -> None:
    assert answer(gateway, "info")["eid"] == gateway.card()["eid"]
    assert [p["iccid"] for p in answer(gateway, "profiles") if p["enabled"]] == [gateway.enabled()]


def test_history_tells_of_the_switch_and_is_as_long_as_asked(gateway: Gateway) -> None:
    entries = answer(gateway, "history")
    assert f"{BOOTSTRAP} -> {NORD}" in [e["text"] for e in entries if e["what"] == "switch"]
    assert len(ipad(gateway, "history", "-n", "3").stdout.splitlines()) == 3


def test_a_poll_that_is_asked_for_is_done_when_the_command_ends(gateway: Gateway) -> None:
    package = gateway.order(LIST)
    done = ipad(gateway, "poll")
    assert done.returncode == 0
    assert gateway.state_of(package) == "done"
    before = gateway.polls()
    assert answer(gateway, "poll")["did"]
    assert gateway.polls() > before


def test_a_poll_that_reaches_nobody_fails_and_no_profile_is_switched(gateway: Gateway) -> None:
    switches = gateway.switches()
    gateway.kill_eim()
    try:
        done = ipad(gateway, "poll")
    finally:
        gateway.start_eim()
    assert done.returncode == FAILED
    assert "not reached" in done.stderr
    assert gateway.switches() == switches


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_fallback_and_a_return_that_are_asked_for_switch_the_card(
    gateway: Gateway, form: tuple[str, ...]
) -> None:
    done = ipad(gateway, "fallback", *form)
    assert done.returncode == 0, done.stderr
    assert gateway.enabled() == BOOTSTRAP
    assert gateway.card()["fallbackOrigin"] is not None
    until("the modem on the bootstrap profile", lambda: gateway.serving()[0] == 5)
    again = ipad(gateway, "fallback", *form)
    assert again.returncode == FAILED
    assert "nothing was done" in again.stderr

    until("the fallback's phase", lambda: is_at(gateway, "fallback"))
    done = ipad(gateway, "return", *form)
    assert done.returncode == 0, done.stderr
    assert not form or json.loads(done.stdout)["did"]
    assert gateway.enabled() == NORD
    assert gateway.card()["fallbackOrigin"] is None
    operates(gateway)
    assert gateway.serving() == (1, NORD_PLMN)


def test_a_return_without_a_fallback_is_refused_with_the_reason(gateway: Gateway) -> None:
    switches = gateway.switches()
    for form in ((), ("--json",)):
        done = ipad(gateway, "return", *form)
        assert done.returncode == FAILED
        assert "operating" in done.stderr
        assert "a return needs a fallback before it" in done.stderr
    assert gateway.enabled() == NORD
    assert gateway.switches() == switches


def test_the_factory_s_command_keeps_away_from_the_daemon_s_card(gateway: Gateway) -> None:
    done = ipad(gateway, "provision", "--eim", str(gateway.directory / "eim.der"))
    assert done.returncode == FAILED
    assert "another ipad is running" in done.stderr

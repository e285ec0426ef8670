"""Switches of the profile where an operator, the modem or the eIM does not play along."""

from collections.abc import Iterator

import pytest

from ipad.testbed.gateway import Gateway
from tests.system.conftest import Start
from tests.system.world import (
    BOOTSTRAP,
    NORD,
    NORD_PLMN,
    SUED,
    SUED_PLMN,
    answer,
    enable,
    ipad,
    is_at,
    link,
    operates,
    settle,
    until,
    works,
)

FALLBACK_CAUSE = 1
"""StateChangeCause fallback(1)."""


@pytest.fixture(scope="module")
def running(start: Start) -> Iterator[Gateway]:
    with start(trial=4.0, probe=1.0, probe_interval=1.0) as gateway:
        gateway.provision()
        gateway.start_agent()
        operates(gateway)
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    """The shared one, with Nord enabled."""
    for plmn in (NORD_PLMN, SUED_PLMN):
        running.operator(plmn, "on")
    if is_at(running, "fallback"):
        ipad(running, "return")
    settle(running)
    if running.enabled() != NORD:
        enable(running, NORD)
    return running


@pytest.fixture
def plain_modem(running: Gateway) -> Iterator[None]:
    """After the test the modem has no fault any more."""
    yield
    running.unplug()
    running.plug_in()
    operates(running)


def test_an_operator_that_refuses_the_gateway_makes_it_roll_back_where_the_eim_allows_it(
    gateway: Gateway,
) -> None:
    gateway.operator(SUED_PLMN, "refusing")
    package = gateway.order({"enable": SUED, "rollback": True})
    ipad(gateway, "poll")
    until("the switch", lambda: gateway.enabled() == SUED)
    until("the refusal", lambda: link(gateway) == "refused by the network")
    until("the rollback's result", lambda: gateway.state_of(package) == "rolled back")
    operates(gateway)
    assert gateway.enabled() == NORD
    assert gateway.serving() == (1, NORD_PLMN)


def test_an_operator_that_refuses_the_gateway_makes_it_fall_back_where_no_rollback_is_allowed(
    gateway: Gateway,
) -> None:
    gateway.operator(SUED_PLMN, "refusing")
    package = gateway.order({"enable": SUED})
    told = len(gateway.told())
    ipad(gateway, "poll")
    until("the switch", lambda: gateway.enabled() == SUED)
    until("the fallback", lambda: gateway.enabled() == BOOTSTRAP)
    until("the result of the enable", lambda: gateway.state_of(package) == "done")
    until("a poll that says why", lambda: (FALLBACK_CAUSE, NORD_PLMN) in gateway.told()[told:])
    until("the verdict", lambda: is_at(gateway, "fallback"))
    assert gateway.card()["fallbackOrigin"] is not None
    assert gateway.accepted_results(package) == 1


def test_an_operator_that_carries_nothing_is_left_although_the_modem_is_registered(
    gateway: Gateway,
) -> None:
    gateway.operator(NORD_PLMN, "silent")
    until("the verdict on the link", lambda: link(gateway) == "no traffic")
    assert gateway.serving() == (1, NORD_PLMN)
    told = len(gateway.told())
    until("the fallback", lambda: gateway.enabled() == BOOTSTRAP)
    until("a poll that says why", lambda: (FALLBACK_CAUSE, SUED_PLMN) in gateway.told()[told:])
    history = [(e["what"], e["text"]) for e in answer(gateway, "history")]
    assert ("link", "no traffic") in history


@pytest.mark.usefixtures("plain_modem")
def test_a_modem_that_ignores_refresh_is_reset_to_take_the_new_profile(gateway: Gateway) -> None:
    gateway.unplug()
    gateway.plug_in("ignore-refresh")
    operates(gateway)
    resets, refreshes = len(gateway.events("reset")), gateway.events("refresh")
    package = enable(gateway, SUED, rollback=True)
    assert gateway.serving() == (1, SUED_PLMN)
    assert gateway.accepted_results(package) == 1
    assert len(gateway.events("reset")) > resets
    assert gateway.events("refresh") == refreshes


@pytest.mark.usefixtures("plain_modem")
def test_a_modem_that_talks_all_the_time_is_understood(gateway: Gateway) -> None:
    gateway.unplug()
    gateway.plug_in("noise")
    operates(gateway)
    works(gateway)
    enable(gateway, SUED, rollback=True)
    assert gateway.serving() == (1, SUED_PLMN)
    assert ipad(gateway, "fallback").returncode == 0
    until("the verdict", lambda: is_at(gateway, "fallback") and link(gateway) == "ok")
    assert gateway.enabled() == BOOTSTRAP
    assert ipad(gateway, "return").returncode == 0
    operates(gateway)
    assert gateway.enabled() == SUED


@pytest.mark.parametrize("fault", ["http-503", "drop"])
def test_an_eim_that_takes_the_result_late_causes_no_rollback(gateway: Gateway, fault: str) -> None:
    switches = len(gateway.switches())
    function = "ProvideEimPackageResult"
    gateway.eim("POST", "/faults", {"fault": fault, "function": function, "count": 3})
    package = enable(gateway, SUED, rollback=True)
    assert gateway.serving() == (1, SUED_PLMN)
    assert gateway.accepted_results(package) == 1
    assert len(gateway.switches()) == switches + 1
    until("an empty card", lambda: not gateway.card()["results"])


def test_an_eim_that_is_away_after_its_enable_with_rollback_is_rolled_back_from_once(
    gateway: Gateway,
) -> None:
    switches = len(gateway.switches())
    package = gateway.order({"enable": SUED, "rollback": True})
    gateway.eim("POST", "/faults", {"fault": "http-500", "function": "ProvideEimPackageResult", "count": 99})
    ipad(gateway, "poll")
    until("the switch", lambda: gateway.enabled() == SUED)
    gateway.kill_eim()
    until("the rollback", lambda: gateway.enabled() == NORD)
    operates(gateway)
    gateway.start_eim()
    until("its result", lambda: gateway.state_of(package) == "rolled back")
    operates(gateway)
    assert gateway.enabled() == NORD
    assert len(gateway.switches()) == switches + 2


def test_the_log_does_not_tell_the_eid(gateway: Gateway) -> None:
    works(gateway)
    told = "\n".join(gateway.agent_log())
    assert "listProfileInfo" in told
    assert gateway.card()["eid"] not in told


def test_a_daemon_whose_journal_is_damaged_begins_another(gateway: Gateway) -> None:
    journal = gateway.directory / "state" / "journal.db"
    assert gateway.stop_agent() == 0
    journal.write_bytes(b"\xff" * 8192)
    gateway.start_agent()
    operates(gateway)
    works(gateway)
    assert gateway.enabled() == NORD
    assert journal.with_name("journal.db.damaged").read_bytes() == b"\xff" * 8192
    assert "set aside as journal.db.damaged" in "\n".join(gateway.agent_log())


def test_a_daemon_that_has_lost_its_disk_falls_back_all_the_same(gateway: Gateway) -> None:
    journal = gateway.directory / "state" / "journal.db"
    kept = journal.with_name("kept.db")
    assert gateway.stop_agent() == 0
    journal.rename(kept)
    journal.mkdir()
    gateway.start_agent()
    operates(gateway)
    gateway.operator(NORD_PLMN, "dark")
    until("the fallback", lambda: gateway.enabled() == BOOTSTRAP)
    until("the link", lambda: link(gateway) == "ok")
    # What cannot be written down is not begun, but for the way back.
    package = gateway.order({"enable": SUED})
    ipad(gateway, "poll")
    assert (gateway.enabled(), gateway.state_of(package)) == (BOOTSTRAP, "sent")
    # The disk is there again.
    journal.rmdir()
    kept.rename(journal)
    until("the package", lambda: gateway.state_of(package) == "done")
    operates(gateway)
    assert gateway.enabled() == SUED

"""Octets on the cellular interface: traffic that flows spares a probe."""

from dataclasses import replace
from pathlib import Path

import pytest

from ipad import observe
from ipad.connectivity.link import Facts, Link, diagnose, explain
from ipad.observe import FLOWS
from modem.radio import RadioStatus, Registration, Sim

UP = RadioStatus(Sim.READY, Registration.ROAMING, address="10.0.0.1")


def interface(directory: Path, octets: str) -> Path:
    statistics = directory / "wwan0" / "statistics"
    statistics.mkdir(parents=True, exist_ok=True)
    (statistics / "rx_bytes").write_text(octets, "ascii")
    return directory


def test_the_counter_is_the_interface_s(tmp_path: Path) -> None:
    assert observe.received("wwan0", interface(tmp_path, "4711\n")) == 4711


@pytest.mark.parametrize("octets", ["", "many", "-"])
def test_a_counter_that_is_none_is_not_one(tmp_path: Path, octets: str) -> None:
    assert observe.received("wwan0", interface(tmp_path, octets)) is None


@pytest.mark.parametrize("name", [None, "", "wwan1"])
def test_without_an_interface_there_is_no_counter(tmp_path: Path, name: str | None) -> None:
    assert observe.received(name, interface(tmp_path, "4711\n")) is None


def test_the_loopback_counts() -> None:
    assert observe.received("lo") is not None


def test_enough_octets_say_that_traffic_flows_and_when() -> None:
    dead = Facts(radio=UP, reachable=False, reachable_at=1.0, octets=1000, octets_at=1.0)
    assert diagnose(dead) is Link.NO_TRAFFIC
    alive = observe.count(dead, 1000 + FLOWS, 9.0)
    assert (alive.reachable, alive.reachable_at, diagnose(alive)) == (True, 9.0, Link.OK)


@pytest.mark.parametrize(
    ("before", "after"),
    [(1000, 1000 + FLOWS - 1), (10 * FLOWS, 0), (None, 10 * FLOWS), (1000, None)],
    ids=["too few", "interface made anew", "first look", "interface gone"],
)
def test_otherwise_they_say_nothing(before: int | None, after: int | None) -> None:
    facts = Facts(radio=UP, reachable=False, reachable_at=1.0, octets=before)
    assert observe.count(facts, after, 9.0) == replace(facts, octets=after, octets_at=9.0)


@pytest.mark.parametrize(
    ("facts", "link", "said"),
    [
        (Facts(), Link.MODEM_STUCK, "modem does not answer"),
        (Facts(RadioStatus(Sim.LOCKED, Registration.HOME)), Link.NO_SIM, "SIM not ready: locked"),
        (
            Facts(RadioStatus(Sim.READY, Registration.DENIED, cause=13)),
            Link.REFUSED,
            "registration refused: roaming not allowed in this tracking area (13)",
        ),
        (
            Facts(RadioStatus(Sim.READY, Registration.DENIED, cause=99)),
            Link.REFUSED,
            "registration refused: EMM cause (99)",
        ),
        (
            Facts(RadioStatus(Sim.READY, Registration.DENIED)),
            Link.REFUSED,
            "registration refused: the modem tells no cause",
        ),
        (Facts(RadioStatus(Sim.READY, Registration.HOME)), Link.NO_BEARER, "no bearer"),
        (
            Facts(RadioStatus(Sim.READY, Registration.HOME), bearer_refused="+CME ERROR: 33"),
            Link.REFUSED,
            "bearer refused: +CME ERROR: 33",
        ),
        (Facts(UP, bearer_refused="+CME ERROR: 33"), Link.OK, "ok"),
        (
            Facts(replace(UP, iccid="89"), other_profile=True),
            Link.NO_SIM,
            "SIM not ready: the modem still reads 89, which is not enabled",
        ),
    ],
)
def test_a_verdict_is_told_with_its_cause(facts: Facts, link: Link, said: str) -> None:
    assert (diagnose(facts), explain(facts)) == (link, said)

"""A consumer card behind the real daemon, in a mock modem: the agent stands in for what the card lacks."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from ipad.testbed.gateway import Gateway
from tests.system.conftest import Start
from tests.system.world import (
    BOOTSTRAP,
    LIST,
    NORD,
    NORD_PLMN,
    SUED,
    answer,
    enable,
    ipad,
    is_at,
    link,
    operates,
    says,
    settle,
    until,
    works,
)

FALLBACK_CAUSE = 1
"""StateChangeCause fallback(1)."""


@pytest.fixture(scope="module")
def running(start: Start) -> Iterator[Gateway]:
    with start(card="consumer", trial=4.0, probe=1.0, probe_interval=1.0) as gateway:
        gateway.provision()
        gateway.start_agent()
        operates(gateway)
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Iterator[Gateway]:
    """The shared one. Each test begins and ends on the bootstrap profile, with a gateway that works."""
    settle(running)
    yield running
    settle(running)
    works(running)
    assert running.enabled() == BOOTSTRAP


def test_it_is_said_plainly_in_status_info_and_log(gateway: Gateway) -> None:
    said = "the agent stands in; only an eIM that was given its device key"
    for question in ("status", "info"):
        assert said in ipad(gateway, question).stdout
        card = answer(gateway, question)["card"]
        assert card["kind"] == "consumer"
        assert "results signed by the card" in card["unavailable"]
    assert says(gateway, "consumer (SGP.22)", said)


def test_the_card_itself_knows_nothing_of_its_eim(gateway: Gateway) -> None:
    card = gateway.card()
    assert (card["kind"], card["eims"], card["results"]) == ("consumer", [], [])
    [told] = answer(gateway, "info")["eims"]
    assert told["eim_id"] == gateway.eim_id


def test_the_device_key_is_exported_and_its_file_is_the_daemons_alone(gateway: Gateway) -> None:
    pem = ipad(gateway, "info", "--device-key").stdout
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()
    assert answer(gateway, "info", "--device-key") == {"deviceKey": der}
    [known] = gateway.eim("GET", "/euiccs", eid=gateway.card()["eid"])
    assert known["deviceKey"] == der.upper()
    file = gateway.directory / "state" / "device.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_enable_with_rollback_is_proven_and_a_fallback_and_a_return_work(gateway: Gateway) -> None:
    package = enable(gateway, NORD, rollback=True)
    assert gateway.accepted_results(package) == 1
    assert gateway.serving() == (1, NORD_PLMN)
    assert ipad(gateway, "fallback").returncode == 0
    until("the verdict", lambda: is_at(gateway, "fallback") and link(gateway) == "ok")
    until("the eIM to be told", lambda: FALLBACK_CAUSE in [cause for cause, _ in gateway.told()])
    assert gateway.enabled() == BOOTSTRAP
    assert ipad(gateway, "return").returncode == 0
    operates(gateway)
    assert gateway.enabled() == NORD
    back(gateway)


def test_an_eim_that_is_away_after_its_enable_with_rollback_is_rolled_back_from(gateway: Gateway) -> None:
    package = gateway.order({"enable": SUED, "rollback": True})
    gateway.eim("POST", "/faults", {"fault": "http-500", "function": "ProvideEimPackageResult", "count": 99})
    ipad(gateway, "poll")
    until("the switch", lambda: gateway.enabled() == SUED)
    until("the rollback", lambda: gateway.enabled() == BOOTSTRAP)
    gateway.eim("DELETE", "/faults")
    until("its result", lambda: gateway.state_of(package) == "rolled back")
    operates(gateway)
    assert gateway.enabled() == BOOTSTRAP


def test_a_daemon_that_is_killed_in_a_package_brings_it_to_its_end_once(gateway: Gateway) -> None:
    operations = [LIST, {"enable": NORD}, LIST]
    package = gateway.queue({"operations": operations})
    gateway.ipad("poll", wait=False)
    until("the switch", lambda: gateway.enabled() == NORD)
    gateway.kill_agent()
    assert gateway.accepted_results(package) == 0
    gateway.start_agent()
    until("the result", lambda: gateway.state_of(package) == "done")
    assert gateway.accepted_results(package) == 1
    outcome = gateway.package(package)["outcome"]
    assert [name for one in outcome for name in one] == [
        "listProfileInfoResult",
        "enableResult",
        "listProfileInfoResult",
    ]
    operates(gateway)
    back(gateway)


def test_results_are_refused_by_an_eim_that_was_not_given_the_key(gateway: Gateway) -> None:
    eid = gateway.card()["eid"]
    [known] = gateway.eim("GET", "/euiccs", eid=eid)
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()
    gateway.eim("POST", "/euiccs", {"eid": eid, "deviceKey": der})
    package = gateway.order(LIST)
    ipad(gateway, "poll")
    until("a refusal", lambda: any(r["reason"] for r in gateway.eim("GET", "/results")))
    assert gateway.state_of(package) == "sent"
    gateway.eim("POST", "/euiccs", {"eid": eid, "deviceKey": known["deviceKey"]})
    ipad(gateway, "poll")
    until("the result", lambda: gateway.state_of(package) == "done")


def test_a_device_key_that_others_may_read_is_not_used_and_not_replaced(gateway: Gateway) -> None:
    file = gateway.directory / "state" / "device.key"
    content = file.read_bytes()
    file.chmod(0o644)
    package = gateway.order({"enable": NORD})
    ipad(gateway, "poll")
    until("the refusal", lambda: says(gateway, "undefinedError", "device.key", "0644", "chmod 600"))
    assert gateway.state_of(package) == "sent"
    assert ipad(gateway, "info", "--device-key").returncode == 1
    assert gateway.enabled() == BOOTSTRAP
    assert file.read_bytes() == content
    file.chmod(0o600)
    ipad(gateway, "poll")
    until("the result", lambda: gateway.state_of(package) == "done")
    operates(gateway)
    back(gateway)


def test_only_a_consumer_card_costs_the_memory_of_cryptography(gateway: Gateway, start: Start) -> None:
    works(gateway)
    assert "cryptography" in maps(gateway)
    with start() as other:
        other.provision()
        other.start_agent()
        operates(other)
        works(other)
        assert "cryptography" not in maps(other)


def maps(gateway: Gateway) -> str:
    return Path(f"/proc/{gateway.agent.pid}/maps").read_text("utf-8")


def back(gateway: Gateway) -> None:
    """To the bootstrap profile, where each test begins."""
    enable(gateway, BOOTSTRAP)

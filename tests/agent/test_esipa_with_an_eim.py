"""Card, agent's functions and eIM together: association, packages, results, over real TLS."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ipad.errors import PeerRefused, Throttled, Untrusted
from ipad.esipa import arms
from ipad.esipa.client import Esipa
from ipad.esipa.model import Acknowledged, DataRequest, DownloadTrigger, EuiccPackage, Malformed, NoPackage
from ipad.esipa.settings import EsipaSettings
from ipad.euicc import es10b, es10c
from ipad.euicc.isdr import Isdr
from ipad.net.http import Uplink
from ipad.net.wire import Slow, TooMuch
from ipad.testbed.eim.serve import Settings as EimSettings
from ipad.testbed.eim.serve import running
from ipad.testbed.eim.shapes import OWN_NUMBER
from ipad.testbed.euicc import VirtualEuicc
from ipad.waits import Waits
from modem.card import UiccCard
from tests.euicc_card.world import SUED
from tests.testbed.eim_world import Admin, register


@pytest.fixture(params=["asn1", "json"])
def binding(request: pytest.FixtureRequest) -> str:
    """The one binding that the eIM knows; the agent has to find that out."""
    name: str = request.param
    return name


@dataclass
class World:
    isdr: Isdr
    esipa: Esipa
    admin: Admin
    eid: str

    def order(self, **what: Any) -> int:
        return int(self.admin.post("/packages", {"eid": self.eid, **what})["id"])


@contextmanager
def world(
    directory: Path,
    pki_dir: Path,
    binding: str,
    anchor: str = "ca",
    http: float = 20.0,
    shapes: frozenset[str] = frozenset(),
    **settings: Any,
) -> Iterator[World]:
    """An eIM, and a card that the agent's own functions have associated with it."""
    chosen = EimSettings(directory / "eim", pki=pki_dir, anchor=anchor, bindings=binding, shapes=shapes)
    with running(chosen) as eim:
        admin = Admin(eim.admin)
        card = VirtualEuicc.open(directory / "card", pki_dir)
        isdr = Isdr(UiccCard(card), Waits(), sleep=lambda _: None)
        configuration = bytes.fromhex(admin.get("/config", token=-1)["eimConfigurationData"])
        [token] = es10b.add_initial_eim(isdr, [configuration])
        register(admin, pki_dir, token=token)
        [found] = es10b.eim_configurations(isdr)
        esipa = Esipa(
            found, es10c.eid(isdr), Waits(connect=20.0, http=http), Uplink(), EsipaSettings(**settings)
        )
        yield World(isdr, esipa, admin, card.eid)
        esipa.close()


@pytest.mark.parametrize("anchor", ["ca", "leaf", "key"])
def test_a_package_goes_from_the_eim_to_the_card_and_its_result_back(
    tmp_path: Path, pki_dir: Path, binding: str, anchor: str
) -> None:
    with world(tmp_path, pki_dir, binding, anchor) as here:
        number = here.order(operations=[{"listProfileInfo": {}}, {"delete": SUED}])
        package = here.esipa.get_eim_package()
        assert isinstance(package, EuiccPackage)
        assert [o.name for o in package.operations] == ["listProfileInfo", "delete"]
        result = es10b.load_euicc_package(here.isdr, package.der)
        assert result.failed is None
        assert (result.counter, result.transaction_id) == (package.counter, package.transaction_id)
        [notification] = es10b.notifications(here.isdr)
        taken = here.esipa.provide_eim_package_result(
            arms.result_and_notifications(result.der, [notification.der])
        )
        assert isinstance(taken, Acknowledged)
        assert result.seq in taken.seqs
        here.esipa.handle_notification(notification.der)
        assert here.admin.package(number)["state"] == "done"
        assert here.esipa.get_eim_package(notify_state_change=True, cause=1) == NoPackage()


def test_what_the_card_refuses_reaches_the_eim(tmp_path: Path, pki_dir: Path, binding: str) -> None:
    with world(tmp_path, pki_dir, binding) as here:
        for forge, kind in (("wrong-signature", "unsigned"), ("wrong-eid", "error")):
            here.order(operations=[{"delete": SUED}], forge=forge)
            package = here.esipa.get_eim_package()
            assert isinstance(package, EuiccPackage)
            result = es10b.load_euicc_package(here.isdr, package.der)
            assert result.kind == kind
            here.esipa.provide_eim_package_result(result.der)
        assert here.esipa.get_eim_package() == NoPackage()


def test_what_can_not_be_worked_on_is_answered_and_out_of_the_way(
    tmp_path: Path, pki_dir: Path, binding: str
) -> None:
    with world(tmp_path, pki_dir, binding) as here:
        here.order(raw="BF4F06BF7703800100")
        here.order(data={"tagList": "81"})
        here.order(download={"activationCode": "1$smdp.example$"})
        malformed = here.esipa.get_eim_package()
        assert isinstance(malformed, Malformed)
        here.esipa.provide_eim_package_result(arms.response_error(malformed))
        data = here.esipa.get_eim_package()
        assert isinstance(data, DataRequest)
        assert data.transaction_id is not None
        here.esipa.provide_eim_package_result(arms.data_error(data.transaction_id, 127))
        trigger = here.esipa.get_eim_package()
        assert isinstance(trigger, DownloadTrigger)
        assert trigger.address == "1$smdp.example$"
        here.esipa.provide_eim_package_result(arms.download_error(trigger.transaction_id))
        assert here.esipa.get_eim_package() == NoPackage()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"fault": "http-503", "retryAfter": 7}, Throttled),
        ({"fault": "oversize", "size": 2_000_000}, TooMuch),
        ({"fault": "slow", "seconds": 10}, Slow),
        ({"fault": "content-type"}, PeerRefused),
    ],
)
def test_an_eim_that_misbehaves_once_is_reached_again(
    tmp_path: Path, pki_dir: Path, binding: str, fault: dict[str, Any], error: type[Exception]
) -> None:
    with world(tmp_path, pki_dir, binding, http=2.0 if error is Slow else 20.0) as here:
        here.admin.post("/faults", fault)
        with pytest.raises(error):
            here.esipa.get_eim_package()
        assert here.esipa.get_eim_package() == NoPackage()


def test_an_eim_with_another_certificate_is_not_told_a_thing(
    tmp_path: Path, pki_dir: Path, binding: str
) -> None:
    with world(tmp_path, pki_dir, binding, "leaf") as here, running(EimSettings(tmp_path / "other")) as other:
        [found] = es10b.eim_configurations(here.isdr)
        impostor = Esipa(
            type(found)(found.eim_id, other.esipa.removeprefix("https://"), tls_anchor=found.tls_anchor),
            bytes.fromhex(here.eid),
            Waits(),
            Uplink(),
            EsipaSettings(),
        )
        with pytest.raises(Untrusted):
            impostor.get_eim_package()
        told = [line for line in Admin(other.admin).get("/log") if line.get("function") != "TLS"]
        assert told == []


@pytest.mark.parametrize("minimize", [False, True])
def test_notifications_are_taken_in_full_and_in_their_compact_form(
    tmp_path: Path, pki_dir: Path, binding: str, minimize: bool
) -> None:
    with world(tmp_path, pki_dir, binding, minimize=minimize) as here:
        number = here.order(operations=[{"delete": SUED}])
        package = here.esipa.get_eim_package()
        assert isinstance(package, EuiccPackage)
        result = es10b.load_euicc_package(here.isdr, package.der)
        [notification] = es10b.notifications(here.isdr)
        sent = here.esipa.shrink(notification.der)
        assert (len(notification.der) - len(sent) > 1000) is minimize
        taken = here.esipa.provide_eim_package_result(arms.result_and_notifications(result.der, [sent]))
        assert isinstance(taken, Acknowledged)
        assert set(taken.seqs) == {result.seq, notification.seq}
        here.esipa.handle_notification(notification.der)
        assert here.admin.package(number)["state"] == "done"


def test_shapes_seen_in_production_are_understood(tmp_path: Path, pki_dir: Path, binding: str) -> None:
    shapes = frozenset({"no-package-header", "error-zero", "empty-200", "own-numbers"})
    with world(tmp_path, pki_dir, binding, shapes=shapes) as here:
        assert here.esipa.get_eim_package() == NoPackage()
        here.order(operations=[{"delete": SUED}])
        package = here.esipa.get_eim_package()
        assert isinstance(package, EuiccPackage)
        result = es10b.load_euicc_package(here.isdr, package.der)
        [notification] = es10b.notifications(here.isdr)
        here.esipa.handle_notification(notification.der)
        taken = here.esipa.provide_eim_package_result(result.der)
        assert isinstance(taken, Acknowledged)
        assert set(taken.seqs) == {result.seq, OWN_NUMBER}


def test_the_result_of_a_direct_download_goes_by_handle_notification(
    tmp_path: Path, pki_dir: Path, binding: str
) -> None:
    with world(tmp_path, pki_dir, binding) as here:
        number = here.order(download={"activationCode": "1$smdp.example$"})
        trigger = here.esipa.get_eim_package()
        assert isinstance(trigger, DownloadTrigger)
        here.esipa.handle_result(arms.download_error(trigger.transaction_id))
        assert here.admin.package(number)["state"] != "sent"
        assert here.esipa.get_eim_package() == NoPackage()

"""Downloads end to end: the SM-DP+'s functions, the agent's ES10b, AT on a pty, the mock modem, the card."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import encode, tlvs, value, wrap
from ipad.errors import EuiccRefused
from ipad.euicc import bpp, es10b, es10c
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import InstallationResult
from ipad.testbed.euicc import VirtualEuicc, show
from ipad.testbed.smdp import Authenticated, Initiated, ProfileOrder, Smdp, SmdpRefused
from ipad.waits import Waits
from modem import connect
from modem.mock import AlwaysOn, MockModem
from tests.euicc_card.world import BOOTSTRAP

ADDRESS = "smdp.testbed.example"
NEW = ProfileOrder("8900101000000000993", imsi="001010000000993", size=3000)


@dataclass
class Gateway:
    """A gateway as far as a download needs it, with its card's directory."""

    isdr: Isdr
    directory: Path
    smdp: Smdp
    octets: list[tuple[int, int]] = field(default_factory=list)

    def initiate(self) -> Initiated:
        return self.smdp.initiate_authentication(es10b.challenge(self.isdr), ADDRESS, es10b.info1(self.isdr))

    def authenticate(self, matching_id: str) -> tuple[Initiated, Authenticated]:
        began = self.initiate()
        return began, self.smdp.authenticate_client(began.transaction_id, self.answer(began, matching_id))

    def answer(self, began: Initiated, matching_id: str) -> bytes:
        return es10b.authenticate_server(
            self.isdr,
            began.server_signed1,
            began.server_signature1,
            wrap(0x04, began.ci_pk_id),
            began.certificate,
            context(matching_id),
        )

    def prepare(self, client: Authenticated, code: str | None = None) -> bytes:
        hash_cc = None
        if code is not None:
            once = hashlib.sha256(code.encode()).digest()
            hash_cc = hashlib.sha256(once + client.transaction_id).digest()
        return es10b.prepare_download(
            self.isdr, client.smdp_signed2, client.smdp_signature2, client.certificate, hash_cc
        )

    def package(self, matching_id: str, code: str | None = None) -> bytes:
        _, client = self.authenticate(matching_id)
        return self.smdp.get_bound_profile_package(client.transaction_id, self.prepare(client, code))

    def load(self, package: bytes) -> InstallationResult:
        return es10b.load_bound_profile_package(
            self.isdr, package, lambda done, of: self.octets.append((done, of))
        )

    def iccids(self) -> list[str]:
        return [profile["iccid"] for profile in show(self.directory)["profiles"]]


def context(matching_id: str) -> bytes:
    device = {"tac": bytes.fromhex("35290611"), "deviceCapabilities": {}}
    value = {"matchingId": matching_id, "deviceInfo": device}
    return encode("CtxParams1", ("ctxParamsForCommonAuthentication", value))


@pytest.fixture
def make(tmp_path: Path, pki_dir: Path) -> Iterator[Callable[..., Gateway]]:
    """Makes the gateway, with an SM-DP+ of some kind."""
    card = tmp_path / "card"
    uicc = VirtualEuicc.open(card, pki_dir)
    ready = threading.Event()

    def heard(name: str, _details: dict[str, str]) -> None:
        if name == "sim":
            ready.set()

    with MockModem(uicc, AlwaysOn(), tmp_path / "tty", scale=0.02, on_event=heard):
        assert ready.wait(20)
        modem = connect.connect(str(tmp_path / "tty"))
        isdr = Isdr(modem.card, Waits(), sleep=lambda _: None)

        def made(**options: Any) -> Gateway:
            return Gateway(isdr, card, Smdp(tmp_path / "smdp", pki_dir, ADDRESS, **options))

        yield made
        modem.close()


@pytest.fixture
def gateway(make: Callable[..., Gateway]) -> Gateway:
    return make()


@pytest.mark.parametrize("options", [{}, {"replace_keys": True}, {"segment": 1036}, {"segment": 128}])
def test_a_profile_is_downloaded(make: Callable[..., Gateway], options: dict[str, Any]) -> None:
    gateway = make(**options)
    result = gateway.load(gateway.package(gateway.smdp.order(NEW)))
    assert (result.error, result.iccid, result.address) == (None, NEW.iccid, ADDRESS)
    assert gateway.iccids()[-1] == NEW.iccid
    assert show(gateway.directory)["profiles"][-1]["imsi"] == NEW.imsi
    [notification] = es10b.notifications(gateway.isdr)
    assert notification.der == result.der
    gateway.smdp.handle_notification(notification.der)
    assert [order.state for order in gateway.smdp.orders()] == ["installed"]
    assert es10b.remove_notification(gateway.isdr, result.seq)
    assert es10b.notifications(gateway.isdr) == ()


def test_each_octet_of_the_package_is_sent_once_and_told(gateway: Gateway) -> None:
    package = gateway.package(gateway.smdp.order(NEW))
    gateway.load(package)
    assert gateway.octets[-1] == (len(package), len(package))
    assert len(gateway.octets) == len(list(bpp.segments(package)))


def test_segments_keep_to_the_standards_limit(make: Callable[..., Gateway]) -> None:
    for limit, longest in (1020, 1020), (1036, 1036):
        gateway = make(segment=limit)
        package = gateway.package(gateway.smdp.order(NEW, matching_id=f"M{limit}"))
        sizes = [len(tlv) for tag, tlv in _flat(package) if tag in (0x86, 0x87, 0x88)]
        assert max(sizes) == longest


def _flat(package: bytes) -> Iterator[tuple[int, bytes]]:
    for _, sequence in list(tlvs(value(package)))[1:]:
        yield from tlvs(value(sequence))


def test_the_metadata_told_before_is_that_of_the_profile(gateway: Gateway) -> None:
    matching_id = gateway.smdp.order(
        ProfileOrder(NEW.iccid, NEW.imsi, "Name", "Provider", fallback_allowed=True)
    )
    _, client = gateway.authenticate(matching_id)
    assert b"Provider" in client.metadata
    package = gateway.smdp.get_bound_profile_package(client.transaction_id, gateway.prepare(client))
    assert gateway.load(package).error is None
    [found] = es10c.profiles(gateway.isdr, iccid=NEW.iccid)
    assert (found.name, found.provider, found.fallback_allowed) == ("Name", "Provider", True)


def test_a_confirmation_code(gateway: Gateway) -> None:
    matching_id = gateway.smdp.order(NEW, confirmation_code="1234")
    assert gateway.load(gateway.package(matching_id, "1234")).error is None


def test_a_card_finds_its_default_order_without_a_matching_id(gateway: Gateway) -> None:
    eid = show(gateway.directory)["eid"]
    assert gateway.smdp.order(NEW, eid=eid) == ""
    assert gateway.load(gateway.package("")).error is None


def test_the_other_addresses_get_notifications_that_are_verified(gateway: Gateway) -> None:
    order = ProfileOrder(NEW.iccid, NEW.imsi, notify=(((0, 1, 2, 3), ADDRESS), ((0,), "other.example")))
    gateway.load(gateway.package(gateway.smdp.order(order)))
    first, second = es10b.notifications(gateway.isdr)
    assert (first.address, second.address) == (ADDRESS, "other.example")
    gateway.smdp.handle_notification(second.der)
    gateway.smdp.handle_notification(second.der)
    [told] = gateway.smdp.notifications()
    assert (told.events, told.iccid, told.seq) == (["install"], NEW.iccid, second.seq)


def test_a_profile_that_is_there_already(gateway: Gateway) -> None:
    matching_id = gateway.smdp.order(ProfileOrder(BOOTSTRAP, NEW.imsi))
    result = gateway.load(gateway.package(matching_id))
    assert result.error == "installFailedDueToIccidAlreadyExistsOnEuicc"
    assert result.command == "storeMetadata"
    assert len(gateway.octets) == 4  # nothing is sent after the segment that was refused
    gateway.smdp.handle_notification(result.der)
    assert [(o.state, o.attempts) for o in gateway.smdp.orders()] == [("released", 1)]


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (ProfileOrder(NEW.iccid, NEW.imsi, owner=None, policy_rules=(1,)), "pprNotAllowed"),
        (ProfileOrder(NEW.iccid, NEW.imsi, profile_class=0), "unsupportedProfileClass"),
        (
            ProfileOrder(NEW.iccid, NEW.imsi, header_iccid="8900101000000000001"),
            "installFailedDueToDataMismatch",
        ),
    ],
)
def test_a_profile_that_the_card_does_not_take(gateway: Gateway, order: ProfileOrder, error: str) -> None:
    result = gateway.load(gateway.package(gateway.smdp.order(order)))
    assert result.error == error
    assert NEW.iccid not in gateway.iccids()


def test_a_package_changed_on_its_way(gateway: Gateway) -> None:
    package = bytearray(gateway.package(gateway.smdp.order(NEW)))
    package[-20] ^= 1
    result = gateway.load(bytes(package))
    assert (result.error, result.command) == ("scp03tSecurityError", "loadProfileElements")
    assert NEW.iccid not in gateway.iccids()


def test_the_packages_of_two_sessions_are_not_interchangeable(gateway: Gateway) -> None:
    matching_id = gateway.smdp.order(NEW)
    old = gateway.package(matching_id)
    gateway.package(matching_id)
    assert gateway.load(old).error == "invalidTransactionId"


def test_a_wrong_server_is_named_as_the_card_does(gateway: Gateway) -> None:
    matching_id = gateway.smdp.order(NEW)
    began = gateway.initiate()
    es10b.challenge(gateway.isdr)
    with pytest.raises(EuiccRefused, match="euiccChallengeMismatch") as refused:
        gateway.answer(began, matching_id)
    with pytest.raises(SmdpRefused, match="undefinedError") as answered:
        gateway.smdp.authenticate_client(began.transaction_id, refused.value.answer)
    assert (answered.value.subject, answered.value.reason) == ("8.1", "4.2")
    began, client = gateway.authenticate(matching_id)
    with pytest.raises(EuiccRefused, match="invalidSignature") as refused:
        es10b.prepare_download(gateway.isdr, client.smdp_signed2, began.server_signature1, client.certificate)
    with pytest.raises(SmdpRefused, match="undefinedError"):
        gateway.smdp.get_bound_profile_package(began.transaction_id, refused.value.answer)


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("endUserRejection", "error"),
        ("postponed", "released"),
        ("timeout", "released"),
        ("pprNotAllowed", "error"),
        ("metadataMismatch", "error"),
        ("loadBppExecutionError", "released"),
        ("undefinedReason", "released"),
    ],
)
def test_a_session_is_cancelled(gateway: Gateway, reason: str, state: str) -> None:
    began, client = gateway.authenticate(gateway.smdp.order(NEW))
    gateway.smdp.get_bound_profile_package(began.transaction_id, gateway.prepare(client))
    answer = es10b.cancel_session(gateway.isdr, began.transaction_id, reason)
    gateway.smdp.cancel_session(began.transaction_id, answer)
    assert [order.state for order in gateway.smdp.orders()] == [state]
    with pytest.raises(SmdpRefused, match="invalidTransactionId"):
        gateway.smdp.cancel_session(began.transaction_id, answer)


def test_a_download_that_was_cut_off_is_bound_to_the_same_key_again(gateway: Gateway) -> None:
    matching_id = gateway.smdp.order(NEW, rebinding=False)
    first = gateway.package(matching_id)
    gateway.isdr.store_data("LoadBoundProfilePackage", next(bpp.segments(first)))
    second = gateway.package(matching_id)
    protected = [tlv for tag, tlv in tlvs(value(first)) if tag != 0xBF23]
    assert [tlv for tag, tlv in tlvs(value(second)) if tag != 0xBF23] == protected
    assert gateway.load(second).error is None

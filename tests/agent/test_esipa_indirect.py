"""A download that goes through the eIM: agent's functions, eIM, SM-DP+ and card together, over real TLS."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import find, member, wrap
from ipad.errors import PeerRefused
from ipad.esipa import arms
from ipad.esipa.client import Esipa
from ipad.esipa.model import AuthenticateClientOkDp, DataRequest, DownloadTrigger
from ipad.esipa.settings import EsipaSettings
from ipad.euicc import es10b, es10c
from ipad.euicc.isdr import Isdr
from ipad.net.http import Exchange, Uplink
from ipad.testbed.eim.serve import Settings, running
from ipad.testbed.euicc import VirtualEuicc
from ipad.testbed.smdp import Smdp
from ipad.testbed.smdp.profiles import ProfileOrder
from ipad.waits import Waits
from modem.card import UiccCard
from tests.testbed.eim_world import Admin, register

ADDRESS = "smdp.testbed.example"
ICCID = "89001010000000002175"
DEVICE_INFO = bytes.fromhex("800435290611A100")
CODE = "1234"
OCTETS = {
    ("asn1", False): range(18, 19),
    ("asn1", True): range(4, 5),
    ("json", False): range(26, 27),
    ("json", True): range(7, 9),
}
"""Hundreds of octets in all bodies that are posted for a download, in full and in compact forms."""


@dataclass
class World:
    isdr: Isdr
    esipa: Esipa
    admin: Admin
    smdp: Smdp
    eid: str
    uplink: Uplink
    seen: list[Exchange]

    def order(self, **download: Any) -> int:
        order = {"eid": self.eid, "download": {"eim": True, **download}}
        return int(self.admin.post("/packages", order)["id"])

    def octets(self) -> int:
        """Of all bodies that were posted."""
        return sum(len(exchange.request) for exchange in self.seen)


@contextmanager
def world(directory: Path, pki_dir: Path, binding: str, minimize: bool, **more: Any) -> Iterator[World]:
    """An eIM with an SM-DP+ behind it, and a card; the eIM has been told EUICCInfo2 and DeviceInfo."""
    smdp = Smdp(directory, pki_dir, ADDRESS)
    chosen = Settings(directory / "eim", pki=pki_dir, bindings=binding, smdp=smdp, **more)
    with running(chosen) as eim:
        admin = Admin(eim.admin)
        card = VirtualEuicc.open(directory / "card", pki_dir)
        isdr = Isdr(UiccCard(card), Waits(), sleep=lambda _: None)
        configuration = bytes.fromhex(admin.get("/config", token=-1)["eimConfigurationData"])
        [token] = es10b.add_initial_eim(isdr, [configuration])
        register(admin, pki_dir, token=token)
        [found] = es10b.eim_configurations(isdr)
        seen: list[Exchange] = []
        uplink = Uplink(observe=seen.append)
        settings = EsipaSettings(binding=binding, minimize=minimize)
        esipa = Esipa(found, es10c.eid(isdr), Waits(connect=20.0, http=20.0), uplink, settings)
        here = World(isdr, esipa, admin, smdp, card.eid, uplink, seen)
        tell(here, minimize)
        seen.clear()
        yield here
        esipa.close()


def tell(here: World, minimize: bool) -> None:
    """IpaEuiccData, as the eIM asks for it before the first download."""
    here.admin.post("/packages", {"eid": here.eid, "data": {"tagList": "BF20BF22A8A9"}})
    request = here.esipa.get_eim_package()
    assert isinstance(request, DataRequest)
    features = b"\x80\x02\x02\x7c" if minimize else b"\x80\x02\x03\x78"
    members = [
        here.isdr.store_data("GetEuiccInfo1", b"\xbf\x20\x00"),
        here.isdr.store_data("GetEuiccInfo2", b"\xbf\x22\x00"),
        wrap(0x87, request.transaction_id or b""),
        wrap(0xA8, features),
        wrap(0xA9, DEVICE_INFO),
    ]
    here.esipa.provide_eim_package_result(arms.data(members))


@pytest.fixture(params=["asn1", "json"])
def binding(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def begun(here: World) -> tuple[bytes, AuthenticateClientOkDp]:
    """Up to AuthenticateClient."""
    trigger = here.esipa.get_eim_package()
    assert isinstance(trigger, DownloadTrigger)
    assert trigger.kind == "eim"
    server = here.esipa.initiate_authentication(
        es10b.challenge(here.isdr), eim_transaction_id=trigger.transaction_id
    )
    matching_id = wrap(0x80, (server.matching_id or "").encode())
    context = server.ctx_params1 or wrap(0xA0, matching_id, wrap(0xA1, DEVICE_INFO))
    response = es10b.authenticate_server(
        here.isdr,
        server.server_signed1,
        server.server_signature1,
        server.ci_pk_id,
        server.certificate,
        context,
    )
    client = here.esipa.authenticate_client(server.transaction_id, response)
    assert isinstance(client, AuthenticateClientOkDp)
    return server.transaction_id, client


def prepared(here: World, client: AuthenticateClientOkDp) -> bytes:
    signed = (client.smdp_signed2, client.smdp_signature2, client.certificate)
    return es10b.prepare_download(here.isdr, *signed, client.hash_cc)


def install(here: World) -> bytes:
    """The whole download; its ProfileInstallationResult."""
    transaction, client = begun(here)
    response = prepared(here, client)
    package = here.esipa.get_bound_profile_package(transaction, response)
    installed = es10b.load_bound_profile_package(here.isdr, package)
    assert (installed.error, installed.iccid) == (None, ICCID)
    here.esipa.handle_notification(installed.der)
    return installed.der


@pytest.mark.parametrize("minimize", [False, True])
@pytest.mark.parametrize("ctx_params", [False, True])
@pytest.mark.parametrize("code", [None, CODE])
def test_a_profile_is_downloaded_through_the_eim(
    tmp_path: Path, pki_dir: Path, binding: str, minimize: bool, ctx_params: bool, code: str | None
) -> None:
    with world(tmp_path, pki_dir, binding, minimize) as here:
        here.smdp.order(ProfileOrder(ICCID), matching_id="M1", confirmation_code=code)
        order = {"matchingId": "M1", "ctxParams": ctx_params} | ({"confirmationCode": code} if code else {})
        number = here.order(**order)
        install(here)
        assert here.admin.package(number)["state"] == "done"
        assert here.smdp.orders()[0].state == "installed"
        assert ICCID in {profile.iccid for profile in es10c.profiles(here.isdr)}
        assert here.octets() // 100 in OCTETS[binding, minimize]


@pytest.mark.parametrize("minimize", [False, True])
def test_a_download_is_cancelled_and_done_later(
    tmp_path: Path, pki_dir: Path, binding: str, minimize: bool
) -> None:
    with world(tmp_path, pki_dir, binding, minimize) as here:
        here.smdp.order(ProfileOrder(ICCID), matching_id="M1")
        number = here.order(matchingId="M1")
        transaction, client = begun(here)
        here.esipa.get_bound_profile_package(transaction, prepared(here, client))
        here.esipa.cancel_session(transaction, es10b.cancel_session(here.isdr, transaction, "postponed"))
        assert here.admin.package(number)["state"] == "sent"
        # The order is still out, and the package is bound to a key that the card still has.
        install(here)
        assert here.admin.package(number)["state"] == "done"
        if minimize and binding == "asn1":
            [_, second] = [e.request for e in here.seen if e.function == "GetBoundProfilePackage"]
            compact = member(second, 0xBF3A, 0xBF21, 0xA2, 0x30)
            assert find(compact, 0x30, 0x5F49) is None


@pytest.mark.parametrize("minimize", [False, True])
def test_odd_shapes_of_an_eim_do_not_matter(
    tmp_path: Path, pki_dir: Path, binding: str, minimize: bool
) -> None:
    shapes = frozenset({"raw-signatures", "meta-data-name", "empty-200"})
    with world(tmp_path, pki_dir, binding, minimize, shapes=shapes) as here:
        here.smdp.order(ProfileOrder(ICCID), matching_id="M1")
        here.order(matchingId="M1")
        install(here)


def test_the_eims_and_servers_refusals_come_by_name(tmp_path: Path, pki_dir: Path, binding: str) -> None:
    with world(tmp_path, pki_dir, binding, False) as here:
        challenge = es10b.challenge(here.isdr)
        with pytest.raises(PeerRefused, match=r"invalidEimTransactionId\(52\) \(the eIM has given"):
            here.esipa.initiate_authentication(challenge, eim_transaction_id=b"\x07")
        info1 = here.isdr.store_data("GetEuiccInfo1", b"\xbf\x20\x00")
        with pytest.raises(PeerRefused, match=r"InitiateAuthentication: invalidDpAddress\(1\)"):
            here.esipa.initiate_authentication(challenge, "another.example", info1)
        here.order(matchingId="NONE")
        with pytest.raises(PeerRefused, match=r"AuthenticateClient: matchingIdRefused\(6\)"):
            begun(here)
        with pytest.raises(PeerRefused, match=r"GetBoundProfilePackage: invalidTransactionId\(95\)"):
            here.esipa.get_bound_profile_package(b"\x07", bytes.fromhex("BF2108A106800107020105"))
        with pytest.raises(PeerRefused, match=r"CancelSession: invalidTransactionId\(1\)"):
            here.esipa.cancel_session(b"\x07", bytes.fromhex("BF4103810105"))

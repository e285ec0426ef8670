"""The card's part of a download, from a real SM-DP+ through a modem into the virtual card."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from ipad.asn1 import encode, find, member, wrap
from ipad.errors import EuiccRefused
from ipad.euicc import es10b, es10c
from ipad.euicc.isdr import Isdr
from ipad.testbed.smdp import Authenticated, Initiated, ProfileOrder, Smdp, SmdpRefused
from modem.errors import CardRefused

from .card_site import EMERGENCY, Build, Site

ADDRESS = "smdp.testbed.example"
ICCID = "89001010000000000999"
ORDER = ProfileOrder(ICCID, "001010000000999", notify=(((0, 1, 2, 3), ADDRESS),), size=3000)


@dataclass
class Download:
    """One download, step by step: what a procedure does, without the way to the server."""

    isdr: Isdr
    smdp: Smdp
    matching_id: str = ""

    def initiate(self) -> Initiated:
        return self.smdp.initiate_authentication(es10b.challenge(self.isdr), ADDRESS, es10b.info1(self.isdr))

    def authenticate(self, server: Initiated) -> bytes:
        context = {
            "matchingId": self.matching_id,
            "deviceInfo": {"tac": bytes(4), "deviceCapabilities": {"lpaSvn": b"\x02\x05\x00"}},
        }
        return es10b.authenticate_server(
            self.isdr,
            server.server_signed1,
            server.server_signature1,
            wrap(0x04, server.ci_pk_id),
            server.certificate,
            encode("CtxParams1", ("ctxParamsForCommonAuthentication", context)),
        )

    def authenticated(self) -> Authenticated:
        server = self.initiate()
        return self.smdp.authenticate_client(server.transaction_id, self.authenticate(server))

    def prepare(self, told: Authenticated, hash_cc: bytes | None = None) -> bytes:
        return es10b.prepare_download(
            self.isdr, told.smdp_signed2, told.smdp_signature2, told.certificate, hash_cc
        )

    def package(self, code: str | None = None) -> bytes:
        told = self.authenticated()
        digest = hashlib.sha256(code.encode()).digest() if code else b""
        hash_cc = hashlib.sha256(digest + told.transaction_id).digest() if code else None
        return self.smdp.get_bound_profile_package(told.transaction_id, self.prepare(told, hash_cc))


@pytest.fixture
def smdp(tmp_path: Path, pki_dir: Path) -> Smdp:
    return Smdp(tmp_path, pki_dir, ADDRESS)


@pytest.fixture
def download(site: Site, smdp: Smdp) -> Download:
    return Download(site.isdr, smdp, smdp.order(ORDER))


@pytest.mark.parametrize("replace_keys", [False, True])
@pytest.mark.parametrize("block", [255, 97])
def test_a_profile_is_installed_and_its_result_waits_for_the_smdp(
    site: Site, tmp_path: Path, pki_dir: Path, replace_keys: bool, block: int
) -> None:
    smdp = Smdp(tmp_path, pki_dir, ADDRESS, replace_keys=replace_keys)
    isdr = site.isdr_with(block=block)
    package = Download(isdr, smdp, smdp.order(ORDER)).package()
    assert (find(package, 0xBF36, 0xA2) is not None) is replace_keys
    told: list[tuple[int, int]] = []
    result = es10b.load_bound_profile_package(isdr, package, lambda *now: told.append(now))
    assert (result.error, result.iccid, result.address) == (None, ICCID, ADDRESS)
    assert told[-1] == (len(package), len(package))
    assert [n.der for n in es10b.notifications(isdr, event="install")] == [result.der]
    [profile] = es10c.profiles(isdr, iccid=ICCID)
    assert (profile.enabled, profile.aid, profile.name) == (False, result.aid, ORDER.name)
    smdp.handle_notification(result.der)
    assert es10b.remove_notification(isdr, result.seq)


def test_segments_longer_than_the_standards_arrive(site: Site, tmp_path: Path, pki_dir: Path) -> None:
    smdp = Smdp(tmp_path, pki_dir, ADDRESS, segment=1036)
    package = Download(site.isdr, smdp, smdp.order(ORDER)).package()
    assert es10b.load_bound_profile_package(site.isdr, package).error is None


def test_a_confirmation_code_reaches_the_smdp_hashed(site: Site, smdp: Smdp) -> None:
    download = Download(site.isdr, smdp, smdp.order(ORDER, confirmation_code="1234"))
    with pytest.raises(SmdpRefused, match="confirmationCodeRefused"):
        download.package("4321")
    assert es10b.load_bound_profile_package(site.isdr, download.package("1234")).error is None


def test_what_is_spoilt_on_the_way_is_the_cards_to_say(download: Download) -> None:
    package = bytearray(download.package())
    package[-1] ^= 1
    result = es10b.load_bound_profile_package(download.isdr, bytes(package))
    assert (result.error, result.command, result.aid) == ("scp03tSecurityError", "loadProfileElements", None)
    download.smdp.handle_notification(result.der)
    assert es10c.profiles(download.isdr, iccid=ICCID) == ()


def test_a_server_that_the_card_does_not_trust_gets_its_answer(download: Download) -> None:
    server = download.initiate()
    *start, last = server.server_signature1
    forged = Initiated(
        server.transaction_id,
        server.server_signed1,
        bytes([*start, last ^ 1]),
        server.ci_pk_id,
        server.certificate,
    )
    with pytest.raises(EuiccRefused, match="invalidSignature") as caught:
        download.authenticate(forged)
    with pytest.raises(SmdpRefused):
        download.smdp.authenticate_client(server.transaction_id, caught.value.answer)
    with pytest.raises(EuiccRefused, match="noSessionContext"):
        download.authenticate(server)  # a challenge is good for one attempt


def test_a_download_can_not_be_prepared_twice_in_one_session(download: Download) -> None:
    told = download.authenticated()
    *start, last = told.smdp_signature2
    forged = Authenticated(
        told.transaction_id, told.metadata, told.smdp_signed2, bytes([*start, last ^ 1]), told.certificate
    )
    with pytest.raises(EuiccRefused, match="invalidSignature") as caught:
        download.prepare(forged)
    assert member(caught.value.answer, 0xBF21, 0xA1)
    with pytest.raises(EuiccRefused, match="noSessionContext"):
        download.prepare(told)


def test_a_session_is_cancelled_with_the_cards_signature(download: Download) -> None:
    told = download.authenticated()
    with pytest.raises(EuiccRefused, match="invalidTransactionId") as caught:
        es10b.cancel_session(download.isdr, bytes(16), "postponed")
    assert member(caught.value.answer, 0xBF41, 0x81)
    answer = es10b.cancel_session(download.isdr, told.transaction_id, "postponed")
    download.smdp.cancel_session(told.transaction_id, answer)
    with pytest.raises(EuiccRefused, match="noSessionContext"):
        download.prepare(told)


def test_the_new_profile_is_enabled_at_once_if_the_card_is_set_up_so(site: Site, download: Download) -> None:
    es10b.configure_immediate_enabling(site.isdr, True, smdp_address=ADDRESS)
    with pytest.raises(EuiccRefused, match="noSessionContext"):
        es10b.immediate_enable(site.isdr)
    assert es10b.load_bound_profile_package(site.isdr, download.package()).error is None
    site.euicc.busy_answers = 1
    es10b.immediate_enable(site.isdr)
    site.take(ICCID)
    assert site.enabled() == ICCID
    with pytest.raises(EuiccRefused, match="noSessionContext"):
        es10b.immediate_enable(site.isdr)


def test_another_smdps_profile_is_not_enabled_at_once(site: Site, download: Download) -> None:
    es10b.configure_immediate_enabling(site.isdr, True, smdp_oid="2.999.77")
    es10b.load_bound_profile_package(site.isdr, download.package())
    with pytest.raises(EuiccRefused, match="immediateEnableNotAvailable"):
        es10b.immediate_enable(site.isdr)


def test_a_download_waits_for_the_end_of_an_emergency(site: Site, download: Download) -> None:
    package = download.package()
    es10b.enable_emergency_profile(site.isdr)
    site.take(EMERGENCY)
    with pytest.raises(CardRefused):
        es10b.load_bound_profile_package(site.isdr, package)
    with pytest.raises(EuiccRefused, match="undefinedError"):
        download.package()


def test_a_consumer_card_installs_too(build: Build, smdp: Smdp) -> None:
    site = build(consumer=True)
    package = Download(site.isdr, smdp, smdp.order(ORDER)).package()
    assert es10b.load_bound_profile_package(site.isdr, package).error is None
    es10c.enable_profile(site.isdr, ICCID)
    site.take(ICCID)
    assert site.enabled() == ICCID

"""The agent's ES9+ and the card's part of a download, with the testbed's SM-DP+: real TLS and signatures."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from ipad.asn1 import encode
from ipad.errors import DecodeError, EuiccRefused, PeerRefused, Untrusted
from ipad.euicc import es10b, es10c
from ipad.net.http import Uplink
from ipad.rsp import activation_code, server_check
from ipad.rsp.es9 import Es9
from ipad.rsp.settings import RspSettings
from ipad.server_answers import AuthenticateClientOkDp, InitiateAuthenticationOk
from ipad.testbed import faults, pki
from ipad.testbed.rsp_server import KINDS as HTTP_KINDS
from ipad.testbed.smdp import ProfileOrder
from ipad.testbed.smdp.forge import KINDS as FORGED_KINDS
from ipad.testbed.smdp.forge import OTHER_ADDRESS
from ipad.testbed.smdp.serve import Running, Settings, running
from ipad.waits import Waits
from tests.agent.card_site import Site, card_site

ICCID = "89001010000000000999"
ORDER = ProfileOrder(ICCID, "001010000000999", notify=(((0, 1, 2, 3), "localhost"),), size=3000)


@dataclass
class Download:
    """One download, step by step: what a procedure does."""

    site: Site
    smdp: Running
    es9: Es9
    matching_id: str

    def initiate(self) -> InitiateAuthenticationOk:
        isdr = self.site.isdr
        return self.es9.initiate_authentication(es10b.challenge(isdr), es10b.info1(isdr))

    def authenticate(self, server: InitiateAuthenticationOk) -> bytes:
        context = {
            "matchingId": self.matching_id,
            "deviceInfo": {"tac": bytes(4), "deviceCapabilities": {"lpaSvn": b"\x02\x05\x00"}},
        }
        return es10b.authenticate_server(
            self.site.isdr,
            server.server_signed1,
            server.server_signature1,
            server.ci_pk_id,
            server.certificate,
            encode("CtxParams1", ("ctxParamsForCommonAuthentication", context)),
        )

    def authenticated(self) -> AuthenticateClientOkDp:
        server = self.initiate()
        return self.es9.authenticate_client(server.transaction_id, self.authenticate(server))

    def package(self, code: str = "") -> bytes:
        told = self.authenticated()
        digest = hashlib.sha256(code.encode()).digest()
        hash_cc = hashlib.sha256(digest + told.transaction_id).digest() if code else None
        prepared = es10b.prepare_download(
            self.site.isdr, told.smdp_signed2, told.smdp_signature2, told.certificate, hash_cc
        )
        return self.es9.get_bound_profile_package(told.transaction_id, prepared)

    def spoil(self, kind: str, function: str) -> None:
        request = {"fault": kind, "function": function}
        self.smdp.server.faults.add(faults.parse(request, (*HTTP_KINDS, *FORGED_KINDS)))

    def install(self) -> None:
        """A whole download, which works."""
        result = es10b.load_bound_profile_package(self.site.isdr, self.package())
        assert (result.error, result.iccid) == (None, ICCID)
        self.es9.handle_notification(result.der)
        assert [profile.iccid for profile in es10c.profiles(self.site.isdr, iccid=ICCID)] == [ICCID]


@pytest.fixture
def download(tmp_path: Path, pki_dir: Path) -> Iterator[Download]:
    trusted = tmp_path / "ci"
    trusted.mkdir()
    (trusted / "ci.pem").write_bytes(pki.paths(pki_dir).ci.read_bytes())
    with ExitStack() as stack:
        smdp = stack.enter_context(running(Settings(tmp_path / "smdp", pki=pki_dir)))
        site = stack.enter_context(card_site(tmp_path, pki_dir))
        code = activation_code.parse(
            f"LPA:1${smdp.es9.removeprefix('https://')}${smdp.smdp.order(ORDER)}${pki.SMDP_OID}"
        )
        es9 = Es9(
            code.address, Waits(connect=20, http=20), Uplink(), RspSettings(ci_certificates=str(trusted))
        )
        stack.callback(es9.close)
        yield Download(site, smdp, es9, code.matching_id)


def test_a_profile_comes_and_its_result_goes(download: Download) -> None:
    server = download.initiate()
    assert server_check.server(download.es9.address, pki.SMDP_OID, server) == []
    download.install()
    [order] = download.smdp.smdp.orders()
    assert order.state == "installed"


def test_a_confirmation_code_reaches_the_smdp_hashed(download: Download) -> None:
    download.matching_id = download.smdp.smdp.order(
        ProfileOrder("89001010000000000998", "001010000000998"), confirmation_code="1234"
    )
    assert download.authenticated().confirmation_code_required
    with pytest.raises(PeerRefused, match="confirmationCodeRefused") as refused:
        download.package("4321")
    assert refused.value.code == 3
    assert es10b.load_bound_profile_package(download.site.isdr, download.package("1234")).error is None


def test_what_the_smdp_does_not_have_is_refused_by_name(download: Download) -> None:
    right, download.matching_id = download.matching_id, "NONE"
    with pytest.raises(PeerRefused, match=r"ES9\+.AuthenticateClient: matchingIdRefused\(6\)"):
        download.authenticated()
    download.matching_id = right
    download.install()


def test_a_session_is_cancelled_on_both_sides(download: Download) -> None:
    told = download.authenticated()
    answer = es10b.cancel_session(download.site.isdr, told.transaction_id, "postponed")
    download.es9.cancel_session(told.transaction_id, answer)
    with pytest.raises(PeerRefused, match="invalidTransactionId"):
        download.es9.cancel_session(told.transaction_id, answer)
    download.install()


def test_an_smdp_of_another_issuer_gets_nothing(download: Download, tmp_path: Path) -> None:
    other = pki.make_pki(tmp_path / "other")
    trusted = tmp_path / "others"
    trusted.mkdir()
    (trusted / "ci.pem").write_bytes(other.ci.read_bytes())
    es9 = Es9(download.es9.address, Waits(), Uplink(), RspSettings(ci_certificates=str(trusted)))
    with pytest.raises(Untrusted):
        es9.initiate_authentication(bytes(16), es10b.info1(download.site.isdr))
    assert [entry for entry in download.smdp.server.log.show() if entry["function"] != "TLS"] == []


def test_a_forged_address_and_oid_are_the_agents_to_find(download: Download) -> None:
    for kind, name in (("wrong-address", "smdpAddressMismatch"), ("wrong-oid", "smdpOidMismatch")):
        download.spoil(kind, "InitiateAuthentication")
        server = download.initiate()
        found = server_check.server(download.es9.address, pki.SMDP_OID, server)
        assert [(finding.name, finding.refuses) for finding in found] == [(name, True)]
        if kind == "wrong-address":
            assert server.server_address == OTHER_ADDRESS
    download.spoil("expired-certificate", "InitiateAuthentication")
    [finding] = server_check.server(download.es9.address, pki.SMDP_OID, download.initiate())
    assert (finding.name, finding.refuses) == ("certificateExpired", True)
    download.install()


@pytest.mark.parametrize("function", ["InitiateAuthentication", "AuthenticateClient"])
def test_an_answer_of_another_transaction_never_reaches_the_card(download: Download, function: str) -> None:
    download.spoil("wrong-transaction", function)
    with pytest.raises(DecodeError, match=f"{function}.*transaction"):
        download.package()
    download.install()


@pytest.mark.parametrize("function", ["InitiateAuthentication", "AuthenticateClient"])
def test_a_wrong_signature_is_the_cards_to_find(download: Download, function: str) -> None:
    download.spoil("wrong-signature", function)
    with pytest.raises(EuiccRefused, match="invalidSignature"):
        download.package()
    download.install()


@pytest.mark.parametrize(
    "function", ["InitiateAuthentication", "AuthenticateClient", "GetBoundProfilePackage"]
)
@pytest.mark.parametrize("kind", ["html", "redirect"])
def test_what_a_portal_says_is_refused_and_the_next_download_works(
    download: Download, function: str, kind: str
) -> None:
    download.spoil(kind, function)
    with pytest.raises(PeerRefused, match=function):
        download.package()
    download.install()

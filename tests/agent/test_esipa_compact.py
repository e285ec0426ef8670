"""Compact forms: rebuilt by an eIM that knows what it should, they are what the card signed, octet for octet.

Card, server and signatures are real. `Knowing` puts the full forms together by decoding and encoding, which
is another way than either side of the project takes.
"""

import ssl
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ipad.asn1 import certificate_value, decode, encode, find, member, tlvs, value, wrap
from ipad.eim import EimConfiguration
from ipad.esipa import compact
from ipad.esipa.client import Esipa
from ipad.esipa.compact import Session
from ipad.esipa.model import AuthenticateClientOkDp, InitiateAuthenticationOk
from ipad.esipa.settings import EsipaSettings
from ipad.euicc import es10b, es10c
from ipad.euicc.isdr import Isdr
from ipad.net.http import Uplink
from ipad.testbed import pki
from ipad.testbed.euicc import VirtualEuicc
from ipad.testbed.smdp.core import Smdp
from ipad.testbed.smdp.profiles import INSTALL, ProfileOrder
from ipad.waits import Waits
from modem.card import UiccCard

from .https_peer import Identity, Peer, http_answer, key_of, read_request

ADDRESS = "smdp.testbed.example"
CTX_PARAMS1 = bytes.fromhex("A01580046D617463A10D800435290611A1058B03020500")
SUCCESS = bytes.fromhex("3007A0053003800100")


@dataclass
class Download:
    """A real download up to its result: what the card signed, each in full."""

    first: Session
    """Its package was bound, and the download given up."""
    session: Session
    """The second attempt."""
    info2: bytes
    """EUICCInfo2 as it is at another time, with more or less memory free."""
    eum: bytes
    euicc: bytes
    oid: str
    eid: bytes
    prepared_first: bytes
    cancelled: bytes
    authenticated: bytes
    prepared: bytes
    package: bytes
    installed: bytes
    other: bytes
    """An OtherSignedNotification of the installation."""

    @property
    def eim(self) -> "Knowing":
        return Knowing(self, self.session)


@dataclass
class Knowing:
    """An eIM that has all that the module says it must know, and nothing more."""

    download: Download
    session: Session

    def certificates(self) -> list[dict[str, bytes]]:
        return [certificate_value(self.download.euicc), certificate_value(self.download.eum)]

    def authenticate_server_response(self, der: bytes) -> bytes:
        arm, ok = decode("AuthenticateServerResponse", der)
        assert arm == "compactAuthenticateResponseOk"
        kind, signed = ok["signedData"]
        assert kind == "compactEuiccSigned1"
        server = decode("ServerSigned1", self.session.server.server_signed1)
        context = signed.get("ctxParams1")
        if context is None:
            assert self.session.server.ctx_params1 is not None
            context = decode("CtxParams1", self.session.server.ctx_params1)
        own, eum = self.certificates()
        full = {
            "euiccSigned1": {
                "transactionId": server["transactionId"],
                "serverAddress": server["serverAddress"],
                "serverChallenge": server["serverChallenge"],
                "euiccInfo2": decode("EUICCInfo2", self.download.info2)
                | {"extCardResource": signed["extCardResource"]},
                "ctxParams1": context,
            },
            "euiccSignature1": ok["euiccSignature1"],
            "euiccCertificate": own,
            "eumCertificate": eum,
        }
        return encode("AuthenticateServerResponse", ("authenticateResponseOk", full))

    def prepare_download_response(self, der: bytes) -> bytes:
        arm, ok = decode("PrepareDownloadResponse", der)
        assert arm == "compactDownloadResponseOk"
        assert self.session.profile is not None
        signed = ok["compactEuiccSigned2"]
        offered = decode("SmdpSigned2", self.session.profile.smdp_signed2)
        full = {
            "transactionId": self.session.server.transaction_id,
            "euiccOtpk": signed.get("euiccOtpk") or offered["bppEuiccOtpk"],
            "hashCc": signed.get("hashCc") or self.session.profile.hash_cc,
        }
        ok = {"euiccSigned2": full, "euiccSignature2": ok["euiccSignature2"]}
        return encode("PrepareDownloadResponse", ("downloadResponseOk", ok))

    def cancel_session_response(self, der: bytes) -> bytes:
        arm, ok = decode("CancelSessionResponse", der)
        assert arm == "compactCancelSessionResponseOk"
        signed = {
            "transactionId": self.session.server.transaction_id,
            "smdpOid": self.download.oid,
            "reason": ok["compactEuiccCancelSessionSigned"]["reason"],
        }
        full = {
            "euiccCancelSessionSigned": signed,
            "euiccCancelSessionSignature": ok["euiccCancelSessionSignature"],
        }
        return encode("CancelSessionResponse", ("cancelSessionResponseOk", full))

    def pending_notification(self, der: bytes) -> bytes:
        arm, sent = decode("PendingNotification", der)
        if arm == "compactOtherSignedNotification":
            assert sent["eidValue"] == self.download.eid
            own, eum = self.certificates()
            full = {
                "tbsOtherNotification": sent["tbsOtherNotification"],
                "euiccNotificationSignature": sent["euiccNotificationSignature"],
                "euiccCertificate": own,
                "eumCertificate": eum,
            }
            return encode("PendingNotification", ("otherSignedNotification", full))
        assert arm == "compactProfileInstallationResult"
        data = sent["compactProfileInstallationResultData"]
        assert data["transactionId"] == self.session.server.transaction_id
        assert self.session.profile is not None
        metadata: dict[str, Any] = {
            "seqNumber": data["seqNumber"],
            "profileManagementOperation": (b"\x80", 1),
            "notificationAddress": self.session.server.server_address,
        }
        if data["iccidPresent"]:
            assert self.session.profile.metadata is not None
            metadata["iccid"] = decode("StoreMetadataRequest", self.session.profile.metadata)["iccid"]
        arm, final = data["compactFinalResult"]
        if arm == "compactSuccessResult":
            aid = bytes.fromhex("A0000005591010FFFFFFFF8900") + final["compactAid"] + b"\x00"
            final = {"aid": aid, "simaResponse": final.get("simaResponse", SUCCESS)}
        full = {
            "profileInstallationResultData": {
                "transactionId": data["transactionId"],
                "notificationMetadata": metadata,
                "smdpOid": self.download.oid,
                "finalResult": (arm.removeprefix("compact").replace("Success", "success"), final),
            },
            "euiccSignPIR": sent["euiccSignPIR"],
        }
        return encode("PendingNotification", ("profileInstallationResult", full))


@pytest.fixture(scope="module")
def download(tmp_path_factory: pytest.TempPathFactory) -> Download:
    directory = tmp_path_factory.mktemp("download")
    paths = pki.make_pki(directory / "pki")
    isdr = Isdr(
        UiccCard(VirtualEuicc.open(directory / "card", directory / "pki")), Waits(), sleep=lambda _: None
    )
    smdp = Smdp(directory, directory / "pki", ADDRESS)
    notify = (((INSTALL,), "other.example"),)
    smdp.order(ProfileOrder("8900101000000000217", imsi="001010000000002", notify=notify), matching_id="matc")
    first, _, prepared_first = prepare(isdr, smdp)
    smdp.get_bound_profile_package(first.server.transaction_id, prepared_first)
    cancelled = es10b.cancel_session(isdr, first.server.transaction_id, "postponed")
    smdp.cancel_session(first.server.transaction_id, cancelled)
    session, authenticated, prepared = prepare(isdr, smdp)
    package = smdp.get_bound_profile_package(session.server.transaction_id, prepared)
    installed = es10b.load_bound_profile_package(isdr, package).der
    [other] = [n.der for n in es10b.notifications(isdr) if find(n.der, 0x30) is not None]
    info2 = isdr.store_data("GetEuiccInfo2", b"\xbf\x22\x00")
    certificates = isdr.store_data("GetCerts", b"\xbf\x56\x00")
    return Download(
        first,
        session,
        info2,
        wrap(0x30, value(member(certificates, 0xBF56, 0xA0, 0xA5))),
        wrap(0x30, value(member(certificates, 0xBF56, 0xA0, 0xA6))),
        pki.registered_id(pki.read_certificate(paths.dpauth)),
        es10c.eid(isdr),
        prepared_first,
        cancelled,
        authenticated,
        prepared,
        package,
        installed,
        other,
    )


def prepare(isdr: Isdr, smdp: Smdp) -> tuple[Session, bytes, bytes]:
    """A session up to PrepareDownload, with what the card signed in it."""
    challenge = es10b.challenge(isdr)
    said = smdp.initiate_authentication(challenge, ADDRESS, isdr.store_data("GetEuiccInfo1", b"\xbf\x20\x00"))
    server = InitiateAuthenticationOk(
        said.transaction_id,
        ADDRESS,
        said.server_signed1,
        said.server_signature1,
        wrap(0x04, said.ci_pk_id),
        said.certificate,
    )
    signed = (server.server_signed1, server.server_signature1, server.ci_pk_id, server.certificate)
    authenticated = es10b.authenticate_server(isdr, *signed, CTX_PARAMS1)
    offer = smdp.authenticate_client(said.transaction_id, authenticated)
    profile = AuthenticateClientOkDp(
        said.transaction_id,
        offer.smdp_signed2,
        offer.smdp_signature2,
        offer.certificate,
        False,
        offer.metadata,
    )
    prepared = es10b.prepare_download(isdr, offer.smdp_signed2, offer.smdp_signature2, offer.certificate)
    return Session(server).offered(profile), authenticated, prepared


def shorter(sent: bytes, full: bytes) -> bool:
    return len(sent) < len(full)


# What the card signed


def test_authenticate_server_response(download: Download) -> None:
    full, session = download.authenticated, download.session
    sent = compact.authenticate_server_response(full, session)
    assert find(sent, 0xBF38, 0xA2, 0xA0, 0xA2) == wrap(0xA2, CTX_PARAMS1)
    assert download.eim.authenticate_server_response(sent) == full
    assert len(full) - len(sent) > 1000  # both certificates and EUICCInfo2
    assert member(full, 0xBF38, 0xA0, 0x30, 0xBF22) != download.info2


def test_context_that_the_eim_made_is_left_out(download: Download) -> None:
    made = replace(download.session, server=replace(download.session.server, ctx_params1=CTX_PARAMS1))
    sent = compact.authenticate_server_response(download.authenticated, made)
    assert find(sent, 0xBF38, 0xA2, 0xA0, 0xA2) is None
    assert Knowing(download, made).authenticate_server_response(sent) == download.authenticated
    other = replace(made, server=replace(made.server, ctx_params1=CTX_PARAMS1.replace(b"matc", b"mate")))
    sent = compact.authenticate_server_response(download.authenticated, other)
    assert find(sent, 0xBF38, 0xA2, 0xA0, 0xA2) == wrap(0xA2, CTX_PARAMS1)


def test_prepare_download_response_with_a_new_key(download: Download) -> None:
    sent = compact.prepare_download_response(download.prepared_first, download.first)
    assert Knowing(download, download.first).prepare_download_response(sent) == download.prepared_first
    assert shorter(sent, download.prepared_first)
    assert find(sent, 0xBF21, 0xA2, 0x30, 0x5F49) is not None


def test_a_one_time_key_that_the_server_named_is_left_out(download: Download) -> None:
    sent = compact.prepare_download_response(download.prepared, download.session)
    assert value(member(sent, 0xBF21, 0xA2, 0x30)) == b""
    assert download.eim.prepare_download_response(sent) == download.prepared


def test_cancel_session_response(download: Download) -> None:
    sent = compact.cancel_session_response(download.cancelled, download.first)
    assert Knowing(download, download.first).cancel_session_response(sent) == download.cancelled
    assert shorter(sent, download.cancelled)


def test_profile_installation_result(download: Download) -> None:
    sent = compact.pending_notification(download.installed, download.eid, download.session)
    assert download.eim.pending_notification(sent) == download.installed
    assert find(sent, 0xA0, 0xA0, 0xA2, 0xA0, 0x04) is None  # a success says no more
    assert shorter(sent, download.installed)


def test_the_iccid_is_known_from_the_package_if_the_eim_kept_the_metadata(download: Download) -> None:
    """eimProfileMetadataVerification (SGP.32 6.3.2.2)."""
    session, profile = download.session, download.session.profile
    assert profile is not None
    silent = Session(session.server).offered(replace(profile, metadata=None))
    assert silent.iccid is None
    assert silent.bound(download.package).iccid == session.iccid is not None
    for package in (download.package[:200], wrap(0xBF36), wrap(0xBF36, wrap(0xA1, b"\x88\x01\x00"))):
        assert silent.bound(package) == silent
    assert session.bound(wrap(0xBF36)) == session


def test_other_signed_notification(download: Download) -> None:
    for session in (None, download.session):
        sent = compact.pending_notification(download.other, download.eid, session)
        assert download.eim.pending_notification(sent) == download.other
        assert len(download.other) - len(sent) > 1000


# Others that a card could sign, made of these


def result(download: Download, **changes: Any) -> bytes:
    """The ProfileInstallationResult with something else in it."""
    made = decode("ProfileInstallationResult", download.installed)
    made["profileInstallationResultData"] |= changes
    return encode("ProfileInstallationResult", made)


def metadata(download: Download, **changes: Any) -> dict[str, Any]:
    made = decode("ProfileInstallationResult", download.installed)["profileInstallationResultData"]
    told: dict[str, Any] = made["notificationMetadata"] | changes
    return told


AID = bytes.fromhex("A0000005591010FFFFFFFF8900FFEE00")


@pytest.mark.parametrize(
    "final",
    [
        ("successResult", {"aid": AID, "simaResponse": b"\x30\x00"}),
        ("successResult", {"aid": AID, "simaResponse": SUCCESS}),
        ("successResult", {"aid": AID, "simaResponse": b""}),
        ("errorResult", {"bppCommandId": 5, "errorReason": 10}),
        ("errorResult", {"bppCommandId": 5, "errorReason": 12, "simaResponse": b"\x30\x03\x80\x01\x02"}),
    ],
)
def test_every_end_of_a_download_is_rebuilt(download: Download, final: tuple[str, Any]) -> None:
    full = result(download, finalResult=final)
    sent = compact.pending_notification(full, download.eid, download.session)
    assert sent != full
    assert download.eim.pending_notification(sent) == full


def test_a_result_without_iccid_says_so(download: Download) -> None:
    full = result(download, notificationMetadata=metadata(download, iccid=None, seqNumber=8388607))
    for iccid in (download.session.iccid, None):
        session = replace(download.session, iccid=iccid)
        sent = compact.pending_notification(full, download.eid, session)
        assert find(sent, 0xA0, 0xA0, 0x01) == b"\x01\x01\x00"
        assert download.eim.pending_notification(sent) == full


def test_what_the_eim_would_rebuild_otherwise_stays_in_full(download: Download) -> None:
    success = decode("ProfileInstallationResult", download.installed)["profileInstallationResultData"]
    for full in (
        result(download, transactionId=b"\x01"),
        result(download, smdpOid="2.999.77"),
        result(download, notificationMetadata=metadata(download, notificationAddress="another.example")),
        result(download, notificationMetadata=metadata(download, iccid=bytes(10))),
        result(download, notificationMetadata=metadata(download, profileManagementOperation=(b"\x40", 2))),
        result(download, finalResult=("successResult", {"aid": AID[:-1] + b"\x01", "simaResponse": SUCCESS})),
        result(download, finalResult=("successResult", {"aid": b"\xa1" + AID[1:], "simaResponse": SUCCESS})),
        result(download, finalResult=("successResult", {"aid": AID[:15], "simaResponse": SUCCESS})),
    ):
        assert decode("ProfileInstallationResult", full)["profileInstallationResultData"] != success
        assert compact.pending_notification(full, download.eid, download.session) == full
    for session in (
        None,
        download.first,
        replace(download.session, iccid=None),
    ):
        assert compact.pending_notification(download.installed, download.eid, session) == download.installed


def test_hash_cc_is_left_out_only_where_the_eim_gave_it(download: Download) -> None:
    assert download.first.profile is not None
    made = decode("PrepareDownloadResponse", download.prepared_first)[1]
    made["euiccSigned2"]["hashCc"] = bytes(32)
    full = encode("PrepareDownloadResponse", ("downloadResponseOk", made))
    gave = replace(download.first, profile=replace(download.first.profile, hash_cc=bytes(32)))
    sent = compact.prepare_download_response(full, gave)
    assert find(sent, 0xBF21, 0xA2, 0x30, 0x04) is None
    assert Knowing(download, gave).prepare_download_response(sent) == full
    another = replace(download.first, profile=replace(download.first.profile, hash_cc=b"\x01" * 32))
    for session in (download.first, another):
        sent = compact.prepare_download_response(full, session)
        assert find(sent, 0xBF21, 0xA2, 0x30, 0x04) == wrap(0x04, bytes(32))
        assert Knowing(download, session).prepare_download_response(sent) == full
    # The card did without, and the eIM would not: it stays as it is.
    assert compact.prepare_download_response(download.prepared_first, gave) == download.prepared_first


def test_responses_of_another_session_stay_in_full(download: Download) -> None:
    first, session = download.first, download.session
    for other in (None, first):
        assert compact.authenticate_server_response(download.authenticated, other) == download.authenticated
        assert compact.prepare_download_response(download.prepared, other) == download.prepared
    assert (
        compact.prepare_download_response(download.prepared, replace(session, profile=None))
        == download.prepared
    )
    for other in (None, session):
        assert compact.cancel_session_response(download.cancelled, other) == download.cancelled


def test_a_server_that_its_certificate_does_not_name_stays_in_full(download: Download) -> None:
    made = decode("CancelSessionResponse", download.cancelled)[1]
    made["euiccCancelSessionSigned"]["smdpOid"] = "2.999.77"
    full = encode("CancelSessionResponse", ("cancelSessionResponseOk", made))
    assert compact.cancel_session_response(full, download.first) == full


def test_refusals_of_the_card_and_compact_forms_stay_as_they_are(download: Download) -> None:
    transaction = download.session.server.transaction_id
    refused = encode(
        "AuthenticateServerResponse",
        ("authenticateResponseError", {"transactionId": transaction, "authenticateErrorCode": 2}),
    )
    assert compact.authenticate_server_response(refused, download.session) == refused
    refused = encode(
        "PrepareDownloadResponse",
        ("downloadResponseError", {"transactionId": transaction, "downloadErrorCode": 2}),
    )
    assert compact.prepare_download_response(refused, download.session) == refused
    refused = bytes.fromhex("BF4103810105")
    assert compact.cancel_session_response(refused, download.session) == refused
    once = compact.authenticate_server_response(download.authenticated, download.session)
    assert compact.authenticate_server_response(once, download.session) == once
    for full in (download.installed, download.other):
        once = compact.pending_notification(full, download.eid, download.session)
        assert compact.pending_notification(once, download.eid, download.session) == once


def test_members_that_are_not_known_here_are_never_dropped(download: Download) -> None:
    """A later version's card signs more: the eIM could not put that back."""
    for full, shorten in (
        (download.authenticated, compact.authenticate_server_response),
        (download.prepared, compact.prepare_download_response),
        (download.cancelled, compact.cancel_session_response),
    ):
        session = download.first if full is download.cancelled else download.session
        assert shorten(full, session) != full
        for path in ((), (0xA0,), (0xA0, 0x30)):
            more = with_more(full, *path)
            assert shorten(more, session) == more
    for full in (download.installed, download.other):
        [(outer, _)] = tlvs(full)
        inner = 0xBF27 if outer == 0xBF37 else None
        for path in ((), (inner,)) if inner else ((),):
            more = with_more(full, *path)
            assert compact.pending_notification(more, download.eid, download.session) == more


def with_more(der: bytes, *path: int) -> bytes:
    """The element with one more member in it, or in the element that the path leads to."""
    [(tag, _)] = tlvs(der)
    if not path:
        return wrap(tag, value(der), b"\x9f\x7f\x01\x00")
    parts, done = [], False
    for inner, tlv in tlvs(value(der)):
        here = inner == path[0] and not done
        parts.append(with_more(tlv, *path[1:]) if here else tlv)
        done = done or here
    return wrap(tag, *parts)


def test_octets_that_are_none_of_it_stay_as_they_are(download: Download) -> None:
    for full in (download.authenticated, download.prepared, download.installed, download.other):
        for end in range(0, len(full), 7):
            cut = full[:end]
            assert compact.authenticate_server_response(cut, download.session) == cut
            assert compact.prepare_download_response(cut, download.session) == cut
            assert compact.cancel_session_response(cut, download.session) == cut
            assert compact.pending_notification(cut, download.eid, download.session) == cut


# The client


class Eim:
    """An eIM that answers a download's functions with this session's, and keeps what it was asked."""

    def __init__(self, session: Session) -> None:
        server, profile = session.server, session.profile
        assert profile is not None
        assert profile.metadata is not None
        initiated = (server.server_signed1, server.server_signature1, server.ci_pk_id, server.certificate)
        offered = (profile.metadata, profile.smdp_signed2, profile.smdp_signature2, profile.certificate)
        self.answers = {
            0xBF39: wrap(0xBF39, wrap(0xA0, *initiated)),
            0xBF3B: wrap(0xBF3B, wrap(0xA0, *offered)),
            0xBF3A: wrap(0xBF3A, wrap(0xA0, wrap(0xBF36, bytes(5)))),
            0xBF41: bytes.fromhex("BF4102A000"),
            0xBF3D: b"",
        }
        self.asked: list[bytes] = []

    def __call__(self, connection: ssl.SSLSocket, _number: int) -> None:
        while request := read_request(connection):
            _, _, body = request.partition(b"\r\n\r\n")
            self.asked.append(body)
            [(tag, _)] = tlvs(body)
            connection.sendall(http_answer(self.answers[tag]))


def run(download: Download, server: Identity, minimize: bool) -> list[bytes]:
    """What is posted in a download that is cancelled after all."""
    eim, session = Eim(download.session), download.session
    transaction = session.server.transaction_id
    made = decode("CancelSessionResponse", download.cancelled)[1]
    made["euiccCancelSessionSigned"]["transactionId"] = transaction
    cancelled = encode("CancelSessionResponse", ("cancelSessionResponseOk", made))
    with Peer(server, eim) as peer:
        config = EimConfiguration("eim.example", f"localhost:{peer.port}", tls_anchor=key_of(server))
        settings = EsipaSettings(minimize=minimize)
        esipa = Esipa(config, download.eid, Waits(connect=20.0, http=20.0), Uplink(), settings)
        assert esipa.initiate_authentication(bytes(16)) == session.server
        assert esipa.authenticate_client(transaction, download.authenticated) == session.profile
        assert esipa.get_bound_profile_package(transaction, download.prepared) == wrap(0xBF36, bytes(5))
        esipa.cancel_session(transaction, cancelled)
        esipa.handle_notification(download.installed)
        esipa.handle_notification(download.other)
        assert (esipa.shrink(download.other) == download.other) is not minimize
        esipa.close()
    assert peer.connections == 1
    return eim.asked


def test_the_client_sends_compact_forms_if_it_is_told_to(download: Download, server: Identity) -> None:
    full, small = run(download, server, False), run(download, server, True)
    eim = download.eim
    _, client, bound, cancelled, installed, other = small
    assert full[0] == small[0]
    assert eim.authenticate_server_response(member(client, 0xBF3B, 0xBF38)) == download.authenticated
    assert eim.prepare_download_response(member(bound, 0xBF3A, 0xBF21)) == download.prepared
    again = wrap(0xBF41, value(member(cancelled, 0xBF41, 0xA1)))
    assert eim.cancel_session_response(again) == wrap(0xBF41, value(member(full[3], 0xBF41, 0xA1)))
    assert eim.pending_notification(value(member(installed, 0xBF3D, 0xA0))) == download.installed
    assert eim.pending_notification(value(member(other, 0xBF3D, 0xA0))) == download.other
    assert full[1] == wrap(0xBF3B, member(client, 0xBF3B, 0x80), download.authenticated)
    assert full[4] == wrap(0xBF3D, wrap(0xA0, download.installed))
    assert sum(map(len, full)) > 2 * sum(map(len, small))

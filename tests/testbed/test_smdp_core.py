"""The SM-DP+ alone: what it refuses of cards that are not what they say, and what it remembers."""

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ipad.asn1 import decode, encode, member, value, wrap
from ipad.errors import ConfigError, DecodeError
from ipad.testbed import pki, scp03t
from ipad.testbed.chain import load, verify_server
from ipad.testbed.pki import Identity
from ipad.testbed.signature import sign, verify
from ipad.testbed.smdp import Authenticated, Initiated, ProfileOrder, Smdp, SmdpRefused
from ipad.testbed.smdp.core import MAX_ATTEMPTS, MAX_SESSIONS, MAX_WRONG_CODES, SESSION

ADDRESS = "smdp.testbed.example"
NEW = ProfileOrder("8900101000000000993", imsi="001010000000993", size=1000)
CODE = "0000"
CHALLENGE = bytes(range(16))


def der(identity: Identity) -> bytes:
    return identity.certificate.public_bytes(Encoding.DER)


@dataclass
class Card:
    """An eUICC by its keys alone: signs whatever it is told."""

    directory: Path
    changes: dict[str, Any] = field(default_factory=dict)
    """Members of EUICCInfo2 that are others than usual."""

    def __post_init__(self) -> None:
        where = pki.paths(self.directory)
        self.ci = pki.read_certificate(where.ci)
        self.eum = pki.read_identity(where.eum, where.eum_key)
        self.euicc = pki.read_identity(where.euicc, where.euicc_key)
        self.one_time_key = scp03t.generate(ec.SECP256R1())

    @property
    def eid(self) -> str:
        return pki.eid_of(self.euicc.certificate)

    def info1(self, **changes: Any) -> bytes:
        ci = [pki.subject_key_id(self.ci)]
        info = {"svn": b"\x02\x05\x00", "euiccCiPKIdListForVerification": ci, "euiccCiPKIdListForSigning": ci}
        return encode("EUICCInfo1", {**info, **changes})

    def info2(self) -> dict[str, Any]:
        ci = [pki.subject_key_id(self.ci)]
        return {
            "profileVersion": b"\x02\x03\x01",
            "svn": b"\x02\x05\x00",
            "euiccFirmwareVer": b"\x01\x00\x00",
            "extCardResource": bytes.fromhex("810100 82040001 0000 83024000"),
            "uiccCapability": (b"\x68", 5),
            "rspCapability": (b"\x80", 1),
            "euiccCiPKIdListForVerification": ci,
            "euiccCiPKIdListForSigning": ci,
            "ppVersion": b"\x01\x00\x00",
            "sasAcreditationNumber": "TEST",
            **self.changes,
        }

    def authenticated(
        self,
        began: Initiated,
        matching_id: str | None = "ID",
        signer: Identity | None = None,
        certificates: tuple[bytes, bytes] | None = None,
        **changes: Any,
    ) -> bytes:
        """AuthenticateServerResponse; changes: members of EuiccSigned1."""
        server = decode("ServerSigned1", began.server_signed1)
        context: dict[str, Any] = {"deviceInfo": {"tac": bytes(4), "deviceCapabilities": {}}}
        if matching_id is not None:
            context["matchingId"] = matching_id
        signed1 = encode(
            "EuiccSigned1",
            {
                "transactionId": began.transaction_id,
                "serverAddress": server["serverAddress"],
                "serverChallenge": server["serverChallenge"],
                "euiccInfo2": self.info2(),
                "ctxParams1": ("ctxParamsForCommonAuthentication", context),
                **changes,
            },
        )
        signature = wrap(0x5F37, sign((signer or self.euicc).key, signed1))
        own, eum = certificates or (der(self.euicc), der(self.eum))
        return wrap(0xBF38, wrap(0xA0, signed1, signature, own, eum))

    def prepared(self, client: Authenticated, signer: Identity | None = None, **changes: Any) -> bytes:
        """PrepareDownloadResponse; changes: members of EUICCSigned2."""
        signed2 = encode(
            "EUICCSigned2",
            {
                "transactionId": client.transaction_id,
                "euiccOtpk": scp03t.public_point(self.one_time_key),
                **changes,
            },
        )
        signature = sign((signer or self.euicc).key, signed2 + client.smdp_signature2)
        return wrap(0xBF21, wrap(0xA0, signed2, wrap(0x5F37, signature)))

    def cancelled(self, transaction_id: bytes, signer: Identity | None = None, **changes: Any) -> bytes:
        signed = encode(
            "EuiccCancelSessionSigned",
            {"transactionId": transaction_id, "smdpOid": pki.SMDP_OID, "reason": 1, **changes},
        )
        return wrap(0xBF41, wrap(0xA0, signed, wrap(0x5F37, sign((signer or self.euicc).key, signed))))

    def installed(
        self, transaction_id: bytes, signer: Identity | None = None, error: int | None = None, **changes: Any
    ) -> bytes:
        """ProfileInstallationResult, a success unless `error` names an ErrorReason."""
        success = ("successResult", {"aid": bytes(16), "simaResponse": b""})
        failure = ("errorResult", {"bppCommandId": 5, "errorReason": error})
        data = encode(
            "ProfileInstallationResultData",
            {
                "transactionId": transaction_id,
                "notificationMetadata": metadata(),
                "smdpOid": pki.SMDP_OID,
                "finalResult": success if error is None else failure,
                **changes,
            },
        )
        return wrap(0xBF37, data, wrap(0x5F37, sign((signer or self.euicc).key, data)))

    def told(self, signer: Identity | None = None, seq: int = 7, eum: Identity | None = None) -> bytes:
        """OtherSignedNotification: enabled."""
        tbs = encode("NotificationMetadata", metadata(seq))
        signature = wrap(0x5F37, sign((signer or self.euicc).key, tbs))
        return wrap(0x30, tbs, signature, der(self.euicc), der(eum or self.eum))


def metadata(seq: int = 7) -> dict[str, Any]:
    return {
        "seqNumber": seq,
        "profileManagementOperation": (b"\x40", 2),
        "notificationAddress": ADDRESS,
        "iccid": bytes.fromhex("98001010000000009939"),
    }


class Clock:
    """Now, until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def smdp(tmp_path: Path, pki_dir: Path, clock: Clock) -> Smdp:
    return Smdp(tmp_path, pki_dir, ADDRESS, now=clock)


@pytest.fixture
def card(pki_dir: Path) -> Card:
    pki.make_smdp_pki(pki_dir)
    return Card(pki_dir)


def begin(smdp: Smdp, card: Card) -> Initiated:
    return smdp.initiate_authentication(CHALLENGE, ADDRESS, card.info1())


def client(smdp: Smdp, card: Card, matching_id: str | None = "ID") -> Authenticated:
    began = begin(smdp, card)
    return smdp.authenticate_client(began.transaction_id, card.authenticated(began, matching_id))


def refused(name: str, call: Callable[..., object], *arguments: Any) -> SmdpRefused:
    """The refusal, which must have that name."""
    with pytest.raises(SmdpRefused) as caught:
        call(*arguments)
    assert caught.value.name == name
    assert caught.value.subject
    assert caught.value.reason
    return caught.value


# InitiateAuthentication


def test_what_a_server_signs_is_the_cards_challenge_and_its_own(smdp: Smdp, card: Card) -> None:
    one, two = begin(smdp, card), begin(smdp, card)
    signed = decode("ServerSigned1", one.server_signed1)
    assert (signed["euiccChallenge"], signed["serverAddress"]) == (CHALLENGE, ADDRESS)
    assert signed["transactionId"] == one.transaction_id != two.transaction_id
    assert signed["serverChallenge"] != decode("ServerSigned1", two.server_signed1)["serverChallenge"]
    server = verify_server(card.ci, load(one.certificate), [pki.ROLE_DP_AUTH], datetime.now(UTC))
    assert verify(server.key, value(one.server_signature1), one.server_signed1)
    assert one.ci_pk_id == pki.subject_key_id(card.ci)


def test_another_address(smdp: Smdp, card: Card) -> None:
    error = refused("invalidDpAddress", smdp.initiate_authentication, CHALLENGE, "other", card.info1())
    assert (error.function, error.code) == ("InitiateAuthentication", 1)
    assert (error.subject, error.reason) == ("8.8.1", "3.8")
    assert smdp.initiate_authentication(CHALLENGE, ADDRESS.upper(), card.info1())


def test_a_card_that_is_too_old(smdp: Smdp, card: Card) -> None:
    info1 = card.info1(svn=b"\x01\x01\x00")
    refused("euiccVersionNotSupportedByDp", smdp.initiate_authentication, CHALLENGE, ADDRESS, info1)


def test_a_card_of_another_ci(smdp: Smdp, card: Card) -> None:
    for member_name, subject in (
        ("euiccCiPKIdListForVerification", "8.8.4"),
        ("euiccCiPKIdListForSigning", "8.8.2"),
    ):
        info1 = card.info1(**{member_name: [bytes(20)]})
        error = refused("ciPKNotSupported", smdp.initiate_authentication, CHALLENGE, ADDRESS, info1)
        assert (error.code, error.subject) == (3, subject)


def test_sessions_do_not_pile_up(smdp: Smdp, card: Card) -> None:
    first = begin(smdp, card)
    for _ in range(MAX_SESSIONS):
        last = begin(smdp, card)
    assert len(smdp._sessions) == MAX_SESSIONS
    refused("invalidTransactionId", smdp.authenticate_client, first.transaction_id, card.authenticated(first))
    refused("matchingIdRefused", smdp.authenticate_client, last.transaction_id, card.authenticated(last))


# AuthenticateClient


def authenticate(smdp: Smdp, card: Card, began: Initiated | None = None, **changes: Any) -> Authenticated:
    began = began or begin(smdp, card)
    return smdp.authenticate_client(began.transaction_id, card.authenticated(began, **changes))


def refusal(name: str, smdp: Smdp, card: Card, **changes: Any) -> SmdpRefused:
    """Of an AuthenticateClient, which ends the session."""
    began = begin(smdp, card)
    error = refused(name, lambda: authenticate(smdp, card, began, **changes))
    refused("invalidTransactionId", lambda: authenticate(smdp, card, began))
    return error


def test_a_client_is_authenticated_and_answered_with_a_signature_over_its_own(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    began = begin(smdp, card)
    response = card.authenticated(began)
    answer = smdp.authenticate_client(began.transaction_id, response)
    server = verify_server(card.ci, load(answer.certificate), [pki.ROLE_DP_PB], datetime.now(UTC))
    signed = answer.smdp_signed2 + member(response, 0xBF38, 0xA0, 0x5F37)
    assert verify(server.key, value(answer.smdp_signature2), signed)
    assert decode("SmdpSigned2", answer.smdp_signed2) == {
        "transactionId": began.transaction_id,
        "ccRequiredFlag": False,
    }
    assert decode("StoreMetadataRequest", answer.metadata)["profileName"] == NEW.name


def test_a_transaction_that_there_is_not(smdp: Smdp, card: Card) -> None:
    response = card.authenticated(begin(smdp, card))
    assert refused("invalidTransactionId", smdp.authenticate_client, bytes(16), response).code == 10


def test_a_transaction_is_authenticated_once(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    began = begin(smdp, card)
    authenticate(smdp, card, began)
    refused("invalidTransactionId", lambda: authenticate(smdp, card, began))


def test_a_session_ends_with_its_time(smdp: Smdp, card: Card, clock: Clock) -> None:
    smdp.order(NEW, matching_id="ID")
    began = begin(smdp, card)
    clock.now += SESSION
    refused("invalidTransactionId", lambda: authenticate(smdp, card, began))
    found = client(smdp, card)
    clock.now += SESSION
    get = smdp.get_bound_profile_package
    refused("invalidTransactionId", get, found.transaction_id, card.prepared(found))


def test_a_signature_of_another_card(smdp: Smdp, card: Card) -> None:
    other = pki.make_euicc(card.eum, pki.make_eid(2))
    assert refusal("euiccSignatureInvalid", smdp, card, signer=other).code == 5


def test_what_another_server_was_told(smdp: Smdp, card: Card) -> None:
    refusal("euiccSignatureInvalid", smdp, card, serverAddress="other")
    refusal("euiccSignatureInvalid", smdp, card, serverChallenge=bytes(16))
    refusal("invalidTransactionId", smdp, card, transactionId=b"other")


def test_a_card_that_no_eum_made(smdp: Smdp, card: Card) -> None:
    rogue = pki.make_tls_ca()
    euicc = pki.make_euicc(rogue, pki.make_eid(2))
    certificates = der(euicc), der(card.eum)
    error = refusal("euiccCertificateInvalid", smdp, card, signer=euicc, certificates=certificates)
    assert error.code == 3


def test_a_card_outside_its_eums_range(smdp: Smdp, card: Card) -> None:
    foreign = pki.make_euicc(card.eum, "9" * 32)
    certificates = der(foreign), der(card.eum)
    refusal("euiccCertificateInvalid", smdp, card, signer=foreign, certificates=certificates)


def test_an_eum_that_may_not_certify(smdp: Smdp, card: Card) -> None:
    certificates = der(card.euicc), der(card.euicc)
    assert refusal("ciPKUnknown", smdp, card, certificates=certificates).code == 9


def test_an_eum_of_another_ci(smdp: Smdp, card: Card, tmp_path: Path) -> None:
    where = pki.make_euicc_chain(tmp_path / "other")
    eum, euicc = (
        pki.read_identity(where.eum, where.eum_key),
        pki.read_identity(where.euicc, where.euicc_key),
    )
    refusal("ciPKUnknown", smdp, card, signer=euicc, certificates=(der(euicc), der(eum)))


def test_an_eums_certificate_that_is_none_or_no_cas(smdp: Smdp, card: Card, pki_dir: Path) -> None:
    where = pki.paths(pki_dir)
    ci = pki.read_identity(where.ci, where.ci_key)
    server = pki.make_rsp_server(ci, pki.ROLE_DP_AUTH)
    for eum in der(server), wrap(0x30, b"\x30\x00\x30\x00\x03\x01\x00"):
        certificates = der(card.euicc), eum
        assert refusal("eumCertificateInvalid", smdp, card, certificates=certificates).code == 1


def test_certificates_that_are_over(smdp: Smdp, card: Card, clock: Clock) -> None:
    clock.now = datetime(2050, 1, 1, tzinfo=UTC)
    assert refusal("eumCertificateExpired", smdp, card).code == 2


def test_a_cards_certificate_that_is_over(smdp: Smdp, card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pki, "_NOT_AFTER", datetime(2021, 1, 1, tzinfo=UTC))
    old = pki.make_euicc(card.eum, pki.make_eid(2))
    certificates = der(old), der(card.eum)
    error = refusal("euiccCertificateExpired", smdp, card, signer=old, certificates=certificates)
    assert error.code == 4


def test_a_matching_id_that_there_is_not(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    assert refusal("matchingIdRefused", smdp, card, matching_id="OTHER").code == 6


def test_no_matching_id_and_no_order_for_this_card(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, eid=pki.make_eid(5))
    assert refusal("noEligibleProfile", smdp, card, matching_id="").code == 8
    assert refusal("noEligibleProfile", smdp, card, matching_id=None).code == 8
    smdp.order(NEW, eid=card.eid)
    assert authenticate(smdp, card, matching_id=None)


def test_an_order_for_another_card(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID", eid=pki.make_eid(5))
    assert refusal("eidMismatch", smdp, card).code == 7


def test_an_order_belongs_to_the_card_that_had_the_first_package(
    smdp: Smdp, card: Card, pki_dir: Path
) -> None:
    smdp.order(NEW, matching_id="ID")
    found = client(smdp, card)
    smdp.get_bound_profile_package(found.transaction_id, card.prepared(found))
    other = Card(pki_dir)
    other.euicc = pki.make_euicc(card.eum, pki.make_eid(2))
    refusal("eidMismatch", smdp, other)


def test_an_order_that_is_over(smdp: Smdp, card: Card, clock: Clock) -> None:
    smdp.order(NEW, matching_id="ID", expires=clock.now + timedelta(hours=1))
    assert authenticate(smdp, card)
    clock.now += timedelta(hours=1)
    error = refusal("undefinedError", smdp, card)
    assert (error.code, error.subject, error.reason) == (127, "8.8.5", "4.10")


def test_a_card_without_room(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    card.changes["extCardResource"] = bytes.fromhex("810100 82020100 83024000")
    error = refusal("insufficientMemory", smdp, card)
    assert (error.code, error.subject, error.reason) == (11, "8.1", "4.8")
    card.changes["extCardResource"] = b"\x82"  # who says nothing readable is given the profile
    assert authenticate(smdp, card)


def test_a_card_that_the_profile_is_not_for(smdp: Smdp, card: Card) -> None:
    smdp.order(replace(NEW, policy_rules=(1,)), matching_id="ID")
    for changes in (
        {"profileVersion": b"\x01\x00\x00"},
        {"svn": b"\x01\x00\x00"},
        {"forbiddenProfilePolicyRules": (b"\x40", 2)},
    ):
        card.changes = changes
        refusal("noEligibleProfile", smdp, card)
    card.changes = {"forbiddenProfilePolicyRules": (b"\x20", 3)}
    assert authenticate(smdp, card)


def test_the_cards_own_refusal_ends_the_session(smdp: Smdp, card: Card) -> None:
    began = begin(smdp, card)
    error = wrap(0xBF38, wrap(0xA1, wrap(0x80, began.transaction_id), wrap(0x02, b"\x02")))
    answered = refused("undefinedError", smdp.authenticate_client, began.transaction_id, error)
    assert (answered.subject, answered.reason) == ("8.1", "4.2")
    refused("invalidTransactionId", lambda: authenticate(smdp, card, began))


@pytest.mark.parametrize("response", [b"", b"\x30\x00", wrap(0xBF38, wrap(0xA0))])
def test_what_cannot_be_read_is_a_decode_error(smdp: Smdp, card: Card, response: bytes) -> None:
    began = begin(smdp, card)
    with pytest.raises(DecodeError):
        smdp.authenticate_client(began.transaction_id, response)
    with pytest.raises(DecodeError):
        smdp.handle_notification(response)


# GetBoundProfilePackage


def package(smdp: Smdp, card: Card, code: str | None = None, **changes: Any) -> bytes:
    found = client(smdp, card)
    if code is not None:
        changes["hashCc"] = hash_cc(code, found.transaction_id)
    return smdp.get_bound_profile_package(found.transaction_id, card.prepared(found, **changes))


def hash_cc(code: str, transaction_id: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(code.encode()).digest() + transaction_id).digest()


def test_a_package_is_signed_for_the_cards_key_and_given_once(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    found = client(smdp, card)
    octets = smdp.get_bound_profile_package(found.transaction_id, card.prepared(found))
    signed = b"".join(member(octets, 0xBF36, 0xBF23, tag) for tag in (0x82, 0x80, 0xA6, 0x5F49))
    signed += wrap(0x5F49, scp03t.public_point(card.one_time_key))
    server = verify_server(card.ci, load(found.certificate), [pki.ROLE_DP_PB], None)
    assert verify(server.key, value(member(octets, 0xBF36, 0xBF23, 0x5F37)), signed)
    get = smdp.get_bound_profile_package
    assert refused("invalidTransactionId", get, found.transaction_id, card.prepared(found)).code == 95


def test_no_package_before_the_client_is_known(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    found = client(smdp, card)
    began = begin(smdp, card)
    get = smdp.get_bound_profile_package
    refused("invalidTransactionId", get, began.transaction_id, card.prepared(found))


def test_a_key_that_another_card_signed(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    other = pki.make_euicc(card.eum, pki.make_eid(2))
    assert refused("euiccSignatureInvalid", lambda: package(smdp, card, signer=other)).code == 1
    refused("invalidTransactionId", lambda: package(smdp, card, transactionId=b"other"))
    found = client(smdp, card)
    over_another = card.prepared(replace(found, smdp_signature2=wrap(0x5F37, bytes(64))))
    refused("euiccSignatureInvalid", smdp.get_bound_profile_package, found.transaction_id, over_another)


def test_a_key_that_is_none(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    with pytest.raises(DecodeError, match="euiccOtpk"):
        package(smdp, card, euiccOtpk=b"\x04" + bytes(64))
    assert [order.attempts for order in smdp.orders()] == [0]


def test_confirmation_codes(smdp: Smdp, card: Card, tmp_path: Path) -> None:
    smdp.order(NEW, matching_id="ID", confirmation_code=CODE)
    assert decode("SmdpSigned2", client(smdp, card).smdp_signed2)["ccRequiredFlag"] is True
    assert refused("confirmationCodeMissing", lambda: package(smdp, card)).code == 2
    for _ in range(MAX_WRONG_CODES - 1):
        assert refused("confirmationCodeRefused", lambda: package(smdp, card, "9999")).code == 3
    assert package(smdp, card, CODE)
    for _ in range(MAX_WRONG_CODES - 1):
        refused("confirmationCodeRefused", lambda: package(smdp, card, "9999"))
    assert refused("confirmationCodeRetriesExceeded", lambda: package(smdp, card, "9999")).code == 4
    refusal("matchingIdRefused", smdp, card)
    assert CODE not in json.loads((tmp_path / "smdp.json").read_text())["orders"][0].values()


def test_wrong_codes_are_counted_across_a_restart(
    smdp: Smdp, card: Card, tmp_path: Path, pki_dir: Path, clock: Clock
) -> None:
    smdp.order(NEW, matching_id="ID", confirmation_code=CODE)
    for _ in range(MAX_WRONG_CODES - 1):
        refused("confirmationCodeRefused", lambda: package(smdp, card, "9999"))
    again = Smdp(tmp_path, pki_dir, ADDRESS, now=clock)
    refused("confirmationCodeRetriesExceeded", lambda: package(again, card, "9999"))


def test_a_confirmation_code_of_another_transaction(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID", confirmation_code=CODE)
    old = hash_cc(CODE, client(smdp, card).transaction_id)
    refused("confirmationCodeRefused", lambda: package(smdp, card, hashCc=old))


def test_an_order_whose_time_ended_between_the_calls(smdp: Smdp, card: Card, clock: Clock) -> None:
    smdp.order(NEW, matching_id="ID", expires=clock.now + timedelta(minutes=1))
    found = client(smdp, card)
    clock.now += timedelta(minutes=1)
    get = smdp.get_bound_profile_package
    assert refused("downloadOrderExpired", get, found.transaction_id, card.prepared(found)).code == 6


def test_a_profile_is_bound_again_to_a_new_key_if_that_is_allowed(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    first = package(smdp, card)
    offered = decode("SmdpSigned2", client(smdp, card).smdp_signed2)["bppEuiccOtpk"]
    assert offered == scp03t.public_point(card.one_time_key)
    same = package(smdp, card)
    assert member(same, 0xBF36, 0xA3) == member(first, 0xBF36, 0xA3)
    assert member(same, 0xBF36, 0xBF23, 0x5F49) == member(first, 0xBF36, 0xBF23, 0x5F49)
    card.one_time_key = scp03t.generate(ec.SECP256R1())
    assert member(package(smdp, card), 0xBF36, 0xA3) != member(first, 0xBF36, 0xA3)


def test_a_profile_that_may_not_be_bound_again(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID", rebinding=False)
    package(smdp, card)
    assert package(smdp, card)
    own, card.one_time_key = card.one_time_key, scp03t.generate(ec.SECP256R1())
    assert refused("bppRebindingRefused", lambda: package(smdp, card)).code == 5
    card.one_time_key = own
    assert package(smdp, card)


def test_a_profile_whose_binding_is_lost_is_bound_again_only_if_that_is_allowed(
    smdp: Smdp, card: Card, tmp_path: Path, pki_dir: Path, clock: Clock
) -> None:
    smdp.order(NEW, matching_id="ID", rebinding=False)
    smdp.order(NEW, matching_id="OTHER")
    package(smdp, card)
    found = client(smdp, card, "OTHER")
    assert "bppEuiccOtpk" not in decode("SmdpSigned2", found.smdp_signed2)
    smdp.get_bound_profile_package(found.transaction_id, card.prepared(found))
    again = Smdp(tmp_path, pki_dir, ADDRESS, now=clock)
    refused("bppRebindingRefused", lambda: package(again, card))
    found = client(again, card, "OTHER")
    assert again.get_bound_profile_package(found.transaction_id, card.prepared(found))


def test_an_order_is_not_downloaded_for_ever(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    for _ in range(MAX_ATTEMPTS):
        package(smdp, card)
    error = refusal("undefinedError", smdp, card)
    assert (error.subject, error.reason) == ("8.8.5", "6.4")


def test_the_cards_refusal_to_prepare_ends_the_session(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    found = client(smdp, card)
    error = wrap(0xBF21, wrap(0xA1, wrap(0x80, found.transaction_id), wrap(0x02, b"\x02")))
    get = smdp.get_bound_profile_package
    refused("undefinedError", get, found.transaction_id, error)
    refused("invalidTransactionId", get, found.transaction_id, card.prepared(found))


# CancelSession


def test_a_cancelled_session_is_over(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    found = client(smdp, card)
    smdp.cancel_session(found.transaction_id, card.cancelled(found.transaction_id))
    get = smdp.get_bound_profile_package
    refused("invalidTransactionId", get, found.transaction_id, card.prepared(found))
    assert [order.state for order in smdp.orders()] == ["released"]


def test_nobody_else_cancels_a_session(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    found = client(smdp, card)
    other = pki.make_euicc(card.eum, pki.make_eid(2))
    forged = card.cancelled(found.transaction_id, other)
    error = refused("euiccSignatureInvalid", smdp.cancel_session, found.transaction_id, forged)
    assert (error.function, error.code) == ("CancelSession", 2)
    assert smdp.get_bound_profile_package(found.transaction_id, card.prepared(found))


def test_a_cancellation_of_another_session_or_server(smdp: Smdp, card: Card) -> None:
    smdp.order(NEW, matching_id="ID")
    cancel = smdp.cancel_session
    assert refused("invalidTransactionId", cancel, bytes(16), card.cancelled(bytes(16))).code == 1
    found = client(smdp, card).transaction_id
    refused("invalidTransactionId", cancel, found, card.cancelled(found, transactionId=b"other"))
    found = client(smdp, card).transaction_id
    error = refused("undefinedError", cancel, found, card.cancelled(found, smdpOid="2.999.11"))
    assert (error.subject, error.reason) == ("8.8", "3.10")
    found = client(smdp, card).transaction_id
    refused("undefinedError", cancel, found, bytes.fromhex("BF4103810105"))
    assert [order.state for order in smdp.orders()] == ["released"]


def test_a_session_without_a_known_client_cannot_be_cancelled(smdp: Smdp, card: Card) -> None:
    began = begin(smdp, card).transaction_id
    refused("invalidTransactionId", smdp.cancel_session, began, card.cancelled(began))


# HandleNotification


def given(smdp: Smdp, card: Card) -> bytes:
    """The transaction of a package that was given out."""
    smdp.order(NEW, matching_id="ID")
    found = client(smdp, card)
    smdp.get_bound_profile_package(found.transaction_id, card.prepared(found))
    return found.transaction_id


def test_a_result_ends_the_order(smdp: Smdp, card: Card) -> None:
    transaction_id = given(smdp, card)
    for _ in range(2):
        smdp.handle_notification(card.installed(transaction_id))
    assert [order.state for order in smdp.orders()] == ["installed"]
    refusal("matchingIdRefused", smdp, card)
    refused("invalidTransactionId", smdp.cancel_session, transaction_id, card.cancelled(transaction_id))


def test_a_result_is_taken_after_a_restart_too(smdp: Smdp, card: Card, tmp_path: Path, pki_dir: Path) -> None:
    transaction_id = given(smdp, card)
    result = card.installed(transaction_id)
    Smdp(tmp_path, pki_dir, ADDRESS).handle_notification(result)
    [order] = Smdp(tmp_path, pki_dir, ADDRESS).orders()
    assert order.state == "installed"
    assert order.profile == NEW
    assert order.downloads[transaction_id.hex()].result == result.hex()


def test_a_failure_leaves_the_order_to_be_tried_again(smdp: Smdp, card: Card) -> None:
    transaction_id = given(smdp, card)
    smdp.handle_notification(card.installed(transaction_id, error=10))
    assert [(o.state, o.attempts) for o in smdp.orders()] == [("released", 1)]
    assert "bppEuiccOtpk" not in decode("SmdpSigned2", client(smdp, card).smdp_signed2)


def test_results_that_prove_nothing(smdp: Smdp, card: Card) -> None:
    transaction_id = given(smdp, card)
    other = pki.make_euicc(card.eum, pki.make_eid(2))
    for result in (
        card.installed(transaction_id, other),
        card.installed(b"other"),
        card.installed(transaction_id, smdpOid="2.999.11"),
    ):
        refused("undefinedError", smdp.handle_notification, result)
    assert [order.state for order in smdp.orders()] == ["downloaded"]


def test_other_notifications_are_verified_and_counted_once(
    smdp: Smdp, card: Card, tmp_path: Path, pki_dir: Path
) -> None:
    for seq in 1, 1, 2:
        smdp.handle_notification(card.told(seq=seq))
    other = pki.make_euicc(card.eum, pki.make_eid(2))
    refused("undefinedError", smdp.handle_notification, card.told(other))
    refused("undefinedError", smdp.handle_notification, card.told(eum=pki.make_tls_ca()))
    for told in smdp.notifications(), Smdp(tmp_path, pki_dir, ADDRESS).notifications():
        assert [(t.eid, t.seq, t.events) for t in told] == [
            (card.eid, 1, ["enable"]),
            (card.eid, 2, ["enable"]),
        ]


# Orders and their file


def test_orders_are_kept(smdp: Smdp, tmp_path: Path, pki_dir: Path, clock: Clock) -> None:
    full = ProfileOrder(
        "8900101000000000993",
        "001010000000993",
        policy_rules=(1, 2),
        notify=(((0, 3), "a.example"),),
        fallback_allowed=True,
        ecall=False,
        http_params=b"\x01",
    )
    made = smdp.order(full, expires=clock.now)
    [order] = Smdp(tmp_path, pki_dir, ADDRESS).orders()
    assert (order.matching_id, order.profile) == (made, full)
    assert order.expired(clock.now)
    assert len(made) == 16


def test_a_second_order_for_the_same_id_or_card_is_refused(smdp: Smdp) -> None:
    smdp.order(NEW, matching_id="ID")
    smdp.order(NEW, eid=pki.make_eid(1))
    with pytest.raises(ValueError, match="already"):
        smdp.order(NEW, matching_id="ID")
    with pytest.raises(ValueError, match="already"):
        smdp.order(NEW, eid=pki.make_eid(1))
    assert smdp.order(NEW) != smdp.order(NEW)


@pytest.mark.parametrize("wrong", [replace(NEW, iccid="x"), replace(NEW, imsi="1"), replace(NEW, owner="1")])
def test_a_profile_that_cannot_be_made_is_not_ordered(smdp: Smdp, wrong: ProfileOrder) -> None:
    with pytest.raises(ValueError, match=r"number|digits|PLMN"):
        smdp.order(wrong)
    assert smdp.orders() == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"orders": [{}], "notifications": []}'])
def test_a_broken_file_is_said_so(tmp_path: Path, pki_dir: Path, content: str) -> None:
    (tmp_path / "smdp.json").write_text(content)
    with pytest.raises(ConfigError, match=r"smdp\.json"):
        Smdp(tmp_path, pki_dir, ADDRESS)


def test_without_the_cis_key_there_is_no_smdp(tmp_path: Path) -> None:
    where = pki.make_euicc_chain(tmp_path / "pki")
    where.ci_key.unlink()
    with pytest.raises(ConfigError, match=r"ci\.key"):
        Smdp(tmp_path, tmp_path / "pki", ADDRESS)


def test_many_at_once(smdp: Smdp, card: Card, pki_dir: Path) -> None:
    cards = [Card(pki_dir) for _ in range(8)]
    for number, one in enumerate(cards):
        one.euicc = pki.make_euicc(card.eum, pki.make_eid(number + 10))
        smdp.order(NEW, matching_id=f"ID{number}")
    done: list[bytes] = []

    def download(number: int) -> None:
        found = client(smdp, cards[number], f"ID{number}")
        smdp.get_bound_profile_package(found.transaction_id, cards[number].prepared(found))
        smdp.handle_notification(cards[number].installed(found.transaction_id))
        done.append(found.transaction_id)

    threads = [threading.Thread(target=download, args=(number,)) for number in range(len(cards))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == len(cards)
    assert {order.state for order in smdp.orders()} == {"installed"}

"""The functions of ES9+ (SGP.22 5.6) without their transport: what an SM-DP+ checks, answers and remembers.

A session is one transactionId: InitiateAuthentication, AuthenticateClient and GetBoundProfilePackage in this
order, each once. Whatever is refused ends it. Sessions live in memory, orders in a file.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from ipad.asn1 import DecodeError, decode, encode, find, member, tlvs, value, wrap
from ipad.testbed import pki, scp03t
from ipad.testbed.signature import sign
from modem.bcd import iccid_digits

from . import bpp, euicc, mutual, orders, profiles
from .euicc import Euicc
from .mutual import Initiated
from .orders import Download, Order, Told
from .profiles import ProfileOrder
from .refusal import UNDEFINED_ERROR, SmdpRefused

SESSION = timedelta(minutes=30)
MAX_SESSIONS = 1000
MAX_ATTEMPTS = 10
"""Downloads of one order before it is given up."""
MAX_WRONG_CODES = 3

INITIATED, AUTHENTICATED, BOUND = range(3)

_EVENTS = ("install", "enable", "disable", "delete")
_FINAL_REASONS = frozenset({0, 3, 4})
"""endUserRejection, pprNotAllowed, metadataMismatch: the order ends with the session."""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """AuthenticateClientOk."""

    transaction_id: bytes
    metadata: bytes
    """BF25..."""
    smdp_signed2: bytes
    """30..."""
    smdp_signature2: bytes
    """5F37..."""
    certificate: bytes
    """CERT.DPpb, 30..."""


@dataclass
class _Session:
    transaction_id: bytes
    server_challenge: bytes
    expires: datetime
    stage: int = INITIATED
    euicc: Euicc | None = None
    order: Order | None = None
    smdp_signature2: bytes = b""


@dataclass(frozen=True, slots=True)
class _Binding:
    """What a profile has been bound to, to be given out again when the card still has its key."""

    euicc_otpk: bytes
    one_time_key: ec.EllipticCurvePrivateKey
    protected: bytes


class Smdp:
    """An SM-DP+ with its state in `directory`, reached at `address`. May be called from any thread.

    pki_dir: certificates and keys, the missing ones are made. segment: octets of one segment of a package.
    replace_keys: profiles are under keys of their own.
    curve: of the keys it signs with, if another than P-256. DecodeError: a request that cannot be read.
    """

    def __init__(
        self,
        directory: Path,
        pki_dir: Path,
        address: str,
        *,
        segment: int = bpp.SEGMENT,
        replace_keys: bool = False,
        curve: ec.EllipticCurve | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.address = address
        self._path = directory / "smdp.json"
        self._memory = orders.load(self._path)
        where = pki.make_smdp_pki(pki_dir, curve)
        self.auth = pki.read_identity(where.dpauth, where.dpauth_key)
        """CERT.DPauth."""
        self.pb = pki.read_identity(where.dppb, where.dppb_key)
        """CERT.DPpb."""
        self._server = mutual.Server(pki.read_certificate(where.ci), self.auth)
        self.oid = pki.registered_id(self.pb.certificate)
        """Whose certificates they are."""
        self._pb_der = mutual.der(self.pb)
        self._segment = segment
        self._replace_keys = replace_keys
        self._now = now
        self._sessions: dict[bytes, _Session] = {}
        self._bindings: dict[str, _Binding] = {}
        """By matching id, or EID where an order has none; lost with the process."""
        self._lock = RLock()

    def order(
        self,
        profile: ProfileOrder,
        *,
        matching_id: str = "",
        eid: str | None = None,
        confirmation_code: str | None = None,
        expires: datetime | None = None,
        rebinding: bool = True,
    ) -> str:
        """Releases a profile for download; returns its matching id.

        Without one, and with an EID (32 digits), it is for the default SM-DP+ use case and the matching id
        is empty; with neither, one is made up. ValueError: the matching id or the EID has an order already.
        """
        if not matching_id and eid is None:
            matching_id = secrets.token_hex(8).upper()
        code = None if confirmation_code is None else hashlib.sha256(confirmation_code.encode()).hexdigest()
        until = None if expires is None else expires.isoformat()
        profiles.metadata(profile), profiles.package(profile)  # a ValueError now, not when a card asks
        with self._lock, self._saved():
            if self._memory.find(matching_id, eid or "") is not None:
                raise ValueError(f"there is an order already for {matching_id or 'this EID'}")
            new = Order(matching_id, profile, eid, code, until, rebinding)
            self._memory.orders.append(new)
        return matching_id

    def orders(self) -> list[Order]:
        """The orders as they are: for showing and for tests."""
        with self._lock:
            return list(self._memory.orders)

    def notifications(self) -> list[Told]:
        """The notifications that were accepted, without ProfileInstallationResults."""
        with self._lock:
            return list(self._memory.notifications)

    def initiate_authentication(self, challenge: bytes, address: str, info1: bytes) -> Initiated:
        """InitiateAuthentication (SGP.22 5.6.1); info1: EUICCInfo1, BF20...; challenge: 16 octets."""
        function = "InitiateAuthentication"
        if address.lower() != self.address.lower():
            raise SmdpRefused(function, "invalidDpAddress")
        mutual.check(self._server, info1)
        with self._lock:
            session = self._new_session()
        return mutual.initiated(
            self._server, session.transaction_id, challenge, self.address, session.server_challenge
        )

    def authenticate_client(self, transaction_id: bytes, response: bytes) -> Authenticated:
        """AuthenticateClient (SGP.22 5.6.3); response: AuthenticateServerResponse, BF38..., in full."""
        function = "AuthenticateClient"
        with self._lock:
            session = self._take(function, transaction_id, INITIATED)
            card, info2, matching_id = mutual.authenticated(
                self._server,
                response,
                session.transaction_id,
                (self.address, session.server_challenge),
                self._now(),
            )
            order = self._eligible(matching_id, card, info2)
            session.euicc, session.order, session.stage = card, order, AUTHENTICATED
            signed2 = self._signed2(session, order, card)
            signature1 = member(response, 0xBF38, 0xA0, 0x5F37)
            session.smdp_signature2 = wrap(0x5F37, sign(self.pb.key, signed2 + signature1))
            self._sessions[transaction_id] = session
        metadata = profiles.metadata(order.profile)
        return Authenticated(transaction_id, metadata, signed2, session.smdp_signature2, self._pb_der)

    def _eligible(self, matching_id: str, card: Euicc, info2: dict[str, Any]) -> Order:
        function = "AuthenticateClient"
        order = self._memory.find(matching_id, card.eid)
        if order is None and not matching_id:
            raise SmdpRefused(function, "noEligibleProfile")
        if order is None or order.state in (orders.INSTALLED, orders.ERROR):
            raise SmdpRefused(function, "matchingIdRefused")
        if order.eid not in (None, card.eid):
            raise SmdpRefused(function, "eidMismatch")
        if order.expired(self._now()):
            raise SmdpRefused(function, UNDEFINED_ERROR, "8.8.5", "4.10")
        if order.attempts >= MAX_ATTEMPTS:
            raise SmdpRefused(function, UNDEFINED_ERROR, "8.8.5", "6.4")
        if not euicc.eligible(info2, order.profile):
            raise SmdpRefused(function, "noEligibleProfile")
        free = euicc.free_memory(info2)
        if free is not None and free < len(profiles.package(order.profile)):
            raise SmdpRefused(function, "insufficientMemory")
        return order

    def _signed2(self, session: _Session, order: Order, card: Euicc) -> bytes:
        signed2: dict[str, object] = {
            "transactionId": session.transaction_id,
            "ccRequiredFlag": order.confirmation_hash is not None,
        }
        binding = self._bindings.get(order.matching_id or card.eid)
        if binding is not None:
            signed2["bppEuiccOtpk"] = binding.euicc_otpk
        return encode("SmdpSigned2", signed2)

    def get_bound_profile_package(self, transaction_id: bytes, response: bytes) -> bytes:
        """GetBoundProfilePackage (SGP.22 5.6.2): BF36...; response: PrepareDownloadResponse, BF21...

        It must be the full form. A wrong confirmation code is counted; after MAX_WRONG_CODES the order ends.
        """
        function = "GetBoundProfilePackage"
        with self._lock, self._saved():
            session = self._take(function, transaction_id, AUTHENTICATED)
            assert session.euicc is not None
            assert session.order is not None
            arm, told = decode("PrepareDownloadResponse", response)
            if arm != "downloadResponseOk":
                mutual.refused_by_card(function, arm, "downloadResponseError")
            signed2 = member(response, 0xBF21, 0xA0, 0x30)
            signature2 = member(response, 0xBF21, 0xA0, 0x5F37)
            if not session.euicc.signed(signature2, signed2 + session.smdp_signature2):
                raise SmdpRefused(function, "euiccSignatureInvalid")
            if told["euiccSigned2"]["transactionId"] != transaction_id:
                raise SmdpRefused(function, "invalidTransactionId")
            self._confirmed(session.order, transaction_id, told["euiccSigned2"].get("hashCc"))
            if session.order.expired(self._now()):
                raise SmdpRefused(function, "downloadOrderExpired")
            package = self._bound(session, session.order, session.euicc, told["euiccSigned2"]["euiccOtpk"])
            session.stage = BOUND
            self._sessions[transaction_id] = session
        return package

    def _confirmed(self, order: Order, transaction_id: bytes, hash_cc: bytes | None) -> None:
        """SGP.22 3.1.3.2: SHA256(SHA256(code) || transactionId)."""
        function = "GetBoundProfilePackage"
        if order.confirmation_hash is None:
            return
        if hash_cc is None:
            raise SmdpRefused(function, "confirmationCodeMissing")
        wanted = hashlib.sha256(bytes.fromhex(order.confirmation_hash) + transaction_id).digest()
        if hmac.compare_digest(wanted, hash_cc):
            order.wrong_codes = 0
            return
        order.wrong_codes += 1
        if order.wrong_codes >= MAX_WRONG_CODES:
            order.state = orders.ERROR
            raise SmdpRefused(function, "confirmationCodeRetriesExceeded")
        raise SmdpRefused(function, "confirmationCodeRefused")

    def _bound(self, session: _Session, order: Order, card: Euicc, otpk: bytes) -> bytes:
        """The package for this one-time key: the one made before if the card still has the key."""
        key = order.matching_id or card.eid
        binding = self._bindings.get(key)
        if binding is None or binding.euicc_otpk != otpk:
            if order.attempts and not order.rebinding:
                raise SmdpRefused("GetBoundProfilePackage", "bppRebindingRefused")
            binding = self._bind(order, card, otpk)
        host_id = self._host_id()
        initialise = bpp.initialise_secure_channel(
            session.transaction_id, host_id, binding.one_time_key, otpk, self.pb.key
        )
        self._bindings[key] = binding
        order.eid, order.state = card.eid, orders.DOWNLOADED
        order.attempts += 1
        order.downloads[session.transaction_id.hex()] = Download(card.eid, card.certificate.hex())
        return wrap(0xBF36, initialise, binding.protected)

    def _bind(self, order: Order, card: Euicc, otpk: bytes) -> _Binding:
        key = scp03t.generate(self.pb.key.curve)
        try:
            secret = scp03t.agree(key, otpk)
        except ValueError as error:
            raise DecodeError(f"euiccOtpk is no public key: {error}") from error
        protected = bpp.protected(
            scp03t.derive(secret, self._host_id(), bytes.fromhex(card.eid)),
            profiles.metadata(order.profile),
            profiles.package(order.profile),
            self.oid,
            segment=self._segment,
            replace_keys=self._replace_keys,
        )
        return _Binding(otpk, key, protected)

    def _host_id(self) -> bytes:
        return self.oid.encode()[:16]

    def cancel_session(self, transaction_id: bytes, response: bytes) -> None:
        """CancelSession (SGP.22 5.6.5); response: CancelSessionResponse, BF41..., in full.

        Some reasons end the order, after the others the profile can be downloaded again.
        """
        function = "CancelSession"
        with self._lock, self._saved():
            session = self._take(function, transaction_id, AUTHENTICATED, BOUND)
            assert session.euicc is not None
            assert session.order is not None
            arm, told = decode("CancelSessionResponse", response)
            if arm != "cancelSessionResponseOk":
                mutual.refused_by_card(function, arm, "cancelSessionResponseError")
            signed = member(response, 0xBF41, 0xA0, 0x30)
            if not session.euicc.signed(member(response, 0xBF41, 0xA0, 0x5F37), signed):
                self._sessions[transaction_id] = session  # anybody can send this
                raise SmdpRefused(function, "euiccSignatureInvalid")
            cancelled = told["euiccCancelSessionSigned"]
            if cancelled["transactionId"] != transaction_id:
                raise SmdpRefused(function, "invalidTransactionId")
            if cancelled["smdpOid"] != self.oid:
                raise SmdpRefused(function, UNDEFINED_ERROR, "8.8", "3.10")
            if session.order.state in (orders.RELEASED, orders.DOWNLOADED):
                final = cancelled["reason"] in _FINAL_REASONS
                session.order.state = orders.ERROR if final else orders.RELEASED

    def handle_notification(self, pending: bytes) -> None:
        """HandleNotification (SGP.22 5.6.4): a PendingNotification in full, BF37... or 30...

        One that came before is accepted again and counted once. SmdpRefused if it does not prove what it
        says; a real SM-DP+ answers that with 204 as well.
        """
        with self._lock, self._saved():
            if find(pending, 0xBF37) is not None:
                self._installation_result(pending)
            else:
                self._other_notification(pending)

    def _installation_result(self, pending: bytes) -> None:
        told = decode("ProfileInstallationResult", pending)["profileInstallationResultData"]
        found = self._memory.download(told["transactionId"])
        if found is None or told["smdpOid"] != self.oid:
            raise SmdpRefused("HandleNotification", UNDEFINED_ERROR, "8.10.1", "3.9")
        order, download = found
        card = Euicc(download.eid, bytes.fromhex(download.euicc_certificate))
        if not card.signed(member(pending, 0xBF37, 0x5F37), member(pending, 0xBF37, 0xBF27)):
            raise SmdpRefused("HandleNotification", UNDEFINED_ERROR, "8.1", "6.1")
        if download.result is not None:
            return
        download.result = pending.hex()
        self._sessions.pop(told["transactionId"], None)
        self._bindings.pop(order.matching_id or card.eid, None)  # either way the card has used up its key
        if told["finalResult"][0] == "successResult":
            order.state = orders.INSTALLED
        elif order.state == orders.DOWNLOADED:
            order.state = orders.RELEASED

    def _other_notification(self, pending: bytes) -> None:
        told = decode("OtherSignedNotification", pending)["tbsOtherNotification"]
        own, eum, *_ = (tlv for tag, tlv in tlvs(value(pending)) if tag == 0x30)
        try:
            card = euicc.certified(self._server.ci, eum, own, self._now())
        except euicc.Unacceptable as error:
            raise SmdpRefused("HandleNotification", UNDEFINED_ERROR, "8.1", "6.1") from error
        if not card.signed(member(pending, 0x30, 0x5F37), member(pending, 0x30, 0xBF2F)):
            raise SmdpRefused("HandleNotification", UNDEFINED_ERROR, "8.1", "6.1")
        octets, count = told["profileManagementOperation"]
        events = [
            name for bit, name in enumerate(_EVENTS) if bit < count and octets[bit // 8] & (0x80 >> bit % 8)
        ]
        iccid = iccid_digits(told["iccid"]) if "iccid" in told else None
        heard = Told(card.eid, told["seqNumber"], events, iccid)
        if heard not in self._memory.notifications:
            self._memory.notifications.append(heard)

    def _new_session(self) -> _Session:
        now = self._now()
        for transaction_id, session in list(self._sessions.items()):
            if session.expires <= now or len(self._sessions) >= MAX_SESSIONS:
                del self._sessions[transaction_id]
        session = _Session(secrets.token_bytes(16), secrets.token_bytes(16), now + SESSION)
        self._sessions[session.transaction_id] = session
        return session

    def _take(self, function: str, transaction_id: bytes, *stages: int) -> _Session:
        """The session, taken out: whoever goes on with it puts it back."""
        session = self._sessions.get(transaction_id)
        if session is None or session.stage not in stages or session.expires <= self._now():
            raise SmdpRefused(function, "invalidTransactionId")
        return self._sessions.pop(transaction_id)

    @contextmanager
    def _saved(self) -> Iterator[None]:
        """What happened inside is on disk at the end, also when it ended in a refusal."""
        try:
            yield
        finally:
            orders.store(self._path, self._memory)

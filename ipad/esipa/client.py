"""The eIM as the agent sees it: the functions of ESipa (SGP.32 6.3) over HTTPS."""

from collections.abc import Callable
from typing import TypeVar

from ipad.eim import EimConfiguration
from ipad.errors import DecodeError, PeerRefused, Unreachable
from ipad.esipa import compact
from ipad.esipa.asn1_binding import Asn1Binding
from ipad.esipa.binding import Binding, Call
from ipad.esipa.json_binding import JsonBinding
from ipad.esipa.model import (
    Acknowledged,
    AuthenticateClientOk,
    AuthenticateClientOkDp,
    EimPackage,
    EmptyResponse,
    InitiateAuthenticationOk,
)
from ipad.esipa.settings import EsipaSettings
from ipad.net import address
from ipad.net.gsma_json import base64_length
from ipad.net.http import Answer, Https, Uplink
from ipad.net.trust import Trust
from ipad.net.wire import TooMuch
from ipad.waits import Waits

T = TypeVar("T")

_UNKNOWN_THERE = (404, 405, 415, 501)
"""HTTP statuses that say that the eIM does not know this path or media type."""


class Esipa:
    """ESipa with one eIM, over one connection that is kept from one function to the next.

    config: the eIM as the card has it. eid: 16 octets. uplink: shared by all connections of the agent.
    recall, remember: the name of the binding that this eIM knows, from one Esipa to the next.
    package_limit: octets that a bound profile package may have.
    Each function raises Unreachable (also Throttled), Untrusted, PeerRefused and DecodeError. Close it
    after a switch: a connection over the profile before would only run into its deadline.
    """

    def __init__(
        self,
        config: EimConfiguration,
        eid: bytes,
        waits: Waits,
        uplink: Uplink,
        settings: EsipaSettings,
        recall: Callable[[], str | None] = lambda: None,
        remember: Callable[[str], None] = lambda _: None,
        package_limit: int = 2 * 1024 * 1024,
    ) -> None:
        host, port = host_and_port(config)
        self._eim_id = config.eim_id
        self._anchor = config.tls_anchor
        self._eid = eid
        self._uplink = uplink
        self._settings = settings
        self._bindings = _bindings(settings, recall)
        self._remember = remember
        self._session: compact.Session | None = None
        self._package_limit = package_limit
        self._waits = waits
        self._https = Https(host, port, self._trust, waits, uplink, limit=settings.limit)

    def get_eim_package(
        self, notify_state_change: bool = False, cause: int | None = None, rplmn: bytes | None = None
    ) -> EimPackage:
        """GetEimPackage (SGP.32 6.3.2.6): the next package, NoPackage, or Malformed.

        notify_state_change: the profile or its state changed, and not by this eIM's order. cause:
        StateChangeCause. rplmn: registered PLMN, three octets (TS 24.008 10.5.1.13).
        """
        return self._ask(
            lambda binding: binding.get_eim_package(self._eid, notify_state_change, cause, rplmn),
            lambda binding, body: binding.eim_package(body),
        )

    def provide_eim_package_result(self, arm: bytes) -> Acknowledged | EmptyResponse:
        """ProvideEimPackageResult (SGP.32 6.3.2.7). arm: one of `arms`, or an EuiccPackageResult (BF51…)."""
        return self._ask(
            lambda binding: binding.provide_eim_package_result(self._eid, arm),
            lambda binding, body: binding.acknowledgement(body),
        )

    def handle_notification(self, pending_notification: bytes) -> None:
        """HandleNotification (SGP.32 6.3.2.4) with one PendingNotification as the card signed it.

        Returns once the eIM has taken it: HTTP 204, or 200 with an empty body.
        """
        sent = self.shrink(pending_notification)
        self._ask(
            lambda binding: binding.handle_notification(sent),
            lambda binding, body: binding.taken(body),
        )

    def handle_result(self, arm: bytes) -> None:
        """HandleNotification (SGP.32 6.3.2.4) with a ProvideEimPackageResult in it.

        For the result of a direct download that nobody acknowledges. arm: as provide_eim_package_result's.
        """
        self._ask(
            lambda binding: binding.handle_result(self._eid, arm),
            lambda binding, body: binding.taken(body),
        )

    def initiate_authentication(
        self,
        euicc_challenge: bytes,
        smdp_address: str | None = None,
        euicc_info1: bytes | None = None,
        eim_transaction_id: bytes | None = None,
    ) -> InitiateAuthenticationOk:
        """InitiateAuthentication (SGP.32 6.3.2.1): begins a download that goes through the eIM.

        euicc_challenge: 16 octets. smdp_address, euicc_info1 (BF20…): where the eIM does not have them.
        eim_transaction_id: of the trigger.
        """
        self._session = None
        server = self._ask(
            lambda binding: binding.initiate_authentication(
                euicc_challenge, smdp_address, euicc_info1, eim_transaction_id
            ),
            lambda binding, body: binding.initiate_authentication_ok(body),
        )
        self._session = compact.Session(server)
        return server

    def authenticate_client(
        self, transaction_id: bytes, authenticate_server_response: bytes
    ) -> AuthenticateClientOk:
        """AuthenticateClient (SGP.32 6.3.2.2) with the card's AuthenticateServerResponse (BF38…)."""
        response = authenticate_server_response
        if self._settings.minimize:
            response = compact.authenticate_server_response(response, self._session)
        client = self._ask(
            lambda binding: binding.authenticate_client(transaction_id, response),
            lambda binding, body: binding.authenticate_client_ok(body),
        )
        _same_transaction("AuthenticateClient", transaction_id, client.transaction_id)
        if self._session is not None and isinstance(client, AuthenticateClientOkDp):
            self._session = self._session.offered(client)
        return client

    def get_bound_profile_package(self, transaction_id: bytes, prepare_download_response: bytes) -> bytes:
        """GetBoundProfilePackage (SGP.32 6.3.2.3) with the card's PrepareDownloadResponse (BF21…).

        Returns the BoundProfilePackage (BF36…) as it came, for LoadBoundProfilePackage.
        """
        response = prepare_download_response
        if self._settings.minimize:
            response = compact.prepare_download_response(response, self._session)
        try:
            package = self._ask(
                lambda binding: binding.get_bound_profile_package(transaction_id, response),
                lambda binding, body: binding.get_bound_profile_package_ok(body),
            )
        except TooMuch:  # no error of the network: it would be as large the next time
            raise self._too_large() from None
        if len(package.bound_profile_package) > self._package_limit:
            raise self._too_large()
        _same_transaction("GetBoundProfilePackage", transaction_id, package.transaction_id)
        if self._session is not None:
            self._session = self._session.bound(package.bound_profile_package)
        return package.bound_profile_package

    def _too_large(self) -> DecodeError:
        return DecodeError(
            f"GetBoundProfilePackage: the package has more than {self._package_limit} octets ([rsp] limit)"
        )

    def cancel_session(self, transaction_id: bytes, cancel_session_response: bytes) -> None:
        """CancelSession (SGP.32 6.3.2.5) with the card's CancelSessionResponse (BF41…)."""
        response = cancel_session_response
        if self._settings.minimize:
            response = compact.cancel_session_response(response, self._session)
        self._ask(
            lambda binding: binding.cancel_session(transaction_id, response),
            lambda binding, body: binding.cancel_session_ok(body),
        )

    @property
    def minimizes(self) -> bool:
        """Whether compact forms are sent to this eIM (minimizeEsipaBytes)."""
        return self._settings.minimize

    def shrink(self, pending_notification: bytes) -> bytes:
        """A PendingNotification as it goes to this eIM in an arm: as it is, or in its compact form."""
        if not self._settings.minimize:
            return pending_notification
        return compact.pending_notification(pending_notification, self._eid, self._session)

    def close(self) -> None:
        """Drops the connection. The next function makes a new one; its TLS session may be resumed."""
        self._https.close()

    def _ask(self, request: Callable[[Binding], Call], read: Callable[[Binding, bytes], T]) -> T:
        """One function: its request, and its answer read, in the binding that the eIM knows.

        If it does not know the one that is tried first, it is asked once more in the other.
        """
        first, *others = self._bindings
        try:
            return self._ask_in(first, request, read)
        except PeerRefused as refusal:
            if refusal.status not in _UNKNOWN_THERE or not others:
                raise
            unknown = refusal
        (other,) = others
        try:
            answer = self._ask_in(other, request, read)
        except PeerRefused as refusal:
            if refusal.status in _UNKNOWN_THERE:
                raise unknown from None
            if refusal.status is None:  # said in that binding
                self._settle(other, first)
            raise
        self._settle(other, first)
        return answer

    def _ask_in(
        self, binding: Binding, request: Callable[[Binding], Call], read: Callable[[Binding, bytes], T]
    ) -> T:
        call = request(binding)
        answer = self._post(call)
        expected = binding.media_type.partition(";")[0].strip().lower()
        if answer.body and answer.media_type != expected:
            said = f"an answer of type {answer.media_type or 'none'!r}"
            raise PeerRefused(call.function, said, status=answer.status)
        try:
            return read(binding, answer.body)
        except DecodeError as problem:
            raise DecodeError(f"{call.function}: the eIM's answer: {problem}") from None

    def _settle(self, binding: Binding, other: Binding) -> None:
        self._bindings = (binding, other)
        self._remember(binding.name)

    def _post(self, call: Call) -> Answer:
        headers = {
            "User-Agent": "gsma-rsp-ipad",
            "X-Admin-Protocol": f"gsma/rsp/v{self._settings.protocol_version}",
            "Content-Type": call.media_type,
        }
        if call.function != "GetBoundProfilePackage":
            return self._https.post(call.function, call.path, headers, call.body)
        limit = base64_length(self._package_limit) + self._settings.limit
        seconds = self._waits.package
        return self._https.post(call.function, call.path, headers, call.body, seconds=seconds, limit=limit)

    def _trust(self) -> Trust:
        uplink, https = self._uplink, self._https
        return uplink.trusts.of(
            self._eim_id, https.host, https.port, self._anchor, self._settings.ca_file or None
        )


def _bindings(settings: EsipaSettings, recall: Callable[[], str | None]) -> tuple[Binding, ...]:
    """What to try, in that order."""
    asn1 = Asn1Binding(settings.path, settings.media_type)
    json = JsonBinding(settings.json_path, settings.json_media_type)
    match settings.binding or recall():
        case "json":
            bindings: tuple[Binding, ...] = (json, asn1)
        case _:
            bindings = (asn1, json)
    return bindings[:1] if settings.binding else bindings


def _same_transaction(function: str, asked: bytes, answered: bytes | None) -> None:
    if answered not in (None, asked):
        raise DecodeError(f"{function}: the eIM's answer is of another transaction")


def host_and_port(config: EimConfiguration) -> tuple[str, int]:
    """eimFqdn, which may end in `:port` (an IPv6 address then stands in brackets).

    Raises Unreachable if the card has none, or one that is no host name.
    """
    found = address.host_and_port(config.fqdn or "")
    if found is None:
        raise Unreachable(
            f"eIM {config.eim_id}: eimFqdn {config.fqdn!r} on the card; expected host or host:port"
        )
    return found

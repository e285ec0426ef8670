"""What a binding of ESipa has to do: requests to HTTP bodies, answers to the values of `model`."""

from dataclasses import dataclass
from typing import Protocol

from ipad.esipa.model import (
    Acknowledged,
    AuthenticateClientOk,
    EimPackage,
    EmptyResponse,
    GetBoundProfilePackageOk,
    InitiateAuthenticationOk,
)


@dataclass(frozen=True, slots=True)
class Call:
    """One function of the standard as HTTP: its name, and what is posted where."""

    function: str
    path: str
    media_type: str
    body: bytes


class Binding(Protocol):
    """ESipa in one encoding (SGP.32 6.1). Pure: octets in, octets out.

    A function is a pair: what makes its request, and what reads its answer and raises PeerRefused for an
    error of the standard, DecodeError for what is none.
    """

    @property
    def name(self) -> str:
        """As in the configuration: "asn1", "json"."""
        ...

    @property
    def media_type(self) -> str:
        """Content-Type of requests and answers."""
        ...

    def get_eim_package(
        self, eid: bytes, notify_state_change: bool, cause: int | None, rplmn: bytes | None
    ) -> Call: ...

    def eim_package(self, body: bytes) -> EimPackage: ...

    def provide_eim_package_result(self, eid: bytes, arm: bytes) -> Call: ...

    def acknowledgement(self, body: bytes) -> Acknowledged | EmptyResponse: ...

    def handle_notification(self, pending_notification: bytes) -> Call: ...

    def handle_result(self, eid: bytes, arm: bytes) -> Call:
        """HandleNotification with provideEimPackageResult."""
        ...

    def taken(self, body: bytes) -> None:
        """The answer to HandleNotification: nothing, if it went well."""
        ...

    def initiate_authentication(
        self,
        euicc_challenge: bytes,
        smdp_address: str | None,
        euicc_info1: bytes | None,
        eim_transaction_id: bytes | None,
    ) -> Call: ...

    def initiate_authentication_ok(self, body: bytes) -> InitiateAuthenticationOk: ...

    def authenticate_client(self, transaction_id: bytes, authenticate_server_response: bytes) -> Call: ...

    def authenticate_client_ok(self, body: bytes) -> AuthenticateClientOk: ...

    def get_bound_profile_package(self, transaction_id: bytes, prepare_download_response: bytes) -> Call: ...

    def get_bound_profile_package_ok(self, body: bytes) -> GetBoundProfilePackageOk: ...

    def cancel_session(self, transaction_id: bytes, cancel_session_response: bytes) -> Call: ...

    def cancel_session_ok(self, body: bytes) -> None: ...

"""What a binding of ESipa has to do: requests to HTTP bodies, answers to the values of `model`."""

from dataclasses import dataclass
from typing import Protocol

from ipad.esipa.model import Acknowledged, EimPackage, EmptyResponse


@dataclass(frozen=True, slots=True)
class Call:
    """One function of the standard as HTTP: its name, and what is posted where."""

    function: str
    path: str
    body: bytes


class Binding(Protocol):
    """ESipa in one encoding (SGP.32 6.1). Pure: octets in, octets out.

    What reads an answer raises PeerRefused for an error of the standard, DecodeError for what is none.
    """

    @property
    def media_type(self) -> str:
        """Content-Type of requests and answers."""
        ...

    def get_eim_package(
        self, eid: bytes, notify_state_change: bool, cause: int | None, rplmn: bytes | None
    ) -> Call: ...

    def eim_package(self, body: bytes) -> EimPackage:
        """The answer to GetEimPackage."""
        ...

    def provide_eim_package_result(self, eid: bytes, arm: bytes) -> Call: ...

    def acknowledgement(self, body: bytes) -> Acknowledged | EmptyResponse:
        """The answer to ProvideEimPackageResult."""
        ...

    def handle_notification(self, pending_notification: bytes) -> Call: ...

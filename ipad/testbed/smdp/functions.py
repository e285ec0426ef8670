"""ES9+ as whoever calls it sees it: the SM-DP+ in this process, or one at the other end of HTTPS."""

from typing import Protocol

from .core import Authenticated
from .mutual import Initiated


class Es9(Protocol):
    """The functions of ES9+ (SGP.22 5.6); see `core.Smdp` for what they take. All raise SmdpRefused."""

    @property
    def address(self) -> str:
        """FQDN, with a port where it has one: what it signs as serverAddress."""

    def initiate_authentication(self, challenge: bytes, address: str, info1: bytes) -> Initiated: ...

    def authenticate_client(self, transaction_id: bytes, response: bytes) -> Authenticated: ...

    def get_bound_profile_package(self, transaction_id: bytes, response: bytes) -> bytes: ...

    def cancel_session(self, transaction_id: bytes, response: bytes) -> None: ...

    def handle_notification(self, pending: bytes) -> None: ...

"""ES11, the SM-DS as the agent sees it (SGP.22 5.8): which SM-DP+ has a profile for this card."""

from dataclasses import dataclass, field

from ipad.errors import DecodeError, PeerRefused
from ipad.net.gsma_json import Answer
from ipad.net.http import Uplink
from ipad.rsp import es9
from ipad.rsp.connection import Connection
from ipad.rsp.settings import RspSettings
from ipad.server_answers import InitiateAuthenticationOk
from ipad.waits import Waits

PATHS = ("/gsma/rsp2/es11/", es9.PATH)
"""GSMA's own root SM-DS is said to know its functions under ES9+'s path only, so that is tried second."""

_UNKNOWN_THERE = (404, 405, 501)
_LONGEST = 255
"""Characters of an event's members."""


@dataclass(frozen=True, slots=True)
class EventEntry:
    """One event record: a profile is waiting (SGP.22 5.8.2)."""

    event_id: str = field(repr=False)
    """The matching ID to use there."""
    rsp_server_address: str
    """Of an SM-DP+, or of another SM-DS."""


class Es11:
    """One SM-DS. Each function raises Unreachable (also Throttled), Untrusted, PeerRefused, DecodeError."""

    def __init__(self, address: str, waits: Waits, uplink: Uplink, settings: RspSettings) -> None:
        """address: `host` or `host:port`; DecodeError if it is neither. uplink: the agent's one."""
        self._connection = Connection("ES11", address, waits, uplink, settings)
        self._path = PATHS[0]

    @property
    def address(self) -> str:
        """As given: what serverSigned1.serverAddress is compared with."""
        return self._connection.address

    def initiate_authentication(self, euicc_challenge: bytes, euicc_info1: bytes) -> InitiateAuthenticationOk:
        """InitiateAuthentication (SGP.22 5.8.1). euicc_challenge: 16 octets. euicc_info1: BF20…"""
        try:
            return es9.initiate_authentication(self._connection, self._path, euicc_challenge, euicc_info1)
        except PeerRefused as refusal:
            if refusal.status not in _UNKNOWN_THERE or self._path == PATHS[1]:
                raise
        found = es9.initiate_authentication(self._connection, PATHS[1], euicc_challenge, euicc_info1)
        self._path = PATHS[1]
        return found

    def authenticate_client(
        self, transaction_id: bytes, authenticate_server_response: bytes
    ) -> tuple[EventEntry, ...]:
        """AuthenticateClient (SGP.22 5.8.2) with the card's AuthenticateServerResponse (BF38…).

        Returns the events that wait for this card, none perhaps, in the SM-DS's order.
        """
        function = "AuthenticateClient"
        answer = es9.authenticate_client(
            self._connection, self._path, transaction_id, authenticate_server_response
        )
        try:
            answered = answer.transaction()
            events = tuple(map(_event, answer.objects("eventEntries"))) if answer.has("eventEntries") else ()
        except DecodeError as problem:
            raise self._connection.malformed(function, problem) from None
        self._connection.same_transaction(function, transaction_id, answered)
        return events

    def close(self) -> None:
        """Drops the connection. The next function makes a new one."""
        self._connection.close()


def _event(entry: Answer) -> EventEntry:
    event_id, address = entry.required("eventId"), entry.required("rspServerAddress")
    for name, text in (("eventId", event_id), ("rspServerAddress", address)):
        if not 0 < len(text) <= _LONGEST:
            raise DecodeError(f"{name} of {len(text)} characters")
    return EventEntry(event_id, address)

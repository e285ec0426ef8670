"""The functions of ES11 (SGP.22 5.8), and the events that they are about.

An event is registered and deleted by the server that it leads to (ES12), at the end of the order behind it:
until then each retrieval gives it again. Sessions live in memory, events in a file.
"""

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock

from ipad.errors import ConfigError
from ipad.testbed import pki
from ipad.testbed.files import read_json, write_json
from ipad.testbed.smdp import Initiated, SmdpRefused, mutual

SESSION = timedelta(minutes=30)
MAX_SESSIONS = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """A server has something for a card."""

    eid: str
    """32 digits."""
    event_id: str
    """The matching id to use there."""
    rsp_server_address: str


@dataclass(frozen=True, slots=True)
class _Session:
    server_challenge: bytes
    expires: datetime


class Smds:
    """An SM-DS with its state in `directory`, reached at `address`. May be called from any thread."""

    def __init__(
        self,
        directory: Path,
        pki_dir: Path,
        address: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """pki_dir: certificates and keys, the missing ones are made. ConfigError."""
        self.address = address
        where = pki.make_smds_pki(pki_dir)
        self.auth = pki.read_identity(where.dsauth, where.dsauth_key)
        """CERT.DSauth."""
        self._server = mutual.Server(pki.read_certificate(where.ci), self.auth)
        self._path = directory / "smds.json"
        self._events = _load(self._path)
        self._sessions: dict[bytes, _Session] = {}
        self._now = now
        self._lock = RLock()

    def register(self, event: Event) -> bool:
        """RegisterEvent (ES12). False: the card has an event with this id already."""
        with self._lock:
            if any((known.eid, known.event_id) == (event.eid, event.event_id) for known in self._events):
                return False
            self._events.append(event)
            self._store()
            return True

    def delete(self, eid: str, event_id: str) -> bool:
        """DeleteEvent (ES12). False: there is none."""
        with self._lock:
            left = [event for event in self._events if (event.eid, event.event_id) != (eid, event_id)]
            found = len(left) < len(self._events)
            self._events = left
            self._store()
            return found

    def events(self) -> list[Event]:
        """All of them."""
        with self._lock:
            return list(self._events)

    def initiate_authentication(self, challenge: bytes, address: str, info1: bytes) -> Initiated:
        """InitiateAuthentication (SGP.22 5.8.1); info1: EUICCInfo1, BF20...; challenge: 16 octets."""
        if address.lower() != self.address.lower():
            raise SmdpRefused("InitiateAuthentication", "invalidDpAddress", "8.9.1", "3.8")
        mutual.check(self._server, info1)
        transaction_id, server_challenge = secrets.token_bytes(16), secrets.token_bytes(16)
        now = self._now()
        with self._lock:
            for known, session in list(self._sessions.items()):
                if session.expires <= now or len(self._sessions) >= MAX_SESSIONS:
                    del self._sessions[known]
            self._sessions[transaction_id] = _Session(server_challenge, now + SESSION)
        return mutual.initiated(self._server, transaction_id, challenge, self.address, server_challenge)

    def authenticate_client(self, transaction_id: bytes, response: bytes) -> list[Event]:
        """AuthenticateClient (SGP.22 5.8.2); response: AuthenticateServerResponse, BF38..., in full.

        The events of this card, or the one whose id it gives as matching id. It ends the session.
        """
        function = "AuthenticateClient"
        with self._lock:
            session = self._sessions.pop(transaction_id, None)
        if session is None or session.expires <= self._now():
            raise SmdpRefused(function, "invalidTransactionId")
        signed_to = (self.address, session.server_challenge)
        card, _, event_id = mutual.authenticated(
            self._server, response, transaction_id, signed_to, self._now()
        )
        found = [e for e in self.events() if e.eid == card.eid and event_id in ("", e.event_id)]
        if event_id and not found:
            raise SmdpRefused(function, "eventIdUnknown", "8.9.5", "3.9")
        return found

    def _store(self) -> None:
        write_json(self._path, [asdict(event) for event in self._events])


def _load(path: Path) -> list[Event]:
    try:
        return [Event(**event) for event in read_json(path) or []]
    except TypeError as error:
        raise ConfigError(f"{path}: no readable state of an SM-DS: {error!r}") from error

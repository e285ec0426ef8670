"""CancelSession (SGP.22 3.0.2): card and server forget a session that leads to nothing.

Where the server can't be reached any more, what the card signed for it is kept, and goes to it before the
next download begins.
"""

import json
from contextlib import closing
from dataclasses import dataclass

from ipad import asn1
from ipad.errors import DecodeError, EuiccRefused, IpadError, PeerRefused, Unreachable
from ipad.esipa.client import Esipa
from ipad.euicc import es10b
from ipad.journal import Step
from ipad.procedures.gateway import Gateway
from ipad.procedures.source import Source
from ipad.rsp.es9 import Es9
from modem.errors import CardRefused

MOST_TRIES = 5
"""To tell a server that stays away."""

_KEY = "cancelled"
"""In the journal's memory: a CancelSessionResponse that its server does not have yet."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session of card and server."""

    transaction_id: bytes
    eim_id: str | None
    where: Source

    @property
    def octets(self) -> bytes:
        """As the journal's step has it: transactionId (80), and the server's address (0C) if it is direct."""
        address = self.to["address"]
        return asn1.wrap(0x80, self.transaction_id) + (asn1.wrap(0x0C, address.encode()) if address else b"")

    @property
    def to(self) -> dict[str, str | None]:
        """Whom the server is found by, another time."""
        server = self.where.server
        direct = server.address if isinstance(server, Es9) else None
        return {"address": direct, "eim": self.eim_id, "transaction": self.transaction_id.hex()}


def cancel(gateway: Gateway, session: Session, reason: str, *, tell: bool = True) -> None:
    """Ends the session on the card, and with the server if it is to be told now.

    reason: of CancelSessionReason. Never in the way of the reason for it: what goes wrong here is noted.
    Raises what the way to the card raises, but for a status word.
    """
    response = of_card(gateway, session.transaction_id, reason)
    if response is None:
        return
    if not tell:
        _keep(gateway, session.to, response)
        return
    try:
        session.where.server.cancel_session(session.transaction_id, response)
    except Unreachable:
        _keep(gateway, session.to, response)
    except IpadError as problem:
        _note(gateway, problem)


def of_card(gateway: Gateway, transaction_id: bytes, reason: str) -> bytes | None:
    """The card's CancelSessionResponse (BF41…) for the server; None: it has no such session."""
    try:
        return es10b.cancel_session(gateway.isdr, transaction_id, reason)
    except (EuiccRefused, CardRefused, DecodeError):
        return None


def transaction_and_address(octets: bytes) -> tuple[bytes, str | None]:
    """What the step of an interrupted session has: see Session.octets."""
    address = asn1.find(octets, 0x0C)
    transaction_id = asn1.value(asn1.member(octets, 0x80))
    return transaction_id, None if address is None else asn1.value(address).decode()


def after_interruption(gateway: Gateway, step: Step) -> None:
    """The card's session, if it still has it, is cancelled for the server to hear."""
    transaction_id, address = transaction_and_address(step.octets or b"")
    response = of_card(gateway, transaction_id, "timeout")
    if response is not None:
        to = {"address": address, "eim": step.eim_id, "transaction": transaction_id.hex()}
        _keep(gateway, to, response)


def _keep(gateway: Gateway, to: dict[str, str | None], response: bytes) -> None:
    kept = {**to, "response": response.hex(), "left": MOST_TRIES}
    gateway.journal.remember(**{_KEY: json.dumps(kept)})


def send_what_was_left(gateway: Gateway) -> None:
    """Tells a server of a session that was cancelled when it could not be told.

    It is never in the way of what comes next; one that stays away ends its session by itself.
    """
    kept = json.loads(gateway.journal.recall(_KEY) or "{}")
    if not kept:
        return
    try:
        server = _server(gateway, kept)
        if server is not None:
            with closing(server):
                server.cancel_session(bytes.fromhex(kept["transaction"]), bytes.fromhex(kept["response"]))
    except Unreachable as problem:
        gateway.note("download", f"a former session is still to be cancelled: {problem}")
        kept["left"] -= 1
        if kept["left"] > 0:
            gateway.journal.remember(**{_KEY: json.dumps(kept)})
            return
    except IpadError as problem:
        _note(gateway, problem)
    gateway.journal.remember(**{_KEY: "{}"})


def _note(gateway: Gateway, problem: IpadError) -> None:
    if not (isinstance(problem, PeerRefused) and problem.name == "invalidTransactionId"):
        gateway.note("download", f"the session is over all the same: {problem}")


def _server(gateway: Gateway, kept: dict[str, str | None]) -> Es9 | Esipa | None:
    """None: it went through an eIM that the card is not associated with any more."""
    if kept["address"] is not None:
        return gateway.servers.es9(kept["address"])
    eim = gateway.card().eim(kept["eim"] or "")
    return None if eim is None else gateway.esipa(eim, gateway.card().eid)

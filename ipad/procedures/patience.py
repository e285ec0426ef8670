"""What an eIM does not take is offered again with growing intervals, and does not hold back the rest.

Each thing has a patience of its own, kept in the journal across restarts.
"""

import hashlib

from ipad.connectivity.state import draw
from ipad.euicc.model import Notification
from ipad.journal import Refusals
from ipad.procedures.gateway import Gateway


def name(kind: str, octets: bytes) -> str:
    """What the journal calls this thing: the same for the same octets, another for any others."""
    return f"{kind} {hashlib.sha256(octets).hexdigest()[:16]}"


def notification(it: Notification) -> str:
    """The same for a notification: its number, and what it is."""
    return name(f"notification {it.seq}", it.der)


def waiting(gateway: Gateway, eim_id: str) -> frozenset[str]:
    """Names of what this eIM is not to be offered yet."""
    now = gateway.now()
    return frozenset(what for what, r in gateway.journal.refusals(eim_id).items() if r.due > now)


def soonest(gateway: Gateway, eim_id: str) -> float | None:
    """Seconds until something may be offered to this eIM again; None: it has refused nothing."""
    now = gateway.now()
    dues = [r.due for r in gateway.journal.refusals(eim_id).values() if r.due > now]
    return min(dues) - now if dues else None


def refused(gateway: Gateway, eim_id: str, what: str) -> int:
    """This eIM has just not taken it. Returns how often that has happened by now."""
    times = gateway.journal.refusals(eim_id).get(what, Refusals()).times + 1
    waits = gateway.waits
    interval = min(waits.notification_retry * 2.0 ** min(times - 1, 32), waits.notification_retry_max)
    due = gateway.now() + interval * (1 + draw(eim_id + what, times)) / 2
    gateway.journal.refuse(eim_id, what, Refusals(times, due))
    return times


def forgive(gateway: Gateway, eim_id: str, *, kind: str, but: frozenset[str] = frozenset()) -> None:
    """Of this kind only `but` is left; the rest was taken, or is gone."""
    known = gateway.journal.refusals(eim_id)
    gone = [what for what in known if what.startswith(f"{kind} ") and what not in but]
    if gone:
        gateway.journal.forgive(eim_id, gone)

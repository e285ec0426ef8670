"""Notifications that go to the SM-DP+ itself (SGP.22 3.5, 5.6.4), not to an eIM (SGP.32 3.7).

Those are the ones of profiles that were downloaded directly: no eIM was between, so none passes them on. The
result of such a download goes to the SM-DP+ and, in the eIM's own message, to the eIM that ordered it; it
leaves the card when both have it.
"""

import json
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from ipad import asn1
from ipad.errors import DecodeError, IpadError, Unreachable
from ipad.euicc import es10b
from ipad.euicc.model import Notification
from ipad.journal import SERVER
from ipad.procedures import package, patience
from ipad.procedures.gateway import Gateway

_DIRECT, _TOLD = "direct servers", "told servers"
_MOST = 50
"""Addresses, and results, that are remembered; the oldest beyond these are forgotten."""


def remember(gateway: Gateway, address: str) -> None:
    """A profile was downloaded from this SM-DP+ directly: its notifications go there from now on."""
    _add(gateway, _DIRECT, address)


def is_for_server(gateway: Gateway, notification: Notification) -> bool:
    """It goes to its SM-DP+ itself; without an eIM there is nobody else to take it."""
    if not gateway.card().eims:
        return bool(notification.address)
    return notification.address in _list(gateway, _DIRECT)


def is_for_eim(gateway: Gateway, notification: Notification) -> bool:
    """Any eIM that is polled is offered it; what one gets as a result is not sent to it twice."""
    return not is_for_server(gateway, notification) and not is_owed(gateway, notification)


def is_owed(gateway: Gateway, notification: Notification) -> bool:
    """An eIM is owed it as the result of its own order."""
    owed = (o for eim in gateway.card().eims for o in gateway.journal.owed(eim.eim_id))
    return any(asn1.find(o.arm, 0xBF54, 0xBF37) == notification.der for o in owed)


def eim_has(gateway: Gateway, arm: bytes) -> None:
    """An eIM has taken the result of its order: it leaves the card, if its SM-DP+ has it too.

    That of a download through the eIM is passed on by the eIM.
    """
    der = asn1.find(arm, 0xBF54, 0xBF37)
    if der is None:
        return
    waiting = es10b.notifications(gateway.isdr, event="install")
    told = _list(gateway, _TOLD)
    for notification in (n for n in waiting if n.der == der):
        if not is_for_server(gateway, notification) or patience.notification(notification) in told:
            _let_go(gateway, notification)


def run(gateway: Gateway) -> None:
    """Tells the SM-DP+s what the card keeps for them. What one refuses does not hold back the rest.

    Raises Unreachable, once all have been tried, if one of them could not be reached.
    """
    listed = package.listed(gateway, "notifications", partial(es10b.notifications, gateway.isdr))
    for_servers = [n for n in listed or () if is_for_server(gateway, n)]
    gateway.for_servers = False  # when to go on is said by `soonest`, or by what is raised
    away: Unreachable | None = None
    for address in sorted({n.address for n in for_servers}):
        try:
            _tell(gateway, address, [n for n in for_servers if n.address == address])
        except Unreachable as problem:
            away = away or problem
    told = _list(gateway, _TOLD)
    for done in (n for n in for_servers if patience.notification(n) in told and not is_owed(gateway, n)):
        _let_go(gateway, done)
    if away is not None:
        raise away


def _tell(gateway: Gateway, address: str, notifications: Sequence[Notification]) -> None:
    """One server what it has not been told yet and has not refused a short while ago."""
    named = {patience.notification(n): n for n in notifications}
    patience.forgive(gateway, SERVER + address, kind="notification", but=frozenset(named))
    waiting = {*_list(gateway, _TOLD), *patience.waiting(gateway, SERVER + address)}
    due = [n for name, n in named.items() if name not in waiting]
    if not due:
        return
    try:
        server = gateway.servers.es9(address)
    except DecodeError as problem:  # the card took it from its profile's metadata
        _refused(gateway, due, problem)
        return
    with closing(server):
        for notification in due:
            try:
                server.handle_notification(notification.der)
            except Unreachable:
                raise
            except IpadError as problem:
                _refused(gateway, [notification], problem)
            else:
                _taken(gateway, notification)


def _refused(gateway: Gateway, notifications: Sequence[Notification], problem: IpadError) -> None:
    for each in notifications:
        patience.refused(gateway, SERVER + each.address, patience.notification(each))
        gateway.note("deliver", f"notification {each.seq} stays on the card: {problem}")


def _taken(gateway: Gateway, notification: Notification) -> None:
    gateway.note("deliver", f"{notification.address} has notification {notification.seq}")
    if is_owed(gateway, notification):
        _add(gateway, _TOLD, patience.notification(notification))
    else:
        _let_go(gateway, notification)


def soonest(gateway: Gateway) -> float | None:
    """Seconds until a server may be told again; None: none is to be told anything."""
    waits = [patience.soonest(gateway, SERVER + each) for each in gateway.journal.refusing_servers()]
    return min((wait for wait in waits if wait is not None), default=None)


def _let_go(gateway: Gateway, notification: Notification) -> None:
    package.let_go(gateway, notification.seq, partial(es10b.remove_notification, gateway.isdr))


def _list(gateway: Gateway, key: str) -> list[str]:
    found: list[str] = json.loads(gateway.journal.recall(key) or "[]")
    return found


def _add(gateway: Gateway, key: str, value: str) -> None:
    before = _list(gateway, key)
    if value not in before:
        gateway.journal.remember(**{key: json.dumps([*before, value][-_MOST:])})

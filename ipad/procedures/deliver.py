"""What is owed to an eIM: results and notifications from the card, and what only the journal keeps.

A result leaves the card when its number is acknowledged or the eIM answered emptyResponse; a notification
when its number is acknowledged or HandleNotification took it (SGP.32 3.1.3, 5.9.11). Notifications are for
any eIM: each is offered to the one that is polled.
"""

from collections.abc import Iterable
from functools import partial

from ipad.errors import DecodeError, Failing, PeerRefused
from ipad.esipa import arms
from ipad.esipa.client import Esipa
from ipad.esipa.model import Acknowledged
from ipad.euicc import es10b
from ipad.euicc.model import Notification, PackageResult
from ipad.journal import Owed
from ipad.procedures import data, package, patience, servers
from ipad.procedures.gateway import Gateway

MOST_REFUSALS = 12
"""What only the journal keeps is given up when it was refused so often: after a week."""
MOST_ATTACHED = 32 * 1024
"""Octets of notifications that travel with a result; the rest follow one by one."""

_NOT_TAKEN = (PeerRefused, Failing, DecodeError)


def run(gateway: Gateway, esipa: Esipa, eim_id: str) -> None:
    """Delivers all that is owed to this eIM; `gateway.owes` tells afterwards whether it took every result.

    What it refuses stays where it is and does not hold back the rest. Raises what the connection raises.
    """
    waiting = patience.waiting(gateway, eim_id)
    for owed in gateway.journal.owed(eim_id):
        if patience.name("owed", owed.arm) not in waiting:
            _owed(gateway, esipa, owed)
    if not gateway.unread:
        return
    results = package.listed(gateway, "results", gateway.iot.package_results)
    if results is None:
        return
    listed = package.listed(gateway, "notifications", partial(es10b.notifications, gateway.isdr))
    gateway.for_servers = any(servers.is_for_server(gateway, n) for n in listed or ())
    notifications = None if listed is None else [n for n in listed if servers.is_for_eim(gateway, n)]
    there = frozenset(patience.notification(n) for n in notifications or ())
    patience.forgive(gateway, eim_id, kind="notification", but=there)
    offered = [n for n in notifications or () if patience.notification(n) not in waiting]
    owing = {result.eim_id for result in results}
    gateway.owing = frozenset(owing)
    # Not a comprehension in all(): each is offered, whatever becomes of the one before.
    taken = [_result(gateway, esipa, r, offered) for r in results if r.eim_id == eim_id]
    if all(taken):
        owing.discard(eim_id)
    # From here on a lost connection does not change what the eIM has taken.
    gateway.owing = frozenset(owing)
    for notification in list(offered):
        _notification(gateway, esipa, eim_id, notification, offered)
    deliverable = owing & {eim.eim_id for eim in gateway.card().eims}
    gateway.unread = bool(deliverable or offered or there & waiting or notifications is None)


def attached(notifications: Iterable[Notification]) -> list[Notification]:
    """As many of them as travel with a result."""
    found: list[Notification] = []
    octets = 0
    for notification in notifications:
        octets += len(notification.der)
        if octets > MOST_ATTACHED:
            break
        found.append(notification)
    return found


def _result(gateway: Gateway, esipa: Esipa, result: PackageResult, offered: list[Notification]) -> bool:
    """Delivers one result; True if the eIM took it. Notifications that wait travel with it: a trip less."""
    along = attached(offered)
    shrunk = [esipa.shrink(n.der) for n in along]
    arm = arms.result_and_notifications(result.der, shrunk) if along else result.der
    try:
        answer = esipa.provide_eim_package_result(arm)
    except _NOT_TAKEN as refusal:
        gateway.note("deliver", f"result {result.seq} stays on the card: {refusal}")
        return False
    taken = set(answer.seqs) if isinstance(answer, Acknowledged) else {result.seq}
    for notification in (n for n in along if n.seq in taken):
        _remove(gateway, notification, offered)
    if result.seq is None or result.seq not in taken:
        gateway.note(
            "deliver", f"{result.eim_id} does not acknowledge result {result.seq}: it stays on the card"
        )
        return False
    package.let_go(gateway, result.seq, gateway.iot.remove_result)
    gateway.note("deliver", f"result {result.seq} taken by {result.eim_id}: {result.failed or 'all well'}")
    return True


def _notification(
    gateway: Gateway, esipa: Esipa, eim_id: str, notification: Notification, offered: list[Notification]
) -> None:
    try:
        esipa.handle_notification(notification.der)
    except _NOT_TAKEN as refusal:
        times = patience.refused(gateway, eim_id, patience.notification(notification))
        gateway.note(
            "deliver",
            f"notification {notification.seq} stays on the card, refused {_times(times)}: {refusal}",
        )
    else:
        _remove(gateway, notification, offered)


def _remove(gateway: Gateway, notification: Notification, offered: list[Notification]) -> None:
    package.let_go(gateway, notification.seq, partial(es10b.remove_notification, gateway.isdr))
    offered.remove(notification)


def _owed(gateway: Gateway, esipa: Esipa, owed: Owed) -> None:
    """Errors that the card signed or not, and answers of the agent's own: nobody else keeps these."""
    what = patience.name("owed", owed.arm)
    try:
        answer = esipa.provide_eim_package_result(owed.arm)
    except _NOT_TAKEN as refusal:
        times = patience.refused(gateway, owed.eim_id, what)
        if times < MOST_REFUSALS:
            gateway.note("deliver", f"{owed.eim_id} refused an answer {_times(times)}: {refusal}")
            return
        gateway.note("deliver", f"an answer is given up, {owed.eim_id} refused it {_times(times)}: {refusal}")
        gateway.unread = True  # what the card kept because of it goes another way
    else:
        if isinstance(answer, Acknowledged):
            _remove_told(gateway, owed.arm, set(answer.seqs))
        servers.eim_has(gateway, owed.arm)
    gateway.journal.paid(owed.id)
    gateway.journal.forgive(owed.eim_id, [what])


def _remove_told(gateway: Gateway, arm: bytes, taken: set[int]) -> None:
    """What a data response told of the card's lists, and its eIM acknowledges, leaves the card."""
    results, notifications = data.numbers(arm)
    for seq in results & taken:
        package.let_go(gateway, seq, gateway.iot.remove_result)
    for seq in notifications & taken:
        package.let_go(gateway, seq, partial(es10b.remove_notification, gateway.isdr))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

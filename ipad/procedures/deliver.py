"""What is owed to an eIM: results and notifications from the card, and what only the journal keeps.

A result leaves the card when its number is acknowledged or the eIM answered emptyResponse; a notification
when its number is acknowledged or HandleNotification took it (SGP.32 3.1.3, 5.9.11).
"""

from ipad.errors import PeerRefused
from ipad.esipa import arms
from ipad.esipa.client import Esipa
from ipad.esipa.model import Acknowledged
from ipad.euicc import es10b
from ipad.euicc.model import Notification, PackageResult
from ipad.procedures.gateway import Gateway


def run(gateway: Gateway, esipa: Esipa, eim_id: str) -> None:
    """Delivers all that is owed to this eIM; `gateway.owes` tells afterwards whether it took every result.

    What it refuses stays where it is and does not hold back the rest. Raises what the connection raises.
    """
    _from_journal(gateway, esipa, eim_id)
    if not gateway.unread:
        return
    results = gateway.iot.package_results()
    notifications = list(es10b.notifications(gateway.isdr))
    owing = {result.eim_id for result in results}
    gateway.owing = frozenset(owing)
    refused = False
    for result in results:
        if result.eim_id == eim_id and not _result(gateway, esipa, result, notifications):
            refused = True
    if not refused:
        owing.discard(eim_id)
    # From here on a lost connection does not change what the eIM has taken.
    gateway.owing = frozenset(owing)
    for notification in list(notifications):
        _notification(gateway, esipa, notification, notifications)
    gateway.unread = bool(owing or notifications)


def _result(gateway: Gateway, esipa: Esipa, result: PackageResult, notifications: list[Notification]) -> bool:
    """Delivers one result; True if the eIM took it. Notifications that wait travel with it: a trip less."""
    waiting = [n.der for n in notifications]
    arm = arms.result_and_notifications(result.der, waiting) if waiting else result.der
    try:
        answer = esipa.provide_eim_package_result(arm)
    except PeerRefused as refusal:
        gateway.note("deliver", f"result {result.seq} stays on the card: {refusal}")
        return False
    taken = set(answer.seqs) if isinstance(answer, Acknowledged) else {result.seq}
    for notification in [n for n in notifications if n.seq in taken]:
        _remove(gateway, notification, notifications)
    if result.seq is None or result.seq not in taken:
        gateway.note(
            "deliver", f"{result.eim_id} does not acknowledge result {result.seq}: it stays on the card"
        )
        return False
    gateway.iot.remove_result(result.seq)
    gateway.note("deliver", f"result {result.seq} taken by {result.eim_id}: {result.failed or 'all well'}")
    return True


def _notification(
    gateway: Gateway, esipa: Esipa, notification: Notification, waiting: list[Notification]
) -> None:
    try:
        esipa.handle_notification(notification.der)
    except PeerRefused as refusal:
        gateway.note("deliver", f"notification {notification.seq} stays on the card: {refusal}")
    else:
        _remove(gateway, notification, waiting)


def _remove(gateway: Gateway, notification: Notification, waiting: list[Notification]) -> None:
    es10b.remove_notification(gateway.isdr, notification.seq)
    waiting.remove(notification)


def _from_journal(gateway: Gateway, esipa: Esipa, eim_id: str) -> None:
    """Errors that the card signed or not, and answers of the agent's own: nobody else keeps these."""
    for owed in gateway.journal.owed(eim_id):
        try:
            esipa.provide_eim_package_result(owed.arm)
        except PeerRefused as refusal:
            gateway.note("deliver", f"{eim_id} does not take an error report: {refusal}")
        else:
            gateway.journal.paid(owed.id)

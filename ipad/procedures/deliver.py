"""What is owed to an eIM: results and notifications from the card, and what only the journal keeps.

A result leaves the card when its number is acknowledged or the eIM answered emptyResponse; a notification
when its number is acknowledged or HandleNotification took it (SGP.32 3.1.3, 5.9.11).
"""

from ipad.errors import PeerRefused
from ipad.esipa import arms
from ipad.esipa.client import Esipa
from ipad.esipa.model import Acknowledged
from ipad.euicc import es10b
from ipad.euicc.model import Notification
from ipad.procedures.gateway import Gateway


def run(gateway: Gateway, esipa: Esipa, eim_id: str) -> bool:
    """Delivers all that is owed to this eIM; True if it took every result that the card keeps for it.

    What it refuses stays where it is and does not hold back the rest. Raises what the connection raises.
    """
    _from_journal(gateway, esipa, eim_id)
    if not gateway.unread:
        return True
    clean = True
    results = es10b.package_results(gateway.isdr)
    notifications = list(es10b.notifications(gateway.isdr))
    left = 0
    for result in results:
        if result.eim_id != eim_id:
            left += 1
            continue
        # Notifications that wait already travel with the result: that saves a trip each.
        waiting = [n.der for n in notifications]
        arm = arms.result_and_notifications(result.der, waiting) if waiting else result.der
        try:
            answer = esipa.provide_eim_package_result(arm)
        except PeerRefused as refusal:
            gateway.note("deliver", f"result {result.seq} stays on the card: {refusal}")
            clean, left = False, left + 1
            continue
        taken = set(answer.seqs) if isinstance(answer, Acknowledged) else {result.seq}
        if result.seq in taken and result.seq is not None:
            es10b.remove_notification(gateway.isdr, result.seq)
            gateway.note("deliver", f"result {result.seq} taken by {eim_id}: {result.failed or 'all well'}")
        else:
            gateway.note("deliver", f"result {result.seq} not acknowledged by {eim_id}: it stays on the card")
            clean, left = False, left + 1
        for notification in [n for n in notifications if n.seq in taken]:
            _remove(gateway, notification, notifications)
    for notification in list(notifications):
        try:
            esipa.handle_notification(notification.der)
        except PeerRefused as refusal:
            gateway.note("deliver", f"notification {notification.seq} stays on the card: {refusal}")
        else:
            _remove(gateway, notification, notifications)
    gateway.unread = bool(left or notifications)
    return clean


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

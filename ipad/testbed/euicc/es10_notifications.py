"""ES10b: notifications and package results for the IPA (SGP.22 5.7.9 to 5.7.11, SGP.32 5.9.11)."""

from ipad.asn1 import decode, encode, wrap

from . import pending
from .isdr import Function, Isdr
from .state import Notification


def list_notification(isdr: Isdr, command: bytes) -> bytes:
    """ListNotification: the metadata of pending notifications, of all or of some events."""
    wanted = decode("ListNotificationRequest", command).get("profileManagementOperation")
    found = [n for n in isdr.state.notifications if wanted is None or _is_event(n, wanted)]
    return wrap(0xBF28, wrap(0xA0, *(bytes.fromhex(n.metadata) for n in found)))


def retrieve_notifications_list(isdr: Isdr, command: bytes) -> bytes:
    """RetrieveNotificationsList: the signed octets.

    Without criteria all notifications and no package results. A number finds either; the arm of the
    answer says which it was.
    """
    name, wanted = decode("RetrieveNotificationsListRequest", command).get("searchCriteria", (None, None))
    notifications, results = isdr.state.notifications, isdr.state.results
    if name == "seqNumber":
        notifications = [n for n in notifications if n.seq == wanted]
        results = [r for r in results if r.seq == wanted]
    elif name == "profileManagementOperation":
        notifications = [n for n in notifications if _is_event(n, wanted)]
        results = []
    elif name == "euiccPackageResults":
        return wrap(0xBF2B, wrap(0xA2, *(bytes.fromhex(r.octets) for r in results)))
    else:
        results = []
    if results:
        return wrap(0xBF2B, wrap(0xA2, *(bytes.fromhex(r.octets) for r in results)))
    return wrap(0xBF2B, wrap(0xA0, *(bytes.fromhex(n.octets) for n in notifications)))


def notification_sent(isdr: Isdr, command: bytes) -> bytes:
    """NotificationSent: the notification or package result with this number may go."""
    removed = pending.remove(isdr, decode("NotificationSentRequest", command)["seqNumber"])
    return encode("NotificationSentResponse", {"deleteNotificationStatus": 0 if removed else 1})


def _is_event(notification: Notification, wanted: tuple[bytes, int]) -> bool:
    octets, _ = wanted
    return bool(octets and octets[0] & (0x80 >> notification.event))


FUNCTIONS: dict[int, Function] = {
    0xBF28: list_notification,
    0xBF2B: retrieve_notifications_list,
    0xBF30: notification_sent,
}

"""Notifications and package results that wait to be taken (SGP.22 5.7.9 to 5.7.11, SGP.32 5.9.11)."""

from ipad.asn1 import encode, wrap
from modem.bcd import iccid_octets

from .isdr import Isdr
from .state import Notification, Profile, Result


def event_bits(*events: int) -> tuple[bytes, int]:
    """A NotificationEvent with these bits."""
    return bytes([sum(0x80 >> event for event in events)]), max(events) + 1


def notify(isdr: Isdr, profile: Profile, event: int, but: str | None = None) -> None:
    """Makes a signed notification for each address, `but` one, that `profile` wants to be told of `event`."""
    for entry in profile.notify:
        if event not in entry.events or entry.address == but:
            continue
        seq = isdr.state.take_seq()
        metadata = encode(
            "NotificationMetadata",
            {
                "seqNumber": seq,
                "profileManagementOperation": event_bits(event),
                "notificationAddress": entry.address,
                "iccid": iccid_octets(profile.iccid),
            },
        )
        keys = isdr.keys
        octets = wrap(0x30, metadata, keys.sign(metadata), keys.euicc_certificate, keys.eum_certificate)
        isdr.state.notifications.append(Notification(seq, event, profile.iccid, metadata.hex(), octets.hex()))


def keep_result(isdr: Isdr, seq: int, eim_id: str, octets: bytes) -> None:
    """Keeps a signed package result (the whole BF51 TLV) until it is removed."""
    isdr.state.results.append(Result(seq, eim_id, octets.hex()))


def remove(isdr: Isdr, seq: int) -> bool:
    """Removes the notification or result with this number; False if there is none."""
    state = isdr.state
    before = len(state.notifications) + len(state.results)
    state.notifications = [n for n in state.notifications if n.seq != seq]
    state.results = [r for r in state.results if r.seq != seq]
    return len(state.notifications) + len(state.results) < before

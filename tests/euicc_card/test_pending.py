"""Notifications and package results: signed, found, kept until they are removed."""

from typing import Any

from ipad.asn1 import decode, encode, member, value, wrap
from ipad.testbed import pki
from ipad.testbed.euicc import VirtualEuicc

from .world import (
    BOOTSTRAP,
    LIST_PROFILES,
    NORD,
    SUED,
    Eim,
    Terminal,
    Verifier,
    by_iccid,
    certificate,
    delete,
    enable,
)

DISABLED, ENABLED, DELETED = (b"\x20", 3), (b"\x40", 2), (b"\x10", 4)


def retrieve(terminal: Terminal, criterion: bytes = b"") -> Any:
    request = wrap(0xBF2B, wrap(0xA0, criterion) if criterion else b"")
    return decode("RetrieveNotificationsListResponse", terminal.run(request))


def remove(terminal: Terminal, seq: int) -> int:
    answer = terminal.run(encode("NotificationSentRequest", {"seqNumber": seq}))
    status: int = decode("NotificationSentResponse", answer)["deleteNotificationStatus"]
    return status


def switch(card: VirtualEuicc, terminal: Terminal, eim: Eim, *operations: bytes) -> bytes:
    answer = terminal.run(eim.package(card, *operations))
    terminal.refresh()
    return answer


def test_a_switch_is_told_of_both_profiles_in_order(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    result = verifier.result(switch(card, terminal, eim, enable(NORD), delete(SUED)), eim)
    told = [(by_iccid(n["iccid"]), n["profileManagementOperation"]) for n in terminal.notifications()]
    assert told == [(BOOTSTRAP, DISABLED), (NORD, ENABLED), (SUED, DELETED)]
    numbers = [n["seqNumber"] for n in terminal.notifications()]
    assert len({*numbers, result["seqNumber"]}) == 4


def test_a_notification_carries_its_signature_and_the_cards_certificates(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    switch(card, terminal, eim, enable(NORD))
    answer = terminal.run(bytes.fromhex("BF2B00"))
    first = member(answer, 0xBF2B, 0xA0, 0x30)
    metadata = member(first, 0x30, 0xBF2F)
    verifier.check(metadata, value(member(first, 0x30, 0x5F37)))
    euicc, eum = value(first)[-len(_certificates(first)) :], _certificates(first)
    assert pki.eid_of(certificate(member(euicc, 0x30))) == card.eid
    assert certificate(eum[len(member(eum, 0x30)) :]).subject == certificate(member(eum, 0x30)).issuer


def _certificates(notification: bytes) -> bytes:
    """The two certificates at the end of an OtherSignedNotification."""
    content = value(notification)
    return content[len(member(content, 0xBF2F)) + len(member(content, 0x5F37)) :]


def test_without_criteria_there_are_notifications_only(
    card: VirtualEuicc, terminal: Terminal, eim: Eim
) -> None:
    result = switch(card, terminal, eim, enable(NORD))
    arm, found = retrieve(terminal)
    assert (arm, len(found)) == ("notificationList", 2)
    assert terminal.run(bytes.fromhex("BF2B04A0028200")) == wrap(0xBF2B, wrap(0xA2, result))


def test_both_kinds_are_found_by_number_and_notifications_by_event(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    result = verifier.result(switch(card, terminal, eim, enable(NORD)), eim)
    disabled, enabled = terminal.notifications()
    by_number = bytes.fromhex("8001") + bytes([enabled["seqNumber"]])
    [(_, found)] = retrieve(terminal, by_number)[1]
    assert found["tbsOtherNotification"] == enabled
    arm, found = retrieve(terminal, bytes.fromhex("8001") + bytes([result["seqNumber"]]))
    assert (arm, len(found)) == ("euiccPackageResultList", 1)
    assert retrieve(terminal, bytes.fromhex("80017F")) == ("notificationList", [])
    [(_, found)] = retrieve(terminal, bytes.fromhex("81020520"))[1]
    assert found["tbsOtherNotification"] == disabled
    assert len(retrieve(terminal, bytes.fromhex("81020560"))[1]) == 2
    listed = decode("ListNotificationResponse", terminal.run(bytes.fromhex("BF280481020640")))
    assert listed == ("notificationMetadataList", [enabled])


def test_what_is_removed_is_gone_and_the_rest_stays(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    result = verifier.result(switch(card, terminal, eim, enable(NORD)), eim)
    disabled, enabled = terminal.notifications()
    assert remove(terminal, disabled["seqNumber"]) == 0
    assert terminal.notifications() == [enabled]
    assert len(terminal.results()) == 1
    assert remove(terminal, result["seqNumber"]) == 0
    assert terminal.results() == []
    assert remove(terminal, result["seqNumber"]) == 1
    assert terminal.notifications() == [enabled]


def test_numbers_are_never_given_twice(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    numbers = []
    for _ in range(3):
        numbers.append(verifier.result(terminal.run(eim.package(card, LIST_PROFILES)), eim)["seqNumber"])
        remove(terminal, numbers[-1])
    assert numbers == sorted(set(numbers))

"""The criteria of IpaEuiccDataRequest, the whole way."""

from typing import Any

from ipad.euicc import es10b
from tests.conformance.conftest import Way
from tests.euicc_card.world import BOOTSTRAP, NORD


def asked(way: Way, **data: Any) -> dict[str, Any]:
    """What the eIM has of the answer."""
    package = way.order({"data": data})
    return {"state": package["state"], **package["outcome"]}


def waiting(way: Way) -> dict[str, int]:
    """seqNumber by event of what waits on the card."""
    return {n["event"]: n["seqNumber"] for n in way.card()["notifications"]}


def put_aside(way: Way) -> dict[str, int]:
    """The notifications of a switch that the eIM does not take by HandleNotification."""
    es10b.remove_notification(
        way.agent.gateway.isdr, way.switch(NORD if way.enabled() == BOOTSTRAP else BOOTSTRAP)
    )
    found = waiting(way)
    fault = {"fault": "http-404", "function": "HandleNotification", "count": len(found)}
    way.world.admin("POST", "/faults", fault)
    return found


def test_notifications_by_event(way: Way) -> None:
    seqs = put_aside(way)
    answer = asked(way, tagList="A0", notificationEvent="disable")
    [notification] = answer["notificationsList"]
    metadata = notification["otherSignedNotification"]["tbsOtherNotification"]
    assert (answer["state"], metadata["seqNumber"]) == ("done", seqs["disable"])


def test_a_notification_by_number(way: Way) -> None:
    seqs = put_aside(way)
    answer = asked(way, tagList="A0", notificationSeq=seqs["enable"])
    [notification] = answer["notificationsList"]
    metadata = notification["otherSignedNotification"]["tbsOtherNotification"]
    assert (answer["state"], metadata["seqNumber"]) == ("done", seqs["enable"])


def test_a_package_result_by_number(way: Way) -> None:
    assert asked(way, tagList="A2", resultSeq=1_000_000)["euiccPackageResultList"] == []


def test_certificates_of_a_ci_key(way: Way) -> None:
    own = way.agent.gateway.card().info.ci_pk_ids_signing[0].hex()
    assert "euiccCertificate" in asked(way, tagList="A6", ciPkId=own)
    refused = asked(way, tagList="A6", ciPkId="00" * 20)
    assert (refused["state"], refused["ipaEuiccDataErrorCode"]) == ("failed", 5)

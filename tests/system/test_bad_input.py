"""What an eIM may send that it should not, through the whole stack: the gateway goes on, nothing switches."""

from collections.abc import Iterator
from typing import Any

import pytest

from ipad.testbed.gateway import Gateway
from tests.system.conftest import Start
from tests.system.world import LIST, NORD, ipad, operates, says, until, works

UNKNOWN_PACKAGE = "BF4F03BF7700"
TRANSACTION = "00112233445566778899AABBCCDDEEFF"
WITHOUT_TAG_LIST = "BF4F15BF52128310" + TRANSACTION
"""An IpaEuiccDataRequest with nothing but the transaction."""
INVALID_FORMAT, NOT_KNOWN = 1, 2
"""eimPackageResultErrorCode."""


@pytest.fixture(scope="module")
def running(start: Start) -> Iterator[Gateway]:
    with start() as gateway:
        gateway.provision()
        gateway.start_agent()
        operates(gateway)
        works(gateway)
        yield gateway


SPOILT = {
    "truncate": "cut off",
    "oversize": "more than 1048576 octets",
    "slow": "took too long",
    "drop": "",
    "http-500": "(500)",
    "http-503": "(503)",
    "content-type": "text/html",
    "garbage": "",
}
"""The eIM's fault, and what the log says of it."""


@pytest.mark.parametrize("fault", SPOILT)
def test_a_package_whose_way_is_spoilt_is_asked_for_again_and_executed_once(
    gateway: Gateway, fault: str
) -> None:
    spoil(gateway, fault, "GetEimPackage")
    package = gateway.order(LIST)
    ipad(gateway, "poll")
    until("the package", lambda: gateway.state_of(package) == "done")
    assert gateway.accepted_results(package) == 1
    assert says(gateway, SPOILT[fault])


@pytest.mark.parametrize("fault", SPOILT)
def test_a_result_whose_acknowledgement_is_spoilt_is_delivered_again_and_counts_once(
    gateway: Gateway, fault: str
) -> None:
    spoil(gateway, fault, "ProvideEimPackageResult")
    package = gateway.order(LIST)
    ipad(gateway, "poll")
    until("the result", lambda: gateway.state_of(package) == "done")
    until("its removal from the card", lambda: not gateway.card()["results"])
    assert gateway.accepted_results(package) == 1
    assert says(gateway, SPOILT[fault])


def test_an_eim_that_asks_for_patience_gets_it(gateway: Gateway) -> None:
    asked_for = 3
    gateway.eim(
        "POST", "/faults", {"fault": "http-503", "function": "GetEimPackage", "retryAfter": asked_for}
    )
    package = gateway.order(LIST)
    ipad(gateway, "poll")
    until("the package", lambda: gateway.state_of(package) == "done")
    exchanges = gateway.exchanges("GetEimPackage")
    refused = max(i for i, exchange in enumerate(exchanges) if exchange["status"] == 503)
    assert exchanges[refused + 1]["time"] - exchanges[refused]["time"] >= asked_for


@pytest.mark.parametrize(
    ("forged", "kind", "code"),
    [
        ("wrong-signature", "euiccPackageErrorUnsigned", None),
        ("wrong-eid", "euiccPackageErrorSigned", 3),
        ("replay-counter", "euiccPackageErrorSigned", 4),
    ],
)
def test_a_forged_package_is_refused_by_the_card_and_the_eim_is_told_so(
    gateway: Gateway, forged: str, kind: str, code: int | None
) -> None:
    package = gateway.order({"enable": NORD}, forge=forged)
    ipad(gateway, "poll")
    until("the card's error", lambda: gateway.state_of(package) == "failed")
    [result] = gateway.package(package)["results"]
    assert (result["kind"], result["accepted"]) == (kind, True)
    assert result["content"].get("euiccPackageErrorCode") == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (UNKNOWN_PACKAGE, NOT_KNOWN),
        ("BF4F04BF510130", INVALID_FORMAT),
        ("BF4F05BF51023000", INVALID_FORMAT),
        ("BF4F05BF52020500", INVALID_FORMAT),
        ("BF4F05BF54028200", INVALID_FORMAT),
        ("BF4F00", INVALID_FORMAT),
    ],
)
def test_a_package_that_cannot_be_read_is_answered_with_a_response_error(
    gateway: Gateway, raw: str, code: int
) -> None:
    package = gateway.queue({"raw": raw})
    ipad(gateway, "poll")
    until("the answer", lambda: gateway.state_of(package) == "failed")
    [result] = gateway.package(package)["results"]
    assert result["kind"] == "eimPackageResultResponseError"
    assert result["content"]["eimPackageResultErrorCode"] == code
    assert gateway.accepted_results(package) == 1


def test_the_response_error_names_the_transaction_where_it_can_be_read(gateway: Gateway) -> None:
    package = gateway.queue({"raw": WITHOUT_TAG_LIST, "transaction": TRANSACTION})
    ipad(gateway, "poll")
    until("the answer", lambda: gateway.state_of(package) == "failed")
    [result] = gateway.package(package)["results"]
    assert result["transaction"].upper() == TRANSACTION


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        ({"data": {"tagList": "5A"}}, "ipaEuiccDataResponseError"),
        ({"download": {"defaultSmdp": True}}, "profileDownloadTriggerResult"),
    ],
)
def test_what_cannot_be_done_is_answered_with_an_error(
    gateway: Gateway, order: dict[str, Any], kind: str
) -> None:
    package = gateway.queue(order)
    ipad(gateway, "poll")
    until("the answer", lambda: gateway.state_of(package) == "failed")
    [result] = gateway.package(package)["results"]
    assert (result["kind"], result["accepted"]) == (kind, True)


def test_an_eim_that_hands_out_the_same_package_for_ever_does_not_keep_the_gateway_busy(
    gateway: Gateway,
) -> None:
    # Its answer names a transaction that this eIM never gave: refused, so the package stays in the queue.
    package = gateway.queue({"raw": WITHOUT_TAG_LIST})
    assert ipad(gateway, "poll").returncode == 1
    assert says(gateway, "the same package again")
    assert gateway.state_of(package) == "sent"
    gateway.eim("DELETE", f"/packages/{package}")


def spoil(gateway: Gateway, fault: str, function: str) -> None:
    gateway.eim("POST", "/faults", {"fault": fault, "function": function, "seconds": 0.5})

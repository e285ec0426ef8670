"""What an eIM asks of a gateway with a consumer card: what there is, is told; the rest is left out."""

from typing import Any

from ipad.consumer.memory import FIRST_SEQ
from tests.procedures.site import MakeSite, Site


def ended(site: Site) -> bool:
    return all(package["state"] not in ("queued", "sent") for package in site.desk.packages())


def asked(site: Site, **data: Any) -> dict[str, Any]:
    """What a data request is answered with."""
    site.desk.order(data=data)
    site.done = ended
    site.run()
    package = site.desk.packages()[-1]
    assert package["state"] == "done"
    outcome: dict[str, Any] = package["outcome"]
    outcome.pop("eimTransactionId")
    return outcome


def test_a_data_request_is_answered_with_what_there_is(make_site: MakeSite) -> None:
    site = make_site()
    told = asked(site, tagList="81BF20BF228384A5A6A8")
    assert set(told) == {"euiccInfo1", "euiccInfo2", "rootSmdsAddress", "associationToken", "ipaCapabilities"}
    assert told["associationToken"] == site.blank.tokens[0]
    assert "iotSpecificInfo" not in told["euiccInfo2"]


def test_a_result_that_was_taken_is_not_told_again(make_site: MakeSite) -> None:
    site = make_site()
    site.desk.order({"listProfileInfo": {}})
    assert asked(site, tagList="A2")["euiccPackageResultList"] == []
    kept = [r["seq"] for r in site.desk.results("euiccPackageResult")]
    assert kept == [FIRST_SEQ]

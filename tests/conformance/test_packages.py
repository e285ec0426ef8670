"""Every PSMO, every eCO, every member of IpaEuiccData, every arm of EimPackageResult: the whole way."""

import pytest

from ipad import asn1
from tests.conformance.conftest import Way
from tests.euicc_card.world import BOOTSTRAP, NORD, SUED

# PSMOs (SGP.32 2.11.1.1.3)


def test_enable(on_bootstrap: Way) -> None:
    assert on_bootstrap.execute({"enable": NORD, "rollback": True}) == [{"enableResult": 0}]
    assert on_bootstrap.enabled() == NORD


def test_disable(on_nord: Way) -> None:
    assert on_nord.execute({"disable": NORD}) == [{"disableResult": 0}]
    assert on_nord.enabled() is None


def test_list_profile_info(on_nord: Way) -> None:
    [result] = on_nord.execute({"listProfileInfo": {"tagList": "5A9F70"}})
    listed = result["listProfileInfoResult"]["profileInfoListOk"]
    assert [(p["iccid"], p["profileState"]) for p in listed if p["iccid"] in (BOOTSTRAP, NORD)] == [
        (BOOTSTRAP, 0),
        (NORD, 1),
    ]


def test_get_rat(way: Way) -> None:
    [result] = way.execute({"getRAT": {}})
    assert result["getRATResult"]


def test_configure_immediate_enable(way: Way) -> None:
    order = {"configureImmediateEnable": {"immediateEnableFlag": True, "defaultSmdpAddress": "smdp.example"}}
    assert way.execute(order) == [{"configureImmediateEnableResult": 0}]


def test_set_default_dp_address(way: Way) -> None:
    [result] = way.execute({"setDefaultDpAddress": "smdp.example"})
    assert result == {"setDefaultDpAddressResult": {"setDefaultDpAddressResult": 0}}
    assert way.card()["defaultDpAddress"] == "smdp.example"


def test_unset_and_set_fallback_attribute(on_nord: Way) -> None:
    assert on_nord.execute({"unsetFallbackAttribute": {}}) == [{"unsetFallbackAttributeResult": 0}]
    assert not any(p["fallbackAttribute"] for p in on_nord.card()["profiles"])
    assert on_nord.execute({"setFallbackAttribute": BOOTSTRAP}) == [{"setFallbackAttributeResult": 0}]
    assert [p["iccid"] for p in on_nord.card()["profiles"] if p["fallbackAttribute"]] == [BOOTSTRAP]


def test_delete(on_nord: Way) -> None:
    assert on_nord.execute({"delete": SUED}) == [{"deleteResult": 0}]
    assert SUED not in [p["iccid"] for p in on_nord.card()["profiles"]]


# eCOs


def test_add_list_update_and_delete_an_eim(way: Way, another: str) -> None:
    [added] = way.execute({"addEim": another})
    assert added["addEimResult"]["associationToken"] > 0
    [listed] = way.execute({"listEim": {}})
    names = [eim["eimId"] for eim in listed["listEimResult"]["eimIdList"]]
    assert names == [way.agent.eim.eim_id, "another.example"]
    assert [e.eim_id for e in way.agent.gateway.card().eims] == names
    assert way.execute({"updateEim": without_token(another)}) == [{"updateEimResult": 0}]
    assert way.execute({"deleteEim": "another.example"}) == [{"deleteEimResult": 0}]
    assert [e.eim_id for e in way.agent.gateway.card().eims] == [way.agent.eim.eim_id]


@pytest.fixture(scope="module")
def another(way: Way) -> str:
    """EimConfigurationData of another eIM, with the same key: nobody signs with it here."""
    own = asn1.decode(
        "EimConfigurationData",
        bytes.fromhex(way.world.admin("GET", "/config", token=-1)["eimConfigurationData"]),
    )
    changed = {**own, "eimId": "another.example", "eimFqdn": "another.example", "counterValue": 0}
    return asn1.encode("EimConfigurationData", changed).hex()


def without_token(configuration: str) -> str:
    value = asn1.decode("EimConfigurationData", bytes.fromhex(configuration))
    del value["associationToken"]
    return asn1.encode("EimConfigurationData", value).hex()


# IpaEuiccData (SGP.32 2.11.2.2)

MEMBERS = {
    "A0": "notificationsList",
    "81": "defaultSmdpAddress",
    "A2": "euiccPackageResultList",
    "BF20": "euiccInfo1",
    "BF22": "euiccInfo2",
    "83": "rootSmdsAddress",
    "84": "associationToken",
    "A5": "eumCertificate",
    "A6": "euiccCertificate",
    "A8": "ipaCapabilities",
    "A9": "deviceInfo",
}


@pytest.mark.parametrize("tag", MEMBERS)
def test_ipa_euicc_data(way: Way, tag: str) -> None:
    package = way.order({"data": {"tagList": tag}})
    assert package["state"] == "done"
    assert set(package["outcome"]) == {MEMBERS[tag], "eimTransactionId"}


def test_a_wrong_tag_list(way: Way) -> None:
    package = way.order({"data": {"tagList": "5A"}})
    assert package["state"] == "failed"
    assert package["outcome"]["ipaEuiccDataErrorCode"] == 1


# The arms of EimPackageResult (SGP.32 6.3.2.7)


def test_a_result_alone_and_with_notifications(on_bootstrap: Way) -> None:
    on_bootstrap.execute({"listProfileInfo": {}})
    assert on_bootstrap.arms()[-1] == "euiccPackageResult"
    on_bootstrap.enable(NORD)
    assert on_bootstrap.arms()[-1] == "ePRAndNotifications"
    assert on_bootstrap.card()["notifications"] == []


def test_a_data_response(way: Way) -> None:
    way.order({"data": {"tagList": "BF20"}})
    assert way.arms()[-1] == "ipaEuiccDataResponse"


def test_a_download_that_cannot_be_done(way: Way) -> None:
    package = way.order({"download": {"activationCode": "1$smdp.example$M"}})
    assert (package["state"], way.arms()[-1]) == ("failed", "profileDownloadTriggerResult")


def test_a_package_that_cannot_be_worked_on(way: Way) -> None:
    package = way.order({"raw": "BF4F05BF51023000", "transaction": "01"})
    assert (package["state"], way.arms()[-1]) == ("failed", "eimPackageResultResponseError")

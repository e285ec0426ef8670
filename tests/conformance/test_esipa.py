"""The functions of ESipa, the whole way: what the eIM is told, notifications, downloads through it."""

from typing import Any

import pytest

from ipad.asn1 import wrap
from ipad.connectivity.state import Cause
from ipad.esipa.client import Esipa
from ipad.esipa.model import AuthenticateClientOkDp, DownloadTrigger
from ipad.euicc import es10b, es10c
from ipad.procedures import poll
from ipad.testbed.smdp import Smdp
from ipad.testbed.smdp.profiles import ProfileOrder
from tests.conformance.conftest import Way
from tests.euicc_card.world import BOOTSTRAP, NORD

DEVICE_INFO = bytes.fromhex("800435290611A100")
ICCIDS = {"asn1": "89001010000000002175", "json": "89001010000000002183"}


def last(way: Way, function: str) -> dict[str, Any]:
    """The last exchange of this function, as the eIM logged it."""
    return dict([e for e in way.world.admin("GET", "/log") if e["function"] == function][-1])


def test_get_eim_package_tells_of_a_state_change(way: Way) -> None:
    poll.run(way.agent.gateway, way.agent.eim.eim_id, Cause.FALLBACK)
    told = last(way, "GetEimPackage")["summary"]
    radio = way.agent.gateway.radio
    assert radio is not None
    assert told["notifyStateChange"] is True
    assert (told["stateChangeCause"], told["rPLMN"]) == (1, radio.status().plmn)


def test_provide_eim_package_result_and_handle_notification(way: Way) -> None:
    way.switch(NORD if way.enabled() == BOOTSTRAP else BOOTSTRAP)
    esipa = way.agent.esipa()
    for notification in es10b.notifications(way.agent.gateway.isdr):
        esipa.handle_notification(notification.der)
        assert last(way, "HandleNotification")["summary"]["answer"] == "accepted"
        es10b.remove_notification(way.agent.gateway.isdr, notification.seq)
    esipa.close()
    poll.run(way.agent.gateway, way.agent.eim.eim_id, None)
    assert (way.card()["results"], way.card()["notifications"]) == ([], [])
    assert last(way, "ProvideEimPackageResult")["summary"]["answer"] == "eimAcknowledgements"


def test_a_download_through_the_eim(way: Way, begun: "Begun") -> None:
    """InitiateAuthentication, AuthenticateClient, GetBoundProfilePackage, HandleNotification."""
    prepared = begun.prepared()
    package = begun.esipa.get_bound_profile_package(begun.transaction, prepared)
    installed = es10b.load_bound_profile_package(way.agent.gateway.isdr, package)
    assert (installed.error, installed.iccid) == (None, ICCIDS[way.binding])
    begun.esipa.handle_notification(installed.der)
    assert installed.seq is not None
    es10b.remove_notification(way.agent.gateway.isdr, installed.seq)
    assert isinstance(way.world.smdp, Smdp)
    assert way.world.smdp.orders()[0].state == "installed"
    listed = {profile.iccid for profile in es10c.profiles(way.agent.gateway.isdr)}
    assert ICCIDS[way.binding] in listed


def test_a_download_that_is_cancelled(way: Way, begun: "Begun") -> None:
    """CancelSession."""
    reason = es10b.cancel_session(way.agent.gateway.isdr, begun.transaction, "endUserRejection")
    begun.esipa.cancel_session(begun.transaction, reason)
    assert last(way, "CancelSession")["status"] == 200


class Begun:
    """A download up to AuthenticateClient."""

    def __init__(self, way: Way) -> None:
        isdr = way.agent.gateway.isdr
        self.isdr = isdr
        self.esipa: Esipa = way.agent.esipa()
        trigger = self.esipa.get_eim_package()
        assert isinstance(trigger, DownloadTrigger)
        challenge = es10b.challenge(isdr)
        server = self.esipa.initiate_authentication(challenge, eim_transaction_id=trigger.transaction_id)
        matching_id = wrap(0x80, (server.matching_id or "").encode())
        context = server.ctx_params1 or wrap(0xA0, matching_id, wrap(0xA1, DEVICE_INFO))
        signed = (server.server_signed1, server.server_signature1, server.ci_pk_id, server.certificate)
        response = es10b.authenticate_server(isdr, *signed, context)
        self.transaction = server.transaction_id
        client = self.esipa.authenticate_client(self.transaction, response)
        assert isinstance(client, AuthenticateClientOkDp)
        self.client = client

    def prepared(self) -> bytes:
        client = self.client
        signed = (client.smdp_signed2, client.smdp_signature2, client.certificate)
        return es10b.prepare_download(self.isdr, *signed, client.hash_cc)


@pytest.fixture
def begun(way: Way, request: pytest.FixtureRequest) -> Begun:
    """Of an order of its own; the eIM has been told EUICCInfo and DeviceInfo."""
    way.order({"data": {"tagList": "BF20BF22A8A9"}})
    matching_id = request.node.name
    assert isinstance(way.world.smdp, Smdp)
    way.world.smdp.order(ProfileOrder(ICCIDS[way.binding]), matching_id=matching_id)
    order = {"eid": way.world.eid, "download": {"eim": True, "matchingId": matching_id}}
    way.world.admin("POST", "/packages", order)
    return Begun(way)

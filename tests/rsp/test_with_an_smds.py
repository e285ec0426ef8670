"""The agent's ES11 and the card's part of it, with the testbed's SM-DS: real TLS and signatures."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from ipad.asn1 import encode
from ipad.errors import PeerRefused
from ipad.euicc import es10b, es10c
from ipad.net.http import Uplink
from ipad.rsp import server_check
from ipad.rsp.es11 import Es11, EventEntry
from ipad.rsp.settings import RspSettings
from ipad.testbed import pki
from ipad.testbed.smds.core import Event
from ipad.testbed.smds.serve import Settings, running
from ipad.waits import Waits
from tests.agent.card_site import Site, card_site


def authenticated(site: Site, es11: Es11, matching_id: str = "") -> tuple[EventEntry, ...]:
    isdr = site.isdr
    server = es11.initiate_authentication(es10b.challenge(isdr), es10b.info1(isdr))
    assert server_check.server(es11.address, "", server) == []
    device = {"tac": bytes(4), "deviceCapabilities": {"lpaSvn": b"\x02\x05\x00"}}
    context = {"deviceInfo": device} | ({"matchingId": matching_id} if matching_id else {})
    response = es10b.authenticate_server(
        isdr,
        server.server_signed1,
        server.server_signature1,
        server.ci_pk_id,
        server.certificate,
        encode("CtxParams1", ("ctxParamsForCommonAuthentication", context)),
    )
    return es11.authenticate_client(server.transaction_id, response)


@pytest.mark.parametrize("paths", ["es11", "es9plus"])
def test_the_events_of_a_card_are_told_to_it(paths: str, tmp_path: Path) -> None:
    pki_dir, trusted = tmp_path / "pki", tmp_path / "ci"
    trusted.mkdir()
    (trusted / "ci.pem").write_bytes(pki.make_pki(pki_dir).ci.read_bytes())
    with ExitStack() as stack:
        smds = stack.enter_context(running(Settings(tmp_path / "smds", pki=pki_dir, paths=paths)))
        site = stack.enter_context(card_site(tmp_path, pki_dir))
        address = smds.es11.removeprefix("https://")
        settings = RspSettings(ci_certificates=str(trusted))
        es11 = Es11(address, Waits(connect=20, http=20), Uplink(), settings)
        stack.callback(es11.close)
        eid = es10c.eid(site.isdr).hex()
        assert authenticated(site, es11) == ()
        assert smds.smds.register(Event(eid, "EVENT-1", "smdp.example:8443"))
        assert smds.smds.register(Event(eid, "EVENT-2", "smdp.example"))
        assert authenticated(site, es11) == (
            EventEntry("EVENT-1", "smdp.example:8443"),
            EventEntry("EVENT-2", "smdp.example"),
        )
        assert authenticated(site, es11, "EVENT-2") == (EventEntry("EVENT-2", "smdp.example"),)
        with pytest.raises(PeerRefused, match=r"ES11\.AuthenticateClient: eventIdUnknown\(6\)"):
            authenticated(site, es11, "EVENT-3")

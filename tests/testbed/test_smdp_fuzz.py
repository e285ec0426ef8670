"""ES9+ and ES11 with requests that are nearly right: an answer or DecodeError, never anything else."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipad.asn1 import wrap
from ipad.errors import DecodeError
from ipad.testbed.faults import Faults
from ipad.testbed.rsp_server import Answer
from ipad.testbed.smdp import Smdp, es9
from ipad.testbed.smdp.forge import Forge
from ipad.testbed.smds import Smds, es11
from tests.testbed import rsp_world
from tests.testbed.eim_world import text
from tests.testbed.rsp_world import Card

ADDRESS = "smdp.testbed.example"
EXAMPLES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=20),
    st.binary(max_size=60).map(lambda octets: base64.b64encode(octets).decode()), st.just(ADDRESS),
    st.lists(st.none(), max_size=2), st.just("00" * 16),
)  # fmt: skip
MEMBERS = (
    "smdpAddress", "smdsAddress", "euiccChallenge", "euiccInfo1", "transactionId",
    "authenticateServerResponse", "prepareDownloadResponse", "cancelSessionResponse", "pendingNotification",
)  # fmt: skip


class Server:
    """The functions of both, without HTTPS."""

    def __init__(self, directory: Path, pki_dir: Path) -> None:
        smdp = Smdp(directory / "smdp", pki_dir, ADDRESS)
        self._smdp, self._forge = smdp, Forge(smdp, pki_dir, Faults())
        self._smds = Smds(directory / "smds", pki_dir, ADDRESS)
        self.card = rsp_world.insert(directory / "card", pki_dir)
        self.address = ADDRESS

    def es9(self, function: str, request: Mapping[str, Any]) -> Answer | None:
        try:
            return es9.call(self._smdp, self._forge, function, request)
        except DecodeError:
            return None

    def es11(self, function: str, request: Mapping[str, Any]) -> Answer | None:
        try:
            return es11.call(self._smds, lambda answer: answer, function, request)
        except DecodeError:
            return None

    def initiated(self, card: Card) -> Mapping[str, Any]:
        request = {
            "smdpAddress": ADDRESS,
            "euiccChallenge": text(card.run(bytes.fromhex("BF2E00"))[-16:]),
            "euiccInfo1": text(card.run(bytes.fromhex("BF2000"))),
        }
        answer = self.es9("InitiateAuthentication", request)
        assert answer is not None
        assert answer.message is not None
        return answer.message


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, pki_dir: Path) -> Server:
    return Server(tmp_path_factory.mktemp("fuzz"), pki_dir)


@EXAMPLES
@given(st.sampled_from(es9.NAMES), st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=6))
def test_members_of_any_kind(server: Server, function: str, request: dict[str, Any]) -> None:
    server.es9(function, request)
    if function in es11.NAMES.values():
        server.es11(function, request)


@EXAMPLES
@given(st.binary(max_size=40))
def test_a_challenge_and_info_of_any_length(server: Server, octets: bytes) -> None:
    challenge = text(octets)
    info1 = text(server.card.run(bytes.fromhex("BF2000")))
    for more in ({"euiccInfo1": info1}, {"euiccInfo1": text(wrap(0xBF20, octets))}):
        server.es9("InitiateAuthentication", {"smdpAddress": ADDRESS, "euiccChallenge": challenge, **more})


@EXAMPLES
@given(st.data())
def test_a_cards_response_with_octets_changed(server: Server, data: st.DataObject) -> None:
    began = server.initiated(server.card)
    response = bytearray(server.card.authenticate_server(began))
    for _ in range(data.draw(st.integers(1, 4))):
        response[data.draw(st.integers(0, len(response) - 1))] = data.draw(st.integers(0, 255))
    del response[data.draw(st.sampled_from([len(response), len(response) // 2])) :]
    request = {
        "transactionId": began["transactionId"],
        "authenticateServerResponse": text(bytes(response)),
    }
    answer = server.es9("AuthenticateClient", request)
    assert answer is None or answer.summary["answer"] != "ok"

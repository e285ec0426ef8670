"""The whole way: eIM over TLS, the agent's procedures, AT over a pty, a mock modem, the virtual eUICC."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from ipad.connectivity.state import Download
from ipad.esipa.model import EuiccPackage
from ipad.procedures import download, poll, switch
from ipad.testbed import euicc
from ipad.testbed.bench.parts import Parts, parts
from ipad.testbed.bench.world import World, world
from tests.euicc_card.world import BOOTSTRAP, NORD

_POLLS = 5
"""A switch ends a poll, and its result goes out with the next one."""


@dataclass(frozen=True)
class Way:
    """A gateway between its card and its eIM."""

    world: World
    agent: Parts
    binding: str

    def order(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Orders it, polls until the eIM has its answer, and returns the eIM's record of the package."""
        number = self.world.admin("POST", "/packages", {"eid": self.world.eid, **order})["id"]
        for _ in range(_POLLS):
            polled = poll.run(self.agent.gateway, self.agent.eim.eim_id, None)
            if polled.trial is not None:
                self.agent.gateway.journal.conclude()  # as deciding does with a switch
            if polled.more:
                download.run(self.agent.gateway, Download())
            package = next(p for p in self.world.admin("GET", "/packages") if p["id"] == number)
            if package["state"] not in ("queued", "sent"):
                break
        return dict(package)

    def execute(self, *operations: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The results of these operations, as the eIM has them signed by the card."""
        package = self.order({"operations": list(operations)})
        assert package["state"] == "done"
        return list(package["outcome"])

    def enable(self, iccid: str) -> None:
        """Whatever is enabled: afterwards this one is."""
        if self.enabled() != iccid:
            assert self.execute({"enable": iccid}) == [{"enableResult": 0}]

    def switch(self, iccid: str) -> int:
        """The card enables this one by a package of its eIM, whose result waits: its seqNumber."""
        self.world.order({"enable": iccid})
        esipa = self.agent.esipa()
        offered = esipa.get_eim_package()
        esipa.close()
        assert isinstance(offered, EuiccPackage)
        result = self.agent.gateway.iot.load_euicc_package(offered.der)
        assert result.seq is not None
        switch.settle(self.agent.gateway, iccid)
        return result.seq

    def card(self) -> dict[str, Any]:
        """The card's own memory."""
        return euicc.show(self.world.directory / "card")

    def enabled(self) -> str | None:
        return next((p["iccid"] for p in self.card()["profiles"] if p["state"] == "enabled"), None)

    def arms(self) -> list[str]:
        """The arms of EimPackageResult in which answers came, oldest first."""
        log = self.world.admin("GET", "/log")
        return [e["summary"]["kind"] for e in log if e["function"] == "ProvideEimPackageResult"]


@pytest.fixture(scope="module", params=["asn1", "json"])
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    directory = tmp_path_factory.mktemp(f"conformance-{request.param}")
    with world(directory, request.param) as here, parts(here) as agent:
        yield Way(here, agent, request.param)
        spoken = {e["summary"]["binding"] for e in here.admin("GET", "/log") if e["status"] == 200}
        assert spoken == {request.param}


@pytest.fixture
def on_nord(way: Way) -> Way:
    way.enable(NORD)
    return way


@pytest.fixture
def on_bootstrap(way: Way) -> Way:
    way.enable(BOOTSTRAP)
    return way

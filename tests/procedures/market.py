"""One SM-DP+ and one SM-DS for many cases: real TLS and signatures, and for each case orders of its own."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipad.errors import Unreachable
from ipad.net.http import Uplink
from ipad.rsp.es9 import Es9
from ipad.rsp.es11 import Es11
from ipad.rsp.servers import Servers
from ipad.rsp.settings import RspSettings
from ipad.testbed import pki
from ipad.testbed.faults import Fault, Faults
from ipad.testbed.smdp import ProfileOrder, Smdp, serve
from ipad.testbed.smdp.forge import Forge
from ipad.testbed.smdp.remote import RemoteSmdp
from ipad.testbed.smds import Event, Smds
from ipad.testbed.smds import serve as serve_smds
from ipad.waits import Waits
from tests.procedures.harm import HTTP, Harm

ICCID, IMSI = "8900101000000000421", "001010000000421"


@dataclass
class Stall:
    """What one case's SM-DP+ has on offer."""

    smdp: Smdp
    smds: Smds
    faults: Faults
    ci: Path
    """The directory of certificate issuers."""

    def relayed(self) -> RemoteSmdp:
        """As an eIM sees it that downloads go through."""
        [ci] = self.ci.iterdir()
        return RemoteSmdp(f"https://{self.smdp.address}", ci)

    def order(self, iccid: str = ICCID, **more: Any) -> str:
        """Releases a profile; its activation code. event: registered at the SM-DS for this EID."""
        names = ("eid", "confirmation_code", "rebinding")
        terms: dict[str, Any] = {name: more.pop(name) for name in names if name in more}
        event = more.pop("event", None)
        if event is not None:
            terms["eid"] = event
            terms["matching_id"] = f"EVENT-{iccid}"
        more = {"imsi": IMSI, "notify": (((0, 1, 2, 3), self.smdp.address),), **more}
        matching_id = self.smdp.order(ProfileOrder(iccid, **more), **terms)
        if event is not None:
            assert self.smds.register(Event(event, matching_id, self.smdp.address))
        return f"1${self.smdp.address}${matching_id}"

    def spoil(self, kind: str, function: str | None = None, **more: Any) -> None:
        self.faults.add(Fault(kind, function=function, **more))

    def states(self) -> list[str]:
        return [order.state for order in self.smdp.orders()]

    def results(self) -> list[str]:
        """ProfileInstallationResults that came, hexadecimal."""
        downloads = (d for order in self.smdp.orders() for d in order.downloads.values())
        return [d.result for d in downloads if d.result is not None]


class Market:
    """The servers."""

    def __init__(self, pki_dir: Path, smdp: serve.Running, smds: serve_smds.Running) -> None:
        self._pki = pki_dir
        self._smdp = smdp
        self._smds = smds

        self.smdp_address = smdp.smdp.address
        self.smds_address = smds.smds.address

    def open_stall(self, directory: Path, **settings: Any) -> Stall:
        """From now on the SM-DP+ keeps its orders in `directory`, and the SM-DS has no events."""
        directory.mkdir(parents=True)
        ci = directory / "ci"
        ci.mkdir()
        shutil.copy(pki.paths(self._pki).ci, ci)
        server = self._smdp.server
        server.faults.clear()
        smdp = Smdp(directory, self._pki, self._smdp.smdp.address, **settings)
        server.service = serve.service(smdp, Forge(smdp, self._pki, server.faults), None)
        for event in self._smds.smds.events():
            self._smds.smds.delete(event.eid, event.event_id)
        return Stall(smdp, self._smds.smds, server.faults, ci)

    def log(self) -> Sequence[Mapping[str, Any]]:
        """Every exchange with the SM-DP+."""
        return self._smdp.server.log.show(0)


@contextmanager
def open_market(directory: Path, pki_dir: Path) -> Iterator[Market]:
    """Serves until the end of the block."""
    with (
        serve.running(serve.Settings(directory / "smdp", pki=pki_dir)) as smdp,
        serve_smds.running(serve_smds.Settings(directory / "smds", pki=pki_dir)) as smds,
    ):
        yield Market(pki_dir, smdp, smds)


@dataclass
class HarmedServers:
    """The SM-DP+s and SM-DSs as the agent finds them: each request is a point."""

    servers: Servers
    harm: Harm
    routed: Callable[[], bool]
    """Whether the profile in use has a way to them."""

    def es9(self, address: str) -> Es9:
        client = self.servers.es9(address)
        self._intercept(client)
        return client

    def es11(self, address: str) -> Es11:
        client = self.servers.es11(address)
        self._intercept(client)
        return client

    def trusted(self) -> bool:
        return self.servers.trusted()

    def _intercept(self, client: Any) -> None:
        connection = client._connection
        post = connection._post

        def harmed(name: str, *rest: Any) -> Any:
            if not self.routed():
                raise Unreachable(f"{name}: no route")
            return self.harm.pass_(HTTP, name, lambda: post(name, *rest))

        connection._post = harmed


def servers(
    stall: Stall | None, waits: Waits, uplink: Uplink, harm: Harm, routed: Callable[[], bool]
) -> HarmedServers:
    """Without a stall no server is trusted."""
    settings = RspSettings(ci_certificates="/nowhere" if stall is None else str(stall.ci))
    return HarmedServers(Servers(waits, uplink, settings), harm, routed)

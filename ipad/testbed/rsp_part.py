"""An SM-DP+ or SM-DS as a process of the simulated surroundings: how it is started, ordered of, and asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ipad.testbed import rest_client


@dataclass(frozen=True, slots=True)
class RspPart:
    """kind: of `ipad-testbed`. relay_port: what the gateway's network connects with its own port."""

    kind: Literal["smdp", "smds"]
    state: Path
    pki: Path
    port: int
    admin_port: int
    relay_port: int
    smds: str | None = None
    """URL of the SM-DS's REST interface, for an SM-DP+ that registers events there."""

    @property
    def name(self) -> str:
        """On the timeline."""
        return {"smdp": "SM-DP+", "smds": "SM-DS"}[self.kind]

    @property
    def admin(self) -> str:
        """URL of its REST interface."""
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def address(self) -> str:
        """As the gateway finds it, and as it signs itself."""
        return f"localhost:{self.relay_port}"

    def arguments(self) -> list[str]:
        """Of `ipad-testbed`."""
        events = ["--smds", self.smds] if self.smds else []
        return [
            *("--state", str(self.state), "--pki", str(self.pki), "--fqdn", self.address),
            *("--port", str(self.port), "--admin-port", str(self.admin_port)),
            *events,
        ]

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """A request to its REST interface."""
        return rest_client.call(self.admin, method, path, body, **query)

    def order(self, profile: Mapping[str, Any]) -> str:
        """Releases a profile at the SM-DP+ (ipad.testbed.smdp.admin); its activation code."""
        return str(self.call("POST", "/orders", profile)["activationCode"])

    def installed(self, iccid: str) -> list[dict[str, Any]]:
        """The ProfileInstallationResults that say that a card has it, signed by that card."""
        told = self.call("GET", "/notifications")
        return [n for n in told if n.get("result") == "successResult" and n["iccid"] == iccid]


def said(exchange: Mapping[str, Any]) -> str:
    """An exchange in one line."""
    answer = exchange["summary"].get("answer", exchange["status"])
    return f"{exchange['function']} -> {answer}"

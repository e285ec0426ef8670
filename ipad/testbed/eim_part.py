"""An eIM as a process of the simulated surroundings: how it is started, ordered of, and asked."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipad.testbed import pki, rest_client


@dataclass(frozen=True, slots=True)
class EimPart:
    """name: on the timeline. relay_port: what the gateway's network connects with its ESipa port."""

    name: str
    eim_id: str
    state: Path
    pki: Path
    port: int
    admin_port: int
    relay_port: int
    anchor: str = "ca"
    bindings: str = "both"
    smdp: tuple[str, str] | None = None
    """URL and address of the SM-DP+ behind it, for downloads that go through it."""

    @property
    def admin(self) -> str:
        """URL of its REST interface."""
        return f"http://127.0.0.1:{self.admin_port}"

    def arguments(self) -> list[str]:
        """Of `ipad-testbed eim`."""
        return [
            *("--state", str(self.state), "--pki", str(self.pki), "--eim-id", self.eim_id),
            *("--anchor", self.anchor, "--binding", self.bindings),
            *("--port", str(self.port), "--admin-port", str(self.admin_port)),
            *("--fqdn", f"localhost:{self.relay_port}"),
            *(("--smdp-url", self.smdp[0], "--smdp-address", self.smdp[1]) if self.smdp else ()),
        ]

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """A request to its REST interface (ipad.testbed.eim.admin)."""
        return rest_client.call(self.admin, method, path, body, **query)

    def configuration(self) -> str:
        """Its EimConfigurationData for a card that is to make an association token, hex.

        Without indirectProfileDownload: only what it orders so goes through it.
        """
        return str(self.call("GET", "/config", token=-1, downloads="direct")["eimConfigurationData"])

    def register(self, **card: Any) -> None:
        """What it is told of a card: eid, token, deviceKey; with `pki`, a folder with its certificates."""
        where = pki.paths(card.pop("pki")) if "pki" in card else None
        if where is not None:
            card |= {"eum": where.eum.read_text(), "euicc": where.euicc.read_text()}
        self.call("POST", "/euiccs", card)

    def queue(self, eid: str, order: Mapping[str, Any]) -> int:
        """Queues a package as the REST interface takes it; its number."""
        return int(self.call("POST", "/packages", {"eid": eid, **order})["id"])

    def package(self, number: int) -> dict[str, Any]:
        return dict(next(p for p in self.call("GET", "/packages") if p["id"] == number))

    def exchanges(self, function: str) -> list[dict[str, Any]]:
        """Every exchange of this ESipa function, oldest first."""
        return [e for e in self.call("GET", "/log") if e["function"] == function]

    def told(self) -> list[tuple[int | None, str | None]]:
        """stateChangeCause and rPLMN of every poll."""
        polls = [e["summary"] for e in self.exchanges("GetEimPackage")]
        return [(summary.get("stateChangeCause"), summary.get("rPLMN")) for summary in polls]


def pki_of_another(directory: Path, of: Path) -> Path:
    """Certificates of another eIM under the same CI, for the same card: keys of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    known = pki.paths(of)
    for file in (known.ci, known.ci_key, known.eum, known.eum_key, known.euicc, known.euicc_key):
        if file.exists():
            shutil.copy(file, directory)
    pki.make_eim_pki(directory)
    return directory


def said(exchange: Mapping[str, Any]) -> str:
    """An exchange in one line."""
    summary = exchange["summary"]
    words = [str(exchange["function"])]
    if summary.get("stateChangeCause") is not None:
        words.append(f"(stateChangeCause {summary['stateChangeCause']}, in {summary.get('rPLMN')})")
    words.append(f"-> {summary.get('answer', exchange['status'])}")
    if "package" in summary:
        words.append(str(summary["package"]))
    if summary.get("seqNumbers"):
        words.append(", ".join(map(str, summary["seqNumbers"])))
    return " ".join(words)


def ordered(order: Mapping[str, Any]) -> str:
    """An order in one line: configurations of eIMs are long."""
    text = json.dumps(order)
    return text if len(text) < 100 else text[:97] + "..."

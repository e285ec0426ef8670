"""The far side of what is measured: an eIM, and an associated card in a mock modem that counts."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipad.errors import IpadError
from ipad.euicc import es10b
from ipad.euicc.isdr import Isdr
from ipad.testbed import pki, rest_client
from ipad.testbed.eim.serve import Running, Settings, running
from ipad.testbed.euicc import VirtualEuicc
from ipad.testbed.euicc.defaults import SMDP
from ipad.testbed.smdp import Smdp
from ipad.testbed.smdp.functions import Es9
from ipad.waits import Waits
from modem.card import UiccCard
from modem.mock.modem import MockModem
from modem.mock.network import AlwaysOn

_REGISTERED_WITHIN = 30.0
_POLL_START = 0.3
"""Seconds over which the first poll after a start is spread here: a minute would be spent waiting."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What the modem was asked."""

    exchanges: int
    """AT+CSIM: one APDU and its answer each."""
    others: int


@dataclass
class World:
    """Everything lives in `directory`; the agent's configuration is in `config`."""

    directory: Path
    eim: Running
    eid: str
    smdp: Es9
    """Behind the eIM."""
    commands: list[str]
    """The AT commands that the modem was given since the last `tally`."""

    @property
    def config(self) -> Path:
        return self.directory / "ipad.toml"

    def tally(self) -> Tally:
        """Counts the commands since the last call."""
        commands = list(self.commands)
        self.commands.clear()
        exchanges = sum(command.startswith("AT+CSIM") for command in commands)
        return Tally(exchanges, len(commands) - exchanges)

    def admin(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The eIM's REST interface (ipad.testbed.eim.admin)."""
        return rest_client.call(self.eim.admin, method, path, body, **query)

    def order(self, *operations: Mapping[str, Any]) -> None:
        """Queues a package of these operations at the eIM."""
        self.admin("POST", "/packages", {"eid": self.eid, "operations": list(operations)})

    def write_config(self, *probes: str, ci_certificates: Path | None = None, **waits: float) -> None:
        """The places, these probe targets and waits, an early first poll; the rest as by default."""
        lines = ["[modem]", f'port = "{self.directory}/tty"']
        lines += ["[agent]", f'state_dir = "{self.directory}/state"', f'runtime_dir = "{self.directory}/run"']
        lines += ["[connectivity]", f"probes = {json.dumps(probes)}"]
        lines += [] if ci_certificates is None else ["[rsp]", f'ci_certificates = "{ci_certificates}"']
        waits = {"poll_start": _POLL_START, "poll_spread": _POLL_START, **waits}
        lines += ["[waits]", *(f"{name} = {seconds}" for name, seconds in waits.items())]
        self.config.write_text("\n".join(lines) + "\n", "utf-8")


@contextmanager
def world(directory: Path, bindings: str = "both", smdp: Es9 | None = None) -> Iterator[World]:
    """A modem that is registered, with the mock's own latencies. IpadError if it does not come up.

    bindings: of the eIM, "both", "asn1", "json". smdp: behind it; by default one in this process.
    """
    pki.make_pki(directory / "pki")
    smdp = smdp or Smdp(directory / "smdp", directory / "pki", SMDP)
    settings = Settings(directory / "eim", pki=directory / "pki", smdp=smdp, bindings=bindings)
    with running(settings) as eim:
        card = VirtualEuicc.open(directory / "card", directory / "pki")
        commands: list[str] = []
        here = World(directory, eim, card.eid, smdp, commands)
        here.write_config()
        _associate(here, card)
        registered = threading.Event()

        def tell(event: str, _details: Mapping[str, str]) -> None:
            if event == "registered":
                registered.set()

        with MockModem(card, AlwaysOn(), directory / "tty", on_event=tell, on_command=commands.append):
            if not registered.wait(_REGISTERED_WITHIN):
                raise IpadError("the mock modem did not register")
            yield here


def _associate(here: World, card: VirtualEuicc) -> None:
    """AddInitialEim, and the card's certificates and token to the eIM."""
    isdr = Isdr(UiccCard(card), Waits(), sleep=lambda _: None)
    told = here.admin("GET", "/config", token=-1, downloads="direct")
    configuration = bytes.fromhex(told["eimConfigurationData"])
    [token] = es10b.add_initial_eim(isdr, [configuration])
    where = pki.paths(here.directory / "pki")
    certificates = {"eum": where.eum.read_text(), "euicc": where.euicc.read_text()}
    here.admin("POST", "/euiccs", {**certificates, "token": token})

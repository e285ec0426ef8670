"""A gateway on a workbench: the real modem layer on a mock modem's pty, the virtual eUICC, no daemon."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ipad import cli
from ipad.testbed import euicc
from ipad.testbed.euicc import VirtualEuicc
from modem.mock import AlwaysOn, MockModem

EIM_ID = "eim.testbed.example"
FQDN = "localhost:4433"
_PATIENCE = 20.0


@dataclass
class Workbench:
    """What is on it. The card's own file is the far side's word."""

    directory: Path
    pki: Path
    capture: "pytest.CaptureFixture[str]"

    @property
    def config(self) -> Path:
        return self.directory / "ipad.toml"

    def configure(self, *agent: str, **tables: str) -> None:
        """Writes the configuration: further lines of [agent], and further tables by their lines."""
        lines = [
            "[modem]",
            f'port = "{self.directory}/tty"',
            "[agent]",
            f'state_dir = "{self.directory}/state"',
            f'runtime_dir = "{self.directory}/run"',
            *agent,
            "[waits]",
            "at_sync = 0.1",
            "poll_ready = 0.05",
            "sim_ready = 8.0",
            "connect = 5.0",
        ]
        for name, text in tables.items():
            lines += [f"[{name}]", text]
        self.config.write_text("\n".join(lines) + "\n", "utf-8")

    def ipad(self, *arguments: str) -> tuple[int, str, str]:
        """The command, to its end: exit status, standard output, standard error."""
        status = cli.main([*arguments, "--config", str(self.config)])
        said = self.capture.readouterr()
        return status, said.out, said.err

    def answer(self, *arguments: str) -> Any:
        """What it prints with --json; it has to succeed."""
        status, out, err = self.ipad(*arguments, "--json")
        assert status == 0, err
        return json.loads(out)

    def refused(self, *arguments: str) -> str:
        """What it says when it fails; nothing is printed as a result then."""
        status, out, err = self.ipad(*arguments)
        assert (status, out) == (1, ""), (status, out, err)
        return err

    def card(self) -> dict[str, Any]:
        """The card's own state."""
        return euicc.show(self.directory / "card")

    def eim_file(self, name: str = "eim.toml", **members: Any) -> Path:
        """A file for `ipad provision` in TOML; a member that is None is left out."""
        values: dict[str, Any] = {
            "eimId": EIM_ID,
            "eimFqdn": FQDN,
            "eimIdType": "proprietary",
            "associationToken": True,
            "eimCertificate": str(self.pki / "eim.pem"),
            "trustedCertificateTls": str(self.pki / "eim-tls-ca.pem"),
            "eimSupportedProtocol": ["eimRetrieveHttps"],
            **members,
        }
        factory = values.pop("factory", None)
        file = self.directory / name
        lines = toml(values)
        if factory is not None:
            lines += ["[factory]", *toml(factory)]
        file.write_text("\n".join(lines) + "\n", "utf-8")
        return file


def toml(values: dict[str, Any]) -> list[str]:
    """Strings, numbers, booleans and lists are written in TOML as in JSON."""
    return [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]


@contextmanager
def workbench(
    directory: Path, pki_dir: Path, capture: "pytest.CaptureFixture[str]", **card: Any
) -> Iterator[Workbench]:
    """One with a modem that has its card, and a network."""
    made = Workbench(directory, pki_dir, capture)
    made.configure()
    uicc = VirtualEuicc.open(directory / "card", pki_dir, **card)
    registered = threading.Event()

    def tell(name: str, _details: dict[str, str]) -> None:
        if name == "registered":
            registered.set()

    with MockModem(uicc, AlwaysOn(), directory / "tty", scale=0.02, on_event=tell):
        assert registered.wait(_PATIENCE)
        yield made

"""A machine and what is beside it: what an operator does there, and what the far side says of it."""

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import Machine

from ipad.testbed.gateway import Gateway
from ipad.testbed.timeline import Timeline

SCALE = 0.1
WAITS: dict[str, float] = {
    "refresh": 1.5,
    "poll_ready": 0.05,
    "probe": 2.0,
    "probe_retry": 0.3,
    "card_retry": 0.3,
    "card_retry_max": 1.0,
    "poll_start": 0.2,
    "poll_min": 0.2,
    "poll_retry": 0.4,
    "poll_retry_max": 1.0,
}
LINE = Timeline({}, io.StringIO())
_DIALOUT = 20
RIG = "/etc/ipad/ipad.toml.d/50-rig.toml"


@dataclass
class Site:
    """The machine under test."""

    machine: Machine
    around: Gateway
    packages: Path

    def install(self, name: str = "ipad", packages: Path | None = None) -> None:
        """dpkg -i: what it depends on has to be there."""
        [deb] = (packages or self.packages).glob(f"{name}_*.deb")
        self.machine.put(f"/root/{deb.name}", "")
        (self.machine.root / "root" / deb.name).write_bytes(deb.read_bytes())
        self.machine.run("dpkg", "--install", f"/root/{deb.name}")

    def rig(self, **waits: float) -> None:
        """The drop-in that says where the mock modem is: a tty of the group dialout, as udev's are."""
        terminal = os.path.realpath(self.around.directory / "tty")
        os.chown(terminal, 0, _DIALOUT)
        os.chmod(terminal, 0o660)
        lines = ["[modem]", f'port = "/hostpts/{Path(terminal).name}"', "[waits]"]
        lines += [f"{name} = {seconds}" for name, seconds in {**WAITS, **waits}.items()]
        self.machine.put(RIG, "\n".join(lines) + "\n")

    def drop_in(self, name: str, *lines: str) -> None:
        """A drop-in of ipad.service."""
        self.machine.put(
            f"/etc/systemd/system/ipad.service.d/{name}.conf", "\n".join(("[Service]", *lines)) + "\n"
        )
        self.machine.run("systemctl", "daemon-reload")

    def shown(self, key: str) -> str:
        """A property of ipad.service; times to the microsecond."""
        return self.machine.says("systemctl", "show", "ipad", "--timestamp=us", "--property", key, "--value")

    def active(self) -> bool:
        return self.shown("ActiveState") == "active"

    def pid(self) -> int:
        """The daemon's process, as the machine counts."""
        return int(self.shown("MainPID"))

    def signal(self, pid: int, name: str) -> None:
        self.machine.run("sh", "-c", f"kill -{name} {pid}")

    def log(self, *arguments: str) -> str:
        return self.machine.says("journalctl", "--unit", "ipad", "--no-pager", *arguments)

    def ask(self, *arguments: str) -> Any:
        """What `ipad ARGUMENTS --json` says."""
        return json.loads(self.machine.says("ipad", *arguments, "--json"))

    def operates(self) -> None:
        """Waits until the daemon says that all is well."""
        self.machine.wait("the gateway to operate", self._operates)

    def _operates(self) -> bool:
        done = self.machine.run("ipad", "status", "--json", check=False)
        if done.returncode:
            return False
        status = json.loads(done.stdout)
        return bool(status["phase"] == "operating" and status["link"] == "ok")

    def works(self) -> None:
        """The next good package is executed, and its result counts once, by the eIM's word."""
        package = self.around.order({"listProfileInfo": {}})
        self.machine.run("ipad", "poll")
        assert self.around.state_of(package) == "done"
        assert self.around.accepted_results(package) == 1

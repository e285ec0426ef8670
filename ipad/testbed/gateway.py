"""A gateway and its whole surroundings as processes: what the demo and the system tests drive.

The agent sees only the tty and what comes through the relays. Whoever asks here gets the far side's word:
the eIM's records, the card's own file, the network's state.
"""

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, Self

from ipad import control
from ipad.errors import IpadError
from ipad.testbed import euicc, pki, rsp_part
from ipad.testbed.eim.serve import EIM_ID
from ipad.testbed.eim_part import EimPart, ordered, pki_of_another, said
from ipad.testbed.euicc.state import exists
from ipad.testbed.held_port import held_port
from ipad.testbed.network_command import ask
from ipad.testbed.rsp_part import RspPart
from ipad.testbed.timeline import Timeline

READY_WITHIN = 90.0
"""Seconds that a part is given to say that it is ready. The daemon first ends what was interrupted."""
_END_WITHIN = 20.0
_ORDER_WITHIN = 120.0
_FOLLOW = 0.1
"""Seconds between two looks at the far side's records, for the timeline."""
_LOOK = 0.01
"""Seconds between two looks at what the daemon said."""


class Gateway:
    """All parts in one directory.

    scale: of the modem's latencies. waits: the agent's, in seconds. pki_dir: a folder with certificates and
    keys that are there already. anchor: what the card holds of the eIM's TLS certificate. card: "iot" or
    "consumer". bindings: of the eIM, "both", "asn1", "json". eims: 2 for a second one, which the card does
    not know yet. blank: the card has only its bootstrap profile. model: of the mock modem.
    """

    def __init__(
        self,
        directory: Path,
        line: Timeline,
        scale: float,
        waits: Mapping[str, float],
        *,
        pki_dir: Path | None = None,
        anchor: str = "ca",
        card: str = "iot",
        bindings: str = "both",
        eims: int = 1,
        model: str = "generic",
        blank: bool = False,
    ) -> None:
        self.directory = directory
        self.config = directory / "ipad.toml"
        self.waits = waits
        self.pki = pki_dir or directory / "pki"
        self.notified: list[str] = []
        """What the daemon told the service manager (sd_notify(3)), over all its starts."""
        self._scale = scale
        self.consumer = card == "consumer"
        self._card = card
        self._model = model
        self._line = line
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._done = threading.Event()
        self._ports = ExitStack()
        self._network = ("127.0.0.1", held_port(self._ports))
        self._probe_port = held_port(self._ports)
        self._blank = blank
        self.smds = self._rsp_part("smds")
        self.smdp = self._rsp_part("smdp", smds=self.smds.admin)
        self.eims = [
            EimPart(
                name=f"eIM {number + 1}" if number else "eIM",
                eim_id=f"eim{number + 1}.testbed.example" if number else EIM_ID,
                state=directory / (f"eim{number + 1}" if number else "eim"),
                pki=directory / f"pki{number + 1}" if number else self.pki,
                port=held_port(self._ports),
                admin_port=held_port(self._ports),
                relay_port=held_port(self._ports),
                anchor=anchor,
                bindings=bindings,
                smdp=(f"https://localhost:{self.smdp.port}", self.smdp.address),
            )
            for number in range(eims)
        ]
        self.first = self.eims[0]
        self.eim_id = self.first.eim_id
        self.anchor = anchor
        self.write_config(waits)

    def __enter__(self) -> Self:
        try:
            self._start_parts()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        # The agent first: it would report the loss of all the others.
        servers = [*(eim.name for eim in self.eims), self.smdp.name, self.smds.name]
        for name in ("agent", "modem", *servers, "network"):
            process = self._processes.pop(name, None)
            if process is not None:
                _end(process)
        for process in self._processes.values():
            _end(process)
        self._ports.close()

    # Parts

    def _start_parts(self) -> None:
        if not self.pki.exists():
            self._run("pki", "--state", str(self.pki))
        (self.directory / "ci").mkdir(exist_ok=True)
        shutil.copy(pki.paths(self.pki).ci, self.directory / "ci")
        self._make_card()
        self._start("network", *self._network_arguments())
        for eim in self.eims[1:]:
            pki_of_another(eim.pki, self.pki)
            self._start("eim", *eim.arguments(), name=eim.name)
        for server in (self.smds, self.smdp):
            self._start(server.kind, *server.arguments(), name=server.name)
            self._follow(self._follow_server, server)
        self.start_eim()
        self.plug_in()
        for eim in self.eims:
            eim.register(pki=self.pki)
            self._follow(self._follow_eim, eim)
        self._follow(self._follow_modem)

    def _rsp_part(self, kind: Literal["smdp", "smds"], smds: str | None = None) -> RspPart:
        port, admin_port, relay_port = (held_port(self._ports) for _ in range(3))
        return RspPart(kind, self.directory / kind, self.pki, port, admin_port, relay_port, smds=smds)

    def _make_card(self) -> None:
        card = self.directory / "card"
        if not exists(card):
            profiles = "bootstrap" if self._blank else "all"
            arguments = ["--state", str(card), "--pki", str(self.pki), "--card", self._card]
            self._run("card", "create", *arguments, "--profiles", profiles, "--root-smds", self.smds.address)

    def write_config(self, waits: Mapping[str, float]) -> None:
        """The daemon's configuration, with these waits."""
        lines = [
            "[modem]",
            f'port = "{self.directory}/tty"',
            "[agent]",
            f'state_dir = "{self.directory}/state"',
            f'runtime_dir = "{self.directory}/run"',
            "[card]",
            f'fallback_iccid = "{euicc.default_profiles()[0].iccid}"' if self.consumer else "",
            "[connectivity]",
            f'probes = ["127.0.0.1:{self._probe_port}"]',
            "[rsp]",
            f'ci_certificates = "{self.directory}/ci"',
            "[waits]",
            *(f"{name} = {seconds}" for name, seconds in waits.items()),
        ]
        self.config.write_text("\n".join(lines) + "\n", "utf-8")

    def _network_arguments(self) -> list[str]:
        behind = [(eim.relay_port, eim.port) for eim in self.eims]
        behind += [(part.relay_port, part.port) for part in (self.smdp, self.smds)]
        relays = [f"{relay}=127.0.0.1:{port}" for relay, port in behind]
        return [
            *("--state", str(self.directory / "network"), "--port", str(self._network[1])),
            *(argument for relay in relays for argument in ("--relay", relay)),
            *("--probe-port", str(self._probe_port)),
        ]

    def plug_in(self, *faults: str) -> None:
        """Starts the modem, with the card as it was. faults: of `ipad-testbed modem --fault`."""
        host, port = self._network
        self._start(
            "modem",
            *("--link", str(self.directory / "tty"), "--state", str(self.directory / "card")),
            *("--model", self._model),
            *("--pki", str(self.pki), "--network", f"{host}:{port}", "--scale", str(self._scale)),
            *(argument for fault in faults for argument in ("--fault", fault)),
        )

    def unplug(self) -> None:
        """The modem loses its power; the card keeps what is written."""
        # As udev does: the pty's number is somebody else's soon.
        (self.directory / "tty").unlink(missing_ok=True)
        self._kill("modem")

    def start_eim(self, *arguments: str) -> None:
        """Starts the eIM, with what it knew before. arguments: further ones of `ipad-testbed eim`."""
        self._start("eim", *self.first.arguments(), *arguments, name=self.first.name)

    def kill_eim(self) -> None:
        self._kill(self.first.name)

    def start_agent(self, **environment: str) -> None:
        """Starts the real daemon; returns when it has said READY. environment: further variables."""
        self._line.say("operator", "starts the daemon")
        command = [sys.executable, "-m", "ipad.cli", "run", "--config", str(self.config)]
        address = self.directory / "notify"
        address.unlink(missing_ok=True)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(str(address))
        told = len(self.notified)
        process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NOTIFY_SOCKET": str(address), **environment},
        )
        self._processes["agent"] = process
        self._follow(self._follow_agent, process)
        self._follow(self._follow_notify, notify, process)
        end = time.monotonic() + READY_WITHIN
        while "READY=1" not in self.notified[told:]:
            if process.poll() is not None or time.monotonic() > end:
                raise IpadError("the daemon did not say READY: " + " ".join(self.agent_log()[-1:]))
            time.sleep(_LOOK)

    def running(self, part: str) -> bool:
        """Whether the part, "agent", "modem", "eIM" or "network", is there."""
        process = self._processes.get(part)
        return process is not None and process.poll() is None

    @property
    def agent(self) -> subprocess.Popen[str]:
        """The daemon's process."""
        return self._processes["agent"]

    def stop_agent(self) -> int:
        """SIGTERM, as systemd stops it; its exit status."""
        self.agent.terminate()
        return self.agent.wait(_END_WITHIN)

    def kill_agent(self) -> None:
        """SIGKILL: what a power cut looks like to a process."""
        self._kill("agent")

    def _kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._line.say("operator", f"kills the {'daemon' if name == 'agent' else name} (SIGKILL)")

    def _start(self, part: str, *arguments: str, name: str = "") -> None:
        """Starts a part. name: on the timeline, where it is another than the command's."""
        command = [sys.executable, "-m", "ipad.testbed.cli", part, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        name = name or part
        self._processes[name] = process
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("ready "):
            raise IpadError(f"the testbed's {name} did not start: {line.strip() or 'see above'}")
        self._line.say(name, line.strip())

    def _run(self, part: str, *arguments: str) -> str:
        command = [sys.executable, "-m", "ipad.testbed.cli", part, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=READY_WITHIN, check=False)
        if done.returncode:
            raise IpadError(f"ipad-testbed {part}: {done.stderr.strip()}")
        return done.stdout

    def eim(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """A request to the eIM's REST interface (ipad.testbed.eim.admin)."""
        return self.first.call(method, path, body, **query)

    # What somebody does

    def provision(self) -> None:
        """The factory's step: AddInitialEim, and the association token back to the eIM."""
        file = self.directory / "eim.der"
        file.write_bytes(bytes.fromhex(self.first.configuration()))
        answer = json.loads(self.ipad("provision", "--eim", str(file), "--json") or "{}")
        if not answer:
            raise IpadError(
                "the card could not be associated with the eIM: what ipad provision said is above"
            )
        token = answer["eims"][0]["association_token"]
        self.first.register(eid=self.card()["eid"], token=token)
        self._line.say(self.first.name, f"signs with association token {token} from now on")
        if self.consumer:
            self._exchange_device_key()

    def _exchange_device_key(self) -> None:
        """A consumer card signs no results: the eIM has to be given the key that the agent signs with."""
        key = json.loads(self.ipad("info", "--device-key", "--json") or "{}")["deviceKey"]
        for eim in self.eims:
            eim.register(eid=self.card()["eid"], deviceKey=key)
            self._line.say(eim.name, "accepts results that are signed with the device key from now on")

    def ipad(self, *arguments: str, wait: bool = True) -> str | None:
        """The `ipad` command at the gateway. wait: for its end; returns what it printed."""
        self._line.say("operator", f"ipad {arguments[0]}")
        command = [sys.executable, "-m", "ipad.cli", *arguments, "--config", str(self.config)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if not wait:
            self._processes["order"] = process
            return None
        printed, problem = process.communicate(timeout=_ORDER_WITHIN)
        for text in (problem or printed if arguments[-1] != "--json" else problem).splitlines():
            self._line.say("operator", f"    {text}")
        return printed

    def operator(self, plmn: str, state: str) -> None:
        """Switches an operator: on, dark, silent, refusing."""
        self._line.say("network", f"{plmn} is {state} from now on")
        ask(self._network, {"operator": plmn, "state": state})

    def order(self, operation: Mapping[str, Any], **more: Any) -> int:
        """Queues a package of one operation at the eIM; its number."""
        return self.queue({"operations": [dict(operation)], **more})

    def queue(self, order: Mapping[str, Any]) -> int:
        """Queues a package at the eIM, as its REST interface takes it; its number."""
        return self.queue_at(self.first, order)

    def queue_at(self, eim: EimPart, order: Mapping[str, Any]) -> int:
        """The same at one of several."""
        number = eim.queue(self.card()["eid"], order)
        self._line.say(eim.name, f"package {number} is queued: {ordered(order)}")
        return number

    def order_profile(self, profile: Mapping[str, Any]) -> str:
        """Releases a profile at the SM-DP+; its activation code."""
        code = self.smdp.order(profile)
        self._line.say(self.smdp.name, f"has a profile ready: {ordered(profile)}")
        return code

    # What the far side says

    def card(self) -> dict[str, Any]:
        """The card's own state."""
        return euicc.show(self.directory / "card")

    def enabled(self) -> str | None:
        """ICCID of the profile that the card has enabled."""
        return next((p["iccid"] for p in self.card()["profiles"] if p["state"] == "enabled"), None)

    def holds(self) -> set[str]:
        """ICCIDs of the profiles on the card."""
        return {profile["iccid"] for profile in self.card()["profiles"]}

    def serving(self) -> tuple[int, str | None]:
        """Registration and PLMN as the network has them."""
        modem = ask(self._network, {"show": True})["modem"]
        return modem["registration"], modem["plmn"]

    def package(self, number: int) -> dict[str, Any]:
        return self.first.package(number)

    def state_of(self, number: int) -> str:
        """What the eIM thinks became of a package: queued, sent, done, failed, rolled back."""
        return str(self.package(number)["state"])

    def accepted_results(self, number: int) -> int:
        """How many results of this package count at the eIM."""
        results = self.eim("GET", "/results")
        return sum(1 for r in results if r["package"] == number and r["accepted"])

    def exchanges(self, function: str) -> list[dict[str, Any]]:
        """Every exchange of this ESipa function, oldest first."""
        return self.first.exchanges(function)

    def polls(self) -> int:
        return len(self.exchanges("GetEimPackage"))

    def last_poll(self) -> float:
        """When the eIM answered it, in seconds since the epoch; 0: there was none."""
        return max((float(e["time"]) for e in self.exchanges("GetEimPackage")), default=0.0)

    def told(self) -> list[tuple[int | None, str | None]]:
        """stateChangeCause and rPLMN of every poll."""
        return self.first.told()

    def switches(self) -> list[float]:
        """When the modem began to use another profile than before."""
        read = self.events("sim")
        return [
            event["time"] for before, event in itertools.pairwise(read) if event["iccid"] != before["iccid"]
        ]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The mock modem's events of this name."""
        lines = (self.directory / "card" / "events.jsonl").read_text("utf-8").splitlines()
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def status(self) -> dict[str, Any]:
        """What the agent says of itself: to wait for, never a verdict."""
        return dict(control.ask(self.directory / "run" / "control.sock", {"ask": "status"}, _END_WITHIN))

    def phase(self) -> str:
        return str(self.status()["phase"])

    def agent_log(self) -> list[str]:
        path = self.directory / "agent.log"
        return path.read_text("utf-8").splitlines() if path.exists() else []

    # Following what happens

    def _follow(self, what: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=what, args=arguments, daemon=True).start()

    def _follow_agent(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with (self.directory / "agent.log").open("a", encoding="utf-8") as log:
            for text in process.stderr:
                log.write(text)
                log.flush()
                self._line.say("agent", text.rstrip().partition(" ")[2])

    def _follow_notify(self, notify: socket.socket, process: subprocess.Popen[str]) -> None:
        """The service manager's side of sd_notify(3)."""
        notify.settimeout(_FOLLOW)
        with notify:
            while True:
                over = process.poll() is not None
                try:
                    self.notified += notify.recv(4096).decode().splitlines()
                except TimeoutError:
                    if over:
                        return

    def _follow_modem(self) -> None:
        seen = 0
        while not self._done.wait(_FOLLOW):
            lines = (self.directory / "card" / "events.jsonl").read_text("utf-8").splitlines()
            for text in lines[seen:]:
                self._line.say("modem", _modem_said(json.loads(text)))
            seen = len(lines)

    def _follow_eim(self, eim: EimPart) -> None:
        last = 0
        while not self._done.wait(_FOLLOW):
            try:
                exchanges = eim.call("GET", "/log", after=last)
            except IpadError:
                continue
            for exchange in exchanges:
                last = exchange["id"]
                self._line.say(eim.name, said(exchange))

    def _follow_server(self, server: RspPart) -> None:
        last = 0
        while not self._done.wait(_FOLLOW):
            try:
                exchanges = server.call("GET", "/log", after=last)
            except IpadError:
                continue
            for exchange in exchanges:
                last = exchange["id"]
                self._line.say(server.name, rsp_part.said(exchange))


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_END_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _modem_said(event: Mapping[str, str]) -> str:
    """A mock modem's event in one line."""
    match event["event"], event.get("registration"):
        case "sim", _:
            return f"reads ICCID {event['iccid']}"
        case "registered", registration:
            return f"registered in {event['plmn']}" + (", roaming" if registration == "5" else "")
        case "unregistered", "2":
            return "searches for a network"
        case "unregistered", "3":
            return "is refused by the network"
        case "unregistered", _:
            return "has no network"
        case "refresh", _:
            return "acts on the card's REFRESH"
        case "bearer", _:
            return "activates its bearer"
        case name, _:
            return str(name)

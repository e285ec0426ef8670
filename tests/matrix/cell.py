"""One cell of the matrix: a model, what is wrong with it, and how an enable with rollback ended there.

All of it is real but time and place: the agent with its loop, the AT engine on a pty, the virtual eUICC
behind the mock modem, TLS and signatures to an eIM, which is a thread. Whether it ended well is asked of the
card's file, of the eIM's records and of the radio network. The agent's history only has to have told the
reason.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from ipad import clock
from ipad.agent import Agent
from ipad.config import AgentConfig, Config, ModemConfig
from ipad.connectivity.state import Phase
from ipad.eim import EimConfiguration
from ipad.errors import Unreachable
from ipad.esipa.client import Esipa
from ipad.journal import Journal
from ipad.mailbox import Mailbox
from ipad.net.http import Uplink
from ipad.opening import open_gateway
from ipad.procedures.gateway import Gateway
from ipad.testbed.euicc import VirtualEuicc, state
from ipad.testbed.operators import Radio, attach
from ipad.waits import Waits
from ipad.watchdog import Watchdog
from modem.mock import MockModem, NetworkStatus
from modem.mock.network import NOT_REGISTERED
from modem.radio import Registration
from tests.euicc_card.world import BOOTSTRAP, NORD
from tests.procedures.eim_house import Desk, open_house
from tests.procedures.site import make_blank

SCALE = 0.02
"""Of the modem's latencies; the agent's patience below is scaled alike, with room for a busy machine."""
WAITS = replace(
    Waits(),
    at_command=0.6,
    at_slow=2.0,
    apdu=4.0,
    at_sync=0.08,
    reset_begins=0.6,
    modem_boot=4.0,
    sim_ready=2.0,
    refresh=1.0,
    carrier=1.0,
    registration_poll=1.0,
    look=0.05,
    poll_ready=0.02,
    cat_busy=0.1,
    connect=5.0,
    http=5.0,
    idle=1.0,
    card_retry=0.3,
    card_retry_max=1.0,
    grace=1.5,
    reattach=2.0,
    bearer=2.0,
    radio_cycle=2.0,
    reset=2.0,
    trial=8.0,
    poll_start=0.1,
    poll_spread=0.1,
    poll_min=0.1,
    poll_retry=0.3,
    poll_retry_max=1.0,
    notification_retry=0.3,
    notification_retry_max=1.0,
)
PATIENCE = 40.0
"""Seconds until what has not ended is taken for what will not."""
_NEVER_MET = 10.0
_STOPS_WITHIN = 15.0
_LOOK = 0.02
_CAT_BUSY = 5
_FALLBACK = 1  # StateChangeCause
_SHAPES = ("event-list",)
_REASONS = ("modem", "card", "failed", "refused")
"""What the agent's history calls what went wrong."""


S = TypeVar("S", bound="Scene")


@dataclass(frozen=True)
class Cell:
    """faults: of `--fault`, beside the model's own."""

    model: str
    faults: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.model, *self.faults))


@dataclass
class Verdict:
    """outcome: "done"; or not done, and the bootstrap profile is enabled: "rolled back", "fallen back",
    "refused" (by the card), "untouched"; or "wrong".
    """

    outcome: str
    reason: str
    seconds: float = 0.0
    lines: int = 0
    """AT command lines of it all."""
    struck: bool = False
    """A momentary fault has struck."""
    history: list[str] = field(default_factory=list)
    points: dict[str, int] = field(default_factory=dict)
    """Where the agent's process might be killed: how many of each kind."""

    @property
    def good(self) -> bool:
        return self.outcome != "wrong"


class Air:
    """The radio networks, for one modem. At first all operators are there."""

    def __init__(self) -> None:
        self.radio = Radio()
        self.imsi: str | None = None
        self._status = NOT_REGISTERED

    def register(self, imsi: str | None) -> None:
        self.imsi = imsi
        seen = attach(self.radio, imsi)
        tech = 7 if seen.tech is None else seen.tech
        stat = int(seen.registration)
        self._status = NetworkStatus(stat, seen.plmn, seen.cause, tech, seen.rssi, seen.address)

    def status(self) -> NetworkStatus:
        return self._status

    def fileno(self) -> int:
        return -1

    def pump(self) -> None:
        return


class Scene:
    """Everything around one gateway."""

    def __init__(self, cell: Cell, directory: Path, pki_dir: Path, desk: Desk) -> None:
        self.directory = directory
        self.card_dir = directory / "card"
        self.desk = desk
        self.air = Air()
        self.events: list[tuple[str, dict[str, str]]] = []
        self.lines = 0
        """AT command lines so far."""
        uicc = VirtualEuicc.open(self.card_dir, pki_dir, shapes=_SHAPES)
        self.modem = MockModem(
            uicc,
            self.air,
            directory / "tty",
            model=cell.model,
            faults=cell.faults,
            scale=SCALE,
            on_event=lambda name, details: self.events.append((name, details)),
            on_command=self._count,
        )
        self.package = self.order()
        self.again = False
        """The package was ordered a second time."""
        self.agent: Agent | None = None
        self.met = time.monotonic()
        """When the agent last had a card."""
        self.died: BaseException | None = None

    def _count(self, _line: str) -> None:
        self.lines += 1

    # The agent, in a thread

    def order(self) -> int:
        """Queues the package at the eIM."""
        return self.desk.order({"listProfileInfo": {}}, {"enable": NORD, "rollback": True})

    def order_again(self) -> None:
        """As an eIM's operator does when the card was busy: once."""
        if not self.again and {"enableResult": _CAT_BUSY} in (self.outcome() or ()):
            self.again = True
            self.package = self.order()

    def outcome(self) -> Any:
        """The results in the package's signed answer."""
        return self.desk.package(self.package)["outcome"]

    def run_agent(self, mailbox: Mailbox) -> None:
        settings = settings_of(self.directory)
        uplink = Uplink()
        try:
            with (
                closing(Journal(self.directory / "journal.db")) as journal,
                open_gateway(settings, journal, clock.start(journal), uplink, lambda: None) as gateway,
            ):
                self._route(gateway, uplink, settings)
                self.agent = Agent(
                    settings,
                    journal,
                    clock.start(journal),
                    mailbox,
                    uplink,
                    gateway,
                    Watchdog(),
                    lambda _agent: None,
                )
                self.agent.run()
        except BaseException as error:
            self.died = error
            raise

    def _route(self, gateway: Gateway, uplink: Uplink, settings: Config) -> None:
        """Without a registered modem there is no way to the eIM."""
        scene = self

        class Routed(Esipa):
            def _post(self, call: Any) -> Any:
                if scene.air.status().registration not in (Registration.HOME, Registration.ROAMING):
                    raise Unreachable(f"{call.function}: no route")
                return super()._post(call)

        def esipa(eim: EimConfiguration, eid: bytes) -> Esipa:
            return Routed(eim, eid, WAITS, uplink, settings.esipa)

        gateway.esipa = esipa

    # What is true

    def card(self) -> state.State:
        return state.load(self.card_dir)

    def enabled(self) -> str | None:
        profile = self.card().enabled()
        return profile.iccid if profile else None

    def in_use(self) -> bool:
        """The modem is on the network with the profile that the card has enabled."""
        profile = self.card().enabled()
        registered = self.air.status().registration in (Registration.HOME, Registration.ROAMING)
        return registered and profile is not None and self.air.imsi == profile.imsi

    def over(self) -> bool:
        """All is delivered and decided."""
        card, agent = self.card(), self.agent
        if agent is None or agent.state.trial is not None:
            return False
        if agent.state.phase not in (Phase.OPERATING, Phase.FALLBACK) or not self.in_use():
            return False
        ended = self.desk.package(self.package)["state"] in ("done", "failed", "rolled back")
        return ended and not (card.results or card.notifications)

    def hopeless(self) -> bool:
        """The agent has not met the card for long, and a reset of the modem has not helped."""
        if self.agent is not None and self.agent.state.card is not None:
            self.met = time.monotonic()
        return time.monotonic() - self.met > _NEVER_MET and len(self.desk.exchanges()) == 0

    def told(self) -> list[str]:
        """The agent's history, oldest first."""
        with closing(Journal(self.directory / "journal.db")) as journal:
            return [f"{entry.what}: {entry.text}" for entry in journal.history()]

    def judge(self, over: bool) -> tuple[str, str]:
        """Outcome and reason."""
        package = self.desk.package(self.package)
        where = f"the eIM has {package['state']}, the card {_name(self.enabled())}"
        if self.died is not None:
            return "wrong", f"the agent died of {self.died!r}"
        accepted = [r for r in self.desk.results() if r["package"] == self.package and r["accepted"]]
        if not over:
            return self._unfinished(package["state"], where)
        enabled = {"enableResult": 0} in (package["outcome"] or ())
        kept = package["state"] == "done" and enabled
        if kept and self.enabled() == BOOTSTRAP and self._fell_back():
            return "fallen back", self._why() or "nothing told"
        if self.enabled() != (NORD if kept else BOOTSTRAP):
            return "wrong", where
        # A rollback's result takes the place of the package's, which then may never have come.
        results = {r["id"] for r in accepted}
        if kept:
            return ("done", "") if len(results) == 1 else ("wrong", f"{len(results)} results count")
        if package["state"] == "rolled back":
            return "rolled back", self._why() or "nothing told"
        return "refused", f"the card's signed result: {_refusal(package['outcome'])}"

    def _unfinished(self, ordered: str, where: str) -> tuple[str, str]:
        reason = self._why()
        if self.enabled() != BOOTSTRAP or ordered not in ("queued", "sent"):
            phase = self.agent.state.phase.value if self.agent else "no agent"
            return "wrong", f"not over: {where}, the agent is {phase}, the modem has {self.air.imsi}"
        if reason is None:
            return "wrong", f"not done, and nothing told: {where}"
        return "untouched", reason

    def _fell_back(self) -> bool:
        """The eIM was told of a fallback."""
        return any(told.get("stateChangeCause") == _FALLBACK for told in self.desk.told())

    def _why(self) -> str | None:
        """What the agent told of it: why it rolled back, or the last thing that went wrong."""
        told = self.told()
        for number, line in reversed(list(enumerate(told))):
            if line.startswith(("trial:", "fallback:")) and (
                "rollback" in line or "fallback instead" in line
            ):
                links = [link for link in told[:number] if link.startswith("link:")]
                return "; ".join((*links[-1:], line))
        reasons = [line for line in told if line.startswith(tuple(f"{kind}:" for kind in _REASONS))]
        return reasons[-1] if reasons else None


def settings_of(directory: Path) -> Config:
    """Of an agent whose modem is in `directory`, and which keeps its journal there."""
    return Config(
        modem=ModemConfig(port=str(directory / "tty")),
        agent=AgentConfig(state_dir=str(directory), runtime_dir=str(directory)),
        waits=WAITS,
    )


def _refusal(outcome: Any) -> str:
    """The codes of a package's outcome that are not ok."""
    if not isinstance(outcome, list):
        return str(outcome)
    codes = [
        f"{name} {'catBusy' if code == _CAT_BUSY else code}"
        for one in outcome
        for name, code in one.items()
        if isinstance(code, int)
    ]
    return ", ".join(codes)


def _name(iccid: str | None) -> str:
    return {BOOTSTRAP: "bootstrap", NORD: "Nord"}.get(iccid or "", str(iccid))


@contextmanager
def scene_of(cell: Cell, directory: Path, pki_dir: Path, kind: Callable[..., S]) -> Iterator[S]:
    """A scene in `directory`, which is empty, with its eIM."""
    with open_house(directory / "nobody", pki_dir) as house:
        blank = make_blank(directory / "blank", pki_dir, [house])
        (directory / "card").mkdir()
        shutil.copy(blank.directory / state.FILE_NAME, directory / "card")
        desk = house.open_desk(directory / "eim", blank.eid, blank.tokens[0])
        with closing(desk.records):
            yield kind(cell, directory, pki_dir, desk)


def run(cell: Cell, directory: Path, pki_dir: Path) -> Verdict:
    """Plays the cell in `directory`, which is empty."""
    began = time.monotonic()
    with closing(Mailbox()) as mailbox, scene_of(cell, directory, pki_dir, Scene) as scene, scene.modem:
        agent = threading.Thread(target=scene.run_agent, args=(mailbox,), daemon=True)
        agent.start()
        end = time.monotonic() + PATIENCE
        over = False
        while not over and time.monotonic() < end and agent.is_alive() and not scene.hopeless():
            time.sleep(_LOOK)
            scene.order_again()
            over = scene.over()
        mailbox.stop()
        agent.join(_STOPS_WITHIN)
        if agent.is_alive():
            return Verdict("wrong", "hangs: the agent does not stop", time.monotonic() - began)
        outcome, reason = scene.judge(over)
        struck = any(name == "fault" for name, _ in scene.events)
        return Verdict(outcome, reason, time.monotonic() - began, scene.lines, struck, scene.told())

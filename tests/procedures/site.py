"""A gateway's site: card, modem, eIM and disk, and an agent that can be ended and started anew.

The agent is the real one, with its loop. Time is not: whenever the loop would sleep, the clock is put to
what it waits for.
"""

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from ipad.agent import Agent
from ipad.asn1 import decode, wrap
from ipad.clock import PoweredClock
from ipad.config import AgentConfig, CardConfig, Config
from ipad.connectivity.decide import wake
from ipad.connectivity.state import Command, Download, Inject
from ipad.consumer import memory as consumer_memory
from ipad.eim import EimConfiguration
from ipad.esipa.client import Esipa
from ipad.esipa.settings import EsipaSettings
from ipad.euicc.isdr import Isdr
from ipad.journal import Journal
from ipad.mailbox import Mailbox, Order
from ipad.net.http import Uplink
from ipad.opening import device_key, iot_functions
from ipad.procedures.gateway import Gateway
from ipad.rsp.servers import Servers
from ipad.testbed.eim.identity import configuration
from ipad.testbed.euicc import VirtualEuicc, state
from ipad.testbed.euicc.state import State
from ipad.waits import Waits
from ipad.watchdog import Watchdog
from modem.card import UiccCard
from tests.euicc_card.world import BOOTSTRAP, Terminal
from tests.procedures.eim_house import Desk, EimHouse
from tests.procedures.harm import Harm, HarmedEsipa, HarmedJournal, HarmedRadio, HarmedUicc, Killed
from tests.procedures.market import Stall, servers
from tests.procedures.tiny_modem import TinyModem

WAITS = replace(Waits(), idle=0.001, connect=20.0, http=20.0, return_after=3600.0, emergency_max=1800.0)
MOST_TURNS = 400
"""Of the agent's loop, until what a case waits for has come."""
MOST_LOOKS = 50 * MOST_TURNS
"""At the clock, in the whole of a case."""


@dataclass(frozen=True)
class Blank:
    """A card that is associated with the eIMs, to be copied."""

    directory: Path
    pki: Path
    eid: str
    tokens: tuple[int | None, ...]
    """The association tokens, one an eIM."""
    device_key: bytes | None = None
    """Of a consumer card, which is there with the journal of its gateway."""


def make_blank(directory: Path, pki_dir: Path, houses: Sequence[EimHouse]) -> Blank:
    card = VirtualEuicc.open(directory, pki_dir)
    configurations = [configuration(house.identity, 0, -1) for house in houses]
    request = b"".join(configurations)
    answer = Terminal(card).run(wrap(0xBF57, wrap(0xA0, request)))
    arm, tokens = decode("AddInitialEimResponse", answer)
    assert arm == "addInitialEimOk"
    return Blank(directory, pki_dir, card.eid, tuple(token for _, token in tokens))


def make_consumer_blank(directory: Path, pki_dir: Path, houses: Sequence[EimHouse]) -> Blank:
    """The same with a consumer card: what an IoT card keeps is in the gateway's journal."""
    card = VirtualEuicc.open(directory, pki_dir, consumer=True)
    modem = TinyModem(card)
    isdr = Isdr(UiccCard(modem, lambda: modem.epoch), WAITS, sleep=lambda _seconds: None)
    settings = _settings(directory)
    with closing(Journal(directory / "journal.db")) as journal:
        functions = iot_functions(settings, isdr, None, lambda: journal)(bytes.fromhex(card.eid))
        tokens = functions.add_initial_eim([configuration(house.identity, 0, -1) for house in houses])
    modem.close()
    return Blank(directory, pki_dir, card.eid, tokens, device_key(settings).public_der())


def _settings(directory: Path) -> Config:
    agent = AgentConfig(state_dir=str(directory), runtime_dir=str(directory))
    return Config(agent=agent, card=CardConfig(fallback_iccid=BOOTSTRAP), waits=WAITS)


class JumpingClock(PoweredClock):
    """Powered seconds as the site has them."""

    site: "Site"

    def now(self) -> float:
        self.site.looks += 1
        if self.site.looks > MOST_LOOKS:
            raise AssertionError("the agent runs in circles without ever waiting")
        return self.site.now


class Turns(Mailbox):
    """Called once in each turn of the loop, when it would sleep."""

    def __init__(self, site: "Site") -> None:
        super().__init__()
        self._site = site

    def take(self) -> list[Order]:
        self._site.turn()
        return super().take()


@dataclass
class Site:
    """One gateway, and all around it."""

    directory: Path
    blank: Blank
    desk: Desk
    harm: Harm = field(default_factory=Harm)
    prompt: bool = True
    """The modem acts on a REFRESH at once."""
    prepare: Callable[[State], None] = lambda _card: None
    """What the card has been through before."""
    esipa: EsipaSettings = field(default_factory=EsipaSettings)
    """How the agent talks to the eIM."""
    stall: Stall | None = None
    """What the SM-DP+ has on offer."""
    in_reader: bool = False
    """The card is not in a modem: there is no radio."""

    def __post_init__(self) -> None:
        self.now = 1000.0
        self.turns = 0
        self.stage = 0
        """How much of a life of several stages has begun."""
        self.looks = 0
        self.routeless: set[str] = set()
        """ICCIDs whose operator has no route to the eIM."""
        self.card_dir = self.directory / "card"
        self.card_dir.mkdir(parents=True)
        shutil.copy(self.blank.directory / state.FILE_NAME, self.card_dir)
        if self.blank.device_key is not None:
            shutil.copy(self.blank.directory / "journal.db", self.directory)
            shutil.copy(self.blank.directory / "device.key", self.directory)
            self.desk.records.set_device_key(self.blank.eid, self.blank.device_key)
        memory = self.memory()
        self.prepare(memory)
        state.store(self.card_dir, memory)
        self.modem = TinyModem(VirtualEuicc.open(self.card_dir, self.blank.pki), prompt=self.prompt)
        self.harm.lasting = self._lasting
        self.harm.reset_card = self._start_card
        self.agent: Agent | None = None
        self.done: Callable[[Site], bool] = lambda _site: True
        self.ask: Callable[[Site], Command | Inject | Download | None] = lambda _site: None
        self.answers: list[dict[str, Any]] = []
        """To whoever asked for something."""
        self.by_hand = b""
        """A package that somebody at the gateway has in hand."""

    def begin_with(self, memory: State) -> None:
        """The card has been through something else before."""
        state.store(self.card_dir, memory)
        self._start_card()

    def _start_card(self) -> None:
        self.modem.insert(VirtualEuicc.open(self.card_dir, self.blank.pki))

    # What is true, whatever the agent says

    def memory(self) -> State:
        """The card's memory."""
        return state.load(self.card_dir)

    def enabled(self) -> str | None:
        profile = self.memory().enabled()
        return profile.iccid if profile else None

    def _lasting(self) -> object:
        """All that outlives the process; after a power cut, the card's session does not."""
        session = None if getattr(self.harm, "power_cut", False) else (self.modem.epoch, *self.modem.session)
        return (
            (self.card_dir / state.FILE_NAME).read_bytes(),
            session,
            self.process.journal.rows(),
            [(p["state"], p["sent"]) for p in self.desk.packages()],
            [(r["id"], r["deliveries"]) for r in self.desk.results()],
            len(self.desk.told()),
        )

    # Parts of one process

    def open(self) -> "Process":
        """A process starts: journal, way to the card, gateway."""
        journal = HarmedJournal(self.directory / "journal.db")
        journal.harm = self.harm
        uicc = HarmedUicc(self.modem, self.harm)
        uplink = Uplink()

        def esipa(eim: EimConfiguration, eid: bytes) -> Esipa:
            client = HarmedEsipa(eim, eid, WAITS, uplink, self.esipa)
            client.harm, client.routed = self.harm, self._routed
            return client

        isdr = Isdr(UiccCard(uicc, lambda: self.modem.epoch), WAITS, sleep=self._sleep)
        process = self.process = Process(self, journal, uicc, uplink)
        radio = HarmedRadio(self.modem, self.harm)
        choose = iot_functions(_settings(self.directory), isdr, radio, lambda: journal)
        process.gateway = Gateway(
            isdr,
            choose,
            None if self.in_reader else radio,
            journal,
            WAITS,
            esipa,
            process.note,
            lambda: self.now,
            cast(Servers, servers(self.stall, WAITS, uplink, self.harm, self._routed)),
        )
        return process

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _routed(self) -> bool:
        iccid = self.modem.iccid()
        return iccid is not None and iccid not in self.modem.dark | self.routeless

    # The agent, until the case is done

    def run(self) -> None:
        """Runs the agent until `done`, starting it anew if it is killed."""
        while True:
            process = self.open()
            try:
                self._run(process)
                return
            except Killed:
                if getattr(self.harm, "power_cut", False):
                    self._start_card()
            finally:
                self.journal_left = (process.journal.step(), process.journal.all_owed())
                self.origin = self.memory().fallback_origin or self.stood_in().fallback_origin
                process.journal.close()

    def _run(self, process: "Process") -> None:
        self.mailbox = Turns(self)
        clock = JumpingClock(0.0, 0.0, "")
        object.__setattr__(clock, "site", self)
        self.agent = Agent(
            Config(waits=WAITS),
            process.journal,
            clock,
            self.mailbox,
            process.uplink,
            process.gateway,
            Watchdog(),
            lambda _agent: None,
        )
        try:
            self.agent.run()
        finally:
            self.mailbox.close()

    def turn(self) -> None:
        """The agent would sleep now."""
        assert self.agent is not None
        self.turns += 1
        if self.turns > MOST_TURNS:
            raise AssertionError(f"not done: {self.agent.state}\n" + "\n".join(self.told()))
        if self.settled() and self.done(self):
            self.mailbox.stop()
            return
        command = self.ask(self)
        if command is not None:
            self.mailbox.put(Order(command, self.answers.append))
            return
        timer = wake(self.agent.state)
        if timer is not None:
            self.now = max(self.now, timer)

    def settled(self) -> bool:
        """Nothing is left to be delivered, on the card or in the journal, and the eIM waits for nothing."""
        card, journal = self.memory(), self.process.journal
        waiting = [p for p in self.desk.packages() if p["state"] in ("queued", "sent")]
        stood_in = self.stood_in()
        agent = self.agent
        to_do = agent is not None and agent.state.download is not None
        return not (
            to_do
            or journal.wanted() is not None
            or (card.results or card.notifications or waiting or journal.step() is not None)
            or (journal.all_owed() or stood_in.results or stood_in.running or stood_in.switch)
        )

    def stood_in(self) -> consumer_memory.Memory:
        """What the agent keeps for a consumer card."""
        return consumer_memory.load(self.process.journal, bytes.fromhex(self.blank.eid))

    def told(self) -> list[str]:
        """The history."""
        with closing(Journal(self.directory / "journal.db")) as journal:
            return [f"{entry.powered:.0f} {entry.what}: {entry.text}" for entry in journal.history()]

    def close(self) -> None:
        self.modem.close()
        self.desk.records.close()


@dataclass
class Process:
    """What ends with the process."""

    site: Site
    journal: HarmedJournal
    uicc: HarmedUicc
    uplink: Uplink
    gateway: Gateway = field(init=False)

    def note(self, what: str, text: str) -> None:
        self.journal.note(self.site.now, what, text)


MakeSite = Callable[..., Site]

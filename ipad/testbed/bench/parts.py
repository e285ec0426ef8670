"""The agent's own parts in this process, between the mock modem and the eIM: what can be counted is."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from ipad import clock, config
from ipad.eim import EimConfiguration
from ipad.esipa.client import Esipa
from ipad.euicc.iot import OnCard
from ipad.euicc.isdr import Isdr
from ipad.journal import Journal
from ipad.net.http import Uplink
from ipad.opening import esipa_clients, open_modem
from ipad.procedures.gateway import Gateway
from ipad.rsp.servers import Servers
from ipad.testbed.bench.world import World
from modem.card import Card, Channel

_COMMAND = 255
"""Octets that one STORE DATA takes, and ..."""
_ANSWER = 256
"""... that one GET RESPONSE brings."""
_OPEN = 3
"""Exchanges of a new channel: MANAGE CHANNEL, SELECT, GET RESPONSE for its FCI."""


class Meter:
    """A Card that adds up how many exchanges cannot be spared. count: how many there have been."""

    def __init__(self, card: Card, count: Callable[[], int]) -> None:
        self.least = 0
        self.count = count
        self._card = card
        self.forget()

    def forget(self) -> None:
        """Begins anew to count what loads a profile: octets, exchanges, and how few could do."""
        self.loaded = self.loading = self.loading_least = 0

    @property
    def block(self) -> int:
        return self._card.block

    def open(self, aid: bytes) -> Channel:
        self.least += _OPEN
        return self._card.open(aid)


class MeteredIsdr(Isdr):
    """Isdr, with a Meter: so many blocks of each command, and so many of its answer."""

    def __init__(self, meter: Meter, settings: config.Config) -> None:
        super().__init__(meter, settings.waits, sleep=time.sleep)
        self.meter = meter

    def store_data(self, function: str, request: bytes) -> bytes:
        before = self.meter.count()
        answer = super().store_data(function, request)
        answers = math.ceil(len(answer) / _ANSWER)
        self.meter.least += math.ceil(len(request) / _COMMAND) + answers
        if function == "LoadBoundProfilePackage":
            self.meter.loaded += len(request)
            self.meter.loading += self.meter.count() - before
            self.meter.loading_least += math.ceil(len(request) / self.block) + answers
        return answer


@dataclass(frozen=True, slots=True)
class Parts:
    """A gateway in the hands of the bench."""

    gateway: Gateway
    meter: Meter
    uplink: Uplink
    eim: EimConfiguration
    settings: config.Config

    def esipa(self) -> Esipa:
        """A new client of the eIM."""
        return self.gateway.esipa(self.eim, self.gateway.card().eid)


@contextmanager
def parts(world: World) -> Iterator[Parts]:
    """Opens the modem, reads the card, and gives all of it back at the end."""
    settings = config.load(world.config)
    state = world.directory / "parts"
    state.mkdir(exist_ok=True)
    uplink = Uplink()

    opened = open_modem(settings, uplink.idle)
    with closing(Journal(state / "journal.db")) as journal, closing(opened) as modem:
        powered = clock.start(journal)
        meter = Meter(modem.card, lambda: sum(c.startswith("AT+CSIM") for c in world.commands))
        isdr = MeteredIsdr(meter, settings)

        def note(what: str, text: str) -> None:
            journal.note(powered.now(), what, text)

        esipa = esipa_clients(settings, journal, uplink)
        servers = Servers(settings.waits, uplink, settings.rsp)
        choose, waits = (lambda _eid: OnCard(isdr)), settings.waits
        gateway = Gateway(isdr, choose, modem.radio, journal, waits, esipa, note, powered.now, servers)
        assert modem.radio is not None
        modem.radio.status()
        [eim] = gateway.read_card().eims
        yield Parts(gateway, meter, uplink, eim, settings)
        isdr.close()

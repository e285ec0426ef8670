"""The mock modem without its AT port: functionality, SIM, registration, and what it does on REFRESH."""

from collections.abc import Callable
from enum import Enum

from modem.errors import ModemError
from modem.mock.channels import Channels
from modem.mock.cme import SIM_BUSY, SIM_FAILURE, SIM_NOT_INSERTED, CmeError
from modem.mock.models import Latencies, Model
from modem.mock.network import NOT_REGISTERED, SEARCHING, Network, NetworkStatus
from modem.mock.terminal import Subscriber, Terminal
from modem.mock.timers import Timer, Timers
from modem.proactive import BEYOND_CAPABILITIES, REFRESH, SUCCESS, UICC_RESET
from modem.uicc import Reply

Event = Callable[[str, dict[str, str]], None]

_NOBODY = Subscriber(None, None)
_REGISTERED = (1, 5)

FORMER_APN = "former.example"
"""Of the attach profile, with the fault apn-sticks: only the first profile's operator knows it."""


class Sim(Enum):
    """Where the card session is."""

    OFF = "off"
    STARTING = "starting"
    READY = "ready"
    NO_PROFILE = "no profile"
    FAILED = "failed"
    """The card answers; what its profile has in it, the modem does not take for a SIM."""


class Baseband:
    """One modem's inner state.

    contexts: +CGDCONT's, which outlive a restart. say: puts out an unsolicited line. on_event: tells the
    testbed.
    """

    def __init__(
        self,
        terminal: Terminal,
        network: Network,
        timers: Timers,
        model: Model,
        latencies: Latencies,
        faults: frozenset[str],
        contexts: dict[int, str],
        say: Callable[[str], None],
        on_event: Event,
    ) -> None:
        self.network = network
        self.sim = Sim.OFF
        self.subscriber = _NOBODY
        self.functionality = 0
        self.attached = True
        self.bearer = True
        self.on_registration: Callable[[NetworkStatus], None] = lambda _status: None
        self.channels = Channels(self.host_transmit, faults)
        self._terminal = terminal
        self._model = model
        self._contexts = contexts
        self._timers = timers
        self._latencies = latencies
        self._faults = faults
        self._say = say
        self._on_event = on_event
        self._session: Timer | None = None
        self._search: Timer | None = None
        self._fetch: Timer | None = None
        self._announced = False
        self._answering = False
        self._told = NOT_REGISTERED
        self._sessions = 0
        self._first_imsi: str | None = None
        self._first_iccid: str | None = None
        self._carrier: str | None = None
        """The PLMN whose carrier configuration is in use."""
        self._iccid: str | None = None
        """Told where another is asked for, with the fault old-iccid."""

    # Functionality (+CFUN, TS 27.007 8.2)

    def power_off(self) -> None:
        """All is lost; nothing is said."""
        self._leave()
        self._end_session()
        self.functionality = 0
        self.attached = self.bearer = True
        self._told = NOT_REGISTERED
        self._carrier = self._iccid = None

    def set_functionality(self, level: int) -> None:
        """0: radio and SIM off. 1: full. 4: radio off."""
        before, self.functionality = self.functionality, level
        if level == 0:
            self._leave()
            if "cfun-keeps-card" not in self._faults:
                self._end_session()
        elif level == 4:
            self._leave()
        elif before != 1 and self.sim is Sim.READY:
            self._start_search()
        if level != 0 and self.sim is Sim.OFF:
            self._start_session()
        self.network_changed()

    # The card

    def transmit(self, apdu: bytes) -> Reply:
        """The host's APDU to the card. CmeError if no card answers."""
        self.need_card()
        try:
            reply = self._terminal.uicc.transmit(apdu)
        except ModemError as error:
            raise CmeError(SIM_FAILURE) from error
        self._answering = reply.sw >> 8 == 0x61
        self._look_at(reply)
        return reply

    def host_transmit(self, apdu: bytes) -> Reply:
        """The same, with what some modems do to the answer."""
        reply = self.transmit(apdu)
        if reply.sw >> 8 == 0x61 and not reply.data and "fetches-answers" in self._faults:
            channel = apdu[0] & 0x4F if apdu[0] & 0x40 else apdu[0] & 0x03
            reply = self.transmit(bytes((channel, 0xC0, 0x00, 0x00, reply.sw & 0xFF)))
        return reply

    def read_file(self, file: int, offset: int, length: int) -> Reply:
        """READ BINARY of a file under the MF, on the basic channel."""
        self.need_card()
        try:
            return self._terminal.read(file, offset, length)
        except ModemError as error:
            raise CmeError(SIM_FAILURE) from error

    def told_iccid(self) -> str:
        """The ICCID as the modem tells it; CmeError unless the SIM is ready."""
        iccid = self.need_sim().iccid or ""
        if "iccid-sticks" in self._faults:
            return self._first_iccid or iccid
        return self._iccid or iccid if "old-iccid" in self._faults else iccid

    def need_card(self) -> None:
        """CmeError unless the card session is up, with or without a profile."""
        if self.sim is Sim.STARTING:
            raise CmeError(SIM_BUSY)
        if self.sim is Sim.OFF:
            raise CmeError(SIM_NOT_INSERTED)

    def need_sim(self) -> Subscriber:
        """Who the SIM is; CmeError unless it is ready."""
        self.need_card()
        if self.sim is Sim.FAILED:
            raise CmeError(SIM_FAILURE)
        if self.sim is not Sim.READY:
            raise CmeError(SIM_NOT_INSERTED)
        return self.subscriber

    def _start_session(self) -> None:
        self.channels.forget()
        self.sim = Sim.STARTING
        self._session = self._timers.later(self._latencies.sim, self._session_up)

    def _session_up(self) -> None:
        try:
            self.subscriber = self._terminal.start()
        except ModemError:
            self.sim, self.subscriber = Sim.OFF, _NOBODY
            return
        self.sim = Sim.READY if self.subscriber.iccid and self.subscriber.imsi else Sim.NO_PROFILE
        self._sessions += 1
        self._first_imsi = self._first_imsi or self.subscriber.imsi
        self._first_iccid = self._first_iccid or self.subscriber.iccid
        if "sim-failure" in self._faults and self.subscriber.imsi not in (None, self._first_imsi):
            self.sim = Sim.FAILED
        self._carrier = self._carrier or _plmn(self.subscriber.imsi)
        self._iccid = self._iccid or self.subscriber.iccid
        if self._sessions == 1 and "stale-channels" in self._faults:
            self.channels.fill()
        if self._terminal.last.sw >> 8 == 0x91:
            self._fetch_now(self._terminal.last.sw & 0xFF)
        self._on_event("sim", {"iccid": self.subscriber.iccid or "", "imsi": self.subscriber.imsi or ""})
        if self.sim is Sim.READY:
            self._say_all(self._model.sim_ready)
            if self.functionality == 1:
                self._start_search()
        self.network_changed()

    def _end_session(self) -> None:
        for timer in (self._session, self._fetch):
            if timer is not None:
                timer.cancel()
        self._fetch = None
        self.sim, self.subscriber = Sim.OFF, _NOBODY

    # Proactive commands (TS 102 221 7.4.2)

    def _look_at(self, reply: Reply) -> None:
        if reply.sw >> 8 != 0x91 or self._fetch is not None or "ignore-refresh" in self._faults:
            return
        length = reply.sw & 0xFF
        self._fetch = self._timers.later(self._latencies.refresh, lambda: self._fetch_now(length))

    def _fetch_now(self, length: int, postponed: bool = False) -> None:
        if self._answering and not postponed:  # a FETCH between 61xx and GET RESPONSE would lose the answer
            delay = self._latencies.refresh
            self._fetch = self._timers.later(delay, lambda: self._fetch_now(length, postponed=True))
            return
        self._fetch = None
        try:
            command = self._terminal.fetch(length)
            if command is None:
                return
            if self._sessions == 1 and "cat-busy" in self._faults:
                return
            if command.type != REFRESH:
                self._look_at(self._terminal.respond(command, BEYOND_CAPABILITIES))
                return
            if command.qualifier != UICC_RESET:
                self._terminal.respond(command, SUCCESS)
        except ModemError:
            return  # the card has gone: nobody is there to be served
        self._on_event("refresh", {"qualifier": f"{command.qualifier:02X}"})
        self._leave()
        self._end_session()
        self._say_all(self._model.sim_gone)
        self._start_session()
        self.network_changed()

    def _say_all(self, lines: tuple[str, ...]) -> None:
        if "quiet" not in self._faults:
            for line in lines:
                self._say(line)

    # Registration

    def choose_carrier(self) -> None:
        """The carrier configuration that fits the SIM, from now on."""
        self._carrier = _plmn(self.subscriber.imsi)
        if self.sim is Sim.READY and self.functionality == 1:
            self._start_search()

    def status(self) -> NetworkStatus:
        """How the modem is registered."""
        if self._announced:
            return self.network.status()
        return SEARCHING if self._search is not None or self._carrier_stuck() else NOT_REGISTERED

    def attach(self, wanted: bool) -> None:
        """+CGATT (TS 27.007 10.1.9)."""
        if wanted == self.attached:
            return
        self.attached = wanted
        if not wanted:
            self._leave()
        elif self.sim is Sim.READY and self.functionality == 1:
            self._start_search()
        self.network_changed()

    def activate(self, wanted: bool) -> None:
        """+CGACT (TS 27.007 10.1.10)."""
        self.bearer = wanted
        if wanted:
            self._on_event("bearer", {})

    def address(self) -> str | None:
        """The bearer's address, while there is one."""
        status = self.status()
        refused = self.subscriber.imsi != self._first_imsi and FORMER_APN in self._contexts.get(1, "")
        return status.address if self.bearer and not refused and status.registration in _REGISTERED else None

    def network_changed(self) -> None:
        """Tells the host and the testbed what is new."""
        status = self.status()
        before, self._told = self._told, status
        if status == before:
            return
        if status.registration != before.registration or status.plmn != before.plmn:
            self.on_registration(status)
            told = {"registration": str(status.registration), "plmn": status.plmn or ""}
            if status.cause is not None:
                told["cause"] = str(status.cause)
            self._on_event("registered" if status.registration in _REGISTERED else "unregistered", told)
        if status.address is not None and before.address is None:
            self.bearer = True

    def _start_search(self) -> None:
        if not self.attached or self._announced or self._search is not None or self._carrier_stuck():
            return
        self._search = self._timers.later(self._latencies.registration, self._announce)

    def _carrier_stuck(self) -> bool:
        """Nothing is found with another operator's carrier configuration."""
        on = self.attached and self.sim is Sim.READY and self.functionality == 1
        return on and "carrier-stuck" in self._faults and self._carrier != _plmn(self.subscriber.imsi)

    def _announce(self) -> None:
        self._search = None
        self._announced = True
        self.network.register(self.subscriber.imsi)
        self.network_changed()

    def _leave(self) -> None:
        if self._search is not None:
            self._search.cancel()
            self._search = None
        if self._announced:
            self._announced = False
            self.network.register(None)


def _plmn(imsi: str | None) -> str | None:
    return imsi[:5] if imsi else None

"""A modem's cellular side over AT: identity, status, remedies, taking a new profile."""

import re
from collections.abc import Callable
from contextlib import suppress

from modem import at_parse
from modem.apn import Apns
from modem.at import WHO, At, told
from modem.errors import AtError, AtTimeout
from modem.memory import Memory, ShortMemory
from modem.poller import Poller
from modem.radio import Apn, Identity, RadioStatus, Registration, Remedy, Sim
from modem.taking import Taking
from modem.uicc import Uicc
from modem.waits import Waits

# Tried after each start of the modem; what it does not know, it refuses. Form 3 of +CEREG tells the reject
# cause. Numeric operator names.
_REPORTS = (
    ("AT+C5GREG=2",),
    ("AT+CEREG=3", "AT+CEREG=2", "AT+CEREG=1"),
    ("AT+CGREG=2", "AT+CGREG=1"),
    ("AT+CREG=2", "AT+CREG=1"),
)
_SETTINGS = ("AT+COPS=3,2",)
_REGISTRATIONS = ("AT+CEREG?", "AT+CREG?", "AT+CGREG?", "AT+C5GREG?")
_STATUS_TOLD = ("+CPIN", "+CGEV", "+QUSIM", "^SIMST", "#QSS", "RDY", "NO CARRIER")
# SIM not inserted, PIN required, SIM failure, SIM busy (TS 27.007 9.2.1).
_NOT_READY = (10, 11, 13, 14)
_ICCID_LINE = re.compile(f".*{at_parse.ICCID_ANSWER.pattern}")


class AtRadio:
    """Radio over AT. After the modem was away or has restarted, the next call sets it up again.

    uicc: the way to the card that the same modem offers, asked whether the card is back after a switch to
    no profile at all. memory: keeps the APN of each profile. apn_of: the user's word about a profile's.
    """

    def __init__(
        self,
        at: At,
        waits: Waits,
        uicc: Uicc,
        memory: Memory | None = None,
        apn_of: Callable[[str], Apn | None] = lambda _iccid: None,
    ) -> None:
        self._at = at
        self._waits = waits
        self._apns = Apns(at, memory or ShortMemory(), apn_of)
        self._taking = Taking(at, waits, uicc, self._apns, self)
        self._poller = Poller(at.wake, waits.registration_poll)
        self._set_up = 0
        self._changed = False
        self._unknown: set[str] = set()
        """Questions that this modem does not know, until it restarts."""
        self._iccid: str | None = None
        self._iccid_command: str | None = None
        at.on_unsolicited = self._hear

    def identity(self) -> Identity:
        """+CGMI, +CGMM, +CGMR, +CGSN (TS 27.007 5.1 to 5.4), +WS46 (5.9)."""
        manufacturer, model, revision, imei = (self._text(command) for command in (*WHO, "AT+CGSN"))
        return Identity(manufacturer, model, revision, imei, self._technologies())

    def status(self) -> RadioStatus:
        """How the modem is now. Raises ModemError if it does not answer; what it refuses to tell is None."""
        self._changed = False
        self.set_up()
        sim = self.sim()
        registered = self._registered()
        plmn, tech = at_parse.operator(self._ask("AT+COPS?", slow=True))
        signal = at_parse.csq(self._ask("AT+CSQ"))
        return RadioStatus(
            sim=sim,
            registration=registered.stat,
            cause=registered.cause,
            plmn=plmn,
            tech=tech,
            signal=signal if signal is not None else at_parse.cesq(self._ask("AT+CESQ")),
            iccid=self.read_iccid() if sim is not Sim.ABSENT else None,
            address=self._address(),
        )

    def apply(self, remedy: Remedy) -> None:
        """Carries out one remedy; returns when the modem has taken it, not when it has helped."""
        self.set_up()
        match remedy:
            case Remedy.REATTACH:
                self._taking.off_and_on("AT+CGATT=0", "AT+CGATT=1")
            case Remedy.BEARER:
                self._taking.off_and_on("AT+CGACT=0,1", "AT+CGACT=1,1")
            case Remedy.RADIO_CYCLE:
                self._taking.off_and_on("AT+CFUN=4", "AT+CFUN=1")
            case Remedy.RESET:
                self._taking.reset()

    def take_profile(self, iccid: str | None) -> bool:
        """Makes the modem use what the card now has enabled; True once it reads `iccid`.

        Sets its APN, waits waits.refresh for the modem to act on the REFRESH, and if it does not makes it
        look at the card, as its model wants it. None: no profile is enabled, wait only until the card is
        back. False: even after a reset the modem reads something else, or nothing.
        """
        return self._taking.take(iccid, self._iccid)

    def bring_apn(self, iccid: str, apn: Apn) -> None:
        """The profile in use brings an APN; the modem attaches with it, unless the user says otherwise."""
        self._apns.bring(iccid, apn)
        if self._apns.put(iccid, iccid):
            self._taking.off_and_on("AT+CGATT=0", "AT+CGATT=1")

    def fileno(self) -> int:
        """Readable when the modem has said something by itself; the same for the life of this object."""
        return self._at.fileno()

    def pump(self) -> bool:
        """Reads what the modem said by itself; True if the status may have changed. PortGone."""
        self._at.pump()
        changed, self._changed = self._changed, False
        return self._poller.due() or changed

    def close(self) -> None:
        """Stops looking at a modem that says nothing by itself."""
        self._poller.stop()

    # What the modem says by itself

    def _hear(self, line: str) -> None:
        if at_parse.is_registration(line) or line.startswith(_STATUS_TOLD):
            self._changed = True

    # Asking

    def set_up(self) -> None:
        """Sets the modem up, if it has started since the last time."""
        if not self._at.is_open:
            self._at.command("AT")
        if self._set_up == self._at.boots:
            return
        meeting = self._at.boots
        self._unknown.clear()
        self._iccid_command = None
        reports = [self._first_taken(ways) for ways in _REPORTS]
        for command in _SETTINGS:
            self._first_taken((command,))
        if any(reports):
            self._poller.stop()
        else:
            self._poller.start()
        self._set_up = meeting

    def _first_taken(self, commands: tuple[str, ...]) -> bool:
        for command in commands:
            with suppress(AtError):
                self._at.command(command)
                return True
        return False

    def registration(self) -> Registration:
        """Whether the modem is registered, in whatever it knows."""
        return self._registered().stat

    def _registered(self) -> at_parse.Registered:
        seen = [one for query in _REGISTRATIONS if (one := at_parse.registered(self._registration(query)))]
        return at_parse.best(seen)

    def _ask(self, command: str, *, slow: bool = False) -> list[str]:
        """The answer's lines; none if the modem refuses."""
        try:
            return self._read(command, deadline=self._waits.at_slow if slow else None)
        except AtError:
            return []

    def _read(
        self, command: str, takes: re.Pattern[str] | None = None, deadline: float | None = None
    ) -> list[str]:
        """The answer's lines. An OK without any is not believed at once: it may be somebody else's."""
        lines = self._at.command(command, takes=takes, deadline=deadline)
        if lines:
            return lines
        self._at.doubt()
        return self._at.command(command, takes=takes, deadline=deadline)

    def _registration(self, query: str) -> list[str]:
        if query in self._unknown:
            return []
        try:
            return self._read(query, at_parse.REGISTRATION_ANSWER)
        except AtError:
            self._unknown.add(query)
            return []

    def _technologies(self) -> frozenset[str]:
        if not self._at.facts.test_commands:
            return frozenset()
        try:
            return at_parse.technologies(self._at.command("AT+WS46=?", takes=at_parse.WS46_ANSWER))
        except (AtError, AtTimeout):
            return frozenset()

    def _text(self, command: str) -> str:
        try:
            return told(command, self._read(command))
        except AtError:
            return ""

    def sim(self) -> Sim:
        """+CPIN's word."""
        try:
            return at_parse.sim(self._read("AT+CPIN?"))
        except AtError as error:
            return at_parse.sim_by_cause(error.code)

    def read_iccid(self) -> str | None:
        """The ICCID that the modem reads, by whichever command it knows; that one is remembered."""
        known = self._iccid_command
        for command in self._at.facts.iccid_commands if known is None else (known,):
            try:
                lines = self._read(command, _ICCID_LINE)
            except AtError as error:
                if error.code in _NOT_READY:
                    return (
                        None  # it knows the command: another one may tell of the card, and not of the modem
                    )
                continue
            if iccid := at_parse.iccid(lines):
                self._iccid_command = command
                if self._iccid not in (None, iccid):
                    self._at.card_was_reset()
                self._iccid = iccid
                return iccid
        return None

    def _address(self) -> str | None:
        active = at_parse.active_contexts(self._ask("AT+CGACT?"))
        if not active:
            return None
        addresses = at_parse.addresses(self._ask("AT+CGPADDR"))
        return next((address for cid, address in addresses.items() if cid in active), None)

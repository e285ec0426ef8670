"""A modem's cellular side over AT: identity, status, remedies, taking a new profile."""

import time
from collections.abc import Callable
from contextlib import suppress

from modem import at_parse
from modem.at import BARE, At
from modem.bcd import same_iccid
from modem.errors import AtError, AtTimeout, ModemError, PortGone
from modem.radio import Identity, RadioStatus, Remedy, Sim
from modem.uicc import Uicc
from modem.waits import Waits

# Tried after each start of the modem; what it does not know, it refuses. Form 3 of +CEREG tells the reject
# cause. Numeric operator names.
_SETTINGS = (
    ("AT+CEREG=3", "AT+CEREG=2", "AT+CEREG=1"),
    ("AT+CGREG=2", "AT+CGREG=1"),
    ("AT+CREG=2", "AT+CREG=1"),
    ("AT+COPS=3,2",),
)
_REGISTRATIONS = ("AT+CEREG?", "AT+CREG?", "AT+CGREG?", "AT+C5GREG?")
_STATUS_TOLD = ("+CPIN", "+CGEV", "+QUSIM", "^SIMST", "RDY", "NO CARRIER")
# STATUS, TS 102 221 11.1.2: a card that answers it at all is back.
_STATUS_COMMAND = bytes.fromhex("80F2000000")
_WENT_AWAY = (AtTimeout, PortGone)


class AtRadio:
    """Radio over AT. After the modem was away or has restarted, the next call sets it up again.

    uicc: the way to the card that the same modem offers, asked whether the card is back after a switch to
    no profile at all.
    """

    def __init__(self, at: At, waits: Waits, uicc: Uicc) -> None:
        self._at = at
        self._waits = waits
        self._uicc = uicc
        self._set_up = 0
        self._changed = False
        self._iccid: str | None = None
        self._iccid_command: str | None = None
        at.on_unsolicited = self._hear

    def identity(self) -> Identity:
        """+CGMI, +CGMM, +CGMR, +CGSN (TS 27.007 5.1 to 5.4), +WS46 (5.9)."""
        manufacturer, model, revision, imei = (
            self._text(command) for command in ("AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN")
        )
        return Identity(manufacturer, model, revision, imei, self._technologies())

    def status(self) -> RadioStatus:
        """How the modem is now. Raises ModemError if it does not answer; what it refuses to tell is None."""
        self._changed = False
        self._prepare()
        sim = self._sim()
        seen = [one for query in _REGISTRATIONS if (one := at_parse.registered(self._registration(query)))]
        registered = at_parse.best(seen)
        plmn, tech = at_parse.operator(self._ask("AT+COPS?", slow=True))
        signal = at_parse.csq(self._ask("AT+CSQ"))
        return RadioStatus(
            sim=sim,
            registration=registered.stat,
            cause=registered.cause,
            plmn=plmn,
            tech=tech,
            signal=signal if signal is not None else at_parse.cesq(self._ask("AT+CESQ")),
            iccid=self._read_iccid() if sim is not Sim.ABSENT else None,
            address=self._address(),
        )

    def apply(self, remedy: Remedy) -> None:
        """Carries out one remedy; returns when the modem has taken it, not when it has helped."""
        self._prepare()
        match remedy:
            case Remedy.REATTACH:
                self._off_and_on("AT+CGATT=0", "AT+CGATT=1")
            case Remedy.BEARER:
                self._off_and_on("AT+CGACT=0,1", "AT+CGACT=1,1")
            case Remedy.RADIO_CYCLE:
                self._off_and_on("AT+CFUN=4", "AT+CFUN=1")
            case Remedy.RESET:
                self._reset()

    def take_profile(self, iccid: str | None) -> None:
        """Makes the modem use what the card now has enabled; returns once it reads `iccid`.

        Waits waits.refresh for the modem to act on the REFRESH, and resets it if it does not. None: no
        profile is enabled, wait only until the card is back. Raises ModemError if the modem reads
        something else even after the reset.
        """
        before = self._iccid
        if self._taken(iccid, before, self._waits.refresh):
            return
        self._reset()
        if not self._taken(iccid, before, self._waits.sim_ready):
            raise ModemError(
                "taking the new profile",
                f"after a reset the modem reads ICCID {self._iccid or 'none'}, the card has {iccid} enabled",
                "power-cycle the modem",
                executed=True,
            )

    def fileno(self) -> int:
        """Readable when the modem has said something by itself; the same for the life of this object."""
        return self._at.fileno()

    def pump(self) -> bool:
        """Reads what the modem said by itself; True if the status may have changed. PortGone."""
        self._at.pump()
        changed, self._changed = self._changed, False
        return changed

    # What the modem says by itself

    def _hear(self, line: str) -> None:
        if at_parse.is_registration(line) or line.startswith(_STATUS_TOLD):
            self._changed = True

    # Asking

    def _prepare(self) -> None:
        """Sets the modem up, if it has started since the last time."""
        if not self._at.is_open:
            self._at.command("AT")
        if self._set_up == self._at.boots:
            return
        meeting = self._at.boots
        for ways in _SETTINGS:
            for way in ways:
                with suppress(AtError):
                    self._at.command(way)
                    break
        self._set_up = meeting

    def _ask(self, command: str, *, slow: bool = False) -> list[str]:
        """The answer's lines; none if the modem refuses."""
        try:
            return self._at.command(command, deadline=self._waits.at_slow if slow else None)
        except AtError:
            return []

    def _registration(self, query: str) -> list[str]:
        try:
            return self._at.command(query, takes=at_parse.REGISTRATION_ANSWER)
        except AtError:
            return []

    def _technologies(self) -> frozenset[str]:
        try:
            return at_parse.technologies(self._at.command("AT+WS46=?", takes=at_parse.WS46_ANSWER))
        except AtError:
            return frozenset()

    def _text(self, command: str) -> str:
        try:
            lines = self._at.command(command, takes=BARE)
        except AtError:
            return ""
        return lines[0].strip().strip('"') if lines else ""

    def _sim(self) -> Sim:
        try:
            return at_parse.sim(self._at.command("AT+CPIN?"))
        except AtError as error:
            return at_parse.sim_by_cause(error.code)

    def _read_iccid(self) -> str | None:
        """The ICCID that the modem reads, by whichever command it knows; that one is remembered."""
        known = self._iccid_command
        for command in self._at.facts.iccid_commands if known is None else (known,):
            if iccid := at_parse.iccid(self._ask(command)):
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

    # Doing

    def _off_and_on(self, off: str, on: str) -> None:
        # Whatever became of switching off, it is switched on again.
        with suppress(AtError, AtTimeout):
            self._at.command(off, deadline=self._waits.at_slow)
        self._at.command(on, deadline=self._waits.at_slow)

    def _reset(self) -> None:
        """+CFUN=1,1, and waits until the modem answers again and its SIM had its time (TS 27.007 8.2)."""
        boots = self._at.boots
        with suppress(*_WENT_AWAY):  # some go down before they say OK
            self._at.command("AT+CFUN=1,1")
        self._at.card_was_reset()
        went = self._until(lambda: self._went_down(boots), self._waits.reset_begins)
        if not self._until(self._answers, self._waits.modem_boot):
            raise ModemError(
                "resetting the modem",
                f"it does not answer {'after going down' if went else 'any more'}",
                "power-cycle the modem",
                executed=None,
            )
        self._until(lambda: self._sim() is Sim.READY, self._waits.sim_ready)

    def _went_down(self, boots: int) -> bool:
        with suppress(PortGone):
            self._at.pump()
        return not self._at.is_open or self._at.boots != boots

    def _answers(self) -> bool:
        self._at.doubt()
        self._at.command("AT")
        self._prepare()
        return True

    def _taken(self, iccid: str | None, before: str | None, seconds: float) -> bool:
        if iccid is not None:
            return self._until(lambda: self._uses(iccid), seconds)
        return self._until(lambda: self._uses_none(before), seconds)

    def _uses(self, iccid: str) -> bool:
        reads = self._read_iccid()
        return reads is not None and same_iccid(reads, iccid) and self._sim() is Sim.READY

    def _uses_none(self, before: str | None) -> bool:
        if self._read_iccid() is not None and self._iccid == before:
            return False
        # 91xx: the REFRESH still waits to be fetched.
        return self._uicc.transmit(_STATUS_COMMAND).sw >> 8 != 0x91

    def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Looks until it holds; False when the time is over. A modem that is away does not hold."""
        end = time.monotonic() + seconds
        while True:
            with suppress(ModemError):
                if holds():
                    return True
            if time.monotonic() >= end:
                return False
            self._at.sleep(self._waits.poll_ready)

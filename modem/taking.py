"""Making a modem use the profile that its card now has enabled: rung by rung, as its model wants it."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from modem.apn import Apns
from modem.at import At
from modem.bcd import same_iccid
from modem.errors import AtError, AtTimeout, ModemError, PortGone
from modem.quirks import Rung
from modem.radio import Registration, Sim
from modem.uicc import Uicc
from modem.waits import Waits

# STATUS, TS 102 221 11.1.2: a card that answers it at all is back.
_STATUS_COMMAND = bytes.fromhex("80F2000000")
_STANDARD_RESET = "AT+CFUN=1,1"


class Modem(Protocol):
    """What taking a profile needs of a radio."""

    def sim(self) -> Sim: ...

    def read_iccid(self) -> str | None: ...

    def registration(self) -> Registration: ...

    def set_up(self) -> None: ...


class Taking:
    """One modem, and the ways to make it look at its card again."""

    def __init__(self, at: At, waits: Waits, uicc: Uicc, apns: Apns, modem: Modem) -> None:
        self._at = at
        self._waits = waits
        self._uicc = uicc
        self._apns = apns
        self._modem = modem

    def take(self, iccid: str | None, before: str | None) -> bool:
        """See Radio.take_profile. before: the ICCID that the modem read last."""
        other_apn = iccid is not None and self._put_apn(before, iccid)
        for rung in self._rungs():
            with suppress(AtError):
                self._climb(rung)
                if self._taken(iccid, before, self._patience(rung)):
                    break
        else:
            return False
        if iccid is not None:
            if other_apn and rung == "refresh":
                self._attach_again()
            self._choose_carrier()
        return True

    def reset(self) -> None:
        """Restarts the modem; waits until it answers again and its SIM had its time (TS 27.007 8.2)."""
        boots = self._at.boots
        self._order_restart()
        self._at.card_was_reset()
        went = self.until(lambda: self._went_down(boots), self._waits.reset_begins)
        if not self.until(self._answers, self._waits.modem_boot * self._at.facts.patience):
            raise ModemError(
                "resetting the modem",
                f"it does not answer {'after going down' if went else 'any more'}",
                "power-cycle the modem",
                executed=None,
            )
        self.until(lambda: self._modem.sim() is Sim.READY, self._sim_ready)

    def off_and_on(self, off: str, on: str) -> None:
        """Switches something off, and on again whatever became of that."""
        with suppress(AtError, AtTimeout):
            self._at.command(off, deadline=self._slow)
        self._at.command(on, deadline=self._slow)

    def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Looks until it holds; False when the time is over. A modem that is away does not hold."""
        end = time.monotonic() + seconds
        while True:
            with suppress(ModemError):
                if holds():
                    return True
            if time.monotonic() >= end:
                return False
            self._at.sleep(self._waits.poll_ready)

    # Rungs

    def _rungs(self) -> tuple[Rung, ...]:
        """What the model wants; a reset is the last resort of all."""
        rungs = self._at.facts.take
        return rungs if "reset" in rungs else (*rungs, "reset")

    def _climb(self, rung: Rung) -> None:
        match rung:
            case "refresh":
                return
            case "cfun":
                self.off_and_on("AT+CFUN=0", "AT+CFUN=1")
            case "sim":
                for command in self._at.facts.sim_power:
                    self._at.command(command, deadline=self._slow)
            case "reset":
                self.reset()
        self._at.card_was_reset()

    def _patience(self, rung: Rung) -> float:
        return self._waits.refresh if rung == "refresh" else self._sim_ready

    def _taken(self, iccid: str | None, before: str | None, seconds: float) -> bool:
        if iccid is not None:
            return self.until(lambda: self._uses(iccid), seconds)
        return self.until(lambda: self._uses_none(before), seconds)

    def _uses(self, iccid: str) -> bool:
        reads = self._modem.read_iccid()
        return reads is not None and same_iccid(reads, iccid) and self._modem.sim() is Sim.READY

    def _uses_none(self, before: str | None) -> bool:
        reads = self._modem.read_iccid()
        if reads is not None and reads == before:
            return False
        # 91xx: the REFRESH still waits to be fetched.
        return self._uicc.transmit(_STATUS_COMMAND).sw >> 8 != 0x91

    # A restart

    def _order_restart(self) -> None:
        for command in dict.fromkeys((*self._at.facts.reset, _STANDARD_RESET)):
            try:
                self._at.command(command)
            except AtError:
                continue  # the standard's way, then
            except (AtTimeout, PortGone):
                return  # some go down before they say OK
            return

    def _went_down(self, boots: int) -> bool:
        with suppress(PortGone):
            self._at.pump()
        return not self._at.is_open or self._at.boots != boots

    def _answers(self) -> bool:
        self._at.doubt()
        self._at.command("AT")
        self._modem.set_up()
        return True

    # The network of the new profile

    def _put_apn(self, before: str | None, iccid: str) -> bool:
        try:
            return self._apns.put(before, iccid)
        except ModemError:
            return True  # the modem may be at its card already; the attach that follows tries again

    def _attach_again(self) -> None:
        """The modem may have attached before its APN was another."""
        with suppress(AtError, AtTimeout):
            self.off_and_on("AT+CGATT=0", "AT+CGATT=1")

    def _choose_carrier(self) -> None:
        """Some keep the former operator's configuration, and find no network with it."""
        commands = self._at.facts.carrier
        if not commands or self.until(self._knows_the_network, self._waits.carrier):
            return
        for command in commands:
            with suppress(AtError):
                self._at.command(command, deadline=self._slow)
        self.reset()

    def _knows_the_network(self) -> bool:
        """One that refuses is not looked for with the wrong configuration."""
        return self._modem.registration() in (
            Registration.HOME,
            Registration.ROAMING,
            Registration.DENIED,
        )

    @property
    def _slow(self) -> float:
        return self._waits.at_slow * self._at.facts.patience

    @property
    def _sim_ready(self) -> float:
        return self._waits.sim_ready * self._at.facts.patience

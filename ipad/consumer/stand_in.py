"""What an IoT card does for its eIMs (SGP.32 5.9), done by the agent for a consumer card (SGP.22).

What such a card keeps, `memory` keeps; what it verifies, is verified here; what it signs, the device key
signs. Two things are different, because the card is told one thing after the other:

A package's counter is on disk before the card is touched, and every operation before and after it. After an
interruption `package_results` goes on where it was, asking the card whether the last operation was done. It
executes nothing more if nobody is waiting for the package any more: then the result says interruption(3).

A result is signed when the outcome is known, after the switch and not before it.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from ipad.asn1 import DecodeError, member, value
from ipad.consumer import device_key, eims, memory, operations, package, profiles
from ipad.consumer.device_key import DeviceKey, DeviceKeyUnusable
from ipad.consumer.memory import Memory, Origin, Result, Rollback, Running, Switch
from ipad.consumer.operations import Deed, Outcome, Place
from ipad.errors import EuiccRefused, IpadError
from ipad.euicc import es10b, es10c, read
from ipad.euicc.iot import Kind
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import EimConfiguration, PackageResult, ProfileInfo
from ipad.euicc.refusal import refuse
from ipad.journal import Journal
from modem.errors import CardRefused, ModemError
from modem.radio import Radio

log = logging.getLogger("ipad")

MOST_RESUMED = 3
"""How often an interrupted package is taken up again before the rest of it is given up."""

_ROLLBACK_OK = bytes.fromhex("8C0100")
"""rollbackResult ok, an EuiccResultData."""
_UNAVAILABLE = (
    "results signed by the card",
    "immediate enabling",
    "emergency profile",
    "setFallbackAttribute",
)
_MALFORMED = 0x6A80
_ROLLBACK_NOT_ALLOWED, _NOT_IN_DISABLED_STATE, _FALLBACK_NOT_AVAILABLE = 1, 2, 6
_COMMAND_ERROR, _UNDEFINED = 7, 127
"""ProfileRollbackResponse, ExecuteFallbackMechanismResponse, ReturnFromFallbackResponse."""


class StandIn:
    """For one consumer card. Keeps nothing itself: all is in the journal.

    radio: brought to the profile that is enabled before a package goes on; None: a card in a reader.
    key: the device key's file. fallback: ICCID of the profile that a fallback enables; "" for none.
    """

    kind: Kind = "consumer"

    def __init__(
        self, isdr: Isdr, radio: Radio | None, journal: Journal, eid: bytes, key: Path, fallback: str
    ) -> None:
        self._isdr = isdr
        self._radio = radio
        self._journal = journal
        self._eid = eid
        self._key = key
        self._fallback = fallback
        self._fallback_there = True

    @property
    def unavailable(self) -> tuple[str, ...]:
        if not self._fallback:
            return (*_UNAVAILABLE, "fallback (no fallback_iccid in the configuration)")
        if not self._fallback_there:
            return (*_UNAVAILABLE, "fallback (the card does not have the configured fallback_iccid)")
        return _UNAVAILABLE

    # What an IoT card tells

    def profiles(self) -> tuple[ProfileInfo, ...]:
        """All profiles; the configured one is the fallback profile."""
        listed = es10c.profiles(self._isdr)
        kept = self._load()
        if kept.switch is not None:
            try:
                self._settle(kept, kept.switch, listed)
            except DeviceKeyUnusable as problem:  # the profiles are there all the same
                log.error("%s", problem)
        self._fallback_there = any(p.iccid == self._fallback for p in listed)
        return tuple(replace(p, fallback=bool(self._fallback) and p.iccid == self._fallback) for p in listed)

    def eim_configurations(self) -> tuple[EimConfiguration, ...]:
        """The associated eIMs."""
        return tuple(read.eim_configuration(eims.configuration(eim)) for eim in self._load().eims)

    def package_results(self, seq: int | None = None) -> tuple[PackageResult, ...]:
        """Results that wait; a package that was interrupted is brought to its end first."""
        kept = self._load()
        if kept.running is not None:
            self._resume(kept, kept.running)
        results = [r for r in kept.results if seq is None or r.seq == seq]
        return tuple(read.package_result(bytes.fromhex(result.octets)) for result in results)

    def remove_result(self, seq: int) -> bool:
        """It was delivered and taken. False if there is none with this number."""
        kept = self._load()
        left = [result for result in kept.results if result.seq != seq]
        found = len(left) < len(kept.results)
        if found:
            kept.results = left
            self._store(kept)
        return found

    # Associations

    def add_initial_eim(self, configurations: Sequence[bytes]) -> tuple[int | None, ...]:
        """AddInitialEim (5.9.4): all of them or none, only while no eIM is associated."""
        kept = self._load()
        if kept.eims:
            self._refuse_eim(eims.ALREADY_EXISTS)
        if not configurations:
            self._refuse_eim(eims.COMMAND_ERROR)
        try:
            tokens = tuple(
                eims.add(kept, value(member(der, 0x30)), self._ci_pk_ids) for der in configurations
            )
        except DecodeError:
            self._refuse_eim(eims.COMMAND_ERROR)
        except eims.Rejected as rejected:
            self._refuse_eim(rejected.code)
        self._store(kept)
        return tokens

    def _ci_pk_ids(self) -> tuple[bytes, ...]:
        return es10b.info2(self._isdr).ci_pk_ids_verification

    @staticmethod
    def _refuse_eim(code: int) -> NoReturn:
        refuse("AddInitialEim", code, "AddInitialEimResponse", "addInitialEimError")

    # Packages

    def load_euicc_package(self, package_: bytes) -> PackageResult:
        """LoadEuiccPackage (5.9.1). A malformed one gets 6A80, as from a card.

        CardRefused, EuiccRefused: nothing was done. Any other error comes when the package has been begun:
        nobody knows what was done until `package_results` has been asked.
        """
        try:
            offered = package.parse(package_)
        except DecodeError as problem:
            raise CardRefused("LoadEuiccPackage", _MALFORMED, str(problem)) from problem
        kept = self._load()
        eim = kept.eim(offered.eim_id)
        if eim is None or not eims.signed_by(eim, offered.signed, offered.signature):
            token = None if eim is None else eim.token
            return read.package_result(package.unsigned_error(offered, token))
        key = self._key_for("LoadEuiccPackage")
        transaction = None if offered.transaction is None else offered.transaction.hex()
        origin = Origin(eim.eim_id, offered.counter, transaction, eim.token)
        error = self._error(offered, eim)
        if error is not None:
            return read.package_result(package.error(key, origin, error))
        enabled = _enabled(self._profiles_before(kept))
        eim.counter = offered.counter
        kept.rollback = None
        kept.running = Running(origin, offered.operations.hex(), before=enabled)
        self._store(kept)
        return self._execute(kept, kept.running, key)

    def _error(self, offered: package.Package, eim: memory.Eim) -> int | None:
        if offered.eid != self._eid:
            return package.INVALID_EID
        if not 0 <= offered.counter <= eims.MAX_COUNTER:
            return package.COUNTER_OUT_OF_RANGE
        if offered.counter <= eim.counter:
            return package.REPLAY_ERROR
        return None

    def _resume(self, kept: Memory, running: Running) -> None:
        """Brings an interrupted package to its result; executes more of it only as part of its own step."""
        key = device_key.load(self._key)
        running.resumed += 1
        if running.resumed > MOST_RESUMED:
            self._record(kept, running, operations.interrupted())
        else:
            self._store(kept)
        self._execute(kept, running, key, go_on=self._is_waited_for(running))

    def _is_waited_for(self, running: Running) -> bool:
        step = self._journal.step()
        if step is None or step.kind != "package" or step.octets is None:
            return False
        waiting = package.parse(step.octets)
        return (waiting.eim_id, waiting.counter) == (running.origin.eim_id, running.origin.counter)

    def _execute(self, kept: Memory, running: Running, key: DeviceKey, go_on: bool = True) -> PackageResult:
        """Executes what is left of the package, and keeps its signed result."""
        try:
            self._operations(kept, running, go_on)
        except EuiccRefused as refused:
            # Not as a refusal of the package: it has been begun.
            raise IpadError(f"an eUICC Package was interrupted: {refused}") from refused
        except ModemError as error:
            error.executed = None  # whatever it says of one APDU
            raise
        seq = kept.take_seq()
        results = "".join(running.results)
        octets = package.result(key, running.origin, seq, bytes.fromhex(results))
        kept.results.append(Result(seq, octets.hex()))
        if running.rollback and running.before is not None:
            kept.rollback = Rollback(running.before, running.origin, results, seq)
        kept.running = None
        self._store(kept)
        return read.package_result(octets)

    def _operations(self, kept: Memory, running: Running, go_on: bool) -> None:
        """One after the other, up to and with the first that fails."""
        kind, ordered = package.operations(running.operations)
        place = Place(self._isdr, kept, running, self._fallback)
        switched = False
        while not running.ended and len(running.results) < len(ordered):
            if not go_on and not running.begun:
                self._record(kept, running, operations.interrupted())
                return
            if switched:
                self._take_profile()
            found = operations.prepare(place, kind, ordered[len(running.results)])
            if not isinstance(found, Deed):
                self._record(kept, running, found)
            elif go_on:
                running.begun, running.enabled = True, found.enabled
                self._store(kept)
                self._record(kept, running, found.perform())
                switched = found.switches
            else:
                self._record(kept, running, operations.interrupted())

    def _record(self, kept: Memory, running: Running, outcome: Outcome) -> None:
        """What came of an operation is on disk when this returns."""
        running.results.append(outcome.octets.hex())
        running.begun, running.ended = False, not outcome.success
        if outcome.switched:
            kept.fallback_origin = None
            running.rollback = running.rollback or outcome.rollback
        self._store(kept)

    def _take_profile(self) -> None:
        """The modem has to be done with a switch before the card is told the next thing."""
        self._isdr.reset()
        if self._radio is not None:
            self._radio.take_profile(None)

    # Switches that no eIM orders

    def profile_rollback(self) -> PackageResult | None:
        """ProfileRollback (5.9.16). Returns the result that replaces the package's."""
        function = "ProfileRollback"
        self._key_for(function)
        kept = self._load()
        listed = self._profiles_before(kept)
        if kept.rollback is None:
            refuse(function, _ROLLBACK_NOT_ALLOWED, "ProfileRollbackResponse", "cmdResult")
        target = _profile(listed, kept.rollback.iccid)
        if target is None:
            self._command_error(function, "the former profile is not on the card any more")
        return self._switch(function, kept, Switch("rollback", target.iccid), target)

    def execute_fallback(self) -> None:
        """ExecuteFallbackMechanism (5.9.20): enables the configured profile, and remembers where from.

        Also if no profile is enabled: ES10c leads out of that, which the functions of an IoT card do not.
        """
        function, result = "ExecuteFallbackMechanism", "executeFallbackMechanismResult"
        kept = self._load()
        listed = self._profiles_before(kept)
        target = _profile(listed, self._fallback)
        if target is None:
            refuse(function, _FALLBACK_NOT_AVAILABLE, f"{function}Response", result)
        if target.enabled:
            refuse(function, _NOT_IN_DISABLED_STATE, f"{function}Response", result)
        self._switch(function, kept, Switch("fallback", target.iccid, _enabled(listed)), target)

    def return_from_fallback(self) -> None:
        """ReturnFromFallback (5.9.21): enables the profile that the fallback left."""
        function, result = "ReturnFromFallback", "returnFromFallbackResult"
        kept = self._load()
        listed = self._profiles_before(kept)
        if kept.fallback_origin is None:
            refuse(function, _FALLBACK_NOT_AVAILABLE, f"{function}Response", result)
        target = _profile(listed, kept.fallback_origin)
        if target is None:
            self._command_error(function, "the profile that the fallback left is not on the card any more")
        self._switch(function, kept, Switch("return", target.iccid), target)

    def _switch(
        self, function: str, kept: Memory, switch: Switch, target: ProfileInfo
    ) -> PackageResult | None:
        kept.switch = switch
        self._store(kept)
        try:
            if not target.enabled:
                profiles.enable(self._isdr, target)
        except EuiccRefused as refused:
            self._forget_switch(kept)
            if refused.name == "catBusy":
                raise EuiccRefused(function, refused.name, refused.code, refused.advice) from refused
            self._command_error(function, str(refused))
        except ModemError as error:
            if error.executed is False:
                self._forget_switch(kept)
            raise
        return self._done(kept, switch)

    def _settle(self, kept: Memory, switch: Switch, listed: Sequence[ProfileInfo]) -> None:
        """A switch that was begun: done if the card says so; else forgotten, once its step is over."""
        if _enabled(listed) == switch.target:
            self._done(kept, switch)
        elif self._journal.step() is None:
            self._forget_switch(kept)

    def _done(self, kept: Memory, switch: Switch) -> PackageResult | None:
        """The card has switched: what follows from it, in one go."""
        result = None
        if switch.kind == "rollback" and kept.rollback is not None:
            result = self._rolled_back(kept, kept.rollback)
        elif switch.kind != "rollback":
            kept.fallback_origin = switch.origin
        kept.rollback = kept.switch = None
        self._store(kept)
        return result

    def _rolled_back(self, kept: Memory, rollback: Rollback) -> PackageResult:
        """The result with rollbackResult, in the place of the package's.

        It has a number of its own: a late acknowledgement of the first must not remove it.
        """
        key = device_key.load(self._key)
        seq = kept.take_seq()
        octets = package.result(key, rollback.origin, seq, bytes.fromhex(rollback.results) + _ROLLBACK_OK)
        kept.results = [result for result in kept.results if result.seq != rollback.seq]
        kept.results.append(Result(seq, octets.hex()))
        return read.package_result(octets)

    def _forget_switch(self, kept: Memory) -> None:
        kept.switch = None
        self._store(kept)

    def _profiles_before(self, kept: Memory) -> tuple[ProfileInfo, ...]:
        """The profiles, before something new is begun: what was begun earlier is brought to its end."""
        if kept.running is not None:
            self._resume(kept, kept.running)
        try:
            listed = es10c.profiles(self._isdr)
        except EuiccRefused as refused:
            # Not as a refusal of what is to be begun: that was not even tried.
            raise ModemError("reading the profiles first", str(refused), refused.advice) from refused
        if kept.switch is not None:
            if _enabled(listed) == kept.switch.target:
                self._done(kept, kept.switch)
            else:
                self._forget_switch(kept)
        return listed

    @staticmethod
    def _command_error(function: str, advice: str) -> NoReturn:
        raise EuiccRefused(function, "commandError", _COMMAND_ERROR, advice)

    def _key_for(self, function: str) -> DeviceKey:
        """The device key; without it nothing is begun whose result could not be signed."""
        try:
            return device_key.load(self._key)
        except DeviceKeyUnusable as problem:
            raise EuiccRefused(function, "undefinedError", _UNDEFINED, str(problem)) from problem

    def _load(self) -> Memory:
        return memory.load(self._journal, self._eid)

    def _store(self, kept: Memory) -> None:
        memory.store(self._journal, self._eid, kept)


def _enabled(listed: Sequence[ProfileInfo]) -> str | None:
    return next((profile.iccid for profile in listed if profile.enabled), None)


def _profile(listed: Sequence[ProfileInfo], iccid: str) -> ProfileInfo | None:
    return next((profile for profile in listed if iccid and profile.iccid == iccid), None)

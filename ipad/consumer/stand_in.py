"""What an IoT card does for its eIMs (SGP.32 5.9), done by the agent for a consumer card (SGP.22).

What such a card would keep, `memory` keeps; what it would verify, is verified here; what it would sign, the
device key signs.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from ipad.asn1 import DecodeError, member, value
from ipad.consumer import eims, execution, package, switches
from ipad.consumer.card import Card, enabled
from ipad.consumer.device_key import DeviceKeyUnusable
from ipad.consumer.memory import Eim, Memory, Origin, Running
from ipad.errors import EuiccRefused
from ipad.euicc import es10b, es10c, read
from ipad.euicc.iot import Kind
from ipad.euicc.model import EimConfiguration, PackageResult, ProfileInfo
from ipad.euicc.refusal import refuse
from modem.errors import CardRefused, ModemError

log = logging.getLogger("ipad")

_UNAVAILABLE = (
    "results signed by the card",
    "immediate enabling",
    "emergency profile",
    "setFallbackAttribute",
)
_MALFORMED = 0x6A80


class StandIn:
    """IotFunctions for one consumer card. Keeps nothing itself: all is in the journal."""

    kind: Kind = "consumer"

    def __init__(self, card: Card) -> None:
        self._card = card
        self._fallback_there = True

    @property
    def unavailable(self) -> tuple[str, ...]:
        if not self._card.fallback:
            return (*_UNAVAILABLE, "fallback (no fallback_iccid in the configuration)")
        if not self._fallback_there:
            return (*_UNAVAILABLE, "fallback (the card does not have the configured fallback_iccid)")
        return _UNAVAILABLE

    # What an IoT card tells

    def profiles(self) -> tuple[ProfileInfo, ...]:
        """All profiles; the configured one is the fallback profile."""
        card = self._card
        listed = es10c.profiles(card.isdr)
        kept = card.load()
        if kept.switch is not None:
            try:
                switches.settle(card, kept, kept.switch, listed, over=card.journal.step() is None)
            except DeviceKeyUnusable as problem:  # the profiles are there all the same
                log.error("%s", problem)
        marked = tuple(replace(p, fallback=p.iccid == card.fallback != "") for p in listed)
        self._fallback_there = any(p.fallback for p in marked)
        return marked

    def eim_configurations(self) -> tuple[EimConfiguration, ...]:
        """The associated eIMs."""
        return tuple(read.eim_configuration(eims.configuration(eim)) for eim in self._card.load().eims)

    def package_results(self, seq: int | None = None) -> tuple[PackageResult, ...]:
        """Results that wait; a package that was interrupted is brought to its end first."""
        kept = self._card.load()
        if kept.running is not None:
            execution.resume(self._card, kept, kept.running)
        results = [r for r in kept.results if seq is None or r.seq == seq]
        return tuple(read.package_result(bytes.fromhex(result.octets)) for result in results)

    def remove_result(self, seq: int) -> bool:
        """It was delivered and taken. False if there is none with this number."""
        kept = self._card.load()
        left = [result for result in kept.results if result.seq != seq]
        found = len(left) < len(kept.results)
        if found:
            kept.results = left
            self._card.store(kept)
        return found

    # Associations

    def add_initial_eim(self, configurations: Sequence[bytes]) -> tuple[int | None, ...]:
        """AddInitialEim (5.9.4): all of them or none, only while no eIM is associated."""
        kept = self._card.load()
        if kept.eims:
            _refuse_eim(eims.ALREADY_EXISTS)
        if not configurations:
            _refuse_eim(eims.COMMAND_ERROR)
        try:
            wanted = [value(member(der, 0x30)) for der in configurations]
            tokens = tuple(eims.add(kept, configuration, self._ci_pk_ids) for configuration in wanted)
        except DecodeError:
            _refuse_eim(eims.COMMAND_ERROR)
        except eims.Rejected as rejected:
            _refuse_eim(rejected.code)
        self._card.store(kept)
        return tokens

    def _ci_pk_ids(self) -> tuple[bytes, ...]:
        return es10b.info2(self._card.isdr).ci_pk_ids_verification

    # Packages

    def load_euicc_package(self, package_: bytes) -> PackageResult:
        """LoadEuiccPackage (5.9.1). A malformed one gets 6A80, as from a card.

        CardRefused, EuiccRefused: nothing was done. Any other error comes when the package may have been
        begun: nobody knows what was done until `package_results` has been asked.
        """
        try:
            offered = package.parse(package_)
        except DecodeError as problem:
            raise CardRefused("LoadEuiccPackage", _MALFORMED, str(problem)) from problem
        kept = self._card.load()
        if kept.running is not None or kept.switch is not None:
            self._profiles_before(kept)
        eim = kept.eim(offered.eim_id)
        if eim is None or not eims.signed_by(eim, offered.signed, offered.signature):
            token = None if eim is None else eim.token
            return read.package_result(package.unsigned_error(offered, token))
        key = self._card.key_for("LoadEuiccPackage")
        transaction = None if offered.transaction is None else offered.transaction.hex()
        origin = Origin(eim.eim_id, offered.counter, transaction, eim.token)
        error = self._error(offered, eim)
        if error is not None:
            return read.package_result(package.error(key, origin, error))
        before = enabled(self._profiles_before(kept))
        eim.counter = offered.counter
        kept.rollback = None
        running = Running(origin, offered.operations.hex(), before)
        return execution.begin(self._card, kept, running, key)

    def _error(self, offered: package.Package, eim: Eim) -> int | None:
        """EuiccPackageErrorCode of a package that is not accepted."""
        if offered.eid != self._card.eid:
            return package.INVALID_EID
        if not 0 <= offered.counter <= eims.MAX_COUNTER:
            return package.COUNTER_OUT_OF_RANGE
        if offered.counter <= eim.counter:
            return package.REPLAY_ERROR
        return None

    # Switches that no eIM orders

    def profile_rollback(self) -> PackageResult | None:
        """ProfileRollback (5.9.16)."""
        kept = self._card.load()
        return switches.roll_back(self._card, kept, self._profiles_before(kept))

    def execute_fallback(self) -> None:
        """ExecuteFallbackMechanism (5.9.20)."""
        kept = self._card.load()
        switches.fall_back(self._card, kept, self._profiles_before(kept))

    def return_from_fallback(self) -> None:
        """ReturnFromFallback (5.9.21)."""
        kept = self._card.load()
        switches.return_(self._card, kept, self._profiles_before(kept))

    def _profiles_before(self, kept: Memory) -> tuple[ProfileInfo, ...]:
        """The profiles, before something new is begun; what was begun earlier is brought to its end.

        Without the device key that is left as it is: a fallback must be possible all the same.
        """
        card = self._card
        try:
            if kept.running is not None:
                execution.resume(card, kept, kept.running, over=True)
            listed = es10c.profiles(card.isdr)
            if kept.switch is not None:
                switches.settle(card, kept, kept.switch, listed, over=True)
        except DeviceKeyUnusable as problem:
            log.error("%s", problem)
            return es10c.profiles(card.isdr)
        except EuiccRefused as refused:
            # Not as a refusal of what is to be begun: that was not even tried.
            raise ModemError("reading the profiles first", str(refused), refused.advice) from refused
        return listed


def _refuse_eim(code: int) -> NoReturn:
    refuse("AddInitialEim", code, "AddInitialEimResponse", "addInitialEimError")

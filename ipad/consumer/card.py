"""One consumer card, and what the agent works on it with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ipad.consumer import device_key, memory
from ipad.consumer.device_key import DeviceKey, DeviceKeyUnusable
from ipad.consumer.memory import Memory
from ipad.errors import EuiccRefused
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import ProfileInfo
from ipad.journal import Journal
from modem.radio import Radio

_UNDEFINED = 127


@dataclass(frozen=True, slots=True)
class Card:
    """The parts. What is kept for the card is in the journal, and nowhere else."""

    isdr: Isdr
    radio: Radio | None
    """None: the card is in a reader."""
    journal: Journal
    eid: bytes
    key_file: Path
    """The device key."""
    fallback: str
    """ICCID of the profile that a fallback enables; "" if none is configured."""

    def load(self) -> Memory:
        """What is kept. IpadError if it cannot be read."""
        return memory.load(self.journal, self.eid)

    def store(self, kept: Memory) -> None:
        """Keeps it, on disk when this returns."""
        memory.store(self.journal, self.eid, kept)

    def key(self) -> DeviceKey:
        """The device key. DeviceKeyUnusable."""
        return device_key.load(self.key_file)

    def key_for(self, function: str) -> DeviceKey:
        """The same, before something is begun whose result has to be signed. EuiccRefused: nothing is."""
        try:
            return self.key()
        except DeviceKeyUnusable as problem:
            raise EuiccRefused(function, "undefinedError", _UNDEFINED, str(problem)) from problem


def enabled(listed: Sequence[ProfileInfo]) -> str | None:
    """ICCID of the enabled profile."""
    return next((profile.iccid for profile in listed if profile.enabled), None)


def profile(listed: Sequence[ProfileInfo], iccid: str) -> ProfileInfo | None:
    """The profile with this ICCID."""
    return next((profile for profile in listed if profile.iccid == iccid), None)

"""A virtual card in a mock modem, and the agent's way to it: AT engine, CSIM, pty."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ipad.asn1 import value, wrap
from ipad.euicc import es10b, es10c
from ipad.euicc.isdr import Isdr
from ipad.testbed.euicc import VirtualEuicc, default_profiles
from ipad.testbed.euicc.defaults import emergency_profile
from ipad.waits import Waits
from modem import connect
from modem.connect import Modem
from modem.mock import MockModem
from modem.mock.network import AlwaysOn
from tests.euicc_card.world import Eim, enable
from tests.modem.mocked import radio_of

EMERGENCY = emergency_profile().iccid
WAITS = Waits(at_sync=0.1, refresh=5.0, poll_ready=0.01)
SCALE = 0.02


@dataclass
class Site:
    """A card in a modem, and the agent's way to it."""

    euicc: VirtualEuicc
    modem: Modem
    waited: list[float] = field(default_factory=list)
    """Seconds that the agent would have slept."""

    def __post_init__(self) -> None:
        self.isdr = self.isdr_with()
        radio_of(self.modem).status()  # as the agent does: the radio knows then which profile it had

    def isdr_with(self, *, block: int = 255, aid: bytes | None = None) -> Isdr:
        more = {} if aid is None else {"aid": aid}
        return Isdr(self.modem.card, WAITS, sleep=self.waited.append, block=block, **more)

    def take(self, iccid: str | None) -> None:
        """What follows a switch: the modem takes the profile, channels are gone."""
        radio_of(self.modem).take_profile(iccid)
        self.isdr.reset()

    def enabled(self) -> str | None:
        found = [p.iccid for p in es10c.profiles(self.isdr) if p.enabled]
        return found[0] if found else None

    def switch_to(self, eim: Eim, iccid: str, rollback: bool = False) -> None:
        result = es10b.load_euicc_package(self.isdr, eim.package(self.euicc, enable(iccid, rollback)))
        assert (result.switched, result.failed) == (True, None)
        self.take(iccid)


Build = Callable[..., Site]


@contextmanager
def card_site(directory: Path, pki_dir: Path, **options: Any) -> Iterator[Site]:
    """A site with a new card, Emergency Profile and all; `shapes`, `consumer` as of VirtualEuicc.open."""
    profiles = [*default_profiles(), emergency_profile()]
    euicc = VirtualEuicc.open(directory / "card", pki_dir, profiles, **options)
    path = str(directory / "modem")
    up = threading.Event()

    def tell(name: str, _details: object) -> None:
        if name == "sim":
            up.set()

    with MockModem(euicc, AlwaysOn(), path, scale=SCALE, on_event=tell):
        assert up.wait(20)
        modem = connect.connect(path, waits=WAITS)
        try:
            yield Site(euicc, modem)
        finally:
            modem.close()


def associated(site: Site) -> Eim:
    """An eIM with a token and a TLS key of its own."""
    eim = Eim("eim.example")
    anchor = wrap(0xA6, wrap(0xA0, value(value(eim.public_key_data()))))
    [eim.token] = es10b.add_initial_eim(site.isdr, [eim.configuration(bytes.fromhex("8401FF"), anchor)])
    return eim

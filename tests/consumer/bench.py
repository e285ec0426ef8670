"""A consumer card in a modem, the agent standing in for it, and an eIM whose signatures are made by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ipad.asn1 import decode, member, value
from ipad.consumer import device_key, memory
from ipad.consumer.card import Card
from ipad.consumer.stand_in import StandIn
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import PackageResult
from ipad.journal import Journal, Step
from ipad.testbed.euicc import Profile, VirtualEuicc
from ipad.testbed.euicc.state import State
from ipad.testbed.euicc.state import load as card_state
from ipad.testbed.euicc.state import store as store_card
from ipad.waits import Waits
from modem.card import UiccCard
from modem.errors import AtTimeout
from modem.uicc import Reply
from tests.euicc_card.world import BOOTSTRAP, Eim
from tests.procedures.tiny_modem import TinyModem

TOKEN_WANTED = bytes.fromhex("8401FF")


SILENT = AtTimeout("sending an APDU", "no answer", executed=None)
UNHEARD = "the card does it, and nobody hears of it"


class Watched(TinyModem):
    """Counts what reaches the card, and can spoil it."""

    def __init__(self, card: VirtualEuicc) -> None:
        self.functions: list[int] = []
        """Tags of the ES10 functions that were called."""
        self.spoil: dict[int, list[BaseException | Reply | str | None]] = {}
        """By a function's tag: what happens in the place of its next calls; None: nothing unusual."""
        super().__init__(card)

    def transmit(self, apdu: bytes) -> Reply:
        if apdu[1:4] in (b"\xe2\x91\x00", b"\xe2\x11\x00"):
            tag = int.from_bytes(apdu[5:7], "big")
            self.functions.append(tag)
            coming = self.spoil.get(tag)
            spoilt = coming.pop(0) if coming else None
            if spoilt is UNHEARD:
                super().transmit(apdu)
                raise SILENT
            if isinstance(spoilt, Reply):
                return spoilt
            if isinstance(spoilt, BaseException):
                raise spoilt
        return super().transmit(apdu)


class Bench:
    """All of it; the directory outlives a restart."""

    def __init__(
        self,
        directory: Path,
        pki_dir: Path,
        profiles: list[Profile] | None = None,
        *,
        fallback: str = BOOTSTRAP,
        shapes: Sequence[str] = (),
        token: bool = True,
    ) -> None:
        self.pki = pki_dir
        self.card_dir = directory / "card"
        self.card = VirtualEuicc.open(self.card_dir, pki_dir, profiles, consumer=True, shapes=shapes)
        self.modem = Watched(self.card)
        self.directory = directory
        self.fallback = fallback
        self.slept: list[float] = []
        self.start()
        self.eim = Eim()
        self.associate(self.eim, token=token)

    def start(self) -> None:
        """The agent starts anew."""
        self.isdr = isdr = Isdr(
            UiccCard(self.modem, lambda: self.modem.epoch), Waits(), sleep=self.slept.append
        )
        self.journal = Journal(self.directory / "journal.db")
        self.key_file = self.directory / "device.key"
        self.eid = bytes.fromhex(self.card.eid)
        self.stand_in = StandIn(Card(isdr, self.modem, self.journal, self.eid, self.key_file, self.fallback))

    def stop(self) -> None:
        self.journal.close()

    def restart(self) -> None:
        self.stop()
        self.modem.start()
        self.start()

    def associate(self, eim: Eim, *members: bytes, token: bool = True) -> None:
        more = (*members, TOKEN_WANTED) if token else members
        [eim.token] = self.stand_in.add_initial_eim([eim.configuration(*more)])

    # What is true

    def on_card(self) -> State:
        return card_state(self.card_dir)

    def replace(self, memory: State) -> None:
        """Somebody else did something to the card."""
        store_card(self.card_dir, memory)
        self.card = VirtualEuicc.open(self.card_dir, self.pki)
        self.modem.insert(self.card)

    def enabled(self) -> str | None:
        profile = self.on_card().enabled()
        return profile.iccid if profile else None

    def kept(self) -> memory.Memory:
        return memory.load(self.journal, self.eid)

    # Packages

    def load(self, package: bytes) -> PackageResult:
        """As the agent does it: written down, executed, the modem takes the profile."""
        self.journal.begin(Step("package", self.enabled(), None, self.eim.eim_id, package))
        result = self.stand_in.load_euicc_package(package)
        self.journal.finish()
        self.settle()
        return result

    def settle(self) -> None:
        """After a switch: the modem takes the profile, channels are gone."""
        self.isdr.reset()
        self.modem.take_profile(self.enabled())

    def results(self, *operations: bytes, tag: int = 0xA0, **more: Any) -> list[Any]:
        """Runs a package; the results in it, with the device key's signature verified."""
        return self.verified(self.load(self.eim.package(self.card, *operations, tag=tag, **more)).der)

    def verified(self, octets: bytes) -> list[Any]:
        found: list[Any] = self.signed(octets)["euiccResult"]
        return found

    def signed(self, octets: bytes) -> dict[str, Any]:
        """The signed data of a result or an error."""
        name, decoded = decode("EuiccPackageResult", octets)
        arm = {"euiccPackageResultSigned": 0xA0, "euiccPackageErrorSigned": 0xA1}[name]
        data = member(octets, 0xBF51, arm, 0x30)
        raw = value(member(octets, 0xBF51, arm, 0x5F37))
        assert len(raw) == 64
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        key = device_key.load(self.key_file).private.public_key()
        key.verify(encode_dss_signature(r, s), data + self.eim.token_tlv(), ec.ECDSA(hashes.SHA256()))
        inner = "euiccPackageResultDataSigned" if arm == 0xA0 else "euiccPackageErrorDataSigned"
        found: dict[str, Any] = decoded[inner]
        return found

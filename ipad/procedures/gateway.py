"""What the procedures work with: the card, the radio, the journal, and what the card was seen to hold."""

from collections.abc import Callable
from dataclasses import dataclass

from ipad.connectivity.state import CardView
from ipad.eim import EimConfiguration
from ipad.errors import IpadError
from ipad.esipa.client import Esipa
from ipad.euicc import es10b, es10c
from ipad.euicc.iot import IotFunctions, Kind, stands_in
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import EuiccInfo, ProfileInfo
from ipad.journal import Journal, Step
from ipad.rsp.servers import Servers
from ipad.waits import Waits
from modem.radio import Radio


@dataclass(frozen=True, slots=True)
class Contents:
    """What the card held when it was last read."""

    eid: bytes
    info: EuiccInfo
    profiles: tuple[ProfileInfo, ...]
    eims: tuple[EimConfiguration, ...]
    kind: Kind = "iot"
    unavailable: tuple[str, ...] = ()
    """What neither this card nor the agent for it can do, as phrases."""

    @property
    def enabled(self) -> str | None:
        """ICCID of the enabled profile."""
        return next((p.iccid for p in self.profiles if p.enabled), None)

    @property
    def fallback(self) -> str | None:
        """ICCID of the Fallback Profile."""
        return next((p.iccid for p in self.profiles if p.fallback), None)

    @property
    def fallback_supported(self) -> bool:
        """A consumer card knows no fallback: there is one if the configured profile is on the card."""
        return self.info.fallback_supported if self.kind == "iot" else self.fallback is not None

    def profile(self, iccid: str | None) -> ProfileInfo | None:
        return next((p for p in self.profiles if p.iccid == iccid), None)

    def eim(self, eim_id: str) -> EimConfiguration | None:
        return next((e for e in self.eims if e.eim_id == eim_id), None)

    def view(self) -> CardView:
        """What deciding needs of it."""
        return CardView(
            enabled=self.enabled,
            fallback=self.fallback,
            fallback_supported=self.fallback_supported,
            eims=tuple(e.eim_id for e in self.eims if e.fqdn),
            emergency=any(p.enabled and p.ecall for p in self.profiles),
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is."""

    server: str
    """Where it comes from."""
    name: str | None
    """The profile's, where it is known."""
    done: int = 0
    """Octets of the package that the card has."""
    total: int = 0

    @property
    def percent(self) -> int:
        return self.done * 100 // self.total if self.total else 0


@dataclass
class Gateway:
    """One gateway's parts, in the hands of the one thread that owns modem and card."""

    isdr: Isdr
    choose: Callable[[bytes], IotFunctions]
    """By the EID: what does for the eIMs what an IoT card does, the card itself or somebody for it."""
    radio: Radio | None
    """None: the card is in a PC/SC reader."""
    journal: Journal
    waits: Waits
    esipa: Callable[[EimConfiguration, bytes], Esipa]
    """The client for an eIM, by its configuration and the EID."""
    note: Callable[[str, str], None]
    """A line for log and history: what kind, and the sentence."""
    now: Callable[[], float]
    """Powered seconds."""
    servers: Servers
    """The clients of SM-DP+ and SM-DS."""
    progress: Callable[[Progress | None], None] = lambda _progress: None
    """Told how far a download is; None: it is over."""
    contents: Contents | None = None
    unread: bool = True
    """Results or notifications may wait on the card; False: none, and nothing happened since."""
    for_servers: bool = False
    """Notifications wait on the card that are not for an eIM, but for an SM-DP+ itself."""
    owing: frozenset[str] | None = None
    """eIMs that have not taken all results that the card keeps for them; None: not known."""

    toolkit_busy: bool = False
    """The card refused a switch with catBusy(5) since the last look."""

    _iot: IotFunctions | None = None
    _chosen_for: bytes | None = None
    _told_of: bytes | None = None
    """The consumer card of which was said what that means."""

    @property
    def iot(self) -> IotFunctions:
        """What the card, or somebody for it, does for its eIMs."""
        return self._iot or self._choose(es10c.eid(self.isdr))

    def _choose(self, eid: bytes) -> IotFunctions:
        self._iot = self._chosen_for = None
        self._iot = self.choose(eid)
        self._chosen_for = eid
        return self._iot

    def take_profile(self, iccid: str | None) -> None:
        """Makes the modem use what the card has enabled, None for no profile.

        One that never does is no reason to stop here: the link is lost then, and the way back needs only
        the card.
        """
        if self.radio is not None and not self.radio.take_profile(iccid):
            wanted = f"profile {iccid}" if iccid else "that no profile is enabled"
            self.note(
                "switch", f"after a reset too, the modem does not see {wanted}: its power off and on may help"
            )

    def read_card(self) -> Contents:
        """Reads what the card holds; raises what the way to the card raises."""
        known = self.contents
        self.contents = None
        eid = es10c.eid(self.isdr)
        self._meet(eid)
        iot = self.iot if eid == self._chosen_for else self._choose(eid)
        same_card = known is not None and known.eid == eid
        self.contents = Contents(
            eid=eid,
            info=known.info if known is not None and same_card else es10b.info2(self.isdr),
            profiles=iot.profiles(),
            eims=iot.eim_configurations(),
            kind=iot.kind,
            unavailable=iot.unavailable,
        )
        if iot.kind == "consumer" and self._told_of != eid:
            self.note("card", stands_in(iot.unavailable))
            self._told_of = eid
        self.card_changed()
        self._settle_with_the_gone()
        return self.contents

    def _meet(self, eid: bytes) -> None:
        """An answer of one card must not reach an eIM under the EID of another."""
        try:
            dropped = self.journal.meet(eid)
        except IpadError as problem:
            # A card must not be lost for a disk.
            self.note("card", f"whose it is could not be written down: {problem}")
            return
        if dropped:
            self.note("deliver", f"another card is in the gateway: {dropped} answers of before are dropped")

    def _settle_with_the_gone(self) -> None:
        """Whom the card is not associated with any more is owed nothing."""
        try:
            for eim_id in sorted(self.journal.known_eims() - {eim.eim_id for eim in self.card().eims}):
                dropped = self.journal.drop(eim_id)
                if dropped:
                    self.note(
                        "deliver", f"{eim_id} is not associated any more: {dropped} answers are dropped"
                    )
        except IpadError as problem:
            self.note("deliver", f"what is owed to nobody could not be dropped: {problem}")

    def owe(self, eim_id: str, arm: bytes) -> None:
        """Something for this eIM that the card does not keep: it is in the journal from now on."""
        self._owed(eim_id, self.journal.owe(eim_id, arm))

    def finish(self, owe: tuple[str, bytes] | None = None) -> None:
        """The journal's step is done; `owe`: what it leaves owed to an eIM."""
        dropped = self.journal.finish(owe)
        if owe is not None:
            self._owed(owe[0], dropped)

    def downloaded(
        self, wanted_id: int | None, owe: tuple[str, bytes] | None, then: Step | None = None
    ) -> None:
        """The journal's download is at its end; see Journal.downloaded."""
        dropped = self.journal.downloaded(wanted_id, owe, then)
        if owe is not None:
            self._owed(owe[0], dropped)

    def _owed(self, eim_id: str, dropped: int) -> None:
        if dropped:
            self.note("deliver", f"{eim_id} takes no answers: the oldest of too many is dropped")

    def card_changed(self) -> None:
        """Something was done to the card: what waits on it is not known any more."""
        self.unread, self.owing = True, None

    def owes(self, eim_id: str) -> bool:
        """The card may keep a result that this eIM has not taken."""
        return self.owing is None or eim_id in self.owing

    def card(self) -> Contents:
        """What the card holds, as last read."""
        return self.contents or self.read_card()

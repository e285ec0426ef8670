"""What surrounds a gateway, as honest as it has to be: card, networks and an eIM, in one value."""

from dataclasses import dataclass, replace

from ipad.connectivity.link import Link
from ipad.connectivity.state import (
    Action,
    ApplyRemedy,
    CardView,
    Done,
    EndEmergency,
    Failed,
    Fallback,
    Inject,
    Injected,
    Outcome,
    Poll,
    Polled,
    Probe,
    Probed,
    Refused,
    Return,
    Rollback,
    Switched,
    Trial,
    TrialKind,
)

BOOTSTRAP, NORD, SUED, EMERGENCY = "8949001", "8949002", "8949003", "8949112"
NONE = ""
"""In the place of an ICCID: no profile."""
EIM = "eim"


@dataclass(frozen=True)
class Networks:
    """The link that each profile has."""

    bootstrap: Link = Link.OK
    nord: Link = Link.OK
    sued: Link = Link.OK
    emergency: Link = Link.OK

    def of(self, iccid: str) -> Link:
        links = {
            BOOTSTRAP: self.bootstrap,
            NORD: self.nord,
            SUED: self.sued,
            EMERGENCY: self.emergency,
        }
        return links.get(iccid, Link.NOT_REGISTERED)

    def having(self, iccid: str, link: Link) -> "Networks":
        name = {BOOTSTRAP: "bootstrap", NORD: "nord", SUED: "sued"}[iccid]
        return replace(self, **{name: link})


@dataclass(frozen=True)
class World:
    """All of it. A card command that is `refusing` something answers catBusy, so many times."""

    networks: Networks = Networks()
    eim_up: bool = True
    retry_after: float | None = None
    enabled: str = BOOTSTRAP
    origin: str | None = None
    rollback_to: str | None = None
    emergency_from: str | None = None
    order: tuple[str, bool] | None = None
    """What the eIM has queued: an ICCID to enable, or NONE to disable, and the rollbackFlag."""
    eim_dies_after_order: bool = False
    has_card: bool = True
    busy: int = 0
    """How many of the next card commands are answered with catBusy."""

    def view(self) -> CardView | None:
        if not self.has_card:
            return None
        return CardView(self.enabled or None, BOOTSTRAP, True, (EIM,), self.enabled == EMERGENCY)

    def link(self) -> Link:
        return self.networks.of(self.enabled)

    def within_reach(self) -> bool:
        """A profile has a link that the gateway can get to by itself."""
        usual = self.emergency_from if self.enabled == EMERGENCY else self.enabled
        reachable = {usual or NONE, self.origin or NONE}
        if usual:  # the card refuses a fallback from no profile at all
            reachable.add(BOOTSTRAP)
        return any(self.networks.of(iccid) is Link.OK for iccid in reachable)

    def call_for_help(self) -> "World":
        return replace(self, enabled=EMERGENCY, emergency_from=self.enabled, rollback_to=None)

    def end_of_call(self) -> "World":
        return replace(self, enabled=self.emergency_from or NONE, emergency_from=None)

    def perform(self, action: Action) -> tuple["World", Outcome]:
        """The world after the action, and how it ended."""
        match action:
            case Probe():
                return self, Probed(True if self.has_card and self.link() is Link.OK else None)
            case ApplyRemedy():
                return self, Done()
        if not self.has_card:
            return self, Failed("no card")
        if isinstance(action, Poll):
            return self._poll()
        if isinstance(action, Inject):
            target = action.octets.decode()
            if target == self.enabled:
                return self, Injected(b"", self._seen())
            after, trial = self._ordered(target, True)
            return after, Injected(b"", after._seen(), trial)
        if self.busy:
            return replace(self, busy=self.busy - 1), Refused("catBusy")
        return self._switch(action)

    def _seen(self) -> CardView:
        view = self.view()
        assert view is not None
        return view

    def _switch(self, action: Action) -> tuple["World", Outcome]:
        match action:
            case EndEmergency() if self.enabled == EMERGENCY:
                after = self.end_of_call()
            case _ if self.enabled == EMERGENCY:
                return self, Refused("ecallActive")
            case Fallback() if self.enabled not in (BOOTSTRAP, NONE):
                after = replace(self, enabled=BOOTSTRAP, origin=self.enabled, rollback_to=None)
            case Return() if self.origin is not None:
                after = replace(self, enabled=self.origin, origin=None)
            case Return():
                return self, Refused("fallbackNotAvailable")
            case Rollback() if self.rollback_to is not None:
                after = replace(self, enabled=self.rollback_to, rollback_to=None)
            case _:
                return self, Refused("commandError")
        return after, Switched(after._seen())

    def _poll(self) -> tuple["World", Outcome]:
        if not self.eim_up or self.link() is not Link.OK:
            return self, Polled(reached=False, delivered=False, retry_after=self.retry_after)
        if self.order is None or self.order[0] == self.enabled:
            return replace(self, order=None), Polled(reached=True, delivered=True)
        after, trial = self._ordered(*self.order)
        after = replace(after, order=None, eim_up=self.eim_up and not self.eim_dies_after_order)
        return after, Polled(reached=True, delivered=False, card=after._seen(), trial=trial)

    def _ordered(self, target: str, rollback: bool) -> tuple["World", Trial]:
        former = self.enabled
        # Only an enable has a rollbackFlag.
        rollback = rollback and target != NONE
        rollback_to = former if rollback and former != NONE else None
        after = replace(self, enabled=target, origin=None, rollback_to=rollback_to)
        trial = Trial(TrialKind.ORDERED, target or None, former or None, rollback, EIM)
        return after, trial

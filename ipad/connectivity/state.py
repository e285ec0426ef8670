"""The words of deciding: phases, what the card says, events, actions, outcomes, and the State.

Times are powered seconds: they go on counting across restarts and do not depend on the wall clock.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from ipad.connectivity.link import Link
from modem.radio import Remedy

PACKAGE_LIMIT = 64 * 1024
"""Octets that a package may have that comes by another way than a poll."""


class Phase(Enum):
    """Where the gateway is in its life."""

    NO_CARD = "no card"
    OPERATING = "operating"
    REMEDYING = "remedying"
    TRIAL = "trial"
    FALLBACK = "fallback"
    EMERGENCY = "emergency"

    # Dictionaries of phases are asked at every event of a fleet; Enum's own hash is a function in Python.
    __hash__ = object.__hash__


class Cause(Enum):
    """StateChangeCause (SGP.32 6.3.2.6): why the enabled profile changed without this eIM's order."""

    OTHER_EIM = 0
    FALLBACK = 1
    EMERGENCY = 2
    LOCAL = 3
    RESET = 4
    IMMEDIATE_ENABLE = 5
    DEVICE_CHANGE = 6
    UNDEFINED = 127


@dataclass(frozen=True, slots=True)
class CardView:
    """What the card says, as far as deciding needs it."""

    enabled: str | None
    """ICCID of the enabled profile."""
    fallback: str | None
    """ICCID of the profile with the fallbackAttribute."""
    fallback_supported: bool
    eims: tuple[str, ...]
    """eimIds of the associated eIMs."""
    emergency: bool = False
    """The enabled profile is the Emergency Profile."""


class TrialKind(Enum):
    """What put the profile on trial."""

    ORDERED = "ordered by the eIM"
    RETURN = "return from fallback"
    ROLLED_BACK = "rolled back"
    IMMEDIATE = "enabled on installation"


@dataclass(frozen=True, slots=True)
class Trial:
    """A switch that waits for its verdict."""

    kind: TrialKind
    iccid: str | None
    former: str | None = None
    """ICCID of the profile that was enabled before."""
    rollback: bool = False
    """The eIM allowed a rollback: the verdict is that its result got delivered."""
    eim_id: str | None = None
    missed: int = 0
    """Rollbacks that did not reach the card."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When an eIM is polled next, and how it went so far."""

    due: float
    last: float | None = None
    """When it was last tried."""
    failures: int = 0
    tell: Cause | None = None
    """The state change that this eIM has not been told yet."""
    not_before: float | None = None
    """The eIM asked for patience until then (Retry-After); only somebody at the gateway overrules it."""


# Actions. One is in flight at a time.


@dataclass(frozen=True, slots=True)
class Probe:
    """Look again: modem, card if there was none, and the probe targets."""


@dataclass(frozen=True, slots=True)
class ApplyRemedy:
    """Apply a remedy to the modem."""

    remedy: Remedy


@dataclass(frozen=True, slots=True)
class Poll:
    """Deliver what is owed to this eIM, then GetEimPackage until it has none."""

    eim_id: str


@dataclass(frozen=True, slots=True)
class Fallback:
    """ExecuteFallbackMechanism (SGP.32 5.9.20)."""


@dataclass(frozen=True, slots=True)
class Return:
    """ReturnFromFallback (SGP.32 5.9.21)."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """ProfileRollback (SGP.32 5.9.16)."""


@dataclass(frozen=True, slots=True)
class EndEmergency:
    """DisableEmergencyProfile (SGP.32 5.9.23)."""


@dataclass(frozen=True, slots=True)
class Inject:
    """Work off a package that came by another way than a poll (TransferEimPackage, SGP.32 6.3.3.1)."""

    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Download:
    """Download a profile, and tell its server how that ended (SGP.32 3.2.3, SGP.22 3.1.3)."""

    trigger: bytes | None = field(default=None, repr=False)
    """ProfileDownloadTriggerRequest (BF54…) of somebody at the gateway; None: what an eIM has ordered."""
    confirmation_code: str = field(default="", repr=False)


Action = Probe | ApplyRemedy | Poll | Fallback | Return | Rollback | EndEmergency | Inject | Download


# Outcomes. Every action ends in exactly one.


@dataclass(frozen=True, slots=True)
class Done:
    """A remedy was applied."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What the probe targets said; None: there are none configured, or the link is down."""

    reachable: bool | None


@dataclass(frozen=True, slots=True)
class Polled:
    """The eIM answered to the end (`reached`), and nothing owed to it is left (`delivered`)."""

    reached: bool
    delivered: bool
    retry_after: float | None = None
    card: CardView | None = None
    """The card after the packages; None: they did not change it."""
    trial: Trial | None = None
    """Set when a package switched the enabled profile."""
    finished: bool = True
    """False: it ended before the eIM had said that there is no more, to be tried again soon."""
    again: float | None = None
    """Seconds until something that this eIM refused may be offered to it again."""
    more: bool = False
    """There is something for Download: it has ordered one, or a server is to be told of a former one."""


@dataclass(frozen=True, slots=True)
class Injected:
    """The package was worked off."""

    response: bytes = field(repr=False)
    """TransferEimPackageResponse (BF4E…)."""
    card: CardView
    trial: Trial | None = None
    """Set when it switched the enabled profile."""
    more: bool = False
    """It orders a download."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A download came to its end, and whoever ordered it is owed the result."""

    iccid: str | None
    """Of the profile that was installed; None: none was."""
    problem: str | None
    """Why not, in a sentence."""
    card: CardView
    trial: Trial | None = None
    """Set when the card enabled the profile at once (SGP.32 3.4.4)."""
    eim_id: str | None = None
    """The eIM that is owed the result."""
    again: float | None = None
    """Seconds until there is more to do: another download, or a server that has to be told."""


@dataclass(frozen=True, slots=True)
class Switched:
    """The switch is done, and this is what the card says now."""

    card: CardView
    former: str | None = None
    """ICCID that was enabled before, where the card was lost in between; None: the one that State has."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The card said no, by this name."""

    code: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not happen, and this is why."""

    reason: str
    retry_after: float | None = None
    """Seconds of patience that the far side asked for."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether it happened; the card could not be read since."""


Outcome = Done | Probed | Polled | Injected | Downloaded | Switched | Refused | Failed | Unknown


def hindered(outcome: Outcome) -> bool:
    """The card was not reached, or was busy: it may do the next time what it has not done now."""
    return isinstance(outcome, Failed) or outcome == Refused("catBusy")


# Events


@dataclass(frozen=True, slots=True)
class Started:
    """The agent has come up, or found the card again, and has read it."""

    card: CardView | None
    interrupted: "Ended | None" = None
    """How the action ended that the end of the last run, or the loss of the card, cut in two."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The diagnosis is another than before."""

    link: Link


@dataclass(frozen=True, slots=True)
class CardChanged:
    """The card was read again and says something else; None: it is gone."""

    card: CardView | None


@dataclass(frozen=True, slots=True)
class Deadline:
    """`state.wake` has come."""


class Command(Enum):
    """What can be asked from outside."""

    POLL = "poll"
    FALLBACK = "fallback"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody at the gateway asked for it."""

    command: Command | Inject | Download


@dataclass(frozen=True, slots=True)
class Ended:
    """The action in flight has ended."""

    action: Action
    outcome: Outcome

    @property
    def switched(self) -> bool:
        """The enabled profile changed by it."""
        match self.outcome:
            case Switched() | Polled(trial=Trial()) | Injected(trial=Trial()) | Downloaded(trial=Trial()):
                return True
        return False


Event = Started | LinkChanged | CardChanged | Deadline | Asked | Ended


@dataclass(frozen=True)
class State:
    """All that deciding remembers. Kept in the journal's memory between runs."""

    phase: Phase = Phase.NO_CARD
    since: float = 0.0
    why: str = "starting"
    until: float | None = 0.0
    """When the phase's patience ends."""
    card: CardView | None = None
    known: str | None = None
    """ICCID that was enabled when the card was last seen; only while there is none."""
    link: Link | None = None
    rung: int = 0
    """Where on the ladder of remedies the next one is looked for; in NO_CARD, looks for the card."""
    rounds: int = 0
    """Rounds of the ladder that changed nothing; each doubles the patience."""
    remedy_at: float | None = None
    """When the next remedy is due: in a trial; and while a link that is back has not settled."""
    back_at: float | None = None
    """When the link was last seen to come back after it had been lost."""
    trial: Trial | None = None
    origin: str | None = None
    """ICCID that a fallback left and a return would enable again."""
    return_at: float | None = None
    returns: int = 0
    """Trials of a return that failed, or did not hold; each doubles the wait for the next."""
    returned_at: float | None = None
    """When the trial of a return last ended well."""
    rest_until: float = 0.0
    """Until then a fallback profile without a link is not left for a trial of the other."""
    switches: tuple[float, ...] = ()
    """When the gateway last switched by itself, as far as the budget asks."""
    emergency_until: float | None = None
    """In an emergency: when the Emergency Profile is disabled if nobody else has done it."""
    probe_at: float | None = None
    looks: int = 0
    """Looks in vain at a lost link; each doubles the wait for the next."""
    polls: Mapping[str, Plan] = field(default_factory=lambda: MappingProxyType({}))
    download: Plan | None = None
    """When the downloads that eIMs have ordered are gone on with; None: nothing is left to do."""
    busy: Action | None = None
    seed: str = ""
    """What makes this gateway's jitter its own: the EID; empty: no jitter."""
    draws: int = 0
    """Jitter drawn so far."""

    @property
    def fell_back(self) -> bool:
        """On the fallback profile because of a fallback, not by order."""
        card = self.card
        return (
            self.origin is not None
            and card is not None
            and card.enabled is not None
            and card.enabled == card.fallback
        )

    @property
    def can_fall_back(self) -> bool:
        """The card has a fallback profile that is not the enabled one."""
        card = self.card
        return (
            card is not None
            and card.fallback_supported
            and card.fallback is not None
            and card.enabled != card.fallback
        )


def draw(seed: str, n: int) -> float:
    """The n-th jitter of this gateway: a fraction in [0, 1), the same each time it is asked.

    A fleet's EIDs are consecutive numbers: a checksum like CRC-32 would give neighbours nearly the same.
    """
    if not seed:
        return 0.0
    return int.from_bytes(hashlib.blake2b(b"%b:%d" % (seed.encode(), n), digest_size=4).digest()) / 2**32


if TYPE_CHECKING:
    change = replace
else:

    def change(state, **fields):
        """dataclasses.replace for a State, in a sixth of the time: a fleet asks for it all the time."""
        new = object.__new__(State)
        new.__dict__.update(state.__dict__)
        new.__dict__.update(fields)
        return new

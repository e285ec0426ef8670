"""ISD-R: what every ES10 function of the card works on.

When does a switch of the enabled profile happen? SGP.22 5.7.16 lets the card mark the target and switch
when the REFRESH is done or the card is reset. A card that loses power in between must come up with the
target. Here the memory says "enabled" from the moment the command is accepted, written in one go with its
notifications and signed result, before the answer leaves the card. What the telecom side shows (EF_ICCID,
EF_IMSI) is `running`, which is taken from the memory at each reset. So after any reset, asked for or not,
the new profile runs, and there is no moment at which a power cut leaves a half switched card.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .keys import Credentials
from .proactive import Proactive
from .session import Session
from .shapes import EVENT_LIST
from .state import Profile, State


@dataclass(frozen=True)
class Installed:
    """A profile that was just downloaded, and from whom."""

    iccid: str
    smdp_oid: str
    smdp_address: str
    """serverAddress that the SM-DP+ signed."""


@dataclass
class Isdr:
    """The card's memory and keys, and what it remembers until the next reset."""

    directory: Path
    """Where the memory is kept."""
    state: State
    keys: Credentials
    proactive: Proactive = field(default_factory=Proactive)
    running: Profile | None = None
    """The profile that the telecom side has used since the last reset."""
    challenge: bytes | None = None
    """The last euiccChallenge given out."""
    session: Session | None = None
    """The RSP session that a server has been authenticated for."""
    installed: Installed | None = None
    """What ImmediateEnable would enable: the last profile installed since the reset."""
    shapes: frozenset[str] = frozenset()
    """Names of `shapes` in which this card answers."""
    refresh: bool = True
    """Whether the function that runs wants its switch to end in a REFRESH: its refreshFlag."""
    busy_answers: int = 0
    """For tests: so many further functions that switch profiles find the card busy."""

    def reset(self) -> None:
        """The card was reset: the enabled profile runs."""
        self.proactive = Proactive(EVENT_LIST in self.shapes)
        self.challenge = None
        self.session = None
        self.installed = None
        self.start_enabled()

    def start_enabled(self) -> None:
        """The telecom side uses the enabled profile from now on."""
        self.running = copy.deepcopy(self.state.enabled())

    @property
    def switching(self) -> bool:
        """A switch is accepted, and the telecom side still runs the former profile."""
        enabled = self.state.enabled()
        return (enabled and enabled.iccid) != (self.running and self.running.iccid)

    def cat_busy(self) -> bool:
        """Whether a function that switches profiles must answer catBusy now."""
        if self.busy_answers > 0:
            self.busy_answers -= 1
            return True
        return self.proactive.busy

    def apply_switch(self) -> None:
        """After a change of the enabled profile is on disk: REFRESH, or the new profile at once."""
        if self.switching and not self.proactive.busy:
            if self.refresh:
                self.proactive.offer()
            else:
                self.start_enabled()


Function = Callable[[Isdr, bytes], bytes]
"""An ES10 function: the whole command TLV in, the whole response TLV out. DecodeError: 6A80."""

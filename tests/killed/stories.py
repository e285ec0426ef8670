"""What the gateways live through, and what must have come of it, wherever they were killed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ipad.testbed import demo
from ipad.testbed.gateway import Gateway
from ipad.testbed.timeline import Timeline
from tests.matrix.cell import WAITS

BOOTSTRAP, NORD, SUED, SPARE = demo.BOOTSTRAP, demo.NORD, demo.SUED, demo.SPARE
_WAITS = {
    **asdict(WAITS),
    "grace": 1.0,
    "reattach": 0.8,
    "bearer": 0.8,
    "radio_cycle": 0.8,
    "reset": 0.8,
    "settle": 0.5,
    "trial": 6.0,
    "return_after": 1.5,
    "return_max": 10.0,
    "probe": 1.0,
    "probe_interval": 3.0,
    "probe_retry": 1.0,
    "probe_retry_max": 2.0,
    "poll_retry_max": 4.0,
    "download_retry": 0.3,
    "download_retry_max": 1.0,
}
_AT_HOME_IN = {NORD: (1, demo.NORD_PLMN), SUED: (1, demo.SUED_PLMN), BOOTSTRAP: (5, demo.SUED_PLMN)}
"""Registration and PLMN; the bootstrap profile roams."""


@dataclass(frozen=True)
class Story:
    """enabled, profiles, packages: at the end, the latter by their states. installed: at the SM-DP+."""

    name: str
    chapters: Sequence[Callable[[Gateway, Timeline], object]]
    enabled: str
    packages: Sequence[str]
    profiles: frozenset[str] = frozenset((BOOTSTRAP, NORD, SUED))
    installed: Sequence[str] = ()
    phase: str = "operating"
    waits: Mapping[str, float] = field(default_factory=dict)

    @property
    def blank(self) -> bool:
        """The card begins with its bootstrap profile only."""
        return bool(self.installed)

    def all_waits(self) -> dict[str, float]:
        return {**_WAITS, **self.waits}

    def end(self, eim_id: str) -> dict[str, Any]:
        """As MortalGateway.came_to has it."""
        return {
            "enabled": self.enabled,
            "profiles": self.profiles,
            "eIMs": [eim_id],
            "left on the card": [],
            "left in the journal": [],
            "packages": list(self.packages),
            "results that count": [1 for _ in self.packages],
            "installed": dict.fromkeys(self.installed, 1),
            "orders": ["installed" for _ in self.installed],
            "events": [],
            "serving": _AT_HOME_IN[self.enabled],
            "phase": self.phase,
        }


def _begin(gateway: Gateway, _line: Timeline) -> None:
    gateway.provision()
    gateway.start_agent()


def _not_rolled_back(gateway: Gateway, line: Timeline) -> None:
    gateway.operator(demo.NORD_PLMN, "dark")
    gateway.order({"enable": NORD})
    gateway.ipad("poll")
    line.wait_for("the switch", lambda: gateway.enabled() == NORD)
    line.wait_for("the fallback", lambda: gateway.enabled() == BOOTSTRAP)
    told = demo.FALLBACK_CAUSE
    line.wait_for("a poll that says why", lambda: told in [cause for cause, _ in gateway.told()])


def _until_the_last_remedy(gateway: Gateway, line: Timeline) -> None:
    package = gateway.order({"enable": NORD, "rollback": True})
    gateway.ipad("poll")
    line.wait_for("the result", lambda: gateway.state_of(package) == "done")
    line.wait_for("the verdict", lambda: gateway.phase() == "operating")
    for plmn in (demo.NORD_PLMN, demo.SUED_PLMN):
        gateway.operator(plmn, "dark")
    line.wait_for("the modem's reset", lambda: len(gateway.events("reset")) > 0)
    for plmn in (demo.NORD_PLMN, demo.SUED_PLMN):
        gateway.operator(plmn, "on")
    line.wait_for("the link", lambda: gateway.phase() == "operating" and gateway.enabled() == NORD)


STORIES = (
    Story(
        "the demo's day",
        demo.CHAPTERS,
        SUED,
        (*("done" for _ in range(5)), "rolled back", "done"),
        frozenset((BOOTSTRAP, NORD, SUED, SPARE)),
        (NORD, SUED, SPARE),
    ),
    Story(
        "a dark profile enabled, and no rollback allowed: fallback",
        (_begin, _not_rolled_back),
        BOOTSTRAP,
        ("done",),
        phase="fallback",
        waits={"return_after": 3600.0, "return_max": 3600.0},
    ),
    Story("a link lost until the last remedy", (_begin, _until_the_last_remedy), NORD, ("done",)),
)

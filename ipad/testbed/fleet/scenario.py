"""What happens to a fleet: to its operators' networks, to the eIM, to the power of a region."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ipad.connectivity.link import Link

BOOTSTRAP, NORD = "8999990000000000001", "8900101000000000001"
HOUR, DAY = 3600.0, 86400.0
BEGIN = HOUR
"""When it starts: until then all is well."""
REGION = 3
"""So many in ten gateways are in the region whose power is cut."""

Span = tuple[float, float]


@dataclass(frozen=True)
class Outage:
    """A profile's network has this link in these spans, at all gateways in the same second."""

    iccid: str
    link: Link
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Scenario:
    """All gateways start on Nord, connected, each somewhere between two of its polls."""

    name: str
    what: str
    lasts: float
    outages: tuple[Outage, ...] = ()
    eim_down: tuple[Span, ...] = field(default=())
    power_cut: tuple[Span, ...] = field(default=())
    """Of the region."""

    def in_region(self, number: int) -> bool:
        return bool(self.power_cut) and number % 10 < REGION

    def begin_of_load(self) -> float:
        """From when on the eIM's load is one after an outage: before, it is the usual one."""
        return self.eim_down[-1][1] if self.eim_down else BEGIN


def _flaps(seconds: float) -> tuple[Span, ...]:
    """Up and down for 5 to 60 minutes each: the same for all, and each time it is asked."""
    dice = random.Random("flapping")
    spans, at = [], BEGIN
    while at < BEGIN + seconds:
        down = dice.uniform(300.0, HOUR)
        spans.append((at, at + down))
        at += down + dice.uniform(300.0, HOUR)
    return tuple(spans)


def _operator(hours: float, link: Link = Link.NOT_REGISTERED) -> Outage:
    return Outage(NORD, link, ((BEGIN, BEGIN + hours * HOUR),))


_ALL: tuple[Callable[[], Scenario], ...] = (
    lambda: Scenario("operator-outage", "Nord is dark for an hour", 2 * DAY, (_operator(1),)),
    lambda: Scenario("operator-outage-long", "Nord is dark for three days", 7 * DAY, (_operator(72),)),
    lambda: Scenario(
        "eim-outage", "the eIM is down for twelve hours", 2 * DAY, eim_down=((BEGIN, BEGIN + 12 * HOUR),)
    ),
    lambda: Scenario(
        "roaming-ban", "Nord refuses every registration, for good", 5 * DAY, (_operator(1e6, Link.REFUSED),)
    ),
    lambda: Scenario(
        "flapping",
        "for two days Nord comes and goes, for 5 to 60 minutes each",
        4 * DAY,
        (Outage(NORD, Link.NOT_REGISTERED, _flaps(2 * DAY)),),
    ),
    lambda: Scenario(
        "power-cut",
        "three gateways in ten lose their power for two hours",
        DAY,
        power_cut=((BEGIN, BEGIN + 2 * HOUR),),
    ),
    lambda: Scenario(
        "double-outage",
        "Nord is dark for six hours, and for the first four the bootstrap profile's network too",
        2 * DAY,
        (_operator(6), Outage(BOOTSTRAP, Link.NOT_REGISTERED, ((BEGIN, BEGIN + 4 * HOUR),))),
    ),
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in (make() for make in _ALL)}

"""diagnose: from what was seen of modem and network to one word."""

from dataclasses import dataclass
from enum import Enum

from modem.radio import RadioStatus, Registration, Sim


class Link(Enum):
    """The state of the cellular connection, as far as it can be told from the device."""

    OK = "ok"
    NOT_REGISTERED = "not registered"
    REFUSED = "refused by the network"
    NO_BEARER = "no bearer"
    NO_TRAFFIC = "no traffic"
    MODEM_STUCK = "modem does not answer"
    NO_SIM = "SIM not ready"

    # Dictionaries of links are asked at every event of a fleet.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen, each with the powered second at which it was."""

    radio: RadioStatus | None = None
    """None: the modem did not answer."""
    radio_at: float | None = None
    other_profile: bool = False
    """The modem reads a profile of the card that is not the enabled one: what it says is of the former."""
    reachable: bool | None = None
    """What the last probe over the cellular interface said, or octets that arrived; None: nothing since the
    profile was enabled.

    A registration alone does not take it back: after a remedy a silent operator registers the modem again.
    """
    reachable_at: float | None = None
    bearer_refused: str | None = None
    """Why the network refused the last bearer; None: it did not, or the modem was away since."""
    bearer_refused_at: float | None = None
    octets: int | None = None
    """Received over the cellular interface so far; None: it does not exist, or none is configured."""
    octets_at: float | None = None


_CAUSES = {
    3: "illegal UE",
    6: "illegal ME",
    7: "EPS services not allowed",
    8: "EPS and non-EPS services not allowed",
    11: "PLMN not allowed",
    12: "tracking area not allowed",
    13: "roaming not allowed in this tracking area",
    14: "EPS services not allowed in this PLMN",
    15: "no suitable cells in tracking area",
    17: "network failure",
    22: "congestion",
    25: "not authorized for this CSG",
}
"""EMM causes of a refused registration (TS 24.301 annex A), in words."""


def diagnose(facts: Facts) -> Link:
    """One verdict from the facts. An eIM that is down is not among them: it says nothing of the link."""
    radio = facts.radio
    if radio is None:
        return Link.MODEM_STUCK
    if radio.sim is not Sim.READY or facts.other_profile:
        return Link.NO_SIM
    if radio.registration is Registration.DENIED:
        return Link.REFUSED
    if radio.registration not in (Registration.HOME, Registration.ROAMING):
        return Link.NOT_REGISTERED
    if radio.address is None:
        return Link.NO_BEARER if facts.bearer_refused is None else Link.REFUSED
    if facts.reachable is False:
        return Link.NO_TRAFFIC
    return Link.OK


def explain(facts: Facts) -> str:
    """The verdict with its cause, for log, status and history."""
    link, radio = diagnose(facts), facts.radio
    said: str = link.value
    match link:
        case Link.REFUSED if radio is not None and radio.registration is Registration.DENIED:
            if radio.cause is None:
                return "registration refused: the modem tells no cause"
            return f"registration refused: {_CAUSES.get(radio.cause, 'EMM cause')} ({radio.cause})"
        case Link.REFUSED:
            return f"bearer refused: {facts.bearer_refused}"
        case Link.NO_SIM if facts.other_profile and radio is not None:
            return f"{said}: the modem still reads {radio.iccid}, which is not enabled"
        case Link.NO_SIM if radio is not None:
            return f"{said}: {radio.sim.value}"
    return said

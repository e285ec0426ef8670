"""diagnose: from what was seen of modem and network to one word."""

from dataclasses import dataclass
from enum import Enum

from modem.radio import RadioStatus, Registration, Sim


class Link(Enum):
    """The state of the cellular connection, as far as it can be told from the device."""

    OK = "ok"
    NOT_REGISTERED = "not registered"
    REFUSED = "registration refused"
    NO_BEARER = "no bearer"
    NO_TRAFFIC = "no traffic"
    MODEM_STUCK = "modem does not answer"
    NO_SIM = "SIM not ready"


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen. `radio` is None when the modem did not answer."""

    radio: RadioStatus | None
    reachable: bool | None = None
    """What the last probe over the cellular interface said; None: none since the profile was enabled.

    A registration alone does not take it back: after a remedy a silent operator registers the modem again.
    """


def diagnose(facts: Facts) -> Link:
    """One verdict from the facts. An eIM that is down is not among them: it says nothing of the link."""
    radio = facts.radio
    if radio is None:
        return Link.MODEM_STUCK
    if radio.sim is not Sim.READY:
        return Link.NO_SIM
    if radio.registration is Registration.DENIED:
        return Link.REFUSED
    if radio.registration not in (Registration.HOME, Registration.ROAMING):
        return Link.NOT_REGISTERED
    if radio.address is None:
        return Link.NO_BEARER
    if facts.reachable is False:
        return Link.NO_TRAFFIC
    return Link.OK

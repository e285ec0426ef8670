"""What the cellular interface has received: octets that arrive are traffic, and spare a probe."""

from dataclasses import replace
from pathlib import Path

from ipad.connectivity.link import Facts

FLOWS = 4096
"""Octets received since the last look from which on traffic flows: ARP, router advertisements and DHCP
leases of a quiet hour on an Ethernet-like modem stay below."""

_INTERFACES = Path("/sys/class/net")


def received(interface: str | None, interfaces: Path = _INTERFACES) -> int | None:
    """Octets that the interface has received; None if there is no such interface, or none is configured."""
    if not interface:
        return None
    try:
        return int((interfaces / interface / "statistics" / "rx_bytes").read_text("ascii"))
    except (OSError, ValueError):
        return None


def count(facts: Facts, octets: int | None, now: float) -> Facts:
    """The facts with the counter as it is now; enough octets since the last time say that traffic flows.

    A counter that is lower than before belongs to an interface that was made anew: it is only remembered.
    """
    before = facts.octets
    facts = replace(facts, octets=octets, octets_at=now)
    if octets is not None and before is not None and octets - before >= FLOWS:
        return replace(facts, reachable=True, reachable_at=now)
    return facts

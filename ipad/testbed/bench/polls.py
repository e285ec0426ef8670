"""What a poll costs: APDUs, connections, requests, and octets at the socket, TLS's own included."""

from ipad.errors import IpadError
from ipad.net.trust import Trusts
from ipad.net.wire import Traffic
from ipad.procedures import poll
from ipad.testbed.bench.parts import Parts
from ipad.testbed.bench.table import Row
from ipad.testbed.bench.world import World

_FRESH = "Idle poll, new TLS session"
_RESUMED = "Idle poll, resumed TLS session"
_PACKAGE = "Poll with one package (listProfileInfo) and its result, resumed TLS session"


def measure(world: World, parts: Parts) -> list[Row]:
    """Idle polls with and without a session to resume, and one that brings a package."""
    _poll(parts)  # whatever still waits on the card
    parts.uplink.trusts = Trusts()  # and with it the session
    fresh = _measured(world, parts, _FRESH, idle=True)
    resumed = _measured(world, parts, _RESUMED, idle=True)
    world.order({"listProfileInfo": {}})
    return fresh + resumed + _measured(world, parts, _PACKAGE, idle=False)


def _poll(parts: Parts) -> None:
    outcome = poll.run(parts.gateway, parts.eim.eim_id, None)
    if not outcome.delivered:
        raise IpadError("the eIM has not taken all results")


def _measured(world: World, parts: Parts, group: str, *, idle: bool) -> list[Row]:
    traffic = parts.uplink.traffic = Traffic()
    last = max(exchange["id"] for exchange in world.admin("GET", "/log"))
    world.tally()
    before = parts.meter.least
    _poll(parts)
    asked = world.tally()
    seen = world.admin("GET", "/log", after=last)
    return [
        Row(group, "AT+CSIM exchanges", asked.exchanges, "", parts.meter.least - before if not idle else 0),
        Row(group, "other AT commands", asked.others, "", 0),
        Row(group, "connections", len({exchange["port"] for exchange in seen}), "", 1),
        Row(group, "requests", len(seen), "", 1 if idle else None),
        Row(group, "sent", traffic.sent, "octets"),
        Row(group, "received", traffic.received, "octets"),
    ]

"""What the main job costs on the tty: AT commands, and octets both ways together."""

from collections.abc import Callable
from contextlib import closing
from functools import partial

from ipad.euicc import es10c
from ipad.opening import open_isdr, open_modem
from ipad.procedures import poll
from ipad.testbed.bench.parts import Parts
from ipad.testbed.bench.table import Row
from ipad.testbed.bench.world import World
from ipad.testbed.euicc import default_profiles
from modem.memory import Memory, ShortMemory

_GROUP = "On the tty"


def measure(world: World, parts: Parts) -> list[Row]:
    """Meeting the card for the first and the second time, an idle poll, and an enable from poll to result."""
    memory = ShortMemory()
    rows = _count(world, "identify the card, list its profiles: first time", lambda: _meet(parts, memory))
    rows += _count(world, "the same, the way to the card being known", lambda: _meet(parts, memory))
    polled = partial(poll.run, parts.gateway, parts.eim.eim_id, None)
    polled()  # whatever still waits on the card
    rows += _count(world, "an idle poll", polled, goal=0)
    enabled = parts.gateway.card().enabled
    other = next(p.iccid for p in default_profiles() if p.iccid != enabled)
    world.order({"enable": other, "rollback": True})

    def enable() -> None:
        polled()
        polled()  # the result goes over the new profile

    return rows + _count(world, "an enable: package, switch, reading the card, result", enable)


def _meet(parts: Parts, memory: Memory) -> None:
    """What a start does with the card: open the port, find the way, read EID and profiles."""
    with closing(open_modem(parts.settings, lambda: None, memory=memory)) as modem:
        isdr = open_isdr(parts.settings, modem, lambda: None)
        es10c.eid(isdr)
        es10c.profiles(isdr)
        isdr.close()


def _count(world: World, what: str, do: Callable[[], object], goal: float | None = None) -> list[Row]:
    world.tally()
    before = world.octets()
    do()
    asked = world.tally()
    return [
        Row(_GROUP, f"{what}: AT commands", asked.exchanges + asked.others, "", goal),
        Row(_GROUP, f"{what}: octets", world.octets() - before, "octets", goal),
    ]

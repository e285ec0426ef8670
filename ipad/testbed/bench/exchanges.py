"""AT+CSIM exchanges, counted at the mock modem, beside those that the octets need.

A command of n octets needs at least n/255 STORE DATA, its answer n/256 GET RESPONSE (each rounded up), a new
channel three exchanges.
"""

from collections.abc import Callable
from typing import TypeVar

from ipad.errors import IpadError
from ipad.esipa.model import EuiccPackage
from ipad.euicc import es10b, es10c
from ipad.procedures import deliver, switch
from ipad.testbed.bench.parts import Parts
from ipad.testbed.bench.table import Row
from ipad.testbed.bench.world import World
from ipad.testbed.euicc import default_profiles

T = TypeVar("T")

_GROUP = "AT+CSIM exchanges, beside what the octets need"


def measure(world: World, parts: Parts) -> list[Row]:
    """The main job's functions, once each."""
    gateway, isdr = parts.gateway, parts.gateway.isdr
    _, nord, _ = (profile.iccid for profile in default_profiles())
    rows: list[Row] = []
    esipa = parts.esipa()

    def count(what: str, do: Callable[[], T]) -> T:
        before = parts.meter.least
        world.tally()
        result = do()
        rows.append(Row(_GROUP, what, world.tally().exchanges, "", parts.meter.least - before))
        return result

    def fetch() -> EuiccPackage:
        offered = esipa.get_eim_package()
        if not isinstance(offered, EuiccPackage):
            raise IpadError(f"the eIM gave {offered} in place of a package")
        return offered

    isdr.close()
    gateway.contents = None
    count("reading the card as at a start", gateway.read_card)
    count("listing its profiles", lambda: es10c.profiles(isdr))
    own = world.admin("GET", "/config", eid=world.eid, token=-1)["eimConfigurationData"]
    world.order({"updateEim": own})
    large = fetch()
    count(
        f"LoadEuiccPackage: updateEim, {len(large.der)} octets",
        lambda: es10b.load_euicc_package(isdr, large.der),
    )
    count("delivering its result", lambda: deliver.run(gateway, esipa, parts.eim.eim_id))
    world.order({"enable": nord, "rollback": True})
    small = fetch()
    count(
        f"LoadEuiccPackage: enable, {len(small.der)} octets",
        lambda: es10b.load_euicc_package(isdr, small.der),
    )
    count("taking the new profile, reading the card", lambda: switch.settle(gateway, nord))
    esipa.close()
    gateway.card_changed()
    count("delivering its result", lambda: deliver.run(gateway, esipa, parts.eim.eim_id))
    esipa.close()
    return rows

"""One poll of one eIM by the real procedures, without the loop around them."""

from typing import Any

from ipad.connectivity.state import Cause, Polled
from ipad.procedures import poll, switch
from ipad.testbed.eim.serve import EIM_ID
from ipad.testbed.euicc import VirtualEuicc, state
from modem.uicc import Reply
from tests.procedures.site import Process, Site

LIST: dict[str, Any] = {"listProfileInfo": {}}


def started(site: Site) -> Process:
    """A process that has read the card."""
    process = site.open()
    process.gateway.read_card()
    return process


def run(process: Process, tell: Cause | None = None) -> Polled:
    return poll.run(process.gateway, EIM_ID, tell)


def history(process: Process) -> str:
    return "\n".join(entry.text for entry in process.journal.history())


def fall_back(process: Process) -> None:
    """The fallback, and what the agent's loop does once it is saved."""
    switch.fall_back(process.gateway)
    process.journal.finish()


def spoil_first_notification(process: Process) -> int:
    """One bit of its signature is another. Returns its number."""
    site = process.site
    memory = site.memory()
    notification = memory.notifications[0]
    octets = bytearray.fromhex(notification.octets)
    octets[octets.index(b"\x5f\x37\x40") + 20] ^= 1
    notification.octets = octets.hex()
    state.store(site.card_dir, memory)
    site.modem.insert(VirtualEuicc.open(site.card_dir, site.blank.pki))
    process.gateway.isdr.reset()
    return notification.seq


def answering(process: Process, tag: bytes, reply: Reply) -> None:
    """The card meets this function so."""
    card = process.uicc.meets

    def meets(apdu: bytes) -> Reply:
        return reply if apdu[1] == 0xE2 and apdu[5:].startswith(tag) else card(apdu)

    process.uicc.meets = meets

"""ES12 (SGP.22 5.9): an SM-DP+ tells an SM-DS of profiles that wait, and that they do so no more.

What the real interface does over mutual TLS, this one does over the simulated SM-DS's REST interface.
"""

from ipad.errors import PeerRefused, Unreachable
from ipad.testbed.rest_client import call

from .core import Smdp
from .orders import ERROR, INSTALLED


class Events:
    """The events of `smdp` at the SM-DS whose REST interface is at `smds`."""

    def __init__(self, smds: str, smdp: Smdp) -> None:
        self._smds = smds
        self._smdp = smdp

    def register(self, eid: str, matching_id: str) -> None:
        """RegisterEvent: the event's id is the order's matching id. PeerRefused; Unreachable."""
        event = {"eid": eid, "eventId": matching_id, "rspServerAddress": self._smdp.address}
        call(self._smds, "POST", "/events", event)

    def settle(self) -> None:
        """DeleteEvent for orders at their end; what an SM-DS did not answer to is tried the next time."""
        over = {order.matching_id for order in self._smdp.orders() if order.state in (INSTALLED, ERROR)}
        if not over:
            return
        try:
            for event in call(self._smds, "GET", "/events"):
                if event["rspServerAddress"] == self._smdp.address and event["eventId"] in over:
                    call(self._smds, "DELETE", f"/events/{event['eid']}/{event['eventId']}")
        except (PeerRefused, Unreachable):
            return

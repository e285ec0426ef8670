"""Whether traffic flows: a TCP connection to one of the probe targets, over the cellular interface."""

import time
from collections.abc import Sequence

from ipad.errors import Unreachable
from ipad.net.http import Uplink
from ipad.net.wire import Patience, connect


def run(targets: Sequence[str], uplink: Uplink, seconds: float) -> bool | None:
    """True as soon as one target ("host:port") answers, False if none does, None if there are none.

    seconds: what each target is given. A refused connection is no answer: it may come from a box on the way.
    """
    if not targets:
        return None
    return any(_answers(target, uplink, seconds) for target in targets)


def _answers(target: str, uplink: Uplink, seconds: float) -> bool:
    host, _, port = target.rpartition(":")
    patience = Patience(f"probing {target}", time.monotonic() + seconds, uplink.idle)
    try:
        addresses = uplink.resolver.addresses(host.strip("[]"), int(port), patience.deadline, uplink.idle)
        connect(addresses, patience, uplink.interface).close()
    except Unreachable:
        return False
    return True

"""`ipad download`: what somebody at the gateway wants, by the daemon or, where none runs, by itself.

The activation code is in no log and, with `-` in its place, on no command line either.
"""

import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

from ipad import asn1, clock, direct, snapshot
from ipad.config import Config
from ipad.connectivity.state import Download, Downloaded
from ipad.instance import lock, make_directories
from ipad.net.http import Uplink
from ipad.opening import open_gateway
from ipad.procedures import download, resume, servers
from ipad.procedures.gateway import Progress
from ipad.rsp import activation_code

_LONGEST = 512
"""Characters of a line with an activation code."""


def trigger(code: str | None, smds: str | None) -> bytes:
    """ProfileDownloadTriggerRequest (BF54…) for an activation code, an SM-DS, or the default SM-DP+.

    code: "-" for a line of standard input. smds: its address, "" for the card's own. Raises DecodeError for
    a code that is none.
    """
    if smds is not None:
        data: tuple[str, object] = ("contactSmds", {"smdsAddress": smds} if smds else {})
    elif code is None:
        data = ("contactDefaultSmdp", None)
    else:
        text = (sys.stdin.readline(_LONGEST) if code == "-" else code).strip()
        activation_code.parse(text)
        data = ("activationCode", text)
    return asn1.encode("ProfileDownloadTriggerRequest", {"profileDownloadData": data})


def without_daemon(
    settings: Config, wanted: Download, tell: Callable[[dict[str, Any] | None], None]
) -> dict[str, Any]:
    """Downloads with the card alone: in a factory, say. tell: how far it is, as in the daemon's status.

    Returns what the daemon would answer. Raises IpadError and ModemErrors.
    """
    state_dir, runtime_dir = make_directories(settings)

    def progress(now: Progress | None) -> None:
        tell(None if now is None else snapshot.progress(now))

    with lock(runtime_dir), closing(direct.journal(state_dir)) as journal:
        powered = clock.start(journal)
        uplink = Uplink(interface=settings.connectivity.interface or None)
        with open_gateway(settings, journal, powered, uplink, lambda: None) as gateway:
            gateway.progress = progress
            resume.run(gateway)
            gateway.read_card()
            outcome = download.run(gateway, wanted)
            servers.run(gateway)
    return {"did": [f"Download: {_said(outcome)}"], "problem": outcome.problem, "iccid": outcome.iccid}


def _said(outcome: Downloaded) -> str:
    if outcome.iccid is None:
        return f"not installed: {outcome.problem}"
    return f"{outcome.iccid} is installed" + (" and enabled" if outcome.trial else "")

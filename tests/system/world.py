"""A gateway with the real daemon, and all the rest as processes: what each system test starts from."""

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from ipad.testbed.gateway import Gateway
from ipad.testbed.timeline import Timeline

BOOTSTRAP, NORD, SUED = "89999900000000000016", "8900101000000000019", "8900102000000000018"
NORD_PLMN, SUED_PLMN = "00101", "00102"
LIST: Mapping[str, Any] = {"listProfileInfo": {}}

SCALE = 0.1
"""Of the mock modem's latencies."""
WAITS: Mapping[str, float] = {
    "refresh": 1.5,
    "poll_ready": 0.05,
    "connect": 3.0,
    "http": 2.0,
    "probe": 2.0,
    "probe_retry": 0.3,
    "card_retry": 0.3,
    "card_retry_max": 1.0,
    "grace": 1.5,
    "reattach": 0.5,
    "bearer": 0.5,
    "radio_cycle": 0.5,
    "reset": 0.5,
    "settle": 0.2,
    "remedy_max": 2.0,
    "trial": 6.0,
    "poll_start": 0.2,
    "poll_spread": 0.2,
    "poll_min": 0.2,
    "poll_retry": 0.4,
    "poll_retry_max": 1.0,
    "download_retry": 0.5,
    "download_retry_max": 2.0,
}
"""Short where a test waits for their end, the defaults elsewhere: nothing else happens by itself."""

_ANSWER_WITHIN = 60.0

STORY = io.StringIO()
"""What happened in all gateways; a test that fails shows its end."""
LINE = Timeline({BOOTSTRAP: "Bootstrap", NORD: "Nord", SUED: "Sued"}, STORY)
until = LINE.wait_for
"""until(what, holds): returns when it holds, Failed if it does not in time."""


def ipad(gateway: Gateway, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The `ipad` command at the gateway, to its end."""
    command = [sys.executable, "-m", "ipad.cli", *arguments, "--config", str(gateway.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_WITHIN, check=False)
    for line in [*done.stdout.splitlines(), *done.stderr.splitlines()]:
        LINE.say("operator", f"ipad {arguments[0]}: {line}")
    assert "Traceback" not in done.stderr
    return done


def answer(gateway: Gateway, *arguments: str) -> Any:
    """What the command prints with --json; it has to succeed."""
    done = ipad(gateway, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def settle(gateway: Gateway) -> None:
    """All is well again: operators, eIM, an empty queue, and a daemon that operates."""
    for plmn in (NORD_PLMN, SUED_PLMN):
        gateway.operator(plmn, "on")
    gateway.eim("DELETE", "/faults")
    for package in gateway.eim("GET", "/packages"):
        if package["state"] in ("queued", "sent"):
            gateway.eim("DELETE", f"/packages/{package['id']}")
    operates(gateway)


def operates(gateway: Gateway) -> None:
    """Waits until the daemon says that all is well."""
    until("the gateway to operate", lambda: is_at(gateway, "operating") and link(gateway) == "ok")


def is_at(gateway: Gateway, phase: str) -> bool:
    return gateway.phase() == phase


def link(gateway: Gateway) -> str | None:
    """The link as the daemon sees it."""
    seen: str | None = gateway.status()["link"]
    return seen


def enable(gateway: Gateway, iccid: str, **more: Any) -> int:
    """The eIM enables a profile, and the gateway has proven it. Returns the package."""
    package = gateway.order({"enable": iccid, **more})
    ipad(gateway, "poll")
    until("the result", lambda: gateway.state_of(package) == "done")
    operates(gateway)
    assert gateway.enabled() == iccid
    return package


def works(gateway: Gateway) -> None:
    """The next good package is executed, and its result counts once."""
    package = gateway.order(LIST)
    ipad(gateway, "poll")
    until("a good package", lambda: gateway.state_of(package) == "done")
    assert gateway.accepted_results(package) == 1


def says(gateway: Gateway, *words: str) -> bool:
    """A line of the daemon's log has all these words in it."""
    return any(all(word in line for word in words) for line in gateway.agent_log())

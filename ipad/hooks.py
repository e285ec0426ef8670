"""Telling the rest of the gateway of switches and of the link: the agent's half (bearer = "hook").

The agent may not touch links: it leaves a file in its runtime directory, and a unit of root's runs the
programs in /etc/ipad/hooks.d (ipad.hook_runner).
"""

import itertools
import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path

from modem.radio import RadioStatus

log = logging.getLogger("ipad")

EVENTS = "events"
"""The directory in the runtime directory where each event is a file, oldest first by name."""
MOST_WAITING = 32
"""If nobody runs the hooks, the oldest events beyond these are dropped."""


class Hooks:
    """Leaves an event at each change. interface: the cellular network interface, for the programs."""

    def __init__(self, runtime_dir: Path, interface: str) -> None:
        self._directory = runtime_dir / EVENTS
        self._interface = interface
        self._numbers = itertools.count()
        self._up: bool | None = None
        self._enabled: str | None = None
        self._known = False

    def seen(self, enabled: str | None, up: bool | None, radio: RadioStatus | None) -> None:
        """How it is now. enabled: ICCID of the enabled profile. up: whether the link is; None: not known."""
        if self._known and enabled != self._enabled:
            self._tell("switch", enabled, radio, former=self._enabled)
        if enabled is not None:
            self._known, self._enabled = True, enabled
        if up is not None and up != self._up and (up or self._up is not None):
            self._tell("up" if up else "down", enabled, radio)
        self._up = up if up is not None else self._up

    def _tell(
        self, event: str, iccid: str | None, radio: RadioStatus | None, former: str | None = None
    ) -> None:
        told: dict[str, str | None] = {
            "event": event,
            "iccid": iccid,
            "former_iccid": former,
            "interface": self._interface,
            "address": radio.address if radio else None,
            "plmn": radio.plmn if radio else None,
            "tech": radio.tech if radio else None,
        }
        try:
            self._leave({name: text for name, text in told.items() if text})
        except OSError as error:
            log.warning("the hooks are not told of %s: %s", event, error)

    def _leave(self, told: Mapping[str, str]) -> None:
        self._directory.mkdir(mode=0o755, exist_ok=True)
        waiting = sorted(self._directory.glob("*.json"))
        for old in waiting[: max(0, len(waiting) - MOST_WAITING + 1)]:
            old.unlink(missing_ok=True)
        # The clock may be set back, the counter starts anew: together they keep the order well enough.
        name = f"{time.time_ns():020}-{next(self._numbers):06}.json"
        new = self._directory.parent / f".{name}"
        new.write_text(json.dumps(told), "utf-8")
        os.replace(new, self._directory / name)

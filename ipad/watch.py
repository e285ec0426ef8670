"""`ipad status --watch`: the same screen again whenever it changed."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from ipad import show

_LOOK = 1.0
"""Seconds between two looks."""
_CLEAR = "\x1b[H\x1b[2J"
_PASSING = ("now",)
"""What changes without anything having happened."""


def run(ask: Callable[[], Any], missing: type[Exception], as_json: bool) -> None:
    """Prints until interrupted; a daemon that is not running is waited for.

    ask: the status; raises `missing` if no daemon runs. On a terminal the screen is replaced each second;
    elsewhere, and as JSON, one answer follows another, each when something changed.
    """
    screen = sys.stdout.isatty() and not as_json
    before: object = None
    while True:
        try:
            status = ask()
            told: object = {key: value for key, value in status.items() if key not in _PASSING}
            text = json.dumps(status) if as_json else "\n".join(show.status(status))
        except missing as error:
            told = str(error)
            text = json.dumps({"error": told}) if as_json else f"ipad: {told}"
        if screen:
            print(f"{_CLEAR}{time.strftime('%H:%M:%S')}  (Ctrl-C ends this)\n\n{text}", flush=True)
        elif told != before:
            print(text + ("" if as_json else "\n"), flush=True)
        before = told
        time.sleep(_LOOK)

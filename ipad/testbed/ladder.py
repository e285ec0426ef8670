"""`make demo ARGS=--ladder`: each remedy at work on the mock modem, and what comes when none helps.

Nord lets nothing through, although the modem is registered there, and gets well right after the remedy that
the chapter is about: what the modem was seen to do until then is the far side's word.
"""

import time
from collections.abc import Callable

from ipad.testbed.gateway import Gateway
from ipad.testbed.timeline import Timeline

BOOTSTRAP, NORD = "89999900000000000016", "8900101000000000019"
NORD_PLMN, SUED_PLMN = "00101", "00102"
WAITS = {
    "grace": 4.0,
    "reattach": 4.0,
    "bearer": 4.0,
    "radio_cycle": 4.0,
    "reset": 6.0,
    "remedy_max": 6.0,
    "trial": 10.0,
    "other_after": 1.0,
    "return_after": 600.0,
    "return_max": 600.0,
    "probe_interval": 1.0,
    "probe_retry": 0.5,
}
"""Long enough that a chapter can end before the next remedy begins."""
OVERHEAD = 5.0
"""Seconds that the agent may take on top of the configured patience and the modem's own time."""

Seen = tuple[int, int, int, int]
"""How often the modem registered, had its bearer activated, was reset, and acted on a REFRESH."""


def seen(gateway: Gateway) -> Seen:
    """By the modem's own record."""
    registered, bearer, reset, refresh = (
        len(gateway.events(name)) for name in ("registered", "bearer", "reset", "refresh")
    )
    return registered, bearer, reset, refresh


def since(gateway: Gateway, before: Seen) -> Seen:
    """The same, from `before` on."""
    registered, bearer, reset, refresh = (now - then for now, then in zip(seen(gateway), before, strict=True))
    return registered, bearer, reset, refresh


def begin(gateway: Gateway, line: Timeline) -> None:
    line.chapter("1. On Nord, by order")
    gateway.provision()
    gateway.start_agent()
    package = gateway.order({"enable": NORD})
    gateway.ipad("poll")
    line.wait_for("the verdict", lambda: gateway.phase() == "operating" and gateway.enabled() == NORD)
    line.wait_for("the result", lambda: gateway.state_of(package) == "done")
    line.check("the modem is at home in Nord", gateway.serving() == (1, NORD_PLMN))


def helped(title: str, what: str, wanted: Seen) -> Callable[[Gateway, Timeline], None]:
    """A chapter: the link is lost until the modem has done `wanted`, and then it is back."""

    def chapter(gateway: Gateway, line: Timeline) -> None:
        line.chapter(title)
        before = seen(gateway)
        gateway.operator(NORD_PLMN, "silent")
        line.wait_for("the loss", lambda: gateway.phase() == "remedying")
        line.wait_for(what, lambda: since(gateway, before) >= wanted)
        gateway.operator(NORD_PLMN, "on")
        line.wait_for("the link", lambda: gateway.phase() == "operating")
        line.pass_time(gateway.waits["reattach"])
        line.check(f"the modem saw {what}, and nothing after it", since(gateway, before) == wanted)
        line.check("and has Nord enabled all the time", gateway.enabled() == NORD)

    return chapter


def in_vain(gateway: Gateway, line: Timeline) -> None:
    line.chapter("7. None helps, for Nord is dark: the fallback")
    before, waits, begin = seen(gateway), gateway.waits, time.time()
    gateway.operator(NORD_PLMN, "dark")
    line.wait_for("the fallback", lambda: gateway.enabled() == BOOTSTRAP)
    line.wait_for("the link", lambda: gateway.serving() == (5, SUED_PLMN))
    line.check("before it the modem was reset", since(gateway, before)[2] == 1)
    line.wait_for("the verdict", lambda: gateway.phase() == "fallback")
    patience = sum(waits[rung] for rung in ("grace", "reattach", "radio_cycle", "reset"))
    own = gateway.events("boot")[-1]["time"] - gateway.events("reset")[-1]["time"]
    lost = min(event["time"] for event in gateway.events("unregistered") if event["time"] >= begin)
    took = gateway.refreshes()[-1] - lost
    line.check(
        f"from the loss to the switch {took:.1f} s: {patience:.1f} s of patience, {own:.1f} s of the modem's "
        f"own time, and at most {OVERHEAD:.0f} s",
        took <= patience + own + OVERHEAD,
    )


def both_dark(gateway: Gateway, line: Timeline) -> None:
    line.chapter("8. The bootstrap profile's network is dark too: the ladder again, and then Nord")
    before = seen(gateway)
    gateway.operator(SUED_PLMN, "dark")
    line.wait_for("the trial of Nord", lambda: gateway.enabled() == NORD)
    line.check("before it the modem was reset, on the bootstrap profile", since(gateway, before)[2] >= 1)
    gateway.operator(NORD_PLMN, "on")
    line.wait_for("the verdict", lambda: gateway.phase() == "operating")
    line.check("the modem is at home in Nord", gateway.serving() == (1, NORD_PLMN))


CHAPTERS: tuple[Callable[[Gateway, Timeline], None], ...] = (
    begin,
    helped("2. A moment without traffic: nothing is done", "nothing", (0, 0, 0, 0)),
    helped("3. A re-attach helps", "a re-attach", (1, 0, 0, 0)),
    helped("4. A new bearer helps", "a re-attach and a new bearer", (1, 1, 0, 0)),
    helped("5. Radio off and on helps", "those, and its radio off and on", (2, 1, 0, 0)),
    helped("6. A reset helps", "all those, and its reset", (3, 1, 1, 0)),
    in_vain,
    both_dark,
)

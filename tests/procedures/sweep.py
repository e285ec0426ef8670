"""A scenario, played once unharmed and then with a harm at each of its points."""

from collections.abc import Callable
from typing import Any

from tests.procedures.harm import Harm, Kill
from tests.procedures.scenarios import Scenario, outcome
from tests.procedures.site import MakeSite, Site


def play(make_site: MakeSite, scenario: Scenario, harm: Harm, prompt: bool) -> Site:
    site = make_site(harm=harm, prompt=prompt, prepare=scenario.begins)
    scenario.start(site)
    site.run()
    return site


def sweep(
    make_site: MakeSite,
    scenario: Scenario,
    kind: type[Harm],
    found: Callable[[Site], dict[str, Any]] = outcome,
    prompt: bool = True,
    every: int = 1,
) -> tuple[int, int]:
    """Plays the scenario unharmed, and then with the harm at each point that is not like the one before.

    found: what has to be the same each time. every: only at each so manieth of these. Returns how many points
    there are, and at how many of them it was played.
    """
    unharmed = kind()
    wanted = found(play(make_site, scenario, unharmed, prompt))
    points = unharmed.points
    alike = issubclass(kind, Kill)
    unlike = [at for at in range(1, len(points) + 1) if not alike or _differs(points, at)]
    for at in unlike[::every]:
        harm = kind(at)
        try:
            harmed = found(play(make_site, scenario, harm, prompt))
            assert harm.struck
            assert harmed == wanted
        except Exception as error:
            error.add_note(f"{kind.__name__} at point {at} of {len(points)}, {harm.struck}")
            raise
    return len(points), len(unlike[::every])


def _differs(points: list[object], at: int) -> bool:
    """From the point before: something has changed that outlives the process."""
    return at == 1 or points[at - 1] != points[at - 2]

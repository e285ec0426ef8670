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
) -> None:
    """Plays the scenario unharmed, and then with the harm at each point that is not like the one before.

    found: what has to be the same each time.
    """
    unharmed = kind()
    wanted = found(play(make_site, scenario, unharmed, prompt))
    points = unharmed.points
    alike = issubclass(kind, Kill)
    for at in range(1, len(points) + 1):
        if alike and at > 1 and points[at - 1] == points[at - 2]:
            continue
        harm = kind(at)
        try:
            harmed = found(play(make_site, scenario, harm, prompt))
            assert harm.struck
            assert harmed == wanted
        except Exception as error:
            error.add_note(f"{kind.__name__} at point {at} of {len(points)}, {harm.struck}")
            raise

"""Whatever happens, and wherever: the result arrives, counts once, and nothing is left behind."""

from collections.abc import Callable

import pytest

from tests.procedures.harm import (
    AnswerLost,
    Garbled,
    Harm,
    Kill,
    NotSent,
    PowerCut,
    RequestLost,
    Restarted,
    Unanswered,
    Unheard,
)
from tests.procedures.scenarios import EACH_STEP, SCENARIOS, Scenario, outcome
from tests.procedures.site import Site

MakeSite = Callable[..., Site]

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
every_step = pytest.mark.parametrize("scenario", EACH_STEP, ids=lambda s: s.name)


def play(make_site: MakeSite, scenario: Scenario, harm: Harm, prompt: bool) -> Site:
    site = make_site(harm=harm, prompt=prompt, prepare=scenario.begins)
    scenario.start(site)
    site.run()
    return site


def sweep(make_site: MakeSite, scenario: Scenario, kind: type[Harm], prompt: bool = True) -> None:
    """Plays the scenario unharmed, and then with the harm at each point that is not like the one before."""
    unharmed = kind()
    wanted = outcome(play(make_site, scenario, unharmed, prompt))
    points = unharmed.points
    alike = issubclass(kind, Kill)
    for at in range(1, len(points) + 1):
        if alike and at > 1 and points[at - 1] == points[at - 2]:
            continue
        harm = kind(at)
        try:
            found = outcome(play(make_site, scenario, harm, prompt))
            assert harm.struck
            assert found == wanted
        except Exception as error:
            error.add_note(f"{kind.__name__} at point {at} of {len(points)}, {harm.struck}")
            raise


@every_scenario
def test_the_agent_may_be_killed_anywhere(make_site: MakeSite, scenario: Scenario) -> None:
    sweep(make_site, scenario, Kill, prompt=False)


@every_step
def test_the_power_may_be_cut_anywhere(make_site: MakeSite, scenario: Scenario) -> None:
    sweep(make_site, scenario, PowerCut)


@every_step
@pytest.mark.parametrize("kind", [Unheard, Unanswered, NotSent, Restarted, Garbled])
def test_the_modem_may_fail_anywhere_in_a_step(
    make_site: MakeSite, scenario: Scenario, kind: type[Harm]
) -> None:
    sweep(make_site, scenario, kind)


@every_scenario
@pytest.mark.parametrize("kind", [RequestLost, AnswerLost])
def test_a_connection_may_break_anywhere(make_site: MakeSite, scenario: Scenario, kind: type[Harm]) -> None:
    sweep(make_site, scenario, kind)

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
from tests.procedures.scenarios import EACH_STEP, SCENARIOS, Scenario
from tests.procedures.site import Site
from tests.procedures.sweep import sweep

MakeSite = Callable[..., Site]

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
every_step = pytest.mark.parametrize("scenario", EACH_STEP, ids=lambda s: s.name)


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

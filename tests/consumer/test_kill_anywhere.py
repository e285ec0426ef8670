"""With a consumer card too: whatever happens, the result arrives, counts once, and nothing is left behind."""

import pytest

from tests.procedures.harm import Garbled, Harm, Kill, NotSent, PowerCut, Unanswered, Unheard
from tests.procedures.scenarios import ASKED, ENABLE, ROLLBACK, SEVERAL, Scenario
from tests.procedures.site import MakeSite
from tests.procedures.sweep import sweep

EACH_STEP = (ENABLE, SEVERAL, ROLLBACK, ASKED)
"""A list and an enable; several operations on the card; a rollback; a fallback and a return."""


@pytest.mark.parametrize("scenario", EACH_STEP, ids=lambda s: s.name)
def test_the_agent_may_be_killed_anywhere(make_site: MakeSite, scenario: Scenario) -> None:
    sweep(make_site, scenario, Kill, prompt=False)


@pytest.mark.parametrize("scenario", [ENABLE, ASKED], ids=lambda s: s.name)
def test_the_power_may_be_cut_anywhere(make_site: MakeSite, scenario: Scenario) -> None:
    sweep(make_site, scenario, PowerCut)


@pytest.mark.parametrize("kind", [Unheard, Unanswered, NotSent, Garbled])
def test_the_modem_may_fail_anywhere_in_a_package(make_site: MakeSite, kind: type[Harm]) -> None:
    sweep(make_site, ENABLE, kind)


@pytest.mark.parametrize("scenario", [ROLLBACK, ASKED], ids=lambda s: s.name)
def test_an_answer_may_be_garbled_anywhere_in_a_switch(make_site: MakeSite, scenario: Scenario) -> None:
    sweep(make_site, scenario, Garbled)

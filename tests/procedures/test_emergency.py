"""An Emergency Profile that somebody else on the device enables (SGP.32 5.9.22, 5.9.23)."""

from ipad.connectivity.state import Cause, Command, Phase
from ipad.euicc import es10b
from ipad.testbed.euicc.defaults import emergency_profile
from ipad.testbed.euicc.state import State
from tests.euicc_card.world import NORD
from tests.procedures.scenarios import on_nord
from tests.procedures.site import WAITS, MakeSite, Site


def with_emergency_profile(memory: State) -> None:
    on_nord(memory)
    memory.profiles.append(emergency_profile())


def call_for_help(site: Site) -> None:
    es10b.enable_emergency_profile(site.process.gateway.isdr)
    site.modem.start()


def test_an_emergency_is_left_alone_until_it_is_over_and_told_to_the_eim(make_site: MakeSite) -> None:
    site = make_site(prepare=with_emergency_profile)
    emergency = emergency_profile().iccid
    site.modem.dark.add(emergency)
    begun: list[float] = []
    polls: list[int] = []

    def life(site: Site) -> Command | None:
        assert site.agent is not None
        if not begun and site.desk.exchanges() and site.agent.state.phase is Phase.OPERATING:
            call_for_help(site)
            begun.append(site.now)
            return Command.POLL  # which cannot reach anybody: there is no link
        if site.agent.state.phase is Phase.EMERGENCY:
            polls.append(len(site.desk.exchanges()))
            assert site.enabled() == emergency
            assert site.modem.remedies == []
            if len(polls) == 3:  # whoever called has finished
                es10b.disable_emergency_profile(site.process.gateway.isdr)
                site.modem.start()
        return None

    site.ask = life
    site.done = lambda site: bool(polls) and Cause.EMERGENCY.value in causes(site)
    site.run()
    assert site.enabled() == NORD
    assert len(set(polls)) == 1
    assert site.now - begun[0] < WAITS.emergency_max


def test_a_forgotten_emergency_is_ended(make_site: MakeSite) -> None:
    site = make_site(prepare=with_emergency_profile)
    begun: list[float] = []

    def life(site: Site) -> None:
        assert site.agent is not None
        if not begun and site.agent.state.phase is Phase.OPERATING:
            call_for_help(site)
            begun.append(site.now)

    site.ask = life
    site.done = lambda site: Cause.EMERGENCY.value in causes(site)
    site.run()
    assert site.enabled() == NORD
    assert site.now - begun[0] >= WAITS.emergency_max
    assert site.journal_left == (None, [])


def causes(site: Site) -> list[int | None]:
    return [told.get("stateChangeCause") for told in site.desk.told()]

"""What the agent looks at, and what it does not send for it."""

from itertools import pairwise

import pytest

from ipad.connectivity.link import Link
from ipad.connectivity.state import Command, Phase
from modem.errors import AtError
from modem.radio import RadioStatus, Registration, Remedy, Sim
from tests.euicc_card.world import NORD
from tests.procedures.scenarios import on_nord
from tests.procedures.site import WAITS, MakeSite, Site

DAY = 86400.0


def probed(site: Site, monkeypatch: pytest.MonkeyPatch, flows: int) -> list[float]:
    """When probes were sent, in a day in which so many octets arrive every hour."""
    sent: list[float] = []

    def run(*_: object) -> bool:
        sent.append(site.now)
        return True

    monkeypatch.setattr("ipad.agent.probe.run", run)
    monkeypatch.setattr("ipad.agent.observe.received", lambda _: int((site.now - 1000) / 3600 * flows))
    site.done = lambda site: site.now > 1000 + DAY
    site.run()
    return sent


def test_a_quiet_link_is_probed_once_an_hour(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = probed(make_site(), monkeypatch, 0)
    assert 24 <= len(sent) <= 28  # the interval is jittered by a tenth, and there is one at the start
    assert min(later - at for at, later in pairwise(sent)) >= 0.9 * WAITS.probe_interval


def test_while_traffic_flows_there_is_no_probe(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(probed(make_site(), monkeypatch, 10_000)) == 1


def test_a_dead_link_is_looked_at_ever_more_seldom(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(prepare=on_nord)
    looks: list[float] = []

    def life(site: Site) -> Command | None:
        looks.append(site.now)
        site.modem.dark.update((NORD, "89999900000000000016"))
        return None

    site.ask = life
    monkeypatch.setattr(site, "settled", lambda: True)
    site.done = lambda site: site.now > 1000 + DAY / 2
    site.run()
    assert site.agent is not None
    assert site.agent.state.link is Link.NOT_REGISTERED
    assert len(looks) < 400  # every 30 s, it would be 1,440


def test_a_bearer_that_the_network_refuses_is_told_from_one_that_is_missing(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(prepare=on_nord)
    bare = RadioStatus(Sim.READY, Registration.HOME, plmn="00101", iccid=NORD)
    usual = site.modem.apply

    def apply(remedy: Remedy) -> None:
        usual(remedy)
        if remedy is Remedy.BEARER:
            raise AtError("sending AT+CGACT=1,1", "+CME ERROR: 33", code=33)

    status = site.modem.status
    monkeypatch.setattr(site.modem, "apply", apply)
    monkeypatch.setattr(site.modem, "status", lambda: bare if site.enabled() == NORD else status())
    told: list[str] = []

    def fallen(site: Site) -> bool:
        assert site.agent is not None
        told[:] = [line.split(" ", 1)[1] for line in site.told()]
        return site.agent.state.phase is Phase.FALLBACK

    site.done = fallen
    site.run()
    assert "link: no bearer" in told
    assert "link: bearer refused: sending AT+CGACT=1,1: +CME ERROR: 33" in told
    assert site.modem.remedies == [Remedy.REATTACH, Remedy.BEARER, Remedy.RADIO_CYCLE, Remedy.RESET]

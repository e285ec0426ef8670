"""The agent's loop around the procedures: two eIMs, an order, what a former run has left."""

from collections.abc import Callable
from itertools import pairwise
from unittest.mock import patch

import pytest

from ipad.connectivity.state import Command, Ended, Phase, Polled
from ipad.errors import EuiccRefused, IpadError
from ipad.journal import Journal, Step
from ipad.procedures import poll, resume, switch
from ipad.procedures.gateway import Gateway
from ipad.testbed.eim.serve import EIM_ID
from modem.errors import PortGone
from modem.radio import RadioStatus
from tests.euicc_card.world import BOOTSTRAP, NORD, SUED
from tests.procedures.harm import Killed
from tests.procedures.scenarios import ended, on_nord
from tests.procedures.site import WAITS, Site

MakeSite = Callable[..., Site]


@pytest.mark.parametrize("octets", [b"", b"\xbf\x51\x02\x30\x00", b"\xff"], ids=["none", "cut", "garbage"])
def test_a_step_that_cannot_be_resumed_is_given_up(make_site: MakeSite, octets: bytes) -> None:
    site = make_site()
    journal = Journal(site.directory / "journal.db")
    journal.begin(Step("package", BOOTSTRAP, NORD, EIM_ID, octets))
    journal.close()
    number = site.desk.order({"enable": NORD})
    site.done = ended(NORD, Phase.OPERATING, "done")
    site.run()
    assert len(site.desk.package(number)["results"]) == 1
    assert site.journal_left == (None, [])


def test_a_modem_in_the_middle_of_its_refresh_is_waited_for_before_the_card_is_asked(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(prompt=False)
    site.desk.order({"enable": NORD, "rollback": True})
    gateway = site.open().gateway
    monkeypatch.setattr(switch, "settle", killed)
    with pytest.raises(Killed):
        poll.run(gateway, EIM_ID, None)
    site.process.journal.close()
    monkeypatch.undo()
    end = resume.run(site.open().gateway)
    assert end is not None
    assert isinstance(end.outcome, Polled)
    assert end.outcome.trial is not None
    assert (end.outcome.trial.iccid, end.outcome.trial.former) == (NORD, BOOTSTRAP)


def test_a_modem_that_is_gone_is_not_waited_for_before_a_step_is_resumed(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site()
    gateway = site.open().gateway
    gateway.journal.begin(Step("fallback", NORD, BOOTSTRAP))

    def gone(*_: object) -> None:
        raise PortGone("sending AT+CPIN?", "the port is gone")

    monkeypatch.setattr(gateway.radio, "status", gone)
    monkeypatch.setattr(gateway.radio, "take_profile", killed)
    with pytest.raises(PortGone):
        resume.run(gateway)
    assert gateway.journal.step() is not None


def test_a_step_is_not_given_up_because_the_card_is_in_the_middle_of_its_switch(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site()
    journal = Journal(site.directory / "journal.db")
    journal.begin(Step("fallback", BOOTSTRAP, BOOTSTRAP))
    journal.close()
    resumed: list[bool] = []
    original = resume.run

    def busy_once(gateway: Gateway) -> Ended | None:
        resumed.append(gateway.journal.step() is not None)
        if len(resumed) == 1:
            raise EuiccRefused("GetProfilesInfo", "profileChangeOngoing", 11)
        return original(gateway)

    monkeypatch.setattr("ipad.agent.resume.run", busy_once)
    site.desk.order({"listProfileInfo": {}})
    site.done = ended(BOOTSTRAP, Phase.OPERATING, "done")
    site.run()
    assert resumed[:2] == [True, True]
    assert site.journal_left == (None, [])


def test_a_modem_that_talks_without_end_is_not_looked_at_without_end(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site()
    looks: list[float] = []
    status = site.modem.status

    def counted() -> RadioStatus:
        looks.append(site.now)
        return status()

    def turn() -> None:
        site.turns += 1
        site.now += WAITS.look / 10
        if site.turns == 100:
            site.mailbox.stop()

    monkeypatch.setattr(site.modem, "status", counted)
    monkeypatch.setattr(site, "turn", turn)
    site.modem.talk()
    site.run()
    apart = [after - before for before, after in pairwise(looks[2:])]
    assert 8 <= len(looks) <= 14
    assert min(apart) >= WAITS.look


def killed(*_: object) -> None:
    raise Killed


def test_an_idle_poll_by_order_sends_nothing_to_the_card(make_site: MakeSite) -> None:
    site = make_site()
    site.desk.order({"listProfileInfo": {}})
    counted: list[tuple[int, int]] = []

    def poll(site: Site) -> Command | None:
        if not site.desk.exchanges():
            return Command.POLL
        counted.append((site.process.uicc.sent, len(site.desk.exchanges())))
        return Command.POLL if len(counted) < 3 else None

    site.ask = poll
    site.done = lambda _site: len(counted) == 3
    site.run()
    sent, asked = zip(*counted, strict=True)
    assert sent[0] == sent[1] == sent[2]
    assert [asked[1] - asked[0], asked[2] - asked[1]] == [1, 1]


def test_a_journal_that_cannot_be_written_does_not_keep_a_gateway_from_its_bootstrap_profile(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    site = make_site(prepare=on_nord)

    def lost(site: Site) -> bool:
        assert site.agent is not None
        if site.agent.state.phase is Phase.OPERATING and NORD not in site.modem.dark:
            site.process.journal._db.execute("PRAGMA query_only = ON")
            site.modem.dark.add(NORD)
            site.routeless.add(NORD)
        return site.agent.state.phase is Phase.FALLBACK

    site.done = lost
    with patch.object(site, "settled", lambda: True):
        site.run()
    assert site.enabled() == BOOTSTRAP
    assert caplog.text.count("going on without") == 1
    # The disk is there again, and with it what the gateway knows.
    site.modem.dark.clear()
    site.routeless.clear()
    number = site.desk.order({"enable": NORD})
    site.done = ended(NORD, Phase.OPERATING, "done")
    site.run()
    assert len(site.desk.package(number)["results"]) == 1
    assert site.journal_left == (None, [])


def test_without_a_journal_no_package_reaches_the_card(make_site: MakeSite) -> None:
    site = make_site()
    process = site.open()
    process.gateway.read_card()
    site.desk.order({"delete": SUED})
    process.journal._db.execute("PRAGMA query_only = ON")
    with pytest.raises(IpadError, match=r"read-?only"):
        poll.run(process.gateway, EIM_ID, None)
    assert site.memory().results == []
    process.journal._db.execute("PRAGMA query_only = OFF")
    assert poll.run(process.gateway, EIM_ID, None).delivered

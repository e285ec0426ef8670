"""decide in an adversarial world: what must hold whatever operators, eIMs, cards and power do."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ipad.connectivity import memory
from ipad.connectivity.decide import wake
from ipad.connectivity.link import Link
from ipad.connectivity.state import Asked, CardChanged, Command, Inject, Phase, Started
from ipad.waits import Waits
from tests.connectivity.gateway import Gateway
from tests.connectivity.world import BOOTSTRAP, EMERGENCY, NONE, NORD, SUED, World

WAITS = Waits()
DAY = 86400.0
PROFILES = [BOOTSTRAP, NORD, SUED]


class Life(RuleBasedStateMachine):
    """Everything that can happen to a gateway, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.gateway = Gateway(WAITS)

    @property
    def world(self) -> World:
        return self.gateway.world

    def turn(self, world: World) -> None:
        self.gateway.world = world
        self.gateway.look()

    @initialize()
    def start(self) -> None:
        self.gateway.feed(Started(self.world.view()))

    @rule(iccid=st.sampled_from(PROFILES), link=st.sampled_from(list(Link)))
    def operator(self, iccid: str, link: Link) -> None:
        self.turn(replace(self.world, networks=self.world.networks.having(iccid, link)))

    @rule(link=st.sampled_from([link for link in Link if link is not Link.OK]))
    def the_operator_in_use_fails(self, link: Link) -> None:
        if self.world.enabled in PROFILES:
            self.operator(self.world.enabled, link)

    @rule(times=st.integers(2, 6), up=st.floats(1.0, 3600.0), down=st.floats(1.0, 3600.0))
    def the_operator_in_use_flaps(self, times: int, up: float, down: float) -> None:
        for _ in range(times):
            self.the_operator_in_use_fails(Link.NOT_REGISTERED)
            self.time_passes(down)
            if self.world.enabled in PROFILES:
                self.operator(self.world.enabled, Link.OK)
            self.time_passes(up)

    @rule(up=st.booleans(), retry_after=st.none() | st.floats(1.0, DAY))
    def eim(self, up: bool, retry_after: float | None) -> None:
        self.turn(replace(self.world, eim_up=up, retry_after=None if up else retry_after))

    @rule(iccid=st.sampled_from([*PROFILES, NONE]), rollback=st.booleans(), dies=st.booleans())
    def eim_orders(self, iccid: str, rollback: bool, dies: bool) -> None:
        self.turn(replace(self.world, order=(iccid, rollback), eim_dies_after_order=dies))
        self.gateway.feed(Asked(Command.POLL))

    @rule(command=st.sampled_from(list(Command)))
    def somebody_asks(self, command: Command) -> None:
        self.gateway.feed(Asked(command))

    @rule(iccid=st.sampled_from([*PROFILES, NONE]))
    def somebody_injects(self, iccid: str) -> None:
        self.gateway.feed(Asked(Inject(iccid.encode())))

    @rule(times=st.integers(1, 5))
    def card_is_busy(self, times: int) -> None:
        self.turn(replace(self.world, busy=times))

    @precondition(lambda self: self.world.has_card and self.world.enabled != EMERGENCY)
    @rule()
    def call_for_help(self) -> None:
        self.turn(self.world.call_for_help())

    @precondition(lambda self: self.world.has_card and self.world.enabled == EMERGENCY)
    @rule()
    def end_of_call(self) -> None:
        self.turn(self.world.end_of_call())

    @rule()
    def power_cut(self) -> None:
        self.gateway.state = memory.load(memory.dump(self.gateway.state))
        self.gateway.feed(Started(self.world.view()))

    @rule(seconds=st.floats(1.0, DAY))
    def card_is_away(self, seconds: float) -> None:
        self.gateway.world = replace(self.world, has_card=False)
        if self.gateway.state.card is not None:
            self.gateway.feed(CardChanged(None))
        self.time_passes(seconds)
        self.gateway.world = replace(self.world, has_card=True)

    @rule(seconds=st.floats(1.0, 2 * DAY))
    def time_passes(self, seconds: float) -> None:
        self.gateway.live(self.gateway.now + seconds)

    @invariant()
    def every_wait_has_an_end(self) -> None:
        state, now = self.gateway.state, self.gateway.now
        due = wake(state)
        assert due is not None, "nothing would ever change again"
        longest = max(WAITS.return_max, WAITS.remedy_max, WAITS.card_retry_max, WAITS.probe_interval)
        assert due - now < longest + 1e-3
        if state.phase is not Phase.OPERATING:
            assert state.until is not None
            assert state.until - now < longest + 1e-3

    @invariant()
    def nothing_is_left_in_flight(self) -> None:
        assert self.gateway.state.busy is None

    @precondition(lambda self: self.world.has_card and self.world.within_reach())
    @rule()
    def finds_its_way_if_there_is_one(self) -> None:
        """If a profile that the gateway can enable by itself has a link, it gets there in bounded time."""
        self.turn(replace(self.world, order=None))
        gateway = self.gateway
        gateway.live(gateway.way_back(), lambda: gateway.world.link() is Link.OK)
        assert gateway.world.link() is Link.OK, f"stranded: {gateway.state}"


Life.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestLife = Life.TestCase


def living(world: World) -> Gateway:
    """A gateway that has just been started in this world."""
    gateway = Gateway(WAITS, world)
    gateway.feed(Started(world.view()))
    return gateway


def test_an_eim_that_is_down_never_causes_a_switch() -> None:
    gateway = living(World(enabled=NORD, eim_up=False))
    gateway.live(10 * DAY)
    assert gateway.switches == 0
    assert gateway.state.phase is Phase.OPERATING


def test_a_rollback_that_cannot_be_delivered_happens_once() -> None:
    gateway = living(World(order=(NORD, True), eim_dies_after_order=True))
    gateway.feed(Asked(Command.POLL))
    assert gateway.world.enabled == NORD
    gateway.live(5 * DAY)
    assert gateway.world.enabled == BOOTSTRAP
    assert gateway.switches == 2

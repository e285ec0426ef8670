"""The loop: wait, decide, save, perform, report what ended. One thread owns modem and card, this one."""

import logging
import math
import select
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ipad import actions, observe
from ipad.clock import PoweredClock
from ipad.config import Config
from ipad.connectivity import memory
from ipad.connectivity.decide import decide, wake
from ipad.connectivity.link import Facts, Link, diagnose, explain
from ipad.connectivity.state import (
    Action,
    ApplyRemedy,
    Asked,
    CardChanged,
    CardView,
    Command,
    Deadline,
    Download,
    Downloaded,
    Ended,
    Event,
    Failed,
    Fallback,
    Inject,
    Injected,
    LinkChanged,
    Outcome,
    Poll,
    Polled,
    Probe,
    Probed,
    Refused,
    Return,
    Started,
    State,
    Switched,
    Trial,
    Unknown,
)
from ipad.errors import DecodeError, EuiccRefused, IpadError
from ipad.journal import Journal
from ipad.mailbox import Mailbox, Order
from ipad.net.http import Uplink
from ipad.procedures import probe, resume
from ipad.procedures.gateway import Gateway
from ipad.watchdog import Watchdog
from modem.bcd import same_iccid
from modem.errors import ModemError, PortGone
from modem.radio import Radio, RadioStatus, Remedy

log = logging.getLogger("ipad")


class Agent:
    """One gateway's agent. publish: called whenever there may be something new to tell."""

    def __init__(
        self,
        config: Config,
        journal: Journal,
        clock: PoweredClock,
        mailbox: Mailbox,
        uplink: Uplink,
        gateway: Gateway,
        watchdog: Watchdog,
        publish: Callable[["Agent"], None],
    ) -> None:
        self.config = config
        self.journal = journal
        self.clock = clock
        self.mailbox = mailbox
        self.uplink = uplink
        self.gateway = gateway
        self.facts = Facts()
        self.state = self._recall()
        self._watchdog = watchdog
        self._publish = publish
        self._events: deque[Event] = deque()
        self._saved: str | None = ""
        """What the journal has of the state; None: the last save failed."""
        self._step_over = False
        """The journal's step is to be finished with the next save."""
        self._looked = -math.inf
        """When the modem, or the card, was last looked at."""
        self._look_due: float | None = None
        """When to look because of what the modem has said by itself."""
        self._did: deque[tuple[Action, Outcome]] = deque(maxlen=50)

    def run(self) -> None:
        """Runs until the mailbox says stop; the action in flight is brought to its end."""
        self._find_card(starting=True)
        while not self.mailbox.stopping:
            self._work_off()
            self._wait()

    def _work_off(self) -> None:
        """Handles events until there are none: every action's end is one."""
        while not self.mailbox.stopping:
            if self._events:
                self._handle(self._events.popleft())
            elif self.state.link is None and self.state.card is not None:
                self._look()
            else:
                return

    def _handle(self, event: Event) -> None:
        before = self.state
        self.state, action = decide(self.state, event, self.clock.now(), self.config.waits)
        self._report(before)
        self._save(event)
        self._publish(self)
        if action is not None:
            self._perform(action)
            self._publish(self)

    def _perform(self, action: Action) -> None:
        log.debug("doing %s", action)
        with self._watchdog.during(self.config.waits.action):
            outcome = self._outcome(action)
        match outcome:
            case (
                Switched(card)
                | Polled(card=CardView() as card, trial=Trial())
                | Injected(card=card, trial=Trial())
                | Downloaded(card=card, trial=Trial())
            ):
                former = self.state.card.enabled if self.state.card else None
                self.gateway.note("switch", f"{former or 'none'} -> {card.enabled or 'none'}")
        self._did.append((action, outcome))
        self._events.append(Ended(action, outcome))

    def _outcome(self, action: Action) -> Outcome:
        if isinstance(action, Probe):
            return self._probe()
        outcome = actions.perform(self.gateway, action, self.state)
        if self.state.card is None:
            self._find_card()
        elif isinstance(action, ApplyRemedy):
            self._observe_bearer(action.remedy, outcome)
            self._look()
        elif isinstance(outcome, Failed | Unknown) or self._cut_in_two(outcome):
            outcome = self._ask_card(outcome)
        if getattr(outcome, "card", None) is not None:
            self._forget_reachable()
        return outcome

    def _observe_bearer(self, remedy: Remedy, outcome: Outcome) -> None:
        """A new bearer that the modem reports as an error is one that the network refused."""
        refused = outcome.reason if remedy is Remedy.BEARER and isinstance(outcome, Failed) else None
        self.facts = replace(self.facts, bearer_refused=refused, bearer_refused_at=self.clock.now())

    def _forget_reachable(self) -> None:
        """Another profile, or another card: what was seen of the former's network says nothing."""
        self.facts = replace(self.facts, reachable=None, bearer_refused=None)

    def _cut_in_two(self, outcome: Outcome) -> bool:
        """The card refused something only after the step's command itself."""
        return isinstance(outcome, Refused) and self.journal.step() is not None

    def _probe(self) -> Outcome:
        """Looks at the modem, then whether traffic flows; without a card, for the card.

        What it finds becomes an event before the end of the action is one. While traffic flows, nothing is
        sent for it.
        """
        if self.state.card is None:
            self._find_card()
            return Probed(None)
        if self.state.card.emergency:
            self._reread(self.state.card)
            self._look()
            return Probed(None)
        self._look()
        seen = self.facts.radio
        if self.gateway.radio is not None and (seen is None or seen.address is None):
            return Probed(None)
        if self._flows():
            return Probed(True)
        targets = self.config.connectivity.probes
        reachable = probe.run(targets, self.uplink, self.config.waits.probe)
        self.facts = replace(self.facts, reachable=reachable, reachable_at=self.clock.now())
        self._flows()  # the probe's own octets are not the next look's evidence
        self._diagnose()
        return Probed(reachable)

    def _flows(self) -> bool:
        """Whether enough octets have arrived since the last look."""
        now = self.clock.now()
        seen = observe.count(self.facts, observe.received(self.uplink.interface), now)
        flows = seen.reachable_at == now and seen.reachable is True
        self.facts = seen
        if flows:
            self._diagnose()
        return flows

    def _ask_card(self, outcome: Outcome) -> Outcome:
        """After a failure that may have reached the card: it is read, and an open step resumed."""
        try:
            ended = resume.run(self.gateway)
            if ended is not None:
                return ended.outcome
            self._events.append(CardChanged(self.gateway.read_card().view()))
        except (ModemError, IpadError) as error:
            self._lose_card(error)
        return outcome

    def _find_card(self, starting: bool = False) -> None:
        """Reads the card, resumes what was interrupted, and reports what is there."""
        try:
            ended = self._resume()
            contents = self.gateway.read_card()
        except (ModemError, IpadError) as error:
            self.gateway.note("card", str(error))
            if starting:
                self._events.append(Started(None))
            return
        finally:
            self._looked = self.clock.now()
        self.state = replace(self.state, seed=contents.eid.hex())
        self._events.append(Started(contents.view(), ended))

    def _resume(self) -> Ended | None:
        """Resumes the journal's step. One that can't be is given up, or there would be no card ever again."""
        try:
            return resume.run(self.gateway)
        except IpadError as error:
            if isinstance(error, EuiccRefused) and error.name in _PASSING:
                raise
            self.gateway.note("resume", f"given up, the card says how it ended: {error}")
            self.journal.finish()
            return None

    def _look(self) -> None:
        """Reads the modem's status, and the card if the modem uses another profile than it said."""
        radio = self.gateway.radio
        if radio is None:
            self._tell_link(Link.OK)
            return
        status: RadioStatus | None = None
        try:
            status = radio.status()
        except PortGone as error:
            self._lose_card(error)
            return
        except ModemError as error:
            log.info("%s", error)
        finally:
            self._looked = self.clock.now()
            self.facts = replace(self.facts, radio=status, radio_at=self._looked)
        seen = status.iccid if status else None
        card = self.state.card
        if seen is not None and card is not None and not same_iccid(seen, card.enabled or ""):
            self._reread(card)
        self.facts = replace(self.facts, other_profile=self._reads_another(seen))
        self._diagnose()

    def _reads_another(self, iccid: str | None) -> bool:
        """Only a profile that the card has counts: a modem may tell an ICCID in a form of its own."""
        profiles = self.gateway.contents.profiles if self.gateway.contents else ()
        return any(iccid is not None and same_iccid(iccid, p.iccid) and not p.enabled for p in profiles)

    def _reread(self, card: CardView) -> None:
        """The modem reads another ICCID than the card had enabled: somebody else switched."""
        try:
            now = self.gateway.read_card().view()
        except (ModemError, IpadError) as error:
            self._lose_card(error)
            return
        if now != card:
            self._events.append(CardChanged(now))

    def _diagnose(self) -> None:
        if self.gateway.radio is None:
            return
        self._tell_link(diagnose(self.facts))

    def _tell_link(self, link: Link) -> None:
        if link is not self.state.link and LinkChanged(link) not in self._events:
            self._events.append(LinkChanged(link))

    def _lose_card(self, error: Exception) -> None:
        self.gateway.note("card", str(error))
        if isinstance(error, PortGone):
            self.gateway.isdr.reset()
        self._forget_reachable()
        self._events.append(CardChanged(None))

    def _wait(self) -> None:
        """Sleeps until the modem says something, somebody asks, or the time has come."""
        timer = min((t for t in (wake(self.state), self._look_due) if t is not None), default=None)
        longest = self._watchdog.half or self.config.waits.idle
        seconds = longest if timer is None else min(longest, max(0.0, timer - self.clock.now()))
        poll = select.poll()
        poll.register(self.mailbox, select.POLLIN)
        radio = self.gateway.radio
        if radio is not None:
            poll.register(radio, select.POLLIN)
        self._watchdog.feed()
        # Up, not to the nearest: a wait that ends too early would be one more round.
        ready = {fd for fd, _ in poll.poll(math.ceil(1000 * seconds))}
        self._watchdog.feed()
        if radio is not None and radio.fileno() in ready:
            self._pump(radio)
        if self._look_due is not None and self.clock.now() >= self._look_due:
            self._look_due = None
            self._look_again()
        for order in self.mailbox.take():
            self._obey(order)
        timer = wake(self.state)
        if timer is not None and self.clock.now() >= timer:
            self._events.append(Deadline())

    def _pump(self, radio: Radio) -> None:
        try:
            changed = radio.pump()
        except ModemError as error:
            self._lose_card(error)
            return
        if changed and self._look_due is None:
            self._look_due = self._looked + self.config.waits.look

    def _look_again(self) -> None:
        if self.state.card is not None:
            self._look()
        else:
            self._find_card()

    def _obey(self, order: Order) -> None:
        """Does what somebody asked for, and all that follows from it, before it answers."""
        self._work_off()
        self._did.clear()
        self._handle(Asked(order.command))
        self._work_off()
        answer: dict[str, Any] = {
            "did": [f"{type(action).__name__}: {_ended(outcome)}" for action, outcome in self._did],
            "problem": self._problem(order.command),
            "why": self.state.why,
            "phase": self.state.phase.value,
        }
        for _, outcome in self._did:
            if isinstance(outcome, Injected):
                answer["response"] = outcome.response.hex().upper()
        order.reply(answer)

    def _problem(self, command: Command | Inject | Download) -> str | None:
        """Why what was asked for was not done; None: it was, and went well."""
        word = command.value if isinstance(command, Command) else type(command).__name__.lower()
        kind, needs = _ORDERS[word]
        ends = [outcome for action, outcome in self._did if isinstance(action, kind)]
        if not ends:
            return f"nothing was done: the gateway is {self.state.phase.value} ({self.state.why}); {needs}"
        return next((f"{word}: {_ended(end)}" for end in ends if not _went_well(end)), None)

    def _report(self, before: State) -> None:
        after = self.state
        if after.link is not before.link and after.link is not None:
            # By the time it is told, the modem may have been seen otherwise again.
            said = explain(self.facts) if diagnose(self.facts) is after.link else after.link.value
            self.gateway.note("link", said)
        if after.phase is not before.phase or after.why != before.why:
            self.gateway.note(after.phase.value, after.why)

    def _save(self, event: Event) -> None:
        """Before the next action: what a restart must know. With it, a switch's step is over.

        Where that cannot be written (a full disk), the gateway goes on with what it knows: ending here
        would leave it without a link, and no restart would be better off.
        """
        text = memory.dump(self.state)
        ended = event.interrupted if isinstance(event, Started) else event
        self._step_over |= isinstance(ended, Ended) and ended.switched
        try:
            if self._step_over:
                self.journal.conclude(state=text, **self.clock.values())
            elif text != self._saved:
                self.journal.remember(state=text, **self.clock.values())
        except IpadError as error:
            if self._saved is not None:  # once, and not at each event
                log.error("%s; going on without", error)
            self._saved = None
        else:
            self._saved, self._step_over = text, False

    def _recall(self) -> State:
        text = self.journal.recall("state")
        if text is None:
            return State()
        try:
            return memory.load(text)
        except DecodeError as error:
            log.warning("%s; going on from what the card says", error)
            return State()


_PASSING = ("catBusy", "profileChangeOngoing")
"""Refusals that a card in the middle of a switch takes back."""

_ORDERS: dict[str, tuple[type[Action], str]] = {
    Command.POLL.value: (Poll, "a poll needs a link and an associated eIM"),
    Command.FALLBACK.value: (Fallback, "a fallback needs a fallback profile that is not enabled yet"),
    Command.RETURN.value: (Return, "a return needs a fallback before it"),
    "download": (Download, "a download needs a card, and has to wait until a trial has its verdict"),
    "inject": (Inject, "a package by hand needs a card, and has to wait until a trial has its verdict"),
}
"""The action that each order asks for, and what it needs."""


def _went_well(outcome: Outcome) -> bool:
    match outcome:
        case Switched() | Injected() | Polled(trial=Trial()):
            return True
        case Downloaded(problem=problem):
            return problem is None
        case Polled(reached=reached, delivered=delivered, finished=finished):
            return reached and delivered and finished
        case _:
            return False


def _ended(outcome: Outcome) -> str:
    """How it ended, for whoever asked for it."""
    match outcome:
        case Polled(trial=Trial(iccid=iccid)) | Injected(trial=Trial(iccid=iccid)):
            return f"{iccid} is enabled, and on trial"
        case Downloaded(iccid=iccid, trial=Trial()):
            return f"{iccid} is installed and enabled, and on trial"
        case Downloaded(iccid=str() as iccid):
            return f"{iccid} is installed"
        case Downloaded(problem=str() as problem):
            return f"not installed: {problem}"
        case Polled(reached=False):
            return "not reached"
        case Polled(delivered=False):
            return "not delivered"
        case Polled(finished=False):
            return "broken off"
        case Switched(card):
            return f"{card.enabled} is enabled"
        case Refused(code):
            return f"the card refuses: {code}"
        case Failed(reason):
            return reason
        case Probed(reachable):
            return {True: "traffic flows", False: "no traffic", None: "looked"}[reachable]
        case Unknown():
            return "nobody knows: the card cannot be read"
        case _:
            return "done"

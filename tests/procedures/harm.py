"""Points where a run touches the outside, and what can happen at one of them.

Between two points nothing outlives the process: to be killed after one and before the next is the same. So
is to be killed at two points between which nothing has changed that outlives it, and only one of them is
struck. What goes on in the running agent, like a silent modem, strikes at each point.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ipad.errors import Unreachable
from ipad.esipa.client import Esipa
from ipad.journal import Journal, Owed, Refusals, Step
from modem.errors import AtError, AtTimeout, ChannelLost
from modem.radio import Apn, Identity, Radio, RadioStatus, Remedy
from modem.uicc import Reply, Uicc

T = TypeVar("T")

APDU, RADIO, JOURNAL, HTTP = "apdu", "radio", "journal", "http"


class Killed(BaseException):
    """The process ends here."""


class Harm:
    """Strikes at the `at`th point of its kinds; 0: never."""

    kinds: tuple[str, ...] = ()
    in_step = False
    """Only points between the begin of a step and its end count."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.step_open = False
        self.lasting: Callable[[], object] = lambda: None
        """What would outlive the process now."""
        self.reset_card: Callable[[], None] = lambda: None
        """The card starts anew."""
        self.points: list[object] = []
        """What would have outlived it, at each point."""
        self.struck = ""
        """What it struck."""

    def pass_(self, kind: str, what: str, do: Callable[[], T]) -> T:
        if kind not in self.kinds or (self.in_step and not self.step_open):
            return do()
        if not self.at:
            self.points.append(self.lasting())
            return do()
        self.at -= 1
        if self.at:
            return do()
        self.at = -1
        self.struck = f"{kind} {what}"
        return self.strike(do)

    def strike(self, do: Callable[[], T]) -> T:
        """What happens in place of `do`; nothing else, with a harm of no kind."""
        return do()


class Kill(Harm):
    """The process is killed; modem and card go on."""

    kinds = (APDU, RADIO, JOURNAL, HTTP)
    power_cut = False

    def strike(self, _do: Callable[[], T]) -> T:
        raise Killed


class PowerCut(Kill):
    """Everything loses power."""

    power_cut = True


class Unheard(Harm):
    """The modem is silent, and the APDU has not reached the card."""

    kinds = (APDU,)
    in_step = True

    def strike(self, _do: Callable[[], T]) -> T:
        raise AtTimeout("sending an APDU", "no answer", executed=None)


class Unanswered(Unheard):
    """The modem is silent, and the card has executed the APDU."""

    def strike(self, do: Callable[[], T]) -> T:
        do()
        return super().strike(do)


class Reset(Unheard):
    """The modem resets, and the card in it."""

    def strike(self, _do: Callable[[], T]) -> T:
        self.reset_card()
        raise AtTimeout("sending an APDU", "no answer", executed=None)


class NotSent(Unheard):
    """The modem says that it does not send the APDU (+CME ERROR: SIM busy)."""

    def strike(self, _do: Callable[[], T]) -> T:
        raise AtError("sending an APDU", "+CME ERROR: 14", executed=False, code=14)


class Restarted(Unheard):
    """The modem has restarted without a word: the channel is gone, and the APDU has not reached the card."""

    def strike(self, _do: Callable[[], T]) -> T:
        raise ChannelLost("sending an APDU", "the card says 6881", executed=False)


class Garbled(Unheard):
    """The card has executed the APDU, and what arrives is BF2D's error profileChangeOngoing."""

    def strike(self, do: Callable[[], T]) -> Any:
        do()
        return Reply(bytes.fromhex("BF2D0381010B"), 0x9000)


class RequestLost(Harm):
    """The connection breaks before the eIM has seen the request."""

    kinds = (HTTP,)

    def strike(self, _do: Callable[[], T]) -> T:
        raise Unreachable("the connection broke")


class AnswerLost(Harm):
    """The eIM has done it, and the connection breaks under its answer."""

    kinds = (HTTP,)

    def strike(self, do: Callable[[], T]) -> T:
        do()
        raise Unreachable("the connection broke")


class HarmedUicc:
    """The way to the card."""

    def __init__(self, uicc: Uicc, harm: Harm) -> None:
        self._uicc = uicc
        self._harm = harm
        self.sent = 0
        self.meets: Callable[[bytes], Reply] = self.pass_on
        """What an APDU meets: the card, unless the test puts something else in its place."""

    def reset(self) -> bytes:
        return self._uicc.reset()

    def transmit(self, apdu: bytes) -> Reply:
        return self.meets(apdu)

    def pass_on(self, apdu: bytes) -> Reply:
        self.sent += 1
        return self._harm.pass_(APDU, apdu[:8].hex(), lambda: self._uicc.transmit(apdu))


class HarmedRadio:
    """The modem's cellular side: taking a profile is a point."""

    def __init__(self, radio: Radio, harm: Harm) -> None:
        self._radio = radio
        self._harm = harm

    def identity(self) -> Identity:
        return self._radio.identity()

    def status(self) -> RadioStatus:
        return self._radio.status()

    def apply(self, remedy: Remedy) -> None:
        self._harm.pass_(RADIO, remedy.value, lambda: self._radio.apply(remedy))

    def take_profile(self, iccid: str | None) -> bool:
        return self._harm.pass_(RADIO, f"take_profile({iccid})", lambda: self._radio.take_profile(iccid))

    def bring_apn(self, iccid: str, apn: Apn) -> None:
        self._harm.pass_(RADIO, f"bring_apn({apn.name})", lambda: self._radio.bring_apn(iccid, apn))

    def fileno(self) -> int:
        return self._radio.fileno()

    def pump(self) -> bool:
        return self._radio.pump()


class HarmedJournal(Journal):
    """The journal on disk: each write is a point."""

    harm: Harm

    def begin(self, step: Step) -> None:
        self._write("begin", lambda: super(HarmedJournal, self).begin(step))
        self.harm.step_open = True

    def finish(self, owe: tuple[str, bytes] | None = None) -> int:
        dropped = self._write("finish", lambda: super(HarmedJournal, self).finish(owe))
        self.harm.step_open = False
        return dropped

    def want(self, eim_id: str, trigger: bytes) -> bool:
        return self._write("want", lambda: super(HarmedJournal, self).want(eim_id, trigger))

    def tried(self, wanted_id: int) -> None:
        self._write("tried", lambda: super(HarmedJournal, self).tried(wanted_id))

    def downloaded(
        self, wanted_id: int | None, owe: tuple[str, bytes] | None, then: Step | None = None
    ) -> int:
        dropped = self._write(
            "downloaded", lambda: super(HarmedJournal, self).downloaded(wanted_id, owe, then)
        )
        self.harm.step_open = then is not None
        return dropped

    def owe(self, eim_id: str, arm: bytes) -> int:
        return self._write("owe", lambda: super(HarmedJournal, self).owe(eim_id, arm))

    def paid(self, owed_id: int) -> None:
        self._write("paid", lambda: super(HarmedJournal, self).paid(owed_id))

    def remember(self, **values: str) -> None:
        self._write("remember", lambda: super(HarmedJournal, self).remember(**values))

    def conclude(self, **values: str) -> None:
        self._write("conclude", lambda: super(HarmedJournal, self).conclude(**values))
        self.harm.step_open = False

    def refuse(self, eim_id: str, what: str, refusals: Refusals) -> None:
        self._write("refuse", lambda: super(HarmedJournal, self).refuse(eim_id, what, refusals))

    def forgive(self, eim_id: str, names: Iterable[str]) -> None:
        self._write("forgive", lambda: super(HarmedJournal, self).forgive(eim_id, names))

    def drop(self, eim_id: str) -> int:
        return self._write("drop", lambda: super(HarmedJournal, self).drop(eim_id))

    def _write(self, what: str, do: Callable[[], T]) -> T:
        return self.harm.pass_(JOURNAL, what, do)

    def rows(self) -> list[object]:
        """All that is kept, but for times and the history."""
        state = self.recall("state")
        stood_in = self._rows("SELECT value FROM memory WHERE key LIKE 'consumer card %'")
        decided = json.loads(state) if state else None
        direct = self._rows("SELECT key, value FROM memory WHERE key LIKE '%servers' OR key = 'cancelled'")
        return [self.step(), self.wanted(), self.all_owed(), self.all_refused(), decided, stood_in, direct]

    def all_refused(self) -> list[tuple[str, str, int]]:
        """What anybody did not take: eIM, what, how often."""
        return list(self._db.execute("SELECT eim_id, what, times FROM refused ORDER BY id"))

    def all_owed(self) -> list[Owed]:
        """What is owed to anybody."""
        return [Owed(*row) for row in self._db.execute("SELECT id, eim_id, arm FROM owed")]


class HarmedEsipa(Esipa):
    """The eIM: each request is a point."""

    harm: Harm
    routed: Callable[[], bool]
    """Whether the profile in use has a way to the eIM."""

    def _post(self, call: Any) -> Any:
        if not self.routed():
            raise Unreachable(f"{call.function}: no route")
        return self.harm.pass_(HTTP, call.function, lambda: super(HarmedEsipa, self)._post(call))

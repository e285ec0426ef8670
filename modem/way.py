"""A card by whichever way its modem really has, and in blocks that the modem really takes.

What works is found out by doing it: a channel is opened, and a harmless command as long as the largest block
is sent on it. What was found is remembered for the model and its firmware; where it fails, the next channel
is opened by the next way, or with smaller blocks, and that is remembered in its place.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modem.at import At
from modem.card import NO_FREE_CHANNEL, Card, Channel
from modem.errors import AtError, CardRefused, ModemError, NoCard, PortGone
from modem.memory import Memory
from modem.quirks import Way
from modem.uicc import Reply

SAFE_BLOCK = 120
"""Octets of data in one C-APDU that every modem is known to take."""
_KEY = "card:"
"""In the memory, before model and firmware: "csim 255"."""

Sample = Callable[[int], bytes]
"""A harmless C-APDU, written for the basic channel, with so many octets of data. Any answer to it will do."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the card is talked to."""

    way: Way
    block: int

    def __str__(self) -> str:
        return f"{self.way} {self.block}"


class FoundCard:
    """Card by the ways that a modem may have.

    ways: makes the Card of each. at: whose model it is about. sample: see Sample. way, block: given by the
    user, and then not looked for.
    """

    def __init__(
        self,
        at: At,
        ways: Callable[[Way], Card],
        memory: Memory,
        sample: Sample | None = None,
        way: Way | None = None,
        block: int | None = None,
    ) -> None:
        self._at = at
        self._make = ways
        self._memory = memory
        self._sample = sample
        self._way = way
        self._block = block
        self._cards: dict[Way, Card] = {}
        self._failures: Counter[Manner] = Counter()
        self._manner: Manner | None = None
        self._key = ""

    @property
    def block(self) -> int:
        """See Card.block."""
        return self._manner.block if self._manner is not None else self._block or SAFE_BLOCK

    @property
    def manner(self) -> Manner | None:
        """How the card is talked to now; None: not found out yet."""
        return self._manner

    def open(self, aid: bytes) -> "FoundChannel":
        """Opens a channel and selects `aid` on it; see Card.open. Looks for a way if none is known."""
        self._meet()
        if self._manner is not None:
            try:
                return FoundChannel(self, self._card(self._manner.way).open(aid), self._manner)
            except (NoCard, PortGone, CardRefused):
                raise
            except AtError:
                self.failed(self._manner)
        return self._look(aid)

    def failed(self, manner: Manner) -> None:
        """The modem has refused what the card was to get: the next channel is opened in another manner."""
        self._failures[manner] += 1
        if manner == self._manner:
            self._manner = None
            self._memory.remember(self._key, "")

    def _meet(self) -> None:
        """Recalls what is known of this modem. PortGone, AtTimeout."""
        if not self._at.is_open:
            self._at.command("AT")
        key = f"{_KEY}{' '.join(self._at.model)}"
        if key == self._key:
            return
        self._key, self._manner = key, None
        self._failures.clear()
        known = self._memory.recall(key)
        self._manner = next((manner for manner in self._manners() if str(manner) == known), None)

    def _manners(self) -> Sequence[Manner]:
        """What there is to try, the best first; what has failed comes after what has not."""
        facts = self._at.facts
        ways = (self._way,) if self._way is not None else facts.ways
        blocks = (self._block,) if self._block is not None else (facts.block, min(facts.block, SAFE_BLOCK))
        every = [Manner(way, block) for block in dict.fromkeys(blocks) for way in ways]
        return sorted(every, key=lambda manner: self._failures[manner])

    def _look(self, aid: bytes) -> "FoundChannel":
        problems: list[ModemError] = []
        hopeless: set[Way] = set()
        for manner in self._manners():
            if manner.way in hopeless:
                continue
            try:
                channel = self._card(manner.way).open(aid)
            except PortGone:
                raise
            except ModemError as error:
                if isinstance(error, NoCard) and error.executed is False:
                    raise
                hopeless.add(manner.way)
                problems.append(error)
                continue
            if self._carries(channel, manner.block):
                self._manner = manner
                self._memory.remember(self._key, str(manner))
                return FoundChannel(self, channel, manner)
            channel.close()
        raise _worst(problems, self._manners())

    def _carries(self, channel: Channel, block: int) -> bool:
        """Whether a command with so many octets gets through. Raises only if the port is gone."""
        if self._sample is None or block <= SAFE_BLOCK:
            return True
        try:
            channel.transmit(self._sample(block))
        except PortGone:
            raise
        except ModemError:
            return False
        return True

    def _card(self, way: Way) -> Card:
        if way not in self._cards:
            self._cards[way] = self._make(way)
        return self._cards[way]


class FoundChannel:
    """Channel that tells its card when the modem refuses to carry a command."""

    def __init__(self, card: FoundCard, channel: Channel, manner: Manner) -> None:
        self._card = card
        self._channel = channel
        self._manner = manner

    @property
    def fci(self) -> bytes:
        """See Channel.fci."""
        return self._channel.fci

    def transmit(self, apdu: bytes) -> Reply:
        """See Channel.transmit."""
        try:
            return self._channel.transmit(apdu)
        except AtError:
            self._card.failed(self._manner)
            raise

    def close(self) -> None:
        """See Channel.close."""
        self._channel.close()


def _worst(problems: Sequence[ModemError], manners: Sequence[Manner]) -> ModemError:
    """What to tell: the card's own word if it had one, else what each way came to."""
    for problem in problems:
        # A modem that keeps the channels to itself looks as if there were none left.
        if isinstance(problem, CardRefused) and problem.sw not in NO_FREE_CHANNEL:
            return problem
    for problem in problems:
        if isinstance(problem, NoCard):
            return problem
    if len(problems) == 1:
        return problems[0]
    tried = "; ".join(f"{error.doing}: {error.got}" for error in problems)
    if not tried:
        tried = f"no command gets through by {', '.join(map(str, manners))}"
    return ModemError(
        "looking for a way to the card",
        tried,
        "if a reset of the modem does not help, it may have no way to an eUICC over AT: "
        "a PC/SC reader (modem.way) or another modem has",
    )

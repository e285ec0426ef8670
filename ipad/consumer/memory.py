"""What the agent keeps for a consumer card, as an IoT card keeps it itself: one JSON text in the journal.

It is replaced as a whole, in one transaction, and synced to disk before `store` returns: a power cut finds
either what was before or what is after. Each card has its own, by its EID.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from ipad.errors import IpadError
from ipad.journal import Journal

FORMAT = 1

MOST_RESULTS = 100
"""Beyond these the oldest is dropped: of an eIM that takes none, or is not associated any more."""
FIRST_SEQ = 0x40000000
"""Results are numbered from here: a card counts its notifications from 1."""


@dataclass
class Eim:
    """An associated eIM."""

    eim_id: str
    counter: int
    token: int | None
    members: dict[str, str]
    """The other members of its EimConfigurationData, by tag: whole TLVs as they came, hexadecimal."""


@dataclass
class Origin:
    """Whose package is answered, and which one."""

    eim_id: str
    counter: int
    transaction: str | None
    """Hexadecimal."""
    token: int | None


@dataclass
class Result:
    """A signed result that waits to be taken."""

    seq: int
    octets: str
    """EuiccPackageResult, hexadecimal."""


@dataclass
class Rollback:
    """What ProfileRollback would do, and which result it would replace (SGP.32 5.9.16)."""

    iccid: str
    origin: Origin
    results: str
    """The EuiccResultData of the package, hexadecimal."""
    seq: int


@dataclass
class Running:
    """The package that is being executed. Written down before the card is touched, and after each operation.

    After a restart it says which operation may have been done, and what the card said before it.
    """

    origin: Origin
    operations: str
    """The psmoList or ecoList, hexadecimal."""
    before: str | None
    """ICCID that was enabled when the package came."""
    results: list[str] = field(default_factory=list)
    """EuiccResultData of what has been executed, hexadecimal."""
    ended: bool = False
    """The last of them failed: no further operation is executed."""
    begun: bool = False
    """The operation after the last result has been sent to the card."""
    enabled: str | None = None
    """ICCID that was enabled when it was sent."""
    rollback: bool = False
    """An enable with rollbackFlag has been executed."""
    resumed: int = 0
    """How often it was taken up again."""


@dataclass
class Switch:
    """A rollback, fallback or return that the card has been told to do, or is about to be."""

    kind: str
    """"rollback", "fallback" or "return"."""
    target: str
    """ICCID."""
    origin: str | None = None
    """Of a fallback: ICCID that it leaves."""


@dataclass
class Memory:
    """All of it."""

    eims: list[Eim] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    next_seq: int = FIRST_SEQ
    fallback_origin: str | None = None
    rollback: Rollback | None = None
    running: Running | None = None
    switch: Switch | None = None

    def eim(self, eim_id: str) -> Eim | None:
        """The associated eIM with this identifier."""
        return next((eim for eim in self.eims if eim.eim_id == eim_id), None)

    def keep(self, result: Result) -> None:
        """It waits to be taken."""
        self.results = [*self.results, result][-MOST_RESULTS:]

    def take_seq(self) -> int:
        """The next sequence number."""
        self.next_seq += 1
        return self.next_seq - 1


def load(journal: Journal, eid: bytes) -> Memory:
    """What is kept for this card. IpadError if it cannot be read: then nothing may be done in its place."""
    text = journal.recall(_key(eid))
    if text is None:
        return Memory()
    try:
        raw = json.loads(text)
        if raw.pop("format") != FORMAT:
            raise ValueError("another format")
        return _memory(raw)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IpadError(
            f"the journal {journal.path} has something unreadable in the place of the consumer card's memory "
            f"({error!r}): put back a copy, or move it away and provision the gateway anew"
        ) from error


def store(journal: Journal, eid: bytes, memory: Memory) -> None:
    """Keeps it, on disk when this returns."""
    journal.remember(**{_key(eid): json.dumps({"format": FORMAT, **asdict(memory)})})


def _key(eid: bytes) -> str:
    return f"consumer card {eid.hex()}"


def _memory(raw: dict[str, Any]) -> Memory:
    rollback, running, switch = raw.pop("rollback"), raw.pop("running"), raw.pop("switch")
    return Memory(
        eims=[Eim(**eim) for eim in raw.pop("eims")],
        results=[Result(**result) for result in raw.pop("results")],
        rollback=rollback and Rollback(**{**rollback, "origin": Origin(**rollback["origin"])}),
        running=running and Running(**{**running, "origin": Origin(**running["origin"])}),
        switch=switch and Switch(**switch),
        **raw,
    )

"""The eIM as its functions see it, and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ipad.testbed.eim.faults import Faults
from ipad.testbed.eim.identity import Identity
from ipad.testbed.eim.records import Records
from ipad.testbed.smdp.functions import Es9


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a message."""

    octets: bytes | None
    """EsipaMessageFromEimToIpa; None: the function has no answer (HTTP 204)."""
    eid: str | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    """What was asked and answered, for people; JSON."""
    refused: bool = False
    """A message without an answer was not accepted."""


@dataclass(frozen=True, slots=True)
class Eim:
    """An eIM: who it is, what it keeps, how it misbehaves."""

    identity: Identity
    records: Records
    faults: Faults = field(default_factory=Faults)
    shapes: frozenset[str] = frozenset()
    """See `shapes`."""
    smdp: Es9 | None = None
    """That indirect downloads are relayed to; None: there are none."""

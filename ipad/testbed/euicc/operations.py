"""What the operations of one package share while they run (SGP.32 2.11.2.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ipad.asn1 import wrap

from .isdr import Isdr


@dataclass(frozen=True, slots=True)
class Outcome:
    """An operation's EuiccResultData; the package goes on only after a success."""

    octets: bytes
    success: bool


class Damaged(Exception):
    """This operation cannot be understood, or has no place in the package."""


@dataclass
class Run:
    """One package on its way through the card."""

    isdr: Isdr
    before: str | None
    """ICCID that was enabled when the package came."""
    rollback: bool = False
    """An enable with rollbackFlag has been executed."""
    done: frozenset[str] = frozenset()
    """Of enable and disable, which are there already."""
    busy: bool | None = None

    def only_once(self, name: str) -> None:
        """A package holds at most one enable and one disable: the second is damage."""
        if name in self.done:
            raise Damaged
        self.done |= {name}

    def cat_busy(self) -> bool:
        """catBusy as it was before this package switched anything itself."""
        if self.busy is None:
            self.busy = self.isdr.cat_busy()
        return self.busy


Operation = Callable[[Run, Any, bytes], Outcome]
"""Takes the decoded arm of the Psmo or Eco, and its whole TLV."""


def coded(tag: int, code: int, successes: tuple[int, ...] = (0,)) -> Outcome:
    """A result that is one INTEGER under `tag`."""
    return Outcome(wrap(tag, bytes([code])), code in successes)

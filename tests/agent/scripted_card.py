"""A Card at APDU level that expects what a test says and answers what a test says."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ipad.euicc.isdr import Isdr
from ipad.waits import Waits
from modem.errors import ModemError
from modem.uicc import Reply

Answer = bytes | Reply | ModemError


@dataclass
class ScriptedCard:
    """`answers`: the answer to each function, in order. What was sent is in `sent` and `requests`."""

    answers: list[Answer] = field(default_factory=list)
    fci: bytes = b""
    block: int = 255
    opened: list[bytes] = field(default_factory=list)
    closed: int = 0
    sent: list[bytes] = field(default_factory=list)
    """APDUs, as they came."""
    requests: list[bytes] = field(default_factory=list)
    """The functions' requests, put together from their STORE DATA blocks."""
    _part: bytes = b""

    def open(self, aid: bytes) -> "ScriptedCard":
        self.opened.append(aid)
        return self

    def transmit(self, apdu: bytes) -> Reply:
        self.sent.append(apdu)
        cla, ins, p1, _, lc = apdu[:5]
        assert (cla, ins, lc) == (0x80, 0xE2, len(apdu) - 5)
        self._part += apdu[5:]
        if p1 == 0x11:
            return Reply(b"", 0x9000)
        assert p1 == 0x91
        self.requests.append(self._part)
        self._part = b""
        answer = self.answers.pop(0)
        if isinstance(answer, ModemError):
            raise answer
        return Reply(answer, 0x9000) if isinstance(answer, bytes) else answer

    def close(self) -> None:
        self.closed += 1


def isdr_on(card: ScriptedCard, sleep: Callable[[float], None] = lambda _: None, block: int = 255) -> Isdr:
    return Isdr(card, Waits(), sleep=sleep, block=block)


def isdr_that_says(*answers: Answer | str) -> Isdr:
    """An ISD-R that answers the next functions so; strings are hexadecimal."""
    return isdr_on(ScriptedCard([bytes.fromhex(a) if isinstance(a, str) else a for a in answers]))

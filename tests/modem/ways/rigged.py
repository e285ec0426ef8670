"""The virtual eUICC with some instructions of no standard, for answers that its ISD-R never gives."""

from ipad.testbed.euicc import VirtualEuicc
from modem.uicc import Reply

SAY, LONG, LE, RESET, COUNT = 0x51, 0x52, 0x53, 0x54, 0x55
"""SAY: the status word in P1 and P2, with the data sent to it. LONG: P1 * 256 + P2 octets, by 61xx. LE: seven
octets, if asked for by that Le, else 6C07. RESET: a reset of the card in the place of an answer to the *next*
command. COUNT: the number of octets that came with it."""


class RiggedEuicc:
    """A modem.uicc.Uicc. All but the instructions above goes to the virtual eUICC."""

    def __init__(self, euicc: VirtualEuicc) -> None:
        self.euicc = euicc
        self.seen: list[bytes] = []
        self.resets = 0
        self._waiting: tuple[int, bytes] | None = None
        self._reset_next = False

    def reset(self) -> bytes:
        self.resets += 1
        self._waiting = None
        return self.euicc.reset()

    def transmit(self, apdu: bytes) -> Reply:
        self.seen.append(apdu)
        if self._reset_next:
            self._reset_next = False
            self.reset()
        cla, ins = apdu[:2]
        if ins == 0xC0 and self._waiting is not None:
            return self._more(cla, apdu[4] or 256)
        if cla & 0x80 and ins in (SAY, LONG, LE, RESET, COUNT):
            return self._rigged(cla & 0x4F, apdu)
        return self.euicc.transmit(apdu)

    def _rigged(self, cla: int, apdu: bytes) -> Reply:
        status = self.euicc.transmit(bytes((cla | 0x80, 0xF2, 0, 0, 0)))
        if status.sw == 0x6881:
            return status
        match apdu[1]:
            case 0x51:
                return Reply(b"", apdu[2] << 8 | apdu[3])
            case 0x52:
                self._waiting = (cla, bytes(n % 251 for n in range(apdu[2] << 8 | apdu[3])))
                return Reply(b"", self._announced())
            case 0x53:
                return Reply(b"\x42" * 7, 0x9000) if apdu[4:] == b"\x07" else Reply(b"", 0x6C07)
            case 0x54:
                self._reset_next = True
                return Reply(b"", 0x9000)
            case _:
                self._waiting = (cla, len(apdu[5:]).to_bytes(2, "big"))
                return Reply(b"", 0x6102)

    def _more(self, cla: int, wanted: int) -> Reply:
        assert self._waiting is not None
        on, octets = self._waiting
        if cla & 0x4F != on:
            return Reply(b"", 0x6985)
        part, rest = octets[:wanted], octets[wanted:]
        self._waiting = (on, rest) if rest else None
        return Reply(part, self._announced() if rest else 0x9000)

    def _announced(self) -> int:
        assert self._waiting is not None
        left = len(self._waiting[1])
        return 0x6100 | (left if left < 256 else 0)

"""The card side of a modem: starts a card session, knows who the SIM is, acts on proactive commands."""

from dataclasses import dataclass

from modem import bcd, proactive
from modem.card import exchange
from modem.proactive import TERMINAL_PROFILE, Proactive, tlvs
from modem.uicc import Reply, Uicc

_SELECT_MF = bytes.fromhex("00A40004023F00")
_SELECT_EF_ICCID = bytes.fromhex("00A40004022FE2")
_SELECT_EF_DIR = bytes.fromhex("00A40004022F00")
_SELECT_EF_IMSI = bytes.fromhex("00A40004026F07")
_READ_ICCID = bytes.fromhex("00B000000A")
_READ_IMSI = bytes.fromhex("00B0000009")
_USIM_RID_AND_PIX = bytes.fromhex("A0000000871002")  # ETSI TS 101 220 annex E
_MOST_RECORDS = 10


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What the modem read from the enabled profile's files; None where there is no such file."""

    iccid: str | None
    imsi: str | None


class Terminal:
    """A terminal's sessions with one card. What the card refuses is None; what it raises goes up."""

    def __init__(self, uicc: Uicc) -> None:
        self.uicc = uicc
        self.last = Reply(b"", 0x9000)
        """The last answer to the terminal itself."""

    def start(self) -> Subscriber:
        """Resets the card, reads who it is and sends TERMINAL PROFILE."""
        self.uicc.reset()
        self._send(_SELECT_MF)
        ef_iccid = self._file(_SELECT_EF_ICCID, _READ_ICCID)
        self._send(TERMINAL_PROFILE)
        ef_imsi = self._file(_SELECT_EF_IMSI, _READ_IMSI) if self._select_usim() else None
        try:
            return Subscriber(
                bcd.iccid_digits(ef_iccid) if ef_iccid else None,
                bcd.imsi_digits(ef_imsi) if ef_imsi else None,
            )
        except ValueError:
            return Subscriber(None, None)

    def read(self, file: int, offset: int, length: int) -> Reply:
        """READ BINARY of a file under the MF; what the card says where it is refused."""
        for selected in (_SELECT_MF, _SELECT_MF[:5] + file.to_bytes(2, "big")):
            reply = self._send(selected)
            if not _done(reply):
                return Reply(b"", reply.sw)
        return self._send(bytes((0x00, 0xB0, offset >> 8 & 0x7F, offset & 0xFF, length & 0xFF)))

    def fetch(self, length: int) -> Proactive | None:
        """FETCHes the command that 91xx announced (TS 102 221 11.2.3)."""
        return proactive.fetch(self.uicc, length)

    def respond(self, command: Proactive, result: int) -> Reply:
        """TERMINAL RESPONSE with a general result (TS 102 223 6.8, 8.12)."""
        return proactive.respond(self.uicc, command, result)

    def _select_usim(self) -> bool:
        """Selects the USIM that EF_DIR names first (TS 102 221 8.2.1.1)."""
        directory = self._send(_SELECT_EF_DIR)
        if not _done(directory):
            return False
        length = _record_length(directory.data)
        for number in range(1, _MOST_RECORDS + 1):
            record = self._send(bytes((0x00, 0xB2, number, 0x04, length)))
            if not _done(record):
                return False
            aid = dict(tlvs(dict(tlvs(record.data)).get(0x61, b""))).get(0x4F, b"")
            if aid.startswith(_USIM_RID_AND_PIX):
                return _done(self._send(bytes((0x00, 0xA4, 0x04, 0x04, len(aid))) + aid))
        return False

    def _file(self, select: bytes, read: bytes) -> bytes | None:
        if not _done(self._send(select)):
            return None
        reply = self._send(read)
        return reply.data if _done(reply) else None

    def _send(self, apdu: bytes) -> Reply:
        self.last = exchange(self.uicc.transmit, apdu, get_response_cla=0x00)
        return self.last


def _done(reply: Reply) -> bool:
    return reply.sw == 0x9000 or reply.sw >> 8 == 0x91


def _record_length(fcp: bytes) -> int:
    """Of the file descriptor in the FCP of a linear fixed EF (TS 102 221 11.1.1.4.3)."""
    descriptor = dict(tlvs(dict(tlvs(fcp)).get(0x62, b""))).get(0x82, b"")
    return descriptor[3] if len(descriptor) >= 4 else 0

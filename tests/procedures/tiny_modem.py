"""What a modem does with its card and its network, without AT and without time passing.

It sends TERMINAL PROFILE when it starts, acts on 91xx (FETCH, TERMINAL RESPONSE, reset of the card), reads
the ICCID from the card's files, and registers with it wherever there is coverage.
"""

import os

from ipad.testbed.euicc import VirtualEuicc
from modem import bcd
from modem.card import exchange
from modem.radio import Apn, Identity, RadioStatus, Registration, Remedy, Sim
from modem.uicc import Reply


class TinyModem:
    """A Radio, and the Uicc behind it.

    prompt: resets the card at once on a REFRESH; else it promises to (the card then answers 6985 to
    everything), and does it when it is waited for.
    """

    def __init__(self, card: VirtualEuicc, *, prompt: bool = True) -> None:
        self.epoch = 0
        self.prompt = prompt
        self.dark: set[str] = set()
        """ICCIDs whose operator is gone."""
        self.plmn = "00101"
        self.remedies: list[Remedy] = []
        self.apns: list[tuple[str, str]] = []
        self.session: list[bytes] = []
        """APDUs that the card remembers until its next reset: channels, selections, begun chains."""
        self._card = card
        self._promised = False
        self._seen: str | None = None
        """The ICCID at the last look: without another to wait for, the modem waits for a change."""
        self._eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.start()

    def insert(self, card: VirtualEuicc) -> None:
        """The same card after a power cut."""
        self._card = card
        self.start()

    def start(self) -> None:
        """Resets the card."""
        self.epoch += 1
        self.session.clear()
        self._promised = False
        self._card.reset()
        self._card.transmit(bytes.fromhex("8010000002FFFF"))

    def close(self) -> None:
        os.close(self._eventfd)

    # Uicc

    def reset(self) -> bytes:
        self.start()
        return b""

    def transmit(self, apdu: bytes) -> Reply:
        reply = self._card.transmit(apdu)
        if apdu[1] in (0x70, 0xA4) or apdu[1:3] == b"\xe2\x11":
            self.session.append(apdu)
        if reply.sw >> 8 == 0x91:
            self._refresh(reply.sw & 0xFF)
        return reply

    def _refresh(self, length: int) -> None:
        command = self._card.transmit(bytes((0x80, 0x12, 0x00, 0x00, length)))
        assert command.data == bytes.fromhex("D009810301010482028182")
        response = bytes.fromhex("801400000C 810301010482028281830100")
        assert self._card.transmit(response).sw == 0x9000
        self._promised = True
        if self.prompt:
            self.start()

    # Radio

    def identity(self) -> Identity:
        return Identity("Testbed", "Tiny", "1", "350000000000006")

    def status(self) -> RadioStatus:
        iccid = self._seen = self.iccid()
        if iccid is None:
            return RadioStatus(Sim.ABSENT, Registration.NOT_REGISTERED)
        if iccid in self.dark:
            return RadioStatus(Sim.READY, Registration.SEARCHING, iccid=iccid)
        return RadioStatus(
            Sim.READY, Registration.HOME, plmn=self.plmn, tech="E-UTRAN", iccid=iccid, address="10.64.0.2"
        )

    def apply(self, remedy: Remedy) -> None:
        self.remedies.append(remedy)
        if remedy is Remedy.RESET:
            self.start()

    def take_profile(self, iccid: str | None) -> bool:
        if self._promised:
            self.start()
        if iccid is None:
            return self._seen is None or self.iccid() != self._seen
        if self.iccid() != iccid:
            self.start()
        return self.iccid() == iccid

    def bring_apn(self, iccid: str, apn: Apn) -> None:
        self.apns.append((iccid, apn.name))

    def fileno(self) -> int:
        return self._eventfd

    def talk(self) -> None:
        """It says things by itself from now on, without end."""
        os.eventfd_write(self._eventfd, 1)

    def pump(self) -> bool:
        return True

    def iccid(self) -> str | None:
        """EF_ICCID, as a modem reads it on the basic channel."""
        self._card.transmit(bytes.fromhex("00A4000C023F00"))
        if self._card.transmit(bytes.fromhex("00A4000C022FE2")).sw != 0x9000:
            return None
        return bcd.iccid_digits(exchange(self._card.transmit, bytes.fromhex("00B000000A"), 0x00).data)

"""A small UICC: ICCID and IMSI of one of several profiles, logical channels, an applet, and a REFRESH."""

from dataclasses import dataclass, field

from modem import bcd
from modem.uicc import Reply

AID = bytes.fromhex("F0001122330001")
USIM_AID = bytes.fromhex("A0000000871002FF")

ICCIDS = ("89000000000000000017", "89000000000000000025")
IMSIS = ("001010000000001", "001020000000002")

ECHO, WRONG_LE, SWITCH, EMPTY, REFUSE = 0x01, 0x02, 0x03, 0x04, 0x05
"""The applet's instructions. ECHO: the data, P1 + 1 times. SWITCH: data is the number of the profile to
enable, FF for none. EMPTY: 61xx, and again, without an octet."""


@dataclass
class TinyUicc:
    """A modem.uicc.Uicc that notes what it was sent."""

    channels: int = 3
    qualifier: int = 0x04
    """Of the REFRESH after SWITCH."""
    profile: int | None = 0
    resets: int = 0
    sent: list[bytes] = field(default_factory=list)
    pending: int | None = None

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> bytes:
        self.resets += 1
        self._switch_now()
        self.applet_on: dict[int, bool] = {0: False}
        self.file = "mf"
        self.refresh: bytes | None = None
        self.waiting = b""
        self.empty = False
        self.toolkit = False
        return b"\x3b\x00"

    def transmit(self, apdu: bytes) -> Reply:
        self.sent.append(apdu)
        cla = apdu[0]
        channel = (cla & 0x0F) + 4 if cla & 0x40 else cla & 0x03
        if channel not in self.applet_on:
            return Reply(b"", 0x6881)
        reply = self._execute(channel, bool(cla & 0x80), apdu)
        if reply.sw == 0x9000 and self.refresh is not None and self.toolkit:
            return Reply(reply.data, 0x9100 | len(self.refresh))
        return reply

    def _execute(self, channel: int, proprietary: bool, apdu: bytes) -> Reply:
        ins, p1, p2 = apdu[1:4]
        data = apdu[5 : 5 + apdu[4]] if len(apdu) > 5 else b""
        le = apdu[4] if len(apdu) == 5 else None
        match (proprietary, ins):
            case (False, 0x70):
                return self._manage_channel(p1, p2)
            case (False, 0xC0):
                return self._get_response(le or 256)
            case (False, 0xA4):
                return self._select(channel, p1, data)
            case (False, 0xB0) if self.file in self._files():
                return Reply(self._files()[self.file][:le], 0x9000)
            case (False, 0xB2) if self.file == "dir" and p1 == 1:
                return Reply(self._files()["dir"], 0x9000)
            case (True, 0xF2):
                return Reply(b"", 0x9000)
            case (True, 0x10):
                self.toolkit = True
                return Reply(b"", 0x9000)
            case (True, 0x12) if self.refresh is not None:
                command, self.refresh = self.refresh, None
                return Reply(command, 0x9000)
            case (True, 0x14):
                self._switch_now()
                return Reply(b"", 0x9000)
            case (True, _) if self.applet_on[channel]:
                return self._applet(ins, p1, data, le)
        return Reply(b"", 0x6D00)

    def _files(self) -> dict[str, bytes]:
        if self.profile is None:
            return {}
        record = bytes.fromhex("610A4F08") + USIM_AID
        return {
            "iccid": bcd.iccid_octets(ICCIDS[self.profile]),
            "imsi": bcd.imsi_octets(IMSIS[self.profile]),
            "dir": record.ljust(20, b"\xff"),
        }

    def _manage_channel(self, p1: int, p2: int) -> Reply:
        if p1 == 0x80:
            return Reply(b"", 0x9000 if self.applet_on.pop(p2, None) is not None else 0x6881)
        free = [n for n in range(1, self.channels + 1) if n not in self.applet_on]
        if not free:
            return Reply(b"", 0x6A81)
        self.applet_on[free[0]] = False
        return Reply(bytes(free[:1]), 0x9000)

    def _select(self, channel: int, p1: int, data: bytes) -> Reply:
        if p1 == 0x04:
            self.applet_on[channel] = data == AID
            if data == AID:
                return self._announce(b"\x6f\x09\x84\x07" + AID)
            return Reply(b"", 0x9000 if data == USIM_AID and self.profile is not None else 0x6A82)
        name = {b"\x3f\x00": "mf", b"\x2f\xe2": "iccid", b"\x2f\x00": "dir", b"\x6f\x07": "imsi"}.get(
            data, ""
        )
        if name != "mf" and name not in self._files():
            return Reply(b"", 0x6A82)
        self.file = name
        return (
            self._announce(bytes.fromhex("620682044221") + b"\x00\x14")
            if name == "dir"
            else Reply(b"", 0x9000)
        )

    def _applet(self, ins: int, p1: int, data: bytes, le: int | None) -> Reply:
        match ins:
            case 0x01:
                return self._announce(data * (p1 + 1))
            case 0x02:
                return Reply(b"\x42" * 7, 0x9000) if le == 7 else Reply(b"", 0x6C07)
            case 0x03:
                self.pending = data[0]
                self.refresh = (
                    bytes.fromhex("D009810301") + bytes((0x01, self.qualifier)) + bytes.fromhex("82028182")
                )
                return self._announce(b"\x00")
            case 0x04:
                self.empty = True
                return Reply(b"", 0x6100)
            case _:
                return Reply(b"", 0x6985)

    def _announce(self, data: bytes) -> Reply:
        self.waiting = data
        return Reply(b"", _more(data))

    def _get_response(self, le: int) -> Reply:
        if self.empty:
            return Reply(b"", 0x6100)
        part, self.waiting = self.waiting[:le], self.waiting[le:]
        if self.waiting:
            return Reply(part, _more(self.waiting))
        return Reply(part, 0x9000)

    def _switch_now(self) -> None:
        if self.pending is not None:
            self.profile = None if self.pending == 0xFF else self.pending
        self.pending = None


def _more(data: bytes) -> int:
    return 0x6100 | (len(data) if len(data) < 256 else 0)

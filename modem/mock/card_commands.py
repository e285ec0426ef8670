"""The AT commands of the mock modem that ask the card: one function each, in one table."""

import re

from modem.mock.cme import INCORRECT_PARAMETERS, NOT_SUPPORTED, CmeError, PlainError
from modem.mock.desk import Desk, Handler, Kind, NoAnswer, only
from modem.uicc import Reply

_MANAGE_CHANNEL = 0x70
_NO_CHANNELS = 0x6881
_SHORT_BLOCK = 120
_CRSM = re.compile(r"176,(\d+),(\d+),(\d+),(\d+)(?:,.*)?")
_CSIM = re.compile(r'(\d+),"([^"]*)"')
_CGLA = re.compile(r'([^,]+),(\d+),"([^"]*)"')
_AID = re.compile(r'"((?:[0-9A-Fa-f]{2}){5,16})"')  # ISO 7816-4 8.2.1.2


def _csim(desk: Desk, kind: Kind, values: str) -> list[str]:
    only(kind, Kind.SET)
    match = _CSIM.fullmatch(values)
    if match is None:
        raise CmeError(INCORRECT_PARAMETERS)
    apdu = _c_apdu(desk, match[1], match[2])
    managed = apdu[1] == _MANAGE_CHANNEL
    if "csim-channel" in desk.faults and apdu[0] & 0x43 and not managed:
        raise PlainError
    if "csim-basic-only" in desk.faults and managed:
        return _r_apdu(desk, "+CSIM", Reply(b"", _NO_CHANNELS))
    return _r_apdu(desk, "+CSIM", desk.baseband.host_transmit(apdu))


def _ccho(desk: Desk, kind: Kind, values: str) -> list[str]:
    """Open logical channel (TS 27.007 8.43)."""
    only(kind, Kind.SET)
    aid = _AID.fullmatch(values)
    if aid is None:
        raise CmeError(INCORRECT_PARAMETERS)
    if "upper-case" in desk.faults and aid[1] != aid[1].upper():
        raise PlainError
    session = desk.baseband.channels.open(bytes.fromhex(aid[1]))
    return [session if "bare-ccho" in desk.faults else f"+CCHO: {session}"]


def _cchc(desk: Desk, kind: Kind, values: str) -> list[str]:
    """Close logical channel (TS 27.007 8.44)."""
    only(kind, Kind.SET)
    desk.baseband.channels.close(values)
    return []


def _cgla(desk: Desk, kind: Kind, values: str) -> list[str]:
    """Generic UICC logical channel access (TS 27.007 8.45)."""
    only(kind, Kind.SET)
    match = _CGLA.fullmatch(values)
    if match is None:
        raise CmeError(INCORRECT_PARAMETERS)
    apdu = _c_apdu(desk, match[2], match[3])
    return _r_apdu(desk, "+CGLA", desk.baseband.channels.transmit(match[1], apdu))


def _crsm(desk: Desk, kind: Kind, values: str) -> list[str]:
    """Restricted SIM access (TS 27.007 8.18): READ BINARY of a file under the MF."""
    only(kind, Kind.SET)
    match = _CRSM.fullmatch(values)
    if match is None:
        raise CmeError(INCORRECT_PARAMETERS)
    file, high, low, length = (int(number) for number in match.groups())
    reply = desk.baseband.read_file(file, high << 8 | low, length)
    data = f',"{reply.data.hex().upper()}"' if reply.data else ""
    return [f"+CRSM: {reply.sw >> 8},{reply.sw & 0xFF}{data}"]


def _iccid(name: str) -> Handler:
    def handler(desk: Desk, kind: Kind, _values: str) -> list[str]:
        answer = desk.model.iccid
        if answer.command != name + kind.value:
            raise CmeError(NOT_SUPPORTED)
        return [answer.line(desk.baseband.told_iccid())]

    return handler


def _cimi(desk: Desk, kind: Kind, _values: str) -> list[str]:
    only(kind, Kind.RUN)
    return [desk.baseband.need_sim().imsi or ""]


def tested(desk: Desk, name: str) -> list[str]:
    """The `=?` of a command that has nothing to tell by it."""
    if name in _WAYS and "silent-tests" in desk.faults:
        raise NoAnswer
    if name in _WAYS and "no-tests" in desk.faults:
        raise CmeError(NOT_SUPPORTED)
    return []


def _c_apdu(desk: Desk, length: str, digits: str) -> bytes:
    if int(length) != len(digits) or len(digits) < 8 or len(digits) % 2:
        raise CmeError(INCORRECT_PARAMETERS)
    if not re.fullmatch("[0-9A-F]*" if "upper-case" in desk.faults else "[0-9A-Fa-f]*", digits):
        raise PlainError
    apdu = bytes.fromhex(digits)
    if "short-blocks" in desk.faults and len(apdu) > 5 and apdu[4] > _SHORT_BLOCK:
        raise PlainError
    return apdu


def _r_apdu(desk: Desk, name: str, reply: Reply) -> list[str]:
    answer = reply.data.hex().upper() + f"{reply.sw:04X}"
    return [f'{name}: {len(answer)},"{answer.lower() if "lower-case" in desk.faults else answer}"']


_WAYS = ("+CSIM", "+CCHO", "+CGLA", "+CCHC")
_ICCID = ("+CCID", "+ICCID", "+QCCID", "+CICCID", "^ICCID", "!ICCID", "#CCID")
CARD: dict[str, Handler] = {
    "+CSIM": _csim,
    "+CCHO": _ccho,
    "+CCHC": _cchc,
    "+CGLA": _cgla,
    "+CRSM": _crsm,
    **{name: _iccid(name) for name in _ICCID},
    "+CIMI": _cimi,
}
"""Those that ask the card, by name."""
LACKING = {
    "+CSIM": frozenset({"no-csim"}),
    "+CCHO": frozenset({"no-ccho"}),
    "+CGLA": frozenset({"no-ccho"}),
    "+CCHC": frozenset({"no-ccho", "no-cchc"}),
}
"""The faults with which a command is not there."""

"""The AT commands of the mock modem (TS 27.007), by name: one function each, in one table."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from modem.mock.baseband import Baseband
from modem.mock.cme import INCORRECT_PARAMETERS, NOT_SUPPORTED, CmeError, PlainError
from modem.mock.models import Model
from modem.mock.network import NetworkStatus
from modem.mock.settings import REGISTRATION_MODES, Settings

CELL = '"1A2B","01C2D3E4"'
"""Tracking area and cell, wherever the modem is."""

_CSIM = re.compile(r'(\d+),"([^"]*)"')
_NOTHING_HEARD = 99
_REGISTERED = (1, 5)


class Kind(Enum):
    """The forms of an extended command (TS 27.007 4.1)."""

    RUN = ""
    READ = "?"
    SET = "="
    TEST = "=?"


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command works on."""

    model: Model
    settings: Settings
    baseband: Baseband
    restart: Callable[[], None]
    """+CFUN=1,1: restarts the modem, a moment after its OK."""


Handler = Callable[[Desk, Kind, str], list[str]]


def registration_line(name: str, mode: int, status: NetworkStatus) -> str:
    """What +CxREG tells after its <n>: <stat>, and by mode place, technology and reject cause."""
    line = str(status.registration)
    if mode >= 2 and status.registration in _REGISTERED:
        line += f",{CELL},{status.tech}"
    elif mode == 3 and status.cause is not None and name == "+CEREG":
        line += f",,,,0,{status.cause}"
    return line


def _fixed(text: Callable[[Model], str]) -> Handler:
    """A command that tells something of the model."""

    def handler(desk: Desk, kind: Kind, _values: str) -> list[str]:
        _only(kind, Kind.RUN)
        return [text(desk.model)]

    return handler


def _cmee(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.SET:
        desk.settings.cmee = _choice(values, 0, 1, 2)
        return []
    _only(kind, Kind.READ)
    return [f"+CMEE: {desk.settings.cmee}"]


def _cmgf(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.SET:
        desk.settings.text_mode = _choice(values, 0, 1)
        return []
    _only(kind, Kind.READ)
    return [f"+CMGF: {desk.settings.text_mode}"]


def _cscs(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.SET:
        desk.settings.character_set = values.strip('"')
        return []
    _only(kind, Kind.READ)
    return [f'+CSCS: "{desk.settings.character_set}"']


def _cpin(desk: Desk, kind: Kind, _values: str) -> list[str]:
    _only(kind, Kind.READ)
    desk.baseband.need_sim()
    return ["+CPIN: READY"]


def _cfun(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.READ:
        return [f"+CFUN: {desk.baseband.functionality}"]
    _only(kind, Kind.SET)
    if values == "1,1":
        desk.restart()
        return []
    desk.baseband.set_functionality(_choice(values.removesuffix(",0"), 0, 1, 4))
    return []


def _ws46(desk: Desk, kind: Kind, _values: str) -> list[str]:
    _only(kind, Kind.TEST)
    return [f"+WS46: ({desk.model.networks})"]


def _csim(desk: Desk, kind: Kind, values: str) -> list[str]:
    _only(kind, Kind.SET)
    match = _CSIM.fullmatch(values)
    if match is None or int(match[1]) != len(match[2]) or len(match[2]) < 8 or len(match[2]) % 2:
        raise CmeError(INCORRECT_PARAMETERS)
    if not re.fullmatch("[0-9A-F]*", match[2]):
        raise PlainError  # lower case, or no hex at all
    reply = desk.baseband.transmit(bytes.fromhex(match[2]))
    answer = reply.data.hex().upper() + f"{reply.sw:04X}"
    return [f'+CSIM: {len(answer)},"{answer}"']


def _registration(name: str) -> Handler:
    def handler(desk: Desk, kind: Kind, values: str) -> list[str]:
        if kind is Kind.SET:
            desk.settings.registration[name] = _choice(values, *range(REGISTRATION_MODES[name] + 1))
            return []
        _only(kind, Kind.READ)
        mode = desk.settings.registration[name]
        return [f"{name}: {mode},{registration_line(name, mode, desk.baseband.status())}"]

    return handler


def _cops(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.SET:
        mode, _, wanted = values.partition(",")
        if mode == "3":
            desk.settings.operator_format = _choice(wanted, 0, 1, 2)
        elif mode != "0":
            raise CmeError(INCORRECT_PARAMETERS)
        return []
    _only(kind, Kind.READ)
    status = desk.baseband.status()
    if status.plmn is None or status.registration not in _REGISTERED:
        return ["+COPS: 0"]
    form = desk.settings.operator_format
    name = status.plmn if form == 2 else f"Operator {status.plmn}"
    return [f'+COPS: 0,{form},"{name}",{status.tech}']


def _csq(desk: Desk, kind: Kind, _values: str) -> list[str]:
    _only(kind, Kind.RUN)
    rssi = desk.baseband.status().rssi
    level = _NOTHING_HEARD if rssi is None else min(31, max(0, (rssi + 113) // 2))
    return [f"+CSQ: {level},99"]


def _cesq(desk: Desk, kind: Kind, _values: str) -> list[str]:
    _only(kind, Kind.RUN)
    rssi = desk.baseband.status().rssi
    # RSRP lies some 25 dB below RSSI on a carrier of 5 MHz.
    rsrp = 255 if rssi is None else min(97, max(0, rssi - 25 + 141))
    return [f"+CESQ: 99,99,255,255,{255 if rssi is None else 20},{rsrp}"]


def _cgatt(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.SET:
        desk.baseband.attach(_choice(values, 0, 1) == 1)
        return []
    _only(kind, Kind.READ)
    return [f"+CGATT: {int(desk.baseband.status().registration in _REGISTERED)}"]


def _cgact(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.SET:
        state, _, cid = values.partition(",")
        if cid not in ("", "1"):
            raise CmeError(INCORRECT_PARAMETERS)
        if desk.baseband.status().registration not in _REGISTERED:
            raise PlainError
        desk.baseband.activate(_choice(state, 0, 1) == 1)
        return []
    _only(kind, Kind.READ)
    active = desk.baseband.address() is not None
    return [f"+CGACT: {cid},{int(active and cid == 1)}" for cid in sorted(desk.settings.contexts)]


def _cgpaddr(desk: Desk, kind: Kind, values: str) -> list[str]:
    _only(kind, Kind.RUN, Kind.SET)
    address = desk.baseband.address()
    cids = sorted(desk.settings.contexts) if kind is Kind.RUN else [_choice(values, *desk.settings.contexts)]
    return [f'+CGPADDR: {cid},"{address}"' if cid == 1 and address else f"+CGPADDR: {cid}" for cid in cids]


def _cgdcont(desk: Desk, kind: Kind, values: str) -> list[str]:
    contexts = desk.settings.contexts
    if kind is Kind.SET:
        cid, _, rest = values.partition(",")
        number = _choice(cid, *range(1, 17))
        if rest:
            contexts[number] = rest
        else:
            contexts.pop(number, None)
        return []
    _only(kind, Kind.READ)
    return [f"+CGDCONT: {cid},{rest}" for cid, rest in sorted(contexts.items())]


def _iccid(name: str) -> Handler:
    def handler(desk: Desk, kind: Kind, _values: str) -> list[str]:
        _only(kind, Kind.RUN)
        if desk.model.iccid_command != name:
            raise CmeError(NOT_SUPPORTED)
        return [f"{name}: {desk.baseband.need_sim().iccid}"]

    return handler


def _cimi(desk: Desk, kind: Kind, _values: str) -> list[str]:
    _only(kind, Kind.RUN)
    return [desk.baseband.need_sim().imsi or ""]


def run(desk: Desk, name: str, kind: Kind, values: str) -> list[str]:
    """Runs one extended command; returns its information lines. CmeError, PlainError."""
    handler = _TABLE.get(name)
    if handler is None:
        raise CmeError(NOT_SUPPORTED)
    if kind is Kind.TEST and name not in _TELL_WHEN_TESTED:
        return []
    return handler(desk, kind, values)


def _only(kind: Kind, *kinds: Kind) -> None:
    if kind not in kinds:
        raise CmeError(NOT_SUPPORTED)


def _choice(text: str, *allowed: int) -> int:
    value = int(text) if text.isascii() and text.isdigit() else None
    if value is None or value not in allowed:
        raise CmeError(INCORRECT_PARAMETERS)
    return value


_TABLE: dict[str, Handler] = {
    "+CGMI": _fixed(lambda model: model.manufacturer),
    "+CGMM": _fixed(lambda model: model.name),
    "+CGMR": _fixed(lambda model: model.revision),
    "+CGSN": _fixed(lambda model: model.imei),
    "+CMEE": _cmee,
    "+CMGF": _cmgf,
    "+CSCS": _cscs,
    "+CPIN": _cpin,
    "+CFUN": _cfun,
    "+CSIM": _csim,
    **{name: _registration(name) for name in REGISTRATION_MODES},
    "+COPS": _cops,
    "+CSQ": _csq,
    "+CESQ": _cesq,
    "+CGATT": _cgatt,
    "+CGACT": _cgact,
    "+CGPADDR": _cgpaddr,
    "+CGDCONT": _cgdcont,
    **{name: _iccid(name) for name in ("+CCID", "+ICCID", "+QCCID")},
    "+CIMI": _cimi,
    "+WS46": _ws46,
}
_TELL_WHEN_TESTED = ("+WS46",)

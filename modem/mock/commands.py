"""The AT commands of the mock modem (TS 27.007), by name: one function each, in one table."""

from collections.abc import Callable

from modem.mock.card_commands import CARD, LACKING, tested
from modem.mock.cme import INCORRECT_PARAMETERS, NOT_SUPPORTED, CmeError, PlainError
from modem.mock.desk import Desk, Handler, Kind, choice, only
from modem.mock.models import Model
from modem.mock.network import NOT_REGISTERED, NetworkStatus
from modem.mock.settings import REGISTRATION_MODES

CELL = '"1A2B","01C2D3E4"'
"""Tracking area and cell, wherever the modem is."""

_NOTHING_HEARD = 99
_REGISTERED = (1, 5)
_NR = 10
"""<AcT> of +COPS from which on it is NR (TS 27.007 7.3)."""


def registration_line(name: str, mode: int, status: NetworkStatus) -> str:
    """What +CxREG tells after its <n>: <stat>, and by mode place, technology and reject cause."""
    if name == "+C5GREG" and status.registration in _REGISTERED and status.tech < _NR:
        status = NOT_REGISTERED  # in the 5G system, that is
    line = str(status.registration)
    if mode >= 2 and status.registration in _REGISTERED:
        line += f",{CELL},{status.tech}"
    elif mode == 3 and status.cause is not None and name == "+CEREG":
        line += f",,,,0,{status.cause}"
    return line


def _fixed(name: str, text: Callable[[Model], str]) -> Handler:
    """A command that tells something of the model."""

    def handler(desk: Desk, kind: Kind, _values: str) -> list[str]:
        only(kind, Kind.RUN)
        prefix = f"{name}: " if desk.model.prefixed and name == "+CGMR" else ""
        return [prefix + text(desk.model)]

    return handler


def _cmee(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.SET:
        desk.settings.cmee = choice(values, 0, 1, 2)
        return []
    only(kind, Kind.READ)
    return [f"+CMEE: {desk.settings.cmee}"]


def _cmgf(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.SET:
        desk.settings.text_mode = choice(values, 0, 1)
        return []
    only(kind, Kind.READ)
    return [f"+CMGF: {desk.settings.text_mode}"]


def _cscs(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.SET:
        desk.settings.character_set = values.strip('"')
        return []
    only(kind, Kind.READ)
    return [f'+CSCS: "{desk.settings.character_set}"']


def _cpin(desk: Desk, kind: Kind, _values: str) -> list[str]:
    only(kind, Kind.READ)
    desk.baseband.need_sim()
    return ["+CPIN: READY"]


def _cfun(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.READ:
        return [f"+CFUN: {desk.baseband.functionality}"]
    only(kind, Kind.SET)
    if values == "1,1":
        desk.restart()
        return []
    desk.baseband.set_functionality(choice(values.removesuffix(",0"), 0, 1, 4))
    return []


def _ws46(desk: Desk, kind: Kind, _values: str) -> list[str]:
    only(kind, Kind.TEST)
    return [f"+WS46: ({desk.model.networks})"]


def _registration(name: str) -> Handler:
    def handler(desk: Desk, kind: Kind, values: str) -> list[str]:
        if name == "+C5GREG" and not desk.model.new_radio:
            raise CmeError(NOT_SUPPORTED)
        if kind is Kind.SET:
            desk.settings.registration[name] = choice(values, *range(REGISTRATION_MODES[name] + 1))
            return []
        only(kind, Kind.READ)
        mode = desk.settings.registration[name]
        return [f"{name}: {mode},{registration_line(name, mode, desk.baseband.status())}"]

    return handler


def _cops(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.SET:
        mode, _, wanted = values.partition(",")
        if mode == "3":
            desk.settings.operator_format = choice(wanted, 0, 1, 2)
        elif mode != "0":
            raise CmeError(INCORRECT_PARAMETERS)
        return []
    only(kind, Kind.READ)
    status = desk.baseband.status()
    if status.plmn is None or status.registration not in _REGISTERED:
        return ["+COPS: 0"]
    form = desk.settings.operator_format
    name = status.plmn if form == 2 else f"Operator {status.plmn}"
    return [f'+COPS: 0,{form},"{name}",{status.tech}']


def _csq(desk: Desk, kind: Kind, _values: str) -> list[str]:
    only(kind, Kind.RUN)
    rssi = desk.baseband.status().rssi
    level = _NOTHING_HEARD if rssi is None else min(31, max(0, (rssi + 113) // 2))
    return [f"+CSQ: {level},99"]


def _cesq(desk: Desk, kind: Kind, _values: str) -> list[str]:
    only(kind, Kind.RUN)
    rssi = desk.baseband.status().rssi
    # RSRP lies some 25 dB below RSSI on a carrier of 5 MHz.
    rsrp = 255 if rssi is None else min(97, max(0, rssi - 25 + 141))
    return [f"+CESQ: 99,99,255,255,{255 if rssi is None else 20},{rsrp}"]


def _cgatt(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.SET:
        desk.baseband.attach(choice(values, 0, 1) == 1)
        return []
    only(kind, Kind.READ)
    return [f"+CGATT: {int(desk.baseband.status().registration in _REGISTERED)}"]


def _cgact(desk: Desk, kind: Kind, values: str) -> list[str]:
    if kind is Kind.SET:
        state, _, cid = values.partition(",")
        if cid not in ("", "1"):
            raise CmeError(INCORRECT_PARAMETERS)
        if desk.baseband.status().registration not in _REGISTERED:
            raise PlainError
        desk.baseband.activate(choice(state, 0, 1) == 1)
        return []
    only(kind, Kind.READ)
    active = desk.baseband.address() is not None
    return [f"+CGACT: {cid},{int(active and cid == 1)}" for cid in sorted(desk.settings.contexts)]


def _cgpaddr(desk: Desk, kind: Kind, values: str) -> list[str]:
    only(kind, Kind.RUN, Kind.SET)
    address = desk.baseband.address()
    cids = sorted(desk.settings.contexts) if kind is Kind.RUN else [choice(values, *desk.settings.contexts)]
    return [f'+CGPADDR: {cid},"{address}"' if cid == 1 and address else f"+CGPADDR: {cid}" for cid in cids]


def _cgdcont(desk: Desk, kind: Kind, values: str) -> list[str]:
    contexts = desk.settings.contexts
    if kind is Kind.SET:
        cid, _, rest = values.partition(",")
        number = choice(cid, *range(1, 17))
        if rest:
            contexts[number] = rest
        else:
            contexts.pop(number, None)
        return []
    only(kind, Kind.READ)
    return [f"+CGDCONT: {cid},{rest}" for cid, rest in sorted(contexts.items())]


def _carrier(desk: Desk, kind: Kind, values: str) -> list[str]:
    """Quectel's choice of the carrier configuration."""
    if desk.model.carrier_command != "+QMBNCFG":
        raise CmeError(NOT_SUPPORTED)
    only(kind, Kind.SET)
    if values.lower().startswith(('"autosel",1', '"select",', '"deactivate"')):
        desk.baseband.choose_carrier()
    elif values.lower() != '"autosel",0':
        raise CmeError(INCORRECT_PARAMETERS)
    return []


def run(desk: Desk, name: str, kind: Kind, values: str) -> list[str]:
    """Runs one extended command; returns its information lines. CmeError, PlainError, NoAnswer."""
    handler = _TABLE.get(name) or CARD.get(name)
    if handler is None or desk.faults & LACKING.get(name, frozenset()):
        raise CmeError(NOT_SUPPORTED)
    if kind is Kind.TEST and name not in _TELL_WHEN_TESTED:
        return tested(desk, name)
    return handler(desk, kind, values)


_TABLE: dict[str, Handler] = {
    "+CGMI": _fixed("+CGMI", lambda model: model.manufacturer),
    "+CGMM": _fixed("+CGMM", lambda model: model.name),
    "+CGMR": _fixed("+CGMR", lambda model: model.revision),
    "+CGSN": _fixed("+CGSN", lambda model: model.imei),
    "+CMEE": _cmee,
    "+CMGF": _cmgf,
    "+CSCS": _cscs,
    "+CPIN": _cpin,
    "+CFUN": _cfun,
    **{name: _registration(name) for name in REGISTRATION_MODES},
    "+COPS": _cops,
    "+CSQ": _csq,
    "+CESQ": _cesq,
    "+CGATT": _cgatt,
    "+CGACT": _cgact,
    "+CGPADDR": _cgpaddr,
    "+CGDCONT": _cgdcont,
    "+QMBNCFG": _carrier,
    "+WS46": _ws46,
}
_TELL_WHEN_TESTED = ("+WS46",)

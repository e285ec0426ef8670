"""Opening what the agent works with: the port, the card behind it, and the clients of its eIMs."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ipad import model_files
from ipad.clock import PoweredClock
from ipad.config import Config
from ipad.eim import EimConfiguration
from ipad.errors import IpadError
from ipad.esipa.client import Esipa
from ipad.euicc.iot import IotFunctions, on_card
from ipad.euicc.isdr import ISD_R_AID, TERMINAL_CAPABILITY, Isdr, sample
from ipad.instance import make_directories
from ipad.journal import BINDING, Journal
from ipad.journald import NOTICE
from ipad.net.http import Uplink
from ipad.procedures.gateway import Gateway
from ipad.rsp.servers import Servers
from modem import quirks
from modem.bcd import same_iccid
from modem.connect import Modem, connect, connect_reader
from modem.memory import Memory
from modem.radio import Apn, Radio
from modem.tap import Observer

if TYPE_CHECKING:
    from ipad.consumer.device_key import DeviceKey

log = logging.getLogger("ipad")

_LONGEST_LINE = 1000
_LEVELS = {
    **dict.fromkeys(("switch", "fallback", "trial", "download"), NOTICE),
    **dict.fromkeys(
        ("failed", "refused", "modem", "card", "no card", "remedying", "remedy"), logging.WARNING
    ),
}
"""How much a line of the history matters, by its kind; the others are what happens day by day."""
_MODEM = "modem:"
"""In the journal's memory, before what the modem layer keeps there."""
_WAYS: dict[str, quirks.Way] = {"csim": "csim", "cgla": "cgla"}
_NAP = 0.5
"""Seconds that a longer sleep is cut into, to feed the watchdog in between."""


class JournalMemory:
    """What the modem layer remembers, in the journal. journal: opens it; None: there is none yet."""

    def __init__(self, journal: Callable[[], Journal | None]) -> None:
        self._journal = journal

    def recall(self, key: str) -> str | None:
        """See modem.memory.Memory."""
        try:
            journal = self._journal()
            return journal.recall(_MODEM + key) if journal is not None else None
        except IpadError as error:
            log.warning("%s; going on without", error)
            return None

    def remember(self, key: str, value: str) -> None:
        """See modem.memory.Memory."""
        _keep(self._journal, _MODEM + key, value)


def _keep(opened: Callable[[], Journal | None], key: str, value: str) -> None:
    """What only saves time the next time is not worth an error."""
    try:
        journal = opened()
        if journal is not None:
            journal.remember(**{key: value})
    except IpadError as error:
        log.warning("%s; going on without", error)


def open_modem(
    settings: Config,
    idle: Callable[[], None],
    observer: Observer | None = None,
    memory: Memory | None = None,
) -> Modem:
    """The modem of the configuration, or the card reader. Its port is opened when it is first used.

    memory: keeps what works with this modem. Raises ConfigError if a file in modem.models is wrong.
    """
    modem = settings.modem
    block = modem.block or None
    if modem.way == "pcsc":
        return connect_reader(
            modem.reader,
            waits=settings.waits,
            idle=idle,
            observer=observer,
            hello=(TERMINAL_CAPABILITY,),
            block=block,
        )
    rows = model_files.load(Path(modem.models))
    return connect(
        modem.port,
        baudrate=modem.baudrate,
        rtscts=modem.rtscts,
        waits=settings.waits,
        idle=idle,
        observer=observer,
        memory=memory,
        sample=sample,
        way=_WAYS.get(modem.way),
        block=block,
        apn_of=lambda iccid: _apn(settings, iccid),
        facts_of=lambda manufacturer, model, firmware: quirks.of(manufacturer, model, firmware, rows),
    )


def _apn(settings: Config, iccid: str) -> Apn | None:
    """What the configuration says about this profile's APN."""
    said = next((apn for known, apn in settings.apn.items() if same_iccid(known, iccid)), None)
    return Apn(said.name, said.type, said.user, said.password) if said is not None else None


def open_isdr(settings: Config, modem: Modem, idle: Callable[[], None]) -> Isdr:
    """The ISD-R of the card in this modem."""

    def sleep(seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            idle()
            time.sleep(min(left, _NAP))

    aid = bytes.fromhex(settings.card.isd_r_aid) or ISD_R_AID
    return Isdr(modem.card, settings.waits, aid=aid, sleep=sleep)


def iot_functions(
    settings: Config, isdr: Isdr, radio: Radio | None, journal: Callable[[], Journal]
) -> Callable[[bytes], IotFunctions]:
    """What finds out, by the EID, who does for the eIMs what an IoT card does.

    journal: called only for a consumer card.
    """

    def choose(eid: bytes) -> IotFunctions:
        own = on_card(isdr)
        if own is not None:
            return own
        # Only here: it needs cryptography, and that needs 8 MB.
        with _cryptography_wanted():
            from ipad.consumer.card import Card
            from ipad.consumer.stand_in import StandIn
        key, fallback = _key_file(settings), settings.card.fallback_iccid
        return StandIn(Card(isdr, radio, journal(), eid, key, fallback))

    return choose


def device_key(settings: Config) -> "DeviceKey":
    """The key that signs results for a consumer card; made if there is none yet. Raises IpadError."""
    with _cryptography_wanted():
        from ipad.consumer.device_key import load
    return load(_key_file(settings))


def _key_file(settings: Config) -> Path:
    state_dir, _ = make_directories(settings)
    return state_dir / "device.key"


@contextmanager
def _cryptography_wanted() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise IpadError(
            f"a consumer card needs the Python package cryptography 38 or later: {error} (Debian: "
            "python3-cryptography)"
        ) from error


def esipa_clients(
    settings: Config, journal: Journal, uplink: Uplink
) -> Callable[[EimConfiguration, bytes], Esipa]:
    """What makes the client of an eIM, by its configuration on the card and the EID."""

    def esipa(eim: EimConfiguration, eid: bytes) -> Esipa:
        key = BINDING + eim.eim_id
        return Esipa(
            eim,
            eid,
            settings.waits,
            uplink,
            settings.esipa_of(eim.eim_id),
            recall=lambda: journal.recall(key),
            remember=lambda name: _keep(lambda: journal, key, name),
            package_limit=settings.rsp.limit,
        )

    return esipa


def _line(text: str) -> str:
    """As a line for log and history: what servers say is in it, and may be long, or steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text[:_LONGEST_LINE])


@contextmanager
def open_gateway(
    settings: Config,
    journal: Journal,
    powered: PoweredClock,
    uplink: Uplink,
    idle: Callable[[], None],
    observer: Observer | None = None,
    heard: Callable[[str], None] = lambda _: None,
) -> Iterator[Gateway]:
    """All the parts of a gateway; the port is given back at the end.

    idle: called at least once a second while modem or card are waited for. observer: told every APDU.
    heard: told of every line of the history what kind it is.
    """

    def note(what: str, text: str) -> None:
        text = _line(text)
        log.log(_LEVELS.get(what, logging.INFO), "%s: %s", what, text, extra={"what": what})
        heard(what)
        journal.note(powered.now(), what, text)

    esipa = esipa_clients(settings, journal, uplink)
    modem = open_modem(settings, idle, observer, JournalMemory(lambda: journal))
    isdr = open_isdr(settings, modem, idle)
    try:
        yield Gateway(
            isdr,
            iot_functions(settings, isdr, modem.radio, lambda: journal),
            modem.radio,
            journal,
            settings.waits,
            esipa,
            note,
            powered.now,
            Servers(settings.waits, uplink, settings.rsp),
        )
    finally:
        isdr.close()  # a card has few channels, and some modems can't take one back from a former run
        modem.close()

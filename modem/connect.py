"""A modem at a path, put together: its card and its radio over one AT port. Or a card in a reader."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modem import quirks
from modem.apn import Apn
from modem.at import At
from modem.at_radio import AtRadio
from modem.card import Card, UiccCard
from modem.csim import CsimUicc
from modem.finder import Finder
from modem.memory import Memory, ShortMemory
from modem.quirks import Way
from modem.radio import Radio
from modem.tap import Observer, TappedUicc
from modem.uicc import Uicc
from modem.waits import Waits
from modem.way import FoundCard, Sample


@dataclass(frozen=True, slots=True)
class Modem:
    """What the agent gets of a modem."""

    card: Card
    radio: Radio | None
    """None: a PC/SC reader has none."""
    close: Callable[[], None]
    """Gives the port back."""


def connect(
    path: str,
    *,
    baudrate: int = 115200,
    rtscts: bool = False,
    waits: Waits | None = None,
    idle: Callable[[], None] = lambda: None,
    observer: Observer | None = None,
    memory: Memory | None = None,
    sample: Sample | None = None,
    way: Way | None = None,
    block: int | None = None,
    facts_of: Callable[[str, str, str], quirks.Quirks] = quirks.of,
    apn_of: Callable[[str], Apn | None] = lambda _iccid: None,
) -> Modem:
    """The modem whose AT port is at `path`, or is what else `modem.finder` takes.

    The port is opened by the first call that needs it, and again by the next one after it was gone: each
    may raise PortGone. idle: called at least once a second in every wait. observer: told every APDU.
    memory: keeps what works with this modem. sample: a command that block sizes can be tried with; without it
    they are not. way, block: given, and not looked for. facts_of: how a model differs. apn_of: the user's
    word about a profile's APN, by ICCID.
    """
    waits = waits or Waits()
    memory = memory or ShortMemory()
    finder = Finder(path, baudrate, rtscts)

    def is_right(right: bool) -> None:
        if right:
            finder.accept()
        else:
            finder.reject()

    at = At(finder.open, waits, idle, facts_of, is_right)
    uicc: Uicc = CsimUicc(at, waits)
    if observer is not None:
        uicc = TappedUicc(uicc, observer)

    def card_by(way: Way) -> Card:
        if way == "csim":
            return UiccCard(uicc, lambda: at.epoch)
        from modem.cgla import CglaCard  # most modems do without

        return CglaCard(at, waits, memory, observer)

    card = FoundCard(at, card_by, memory, sample, way, block)
    radio = AtRadio(at, waits, uicc, memory, apn_of)

    def close() -> None:
        radio.close()
        at.close()

    return Modem(card, radio, close)


def connect_reader(
    reader: str,
    *,
    waits: Waits | None = None,
    idle: Callable[[], None] = lambda: None,
    observer: Observer | None = None,
    hello: Sequence[bytes] = (),
    block: int | None = None,
) -> Modem:
    """The card in the PC/SC reader whose name contains `reader`.

    idle, observer: as for `connect`. hello: commands to the basic channel after each reset of the card.
    """
    # Only here: nothing of it is needed beside a modem.
    from modem.pcsc import ReaderUicc
    from modem.terminal import TerminalUicc

    slot = ReaderUicc(reader, waits or Waits(), idle)
    uicc: Uicc = slot if observer is None else TappedUicc(slot, observer)
    terminal = TerminalUicc(uicc, lambda: slot.resets, hello)
    return Modem(UiccCard(terminal, lambda: slot.resets, block or 255), None, slot.close)

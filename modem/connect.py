"""A modem at a path, put together: its card and its radio over one AT port."""

from collections.abc import Callable
from dataclasses import dataclass

from modem import ports
from modem.at import At
from modem.at_radio import AtRadio
from modem.card import Card, UiccCard
from modem.csim import CsimUicc
from modem.radio import Radio
from modem.tap import Observer, TappedUicc
from modem.uicc import Uicc
from modem.waits import Waits


@dataclass(frozen=True, slots=True)
class Modem:
    """What the agent gets of a modem."""

    card: Card
    radio: Radio
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
) -> Modem:
    """The modem whose AT port is at `path`.

    The port is opened by the first call that needs it, and again by the next one after it was gone: each
    may raise PortGone. idle: called at least once a second in every wait.
    observer: told every APDU.
    """
    waits = waits or Waits()
    at = At(lambda: ports.open_port(path, baudrate, rtscts), waits, idle)
    uicc: Uicc = CsimUicc(at, waits)
    if observer is not None:
        uicc = TappedUicc(uicc, observer)
    return Modem(UiccCard(uicc, lambda: at.epoch), AtRadio(at, waits, uicc), at.close)

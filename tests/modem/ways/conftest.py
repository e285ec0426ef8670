"""Each way to a card, before the same virtual eUICC."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ipad.euicc.isdr import sample
from ipad.testbed import vpcd
from ipad.testbed.euicc import VirtualEuicc
from modem.card import Card
from modem.connect import Modem, connect, connect_reader
from modem.memory import ShortMemory
from modem.mock import AlwaysOn, MockModem
from modem.pcsc import ReaderUicc
from modem.quirks import Way
from modem.uicc import Uicc
from tests.modem.mocked import SCALE, WAITS
from tests.modem.ways.pcscd import READER, running
from tests.modem.ways.rigged import RiggedEuicc

TERMINAL_CAPABILITY = bytes.fromhex("80AA000005A903840101")
WAYS = ("csim", "cgla", "pcsc")


class Rig:
    """A card, and programs that use it by one way, one after the other or at once."""

    def __init__(self, way: str, euicc: RiggedEuicc, run: Callable[[], Modem], beside: Uicc) -> None:
        self.way = way
        self.euicc = euicc
        self._run = run
        self.beside = beside
        """Somebody else with a way of his own to the same card."""
        self.modems: list[Modem] = []

    def run(self) -> Card:
        """A program starts; the card as it sees it."""
        self.modems.append(self._run())
        return self.modems[-1].card

    def close(self) -> None:
        for modem in self.modems:
            modem.close()


@pytest.fixture(scope="session")
def reader_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running(tmp_path_factory.mktemp("pcscd")) as port:
        yield port


@pytest.fixture(params=WAYS)
def rig(request: pytest.FixtureRequest, tmp_path: Path, pki_dir: Path) -> Iterator[Rig]:
    euicc = RiggedEuicc(VirtualEuicc.open(tmp_path / "card", pki_dir, consumer=True))
    if request.param == "pcsc":
        opened = in_reader(euicc, request.getfixturevalue("reader_port"))
    else:
        opened = in_modem(request.param, euicc, tmp_path)
    with opened as made:
        yield made
        made.close()


@contextmanager
def in_modem(way: str, euicc: RiggedEuicc, tmp_path: Path, *faults: str) -> Iterator[Rig]:
    memory = ShortMemory()
    path = str(tmp_path / "modem")
    up = threading.Event()

    def tell(name: str, _details: dict[str, str]) -> None:
        if name == "registered":
            up.set()

    def run() -> Modem:
        known: Way = "cgla" if way == "cgla" else "csim"
        return connect(path, waits=WAITS, memory=memory, sample=sample, way=known)

    with MockModem(euicc, AlwaysOn(), path, scale=SCALE, faults=faults, on_event=tell):
        assert up.wait(20)
        yield Rig(way, euicc, run, euicc)


@contextmanager
def in_reader(euicc: RiggedEuicc, port: int) -> Iterator[Rig]:
    stopped, put_in = threading.Event(), threading.Event()
    thread = threading.Thread(target=vpcd.serve, args=(euicc, ("127.0.0.1", port), stopped, put_in.set))
    thread.start()
    other = ReaderUicc(READER, WAITS)
    try:
        assert put_in.wait(20)
        _until(there=True)
        yield Rig(
            "pcsc",
            euicc,
            lambda: connect_reader(READER, waits=WAITS, hello=(TERMINAL_CAPABILITY,)),
            other,
        )
    finally:
        stopped.set()
        thread.join()
        # A card that is changed between two looks confuses pcscd: it thinks of the old one as unpowered.
        other.close()
        _until(there=False)


def _until(*, there: bool) -> None:
    """pcscd looks for a card every 400 ms."""
    from smartcard import scard

    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    wanted = scard.SCARD_STATE_PRESENT if there else scard.SCARD_STATE_EMPTY
    end = time.monotonic() + 20
    while True:
        _, [(_, state, _)] = scard.SCardGetStatusChange(context, 0, [(READER, scard.SCARD_STATE_UNAWARE)])
        if state & wanted:
            break
        assert time.monotonic() < end, f"for pcscd the card is {'not there' if there else 'still there'}"
        time.sleep(0.05)
    scard.SCardReleaseContext(context)

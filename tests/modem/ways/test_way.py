"""Which way to the card is taken, what is remembered of it, and what happens when it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ipad.euicc.isdr import ISD_R_AID, sample
from ipad.testbed.euicc import VirtualEuicc
from modem import quirks
from modem.card import Channel
from modem.connect import Modem, connect
from modem.errors import AtError, CardRefused, ModemError, NoCard
from modem.memory import ShortMemory
from modem.mock import AlwaysOn, MockModem
from modem.quirks import Quirks
from modem.way import FoundCard
from tests.modem.mocked import SCALE, WAITS
from tests.modem.scripted import ScriptedModem, Step, answers
from tests.modem.tiny_uicc import AID, TinyUicc

EID = bytes.fromhex("80E2910006BF3E035C015A")


class Bench:
    """A mock modem, and runs of a program that remember."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.memory = ShortMemory()
        self.commands: list[str] = []
        self.modems: list[Modem] = []

    def run(self, **given: Any) -> FoundCard:
        self.commands.clear()
        self.modems.append(connect(self.path, waits=WAITS, memory=self.memory, sample=sample, **given))
        card = self.modems[-1].card
        assert isinstance(card, FoundCard)
        return card

    def names(self) -> list[str]:
        return [c.partition("=")[0] for c in self.commands if "+CSIM" in c or "+CCH" in c or "+CGLA" in c]


@contextmanager
def bench(tmp_path: Path, pki_dir: Path, *faults: str) -> Iterator[Bench]:
    euicc = VirtualEuicc.open(tmp_path / "card", pki_dir)
    made = Bench(str(tmp_path / "modem"))
    with MockModem(euicc, AlwaysOn(), made.path, scale=SCALE, faults=faults, on_command=made.commands.append):
        yield made
        for modem in made.modems:
            modem.close()


def opened(card: FoundCard) -> None:
    """Once the card is ready: the modem has just started."""
    for _ in range(2000):
        try:
            channel = card.open(ISD_R_AID)
            break
        except NoCard:
            continue
    assert channel.transmit(EID).data
    channel.close()


def ask_often(channel: Channel) -> None:
    for _ in range(100):
        assert channel.transmit(EID).data


@pytest.mark.parametrize(
    ("faults", "manner"), [((), "csim 255"), (("no-ccho",), "csim 255"), (("no-csim",), "cgla 255")]
)
def test_the_way_that_works_is_found_and_remembered(
    tmp_path: Path, pki_dir: Path, faults: tuple[str, ...], manner: str
) -> None:
    with bench(tmp_path, pki_dir, *faults) as made:
        card = made.run()
        opened(card)
        assert str(card.manner) == manner
        assert made.memory.recall("card:Testbed UART-1 1.0") == manner
        first = len(made.names())
        made.modems.pop().close()
        again = made.run()
        opened(again)
        assert str(again.manner) == manner
        assert len(made.names()) < first
        other = "+CCHO" if manner.startswith("csim") else "+CSIM"
        assert not [name for name in made.names() if other in name]


@pytest.mark.parametrize("remembered", ["cgla 255", "csim 77", "smoke signals", ""])
def test_what_is_remembered_and_does_not_work_is_found_out_again(
    tmp_path: Path, pki_dir: Path, remembered: str
) -> None:
    with bench(tmp_path, pki_dir, "no-ccho") as made:
        made.memory.remember("card:Testbed UART-1 1.0", remembered)
        opened(made.run())
        assert made.memory.recall("card:Testbed UART-1 1.0") == "csim 255"


def test_what_is_given_is_not_looked_for(tmp_path: Path, pki_dir: Path) -> None:
    with bench(tmp_path, pki_dir) as made:
        card = made.run(way="cgla", block=100)
        opened(card)
        assert (str(card.manner), card.block) == ("cgla 100", 100)
        assert not [name for name in made.names() if "CSIM" in name]


def test_a_way_that_fails_in_the_middle_is_left_for_another_one(tmp_path: Path, pki_dir: Path) -> None:
    with bench(tmp_path, pki_dir, "cgla-store-data") as made:
        made.memory.remember("card:Testbed UART-1 1.0", "cgla 255")
        card = made.run()
        opened(card)
        channel = card.open(ISD_R_AID)
        with pytest.raises(AtError):
            ask_often(channel)
        channel.close()
        again = card.open(ISD_R_AID)
        ask_often(again)
        again.close()
        assert made.memory.recall("card:Testbed UART-1 1.0") == "csim 255"


def scripted_csim(uicc: TinyUicc, longest: int, channels_work: bool = True) -> ScriptedModem:
    def answer(line: str) -> list[Step] | None:
        if not line.startswith("AT+CSIM="):
            return None
        apdu = bytes.fromhex(line.partition('"')[2].rstrip('"'))
        if len(apdu) > longest or (apdu[0] & 3 and not channels_work):
            return [b"\r\nERROR\r\n"]
        reply = uicc.transmit(apdu)
        said = reply.data.hex().upper() + f"{reply.sw:04X}"
        return [f'\r\n+CSIM: {len(said)},"{said}"\r\n\r\nOK\r\n'.encode()]

    return ScriptedModem(answer)


def connected(modem: ScriptedModem, facts: Quirks = quirks.DEFAULT) -> FoundCard:
    made = connect(modem.path, waits=WAITS, sample=sample, facts_of=lambda *_: facts)
    modem.at_end.append(made.close)
    assert isinstance(made.card, FoundCard)
    return made.card


def test_a_line_that_takes_no_long_commands_gets_short_ones() -> None:
    with scripted_csim(TinyUicc(), longest=5 + 200) as modem:
        card = connected(modem)
        card.open(AID)
        assert card.block == 120


def test_blocks_are_never_longer_than_what_is_known_of_the_model() -> None:
    with scripted_csim(TinyUicc(), longest=5 + 64) as modem:
        card = connected(modem, Quirks(block=64))
        card.open(AID)
        assert card.block == 64


def test_a_modem_whose_channels_carry_nothing_has_no_way_and_the_error_says_what_else_there_is() -> None:
    with scripted_csim(TinyUicc(), longest=300, channels_work=False) as modem:
        with pytest.raises(ModemError, match=r"PC/SC reader"):
            connected(modem).open(AID)
        assert [line for line in modem.heard if line.startswith("AT+CCHO")]


def test_the_cards_own_word_is_what_is_told() -> None:
    with scripted_csim(TinyUicc(), longest=300) as modem, pytest.raises(CardRefused) as e:
        connected(modem).open(b"\xa0\x00\x00\x00\x00")
    assert e.value.sw == 0x6A82


def test_no_card_is_no_reason_to_try_another_way() -> None:
    with ScriptedModem(answers({'AT+CSIM=10,"0070000001"': [b"\r\n+CME ERROR: 10\r\n"]})) as modem:
        with pytest.raises(NoCard):
            connected(modem).open(AID)
        assert not [line for line in modem.heard if "CCHO" in line]

"""A modem that never answers a proactive command of the card keeps it busy (SGP.22 5.7.16, catBusy)."""

from pathlib import Path

import pytest

from ipad.testbed.euicc import VirtualEuicc
from modem.mock import AlwaysOn, MockModem
from tests.matrix import cell
from tests.matrix.cell import Cell


def test_a_busy_toolkit_refuses_a_switch_until_the_modem_is_reset(tmp_path: Path, pki_dir: Path) -> None:
    verdict = cell.run(Cell("generic", ("cat-busy",)), tmp_path, pki_dir)
    assert verdict.outcome == "done", verdict
    told = "\n".join(verdict.history)
    refused, reset, done = (told.index(text) for text in ("enableResult: catBusy", "a reset", "switch: "))
    assert refused < reset < done


@pytest.mark.parametrize("shapes", [(), ("event-list",)])
def test_a_modem_that_answers_is_not_kept_busy(
    tmp_path: Path, pki_dir: Path, shapes: tuple[str, ...]
) -> None:
    card = VirtualEuicc.open(tmp_path / "card", pki_dir, shapes=shapes)
    heard: list[str] = []
    with MockModem(
        card, AlwaysOn(), tmp_path / "tty", scale=0.0, on_event=lambda name, _: heard.append(name)
    ):
        while "registered" not in heard:
            pass
    assert card.transmit(bytes.fromhex("0070000001")).sw == 0x9000

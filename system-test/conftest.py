"""The packages, the machine they are installed on, and the mock modem and eIM beside it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import Machine
from site_of_test import LINE, SCALE, WAITS, Site

from ipad.testbed.gateway import Gateway

ROOT = Path(__file__).parent.parent
SECOND_VERSION = "0.1.0+second"

FIGURES: list[str] = []
"""What was measured, printed at the end."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for figure in FIGURES:
        terminalreporter.write_line(figure)


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the packages, built now."""
    return _build(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a higher version."""
    return _build(tmp_path_factory.mktemp("second"), "--version", SECOND_VERSION)


def _build(out: Path, *arguments: str) -> Path:
    subprocess.run([ROOT / "debian/make-deb", "--out", str(out), *arguments], check=True)
    return out


@pytest.fixture(scope="session")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Modem, card, network and eIM, on the host."""
    with Gateway(tmp_path_factory.mktemp("around"), LINE, SCALE, WAITS) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, around: Gateway, first: Path) -> Iterator[Site]:
    """The machine, switched on, with nothing of ipad on it yet."""
    with Machine(tmp_path_factory.mktemp("machine"), f"ipad-{os.getpid()}") as machine:
        machine.boot()
        machine.run("useradd", "--create-home", "alice")
        machine.run("useradd", "--create-home", "bob")
        yield Site(machine, around, first)

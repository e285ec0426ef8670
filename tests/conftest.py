"""What all tests share."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from ipad.testbed import pki
from tests.procedures.eim_house import EimHouse, open_house
from tests.procedures.market import Market, open_market
from tests.procedures.site import Blank, MakeSite, Site

# The gate gives the same answer each time; HYPOTHESIS_PROFILE=search looks for new cases.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))


@pytest.fixture(scope="session")
def pki_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates and keys of the testbed's, for whoever does not change them."""
    directory = tmp_path_factory.mktemp("pki")
    pki.make_pki(directory)
    return directory


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory if there is such a thing: hundreds of sites sync thousands of times."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="ipad-test-", dir=memory) as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, pki_dir: Path) -> Iterator[EimHouse]:
    with open_house(tmp_path_factory.mktemp("eim"), pki_dir) as opened:
        yield opened


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory, pki_dir: Path) -> Iterator[Market]:
    with open_market(tmp_path_factory.mktemp("market"), pki_dir) as opened:
        yield opened


@pytest.fixture
def make_site(disk: Path, blank: Blank, house: EimHouse) -> Iterator[MakeSite]:
    """Makes sites, each with a card of its own and fresh records of the eIM; the last one is served.

    stall: what opens what the SM-DP+ has on offer, in a directory.

    blank: what their cards begin as, an IoT or a consumer card's folder of tests says which.
    """
    made: list[Site] = []

    def make(**settings: Any) -> Site:
        directory = disk / str(len(made))
        if made:
            made[-1].close()
        stall = settings.get("stall")
        if callable(stall):
            stall = settings["stall"] = stall(directory / "smdp")
        desk = house.open_desk(directory / "eim", blank.eid, blank.tokens[0], stall and stall.relayed())
        made.append(Site(directory, blank, desk, **settings))
        return made[-1]

    yield make
    if made:
        made[-1].close()

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipad.testbed import pki
from tests.procedures.eim_house import EimHouse, open_house
from tests.procedures.polled import started
from tests.procedures.site import Blank, Process, Site, make_blank


@pytest.fixture(scope="session")
def pki_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pki")
    pki.make_pki(directory)
    return directory


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, pki_dir: Path) -> Iterator[EimHouse]:
    with open_house(tmp_path_factory.mktemp("eim"), pki_dir) as opened:
        yield opened


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory, pki_dir: Path, house: EimHouse) -> Blank:
    return make_blank(tmp_path_factory.mktemp("blank"), pki_dir, [house])


MakeSite = Callable[..., Site]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory if there is such a thing: hundreds of sites sync thousands of times."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="ipad-test-", dir=memory) as directory:
        yield Path(directory)


@pytest.fixture
def make_site(disk: Path, blank: Blank, house: EimHouse) -> Iterator[MakeSite]:
    """Makes sites, each with a card of its own and fresh records of the eIM; the last one is served."""
    made: list[Site] = []

    def make(**settings: Any) -> Site:
        directory = disk / str(len(made))
        if made:
            made[-1].close()
        desk = house.open_desk(directory / "eim", blank.eid, blank.tokens[0])
        made.append(Site(directory, blank, desk, **settings))
        return made[-1]

    yield make
    if made:
        made[-1].close()


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site()


@pytest.fixture
def process(site: Site) -> Process:
    return started(site)

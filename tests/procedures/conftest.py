from pathlib import Path

import pytest

from tests.procedures.eim_house import EimHouse
from tests.procedures.polled import started
from tests.procedures.site import Blank, MakeSite, Process, Site, make_blank


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory, pki_dir: Path, house: EimHouse) -> Blank:
    return make_blank(tmp_path_factory.mktemp("blank"), pki_dir, [house])


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site()


@pytest.fixture
def process(site: Site) -> Process:
    return started(site)

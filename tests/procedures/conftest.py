from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipad.testbed.euicc.state import State
from tests.procedures.eim_house import EimHouse
from tests.procedures.market import Market
from tests.procedures.polled import started
from tests.procedures.site import Blank, MakeSite, Process, Site, make_blank


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory, pki_dir: Path, house: EimHouse) -> Blank:
    return make_blank(tmp_path_factory.mktemp("blank"), pki_dir, [house])


@pytest.fixture
def make_day(make_site: MakeSite, market: Market) -> MakeSite:
    """Makes sites with an SM-DP+ and an SM-DS, which the card knows."""

    def make(prepare: Callable[[State], None], **settings: Any) -> Site:
        def prepared(card: State) -> None:
            card.root_ds_address = market.smds_address
            prepare(card)

        return make_site(stall=market.open_stall, prepare=prepared, **settings)

    return make


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site()


@pytest.fixture
def process(site: Site) -> Process:
    return started(site)

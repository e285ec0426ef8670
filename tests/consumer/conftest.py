"""Gateways with a consumer card, and the parts of the procedures' tests that they are made from."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.procedures.conftest import disk, house, pki_dir  # noqa: F401
from tests.procedures.eim_house import EimHouse
from tests.procedures.site import Blank, Site, make_consumer_blank

from .bench import Bench

MakeSite = Callable[..., Site]


@pytest.fixture(scope="session")
def consumer_blank(
    tmp_path_factory: pytest.TempPathFactory,
    pki_dir: Path,  # noqa: F811
    house: EimHouse,  # noqa: F811
) -> Blank:
    return make_consumer_blank(tmp_path_factory.mktemp("blank"), pki_dir, [house])


@pytest.fixture
def make_site(disk: Path, consumer_blank: Blank, house: EimHouse) -> Iterator[MakeSite]:  # noqa: F811
    """As the procedures' own, with a consumer card in each."""
    made: list[Site] = []

    def make(**settings: Any) -> Site:
        directory = disk / str(len(made))
        if made:
            made[-1].close()
        desk = house.open_desk(directory / "eim", consumer_blank.eid, consumer_blank.tokens[0])
        made.append(Site(directory, consumer_blank, desk, **settings))
        return made[-1]

    yield make
    if made:
        made[-1].close()


@pytest.fixture
def bench(tmp_path: Path, pki_dir: Path) -> Iterator[Bench]:  # noqa: F811
    made = Bench(tmp_path, pki_dir)
    yield made
    made.stop()
    made.modem.close()


@pytest.fixture
def make_bench(tmp_path: Path, pki_dir: Path) -> Iterator[Callable[..., Bench]]:  # noqa: F811
    """Benches with other cards: the arguments are Bench's."""
    made: list[Bench] = []

    def make(*profiles: Any, **more: Any) -> Bench:
        made.append(Bench(tmp_path / str(len(made)), pki_dir, *profiles, **more))
        return made[-1]

    yield make
    for one in made:
        one.stop()
        one.modem.close()

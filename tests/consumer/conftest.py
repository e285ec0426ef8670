"""Gateways with a consumer card, and the parts of the procedures' tests that they are made from."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.procedures.eim_house import EimHouse
from tests.procedures.site import Blank, make_consumer_blank

from .bench import Bench


@pytest.fixture(scope="session")
def blank(
    tmp_path_factory: pytest.TempPathFactory,
    pki_dir: Path,
    house: EimHouse,
) -> Blank:
    return make_consumer_blank(tmp_path_factory.mktemp("blank"), pki_dir, [house])


@pytest.fixture
def bench(tmp_path: Path, pki_dir: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, pki_dir)
    yield made
    made.stop()
    made.modem.close()


@pytest.fixture
def make_bench(tmp_path: Path, pki_dir: Path) -> Iterator[Callable[..., Bench]]:
    """Benches with other cards: the arguments are Bench's."""
    made: list[Bench] = []

    def make(*profiles: Any, **more: Any) -> Bench:
        made.append(Bench(tmp_path / str(len(made)), pki_dir, *profiles, **more))
        return made[-1]

    yield make
    for one in made:
        one.stop()
        one.modem.close()

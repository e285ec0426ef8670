from collections.abc import Iterator
from pathlib import Path

import pytest

from ipad.testbed import pki
from tests.testbed.eim_world import World, world


@pytest.fixture(scope="session")
def pki_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pki")
    pki.make_pki(directory)
    return directory


@pytest.fixture
def here(tmp_path: Path, pki_dir: Path) -> Iterator[World]:
    """An eIM, an associated card without association token, and an IPA."""
    with world(tmp_path, pki_dir) as started:
        yield started

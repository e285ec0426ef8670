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
def binding() -> str:
    """That of the IPA; a module whose tests hold in both overrides it."""
    return "asn1"


@pytest.fixture
def here(tmp_path: Path, pki_dir: Path, binding: str) -> Iterator[World]:
    """An eIM, an associated card without association token, and an IPA."""
    with world(tmp_path, pki_dir, binding=binding) as started:
        yield started

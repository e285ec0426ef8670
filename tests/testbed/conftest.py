from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testbed.download_world import Indirect, indirect
from tests.testbed.eim_world import World, world


@pytest.fixture
def binding() -> str:
    """That of the IPA; a module whose tests hold in both overrides it."""
    return "asn1"


@pytest.fixture
def here(tmp_path: Path, pki_dir: Path, binding: str) -> Iterator[World]:
    """An eIM, an associated card without association token, and an IPA."""
    with world(tmp_path, pki_dir, binding=binding) as started:
        yield started


@pytest.fixture
def through(tmp_path: Path, pki_dir: Path, binding: str) -> Iterator[Indirect]:
    with indirect(tmp_path, pki_dir, binding) as started:
        yield started

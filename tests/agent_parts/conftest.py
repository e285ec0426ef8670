"""A workbench for the tools at the command line; its certificates are made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ipad.testbed import pki
from tests.agent_parts.workbench import Workbench, workbench


@pytest.fixture(scope="session")
def pki_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pki")
    pki.make_pki(directory)
    return directory


@pytest.fixture
def bench(tmp_path: Path, pki_dir: Path, capsys: "pytest.CaptureFixture[str]") -> Iterator[Workbench]:
    with workbench(tmp_path, pki_dir, capsys) as made:
        yield made

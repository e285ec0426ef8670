"""A workbench for the tools at the command line; its certificates are made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent_parts.workbench import Workbench, workbench


@pytest.fixture
def bench(tmp_path: Path, pki_dir: Path, capsys: "pytest.CaptureFixture[str]") -> Iterator[Workbench]:
    with workbench(tmp_path, pki_dir, capsys) as made:
        yield made

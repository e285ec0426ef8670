"""The gateways of the system tests. They share one PKI: its keys take the longest to make."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ipad.testbed import pki
from ipad.testbed.gateway import Gateway
from tests.system.world import BOOTSTRAP, LINE, SCALE, STORY, WAITS, operates, settle, works

_STORY_LINES = 60

Start = Callable[..., AbstractContextManager[Gateway]]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "demo: lives the demo's whole day, and is run once")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, None]:
    made = yield
    report = made.get_result()
    if report.failed:
        report.sections.append(("What happened", "\n".join(STORY.getvalue().splitlines()[-_STORY_LINES:])))


@pytest.fixture(scope="session")
def system_pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("system-pki")
    pki.make_pki(directory)
    return directory


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory, system_pki: Path) -> Start:
    """Starts a gateway's surroundings, not the daemon. Keywords: waits that differ, anchor, card."""

    @contextmanager
    def started(anchor: str = "ca", card: str = "iot", **waits: Any) -> Iterator[Gateway]:
        directory = tmp_path_factory.mktemp("gateway")
        patience = {**WAITS, **waits}
        with Gateway(
            directory, LINE, SCALE, patience, pki_dir=system_pki, anchor=anchor, card=card
        ) as gateway:
            yield gateway

    return started


@pytest.fixture
def gateway(running: Gateway) -> Iterator[Gateway]:
    """The module's own, `running`. After each test it still works, and nothing has switched."""
    settle(running)
    switches = running.refreshes()
    yield running
    works(running)
    operates(running)
    assert running.enabled() == BOOTSTRAP
    assert running.refreshes() == switches

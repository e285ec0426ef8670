"""Putting a gateway's parts together."""

import logging
from contextlib import closing
from pathlib import Path

import pytest

from ipad import clock
from ipad.config import AgentConfig, Config, ModemConfig
from ipad.journal import Journal
from ipad.net.http import Uplink
from ipad.opening import open_gateway


def test_what_a_server_says_is_one_line_of_limited_length(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ipad")
    settings = Config(
        modem=ModemConfig(port=str(tmp_path / "tty")),
        agent=AgentConfig(state_dir=str(tmp_path), runtime_dir=str(tmp_path)),
    )
    with closing(Journal(tmp_path / "journal.db")) as journal:
        powered = clock.start(journal)
        with open_gateway(settings, journal, powered, Uplink(), lambda: None) as gateway:
            gateway.note("poll", "GetEimPackage: \x1b[2JNot\nFound \ud800é " + 15_000 * "x")
        [entry] = journal.history()
    assert entry.text.startswith("GetEimPackage: ?[2JNot?Found ?é xxx")
    assert len(entry.text) == 1000
    assert caplog.messages == [f"poll: {entry.text}"]

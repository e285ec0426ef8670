"""The same package on Debian 13: another Python, cryptography and systemd."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import FIGURES
from machine import Machine
from site_of_test import LINE, SCALE, WAITS, Site

from ipad.testbed.gateway import Gateway


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, first: Path) -> Iterator[Site]:
    with (
        Gateway(tmp_path_factory.mktemp("around"), LINE, SCALE, WAITS) as around,
        Machine(tmp_path_factory.mktemp("newer"), f"ipad-newer-{os.getpid()}", "trixie") as machine,
    ):
        machine.boot()
        yield Site(machine, around, first)


def test_it_installs_is_provisioned_and_works(site: Site) -> None:
    site.machine.put("/etc/ipad/ipad.toml.d/.keep", "")
    site.install()
    site.rig()
    site.machine.run("systemctl", "stop", "ipad")
    (site.machine.root / "root/eim.der").write_bytes(bytes.fromhex(site.around.first.configuration()))
    answer = json.loads(site.machine.says("ipad", "provision", "--eim", "/root/eim.der", "--json"))
    token = answer["eims"][0]["association_token"]
    site.around.first.register(eid=answer["eid"], token=token)
    site.machine.run("systemctl", "start", "ipad")
    site.operates()
    site.works()
    python = site.machine.says("/usr/bin/python3", "--version")
    FIGURES.append(f"Debian 13 ({python}): installed, provisioned, polled")


def test_restarts_take_their_time_more_and_more(site: Site) -> None:
    """What systemd 252 of Debian 12 does not know yet."""
    assert site.shown("RestartSteps") == "6"
    assert site.shown("RestartMaxDelayUSec") == "5min"

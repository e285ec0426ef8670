"""The guides' blocks of shell, run as they stand, in one shell, as root, on a machine of its own."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from machine import Machine
from site_of_test import WAITS

GUIDES = ROOT / "docs/guides"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(name: str) -> list[str]:
    return _BLOCK.findall((GUIDES / name).read_text("utf-8"))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, first: Path) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("guides"), f"ipad-guides-{os.getpid()}", alone=True) as machine:
        machine.boot()
        for deb in sorted(first.glob("*.deb")):
            (machine.root / "root" / deb.name).write_bytes(deb.read_bytes())
        machine.run("sh", "-c", "dpkg --install /root/*.deb")
        waits = "\n".join(f"{name} = {seconds}" for name, seconds in WAITS.items())
        machine.put("/etc/ipad/ipad.toml.d/10-quick.toml", f"[waits]\n{waits}\n")
        yield machine


def run(machine: Machine, script: str) -> str:
    """In one shell, which ends at the first command that fails."""
    done = machine.run("bash", "-e", "-c", script, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_rig_and_the_factory(machine: Machine) -> None:
    """The factory's guide has no surroundings of its own: it is followed before the rig is put away."""
    *rig, away = blocks("hil.md")
    made = run(machine, "\n".join((*rig, *blocks("factory.md"), away)))
    assert "associated with eim.testbed.example" in made
    assert "everything is as it should be: nothing was changed" in made
    assert '"state": "done"' in made
    assert re.search(r"^profile  8900101000000000019", made, re.MULTILINE)

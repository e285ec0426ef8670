"""The demo is a test too: one gateway through its day."""

import subprocess
import sys

import pytest

ANY_MACHINE = 300.0


@pytest.mark.demo
@pytest.mark.parametrize("options", [[], ["--ladder"]], ids=["day", "ladder"])
def test_the_demo_holds(options: list[str]) -> None:
    command = [sys.executable, "-m", "ipad.testbed.demo", "--fast", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ANY_MACHINE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

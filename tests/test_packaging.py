"""What the Debian packages say is what the code says."""

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ipad import __version__, cli
from ipad.asn1 import codecs
from ipad.testbed import cli as testbed

ROOT = Path(__file__).parent.parent
DEBIAN = ROOT / "debian"


def text(name: str) -> str:
    return (DEBIAN / name).read_text("utf-8")


def commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    [sub] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(sub.choices)


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {o for action in parser._actions for o in action.option_strings if o.startswith("--")}


COMMANDS = commands(cli._parser())


def test_there_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    packaged = re.match(r"ipad \(([^)]*)\)", text("changelog"))
    assert packaged
    assert project["version"] == __version__ == packaged[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_manual_has_every_command_and_option(command: str) -> None:
    manual = text("man/ipad.1").replace("\\-", "-")
    assert re.search(rf'^\.B[IR]? "?{command}\b', manual, re.MULTILINE)
    for option in options(COMMANDS[command]) - {"--help", "--lines"}:
        assert option in manual


@pytest.mark.parametrize("command", COMMANDS)
def test_the_shell_completes_every_command_and_option(command: str) -> None:
    assert command in completed("")
    assert set(completed(command, "--")) == options(COMMANDS[command])


def completed(*words: str) -> list[str]:
    """What bash offers behind `ipad WORDS`, the last of which is not finished."""
    script = (
        'source "$1"; shift; COMP_WORDS=(ipad "$@"); COMP_CWORD=$#; _ipad; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    file = str(DEBIAN / "ipad.bash-completion")
    command = ["bash", "-c", script, "bash", file, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.split()


@pytest.mark.parametrize("part", commands(testbed.parser()))
def test_the_testbeds_manual_has_every_part(part: str) -> None:
    assert re.search(rf'^\.B[IR]? "?{part}\b', text("man/ipad-testbed.1").replace("\\-", "-"), re.MULTILINE)


def test_the_manual_has_every_exit_status() -> None:
    numbers = (cli.OK, cli.FAILED, cli.UNAVAILABLE, cli.NO_PERMISSION, cli.BAD_CONFIG, cli.INTERRUPTED)
    manual = text("man/ipad.1")
    assert all(f"\n.B {number}\n" in manual for number in numbers)


def test_what_is_vendored_is_what_the_codecs_load() -> None:
    """Every module of asn1tools that the BER and DER codecs bring along is in the package's list."""
    [listed] = re.findall(r"^ASN1TOOLS := (.*?)\n\n", text("rules"), re.MULTILINE | re.DOTALL)
    packaged = set(listed.replace("\\\n", " ").split())
    where = Path(codecs.ber.__file__).parent.parent
    script = (
        "import sys\n"
        "from importlib.machinery import PathFinder as F\n"
        "seen=[]; old=F.find_spec\n"
        "F.find_spec=classmethod(lambda c,n,*a: (seen.append(n), old(n,*a))[1])\n"
        "import ipad.asn1\n"
        "print(*[n for n in seen if n.startswith('asn1tools')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    for name in set(done.stdout.split()) - {"asn1tools"}:
        path = name.removeprefix("asn1tools.").replace(".", "/")
        file = f"{path}/__init__.py" if (where / path).is_dir() else f"{path}.py"
        assert file in packaged

"""The shipped ipad.toml and its manual say what the code does."""

import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest

from ipad import config
from ipad.config import ApnConfig, Config
from tools import config_reference


def test_the_files_are_what_the_code_says() -> None:
    assert config_reference.TOML.read_text("utf-8") == config_reference.toml(), "run `make docs`"
    assert config_reference.MANUAL.read_text("utf-8") == config_reference.manual(), "run `make docs`"


@pytest.mark.parametrize(
    "table", [table.name for table in fields(Config) if is_dataclass(getattr(Config(), table.name))]
)
def test_every_key_is_in_the_file_and_in_the_manual(table: str) -> None:
    file = config_reference.TOML.read_text("utf-8")
    manual = config_reference.MANUAL.read_text("utf-8")
    section = file[file.index(f"\n[{table}]") :]
    for key in fields(getattr(Config(), table)):
        assert f"\n#{key.name} = " in section
        assert f"\n.BR {key.name} " in manual


def test_the_file_as_shipped_changes_nothing() -> None:
    assert config.load(config_reference.TOML) == Config()


def test_all_keys_of_the_file_may_be_set_to_what_stands_there(tmp_path: Path) -> None:
    lines = config_reference.TOML.read_text("utf-8").splitlines()
    file = tmp_path / "ipad.toml"
    file.write_text("\n".join(line.removeprefix("#") for line in lines if not line.startswith("# ")), "utf-8")
    loaded = config.load(file)
    assert replace(loaded, apn={}) == Config()
    assert list(loaded.apn.values()) == [ApnConfig()]
    assert len(config.read(file).sources) == sum(len(keys) for keys in config_reference.tables().values())


def test_what_is_shown_is_a_file_that_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "ipad.toml"
    file.write_text('[modem]\nport = "/dev/ttyS0"\n[eim."a.b"]\nbinding = "json"\n', "utf-8")
    command = [sys.executable, "-m", "ipad.cli", "config", "show", "--config", str(file)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    again = tmp_path / "again.toml"
    again.write_text(shown, "utf-8")
    assert config.load(again) == config.load(file)
    assert f"# {file}" in shown

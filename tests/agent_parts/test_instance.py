"""One instance on a gateway, and its directories."""

from dataclasses import replace
from pathlib import Path

import pytest

from ipad.config import AgentConfig, Config
from ipad.errors import IpadError
from ipad.instance import lock, make_directories


def test_a_second_instance_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(IpadError, match="another ipad is running"):
        lock(tmp_path)
    with lock(tmp_path):
        pass


def test_a_place_without_room_for_a_lock_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IpadError, match="opening the lock"):
        lock(tmp_path / "nowhere")


def test_directories_are_made_with_all_above_them(tmp_path: Path) -> None:
    agent = AgentConfig(str(tmp_path / "a" / "b"), str(tmp_path / "c"))
    made = make_directories(replace(Config(), agent=agent))
    assert made == (tmp_path / "a" / "b", tmp_path / "c")
    assert all(path.is_dir() for path in made)
    assert make_directories(replace(Config(), agent=agent)) == made


def test_a_directory_that_cannot_be_made_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    agent = AgentConfig(str(tmp_path / "file" / "below"), str(tmp_path))
    with pytest.raises(IpadError, match=r"making the directory .*file"):
        make_directories(replace(Config(), agent=agent))

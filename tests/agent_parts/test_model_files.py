"""/etc/ipad/modems.d: what a user knows of modems, and what the daemon says of files that are none."""

from pathlib import Path

import pytest

from ipad import model_files
from ipad.errors import ConfigError
from modem import quirks

GOOD = """
[[model]]
source = "seen on our gateways"
manufacturer = "acme"
model = "^M4"
block = 120
take = ["refresh", "cfun", "reset"]

[[model]]
model = "^M5"
cchc = false
"""


def test_no_directory_is_no_rows(tmp_path: Path) -> None:
    assert model_files.load(tmp_path / "modems.d") == ()


def test_rows_are_read_in_the_order_of_the_files_and_laid_over_the_table(tmp_path: Path) -> None:
    (tmp_path / "20-later.toml").write_text('[[model]]\nmanufacturer = "ACME"\nblock = 60\n', "utf-8")
    (tmp_path / "10-first.toml").write_text(GOOD, "utf-8")
    (tmp_path / "README").write_text("not TOML at all", "utf-8")
    rows = model_files.load(tmp_path)
    assert [row.source for row in rows[:2]] == ["seen on our gateways", str(tmp_path / "10-first.toml")]
    found = quirks.of("Acme Inc.", "M4-EU", "1.0", rows)
    assert (found.block, found.take, found.cchc) == (60, ("refresh", "cfun", "reset"), True)
    assert not quirks.of("Other", "M5", "1.0", rows).cchc


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[model", "not TOML"),
        ("[model]\nblock = 1\n", r"tables \[\[model\]\]"),
        ("block = 1\n", r"tables \[\[model\]\]"),
        ("model = [1]\n", r"tables \[\[model\]\]"),
        ('[[model]]\nmodel = "x"\nblok = 1\n', "blok: no such key"),
        ('[[model]]\nmodel = "("\n', "no regular expression"),
        ("#" * 70000, "more than 65536 octets"),
    ],
)
def test_a_file_that_is_none_is_named_with_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=problem) as e:
        model_files.load(tmp_path)
    assert "mine.toml" in str(e.value)


def test_more_files_than_anybody_writes_are_refused(tmp_path: Path) -> None:
    for number in range(101):
        (tmp_path / f"{number}.toml").touch()
    with pytest.raises(ConfigError, match="more than 100 files"):
        model_files.load(tmp_path)

"""docs/conformance.md says what is true: each function of the standard, where it is, a test that exists."""

import ast
import importlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ipad.asn1.schema_parsed import MODULES

ROOT = Path(__file__).parents[2]
DOES_NOT_APPLY = "does not apply: "


class Row(NamedTuple):
    function: str
    tag: str
    section: str
    where: str
    test: str


@cache
def rows() -> list[Row]:
    text = (ROOT / "docs" / "conformance.md").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [Row(*row) for row in cells if row[0] not in ("function", "---")]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.function)
def test_no_cell_is_empty(row: Row) -> None:
    assert all(cell.strip("` ") for cell in row)


APPLYING = [row for row in rows() if not row.where.startswith(DOES_NOT_APPLY)]


@pytest.mark.parametrize("row", APPLYING, ids=lambda row: row.function)
def test_what_is_named_is_there(row: Row) -> None:
    for name in re.findall("`([^`]+)`", row.where):
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name
    tests = re.findall("`([^`]+)`", row.test)
    assert tests
    for test in tests:
        file, _, function = test.partition("::")
        assert function in functions_in(ROOT / "tests" / file), test


@cache
def functions_in(file: Path) -> set[str]:
    return {n.name for n in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(n, ast.FunctionDef)}


def tag_of(type_: dict[str, Any]) -> str | None:
    """The tag of a function's type, "BF57"; None for a type that is a part of others."""
    tag = type_.get("tag")
    if not tag or tag.get("class") not in (None, "CONTEXT_SPECIFIC") or tag["number"] < 31:
        return None
    return f"BF{tag['number']:02X}"


def requests() -> list[tuple[str, str]]:
    """Every request of ES10 and ESipa that the standard's modules define, with its tag."""
    found = []
    for module in ("SGP32Definitions", "RSPDefinitions"):
        for name, parsed in MODULES[module].items():
            tag = tag_of(json.loads(parsed))
            if tag is not None and re.search("Request(Esipa)?$", name) and name not in NOT_OURS:
                found.append((name, tag))
    return found


NOT_OURS = {
    # Between SM-DP+ and eUICC, inside a BoundProfilePackage (SGP.22 5.5).
    "ConfigureISDPRequest", "InitialiseSecureChannelRequest", "ReplaceSessionKeysRequest",
    "StoreMetadataRequest", "UpdateMetadataRequest",
    # ES9+ and ES11.
    "InitiateAuthenticationRequest", "AuthenticateClientRequest", "GetBoundProfilePackageRequest",
}  # fmt: skip
"""What an IPAd does not call over ES10 or ESipa."""


@pytest.mark.parametrize(("name", "tag"), requests())
def test_every_request_has_its_row(name: str, tag: str) -> None:
    assert tag in {t for row in rows() for t in re.findall("[0-9A-F]{4}", row.tag)}, name


@pytest.mark.parametrize("type_name", ["Psmo", "Eco", "IpaEuiccData", "EimPackageResult"])
def test_every_member_has_its_row(type_name: str) -> None:
    type_ = json.loads(MODULES["SGP32Definitions"][type_name])
    members = [member["name"] for member in type_["members"] if member]
    said = {row.function.rpartition(" ")[2] for row in rows()}
    assert [name for name in members if name not in said] == []

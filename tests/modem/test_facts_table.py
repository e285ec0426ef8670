"""The table of what is reported of modems: complete, true, and in the guide as it is."""

import ast
import re
from pathlib import Path

import pytest

from modem.mock import FAULTS, MODELS
from modem.mock.faults import LASTING, Fault
from tests.matrix import table
from tests.modem.facts import FACTS

TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize("named", sorted({test for fact in FACTS for test in fact.tests}))
def test_every_test_that_the_table_names_is_there(named: str) -> None:
    file, function = named.split("::")
    defined = ast.parse((TESTS / file).read_text("utf-8")).body
    assert function in {node.name for node in defined if isinstance(node, ast.FunctionDef)}


def test_every_report_is_played_by_something_that_the_mock_has() -> None:
    for fact in FACTS:
        assert fact.tests
        models = re.findall(r"--model ([\w-]+)", fact.played)
        faults = re.findall(r"--fault ([^\s,]+)", fact.played)
        assert models or faults
        assert set(models) <= set(MODELS)
        for text in faults:
            assert re.split("[:@]", text)[0] in FAULTS
            Fault.parse(text.replace("@N", "@1"))


def test_every_fault_of_a_model_is_one_that_there_is() -> None:
    assert {fault for model in MODELS.values() for fault in model.faults} <= set(LASTING)


def test_the_guide_has_the_tables_as_they_are() -> None:
    guide = table.GUIDE.read_text("utf-8")
    assert table.facts() in guide
    assert table.models() in guide

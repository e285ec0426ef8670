"""How the schema and asn1tools' codecs come into the process."""

import importlib
import subprocess
import sys
from typing import Any

import pytest

from ipad.asn1 import codecs, generate


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def true_asn1tools() -> Any:
    """The module, or a skipped test: from 0.168 on it does not load beside Debian 12's pyparsing."""
    try:
        return importlib.import_module("asn1tools")
    except ImportError as error:
        pytest.skip(f"asn1tools does not load here: {error}")


def test_the_parsed_schema_is_the_one_of_the_asn_files() -> None:
    true_asn1tools()
    assert generate.TARGET.read_text("utf-8") == generate.text(generate.parse()), (
        "schema_parsed.py is not that of the .asn files: python -m ipad.asn1.generate"
    )


def test_the_stand_in_for_the_parser_has_its_extension_marker() -> None:
    assert codecs.EXTENSION_MARKER is true_asn1tools().parser.EXTENSION_MARKER


DECODES = "assert asn1.decode('TransactionId', bytes((4, 1, 7))) == bytes((7,));"


def test_neither_asn1tools_itself_nor_its_parser_is_loaded() -> None:
    out = run(
        "import sys; sys.modules['pyparsing'] = None;"
        f"from ipad import asn1; {DECODES}"
        "print([name for name in sys.modules if 'asn1tools' in name])"
    )
    assert out == "[]\n"


@pytest.mark.parametrize("first", ["asn1tools", "ipad.asn1"])
def test_the_true_asn1tools_loads_before_and_after(first: str) -> None:
    true_asn1tools()
    out = run(
        f"import {first}, asn1tools, sys; from ipad import asn1;"
        "true = asn1tools.compile_string('A DEFINITIONS ::= BEGIN B ::= OCTET STRING END', 'der');"
        f"assert true.decode('B', bytes((4, 1, 7))) == bytes((7,)); {DECODES}"
        "assert sys.modules['asn1tools'] is asn1tools;"
        "assert sys.modules['asn1tools.parser'] is asn1tools.parser;"
        "assert asn1.codecs.der is not sys.modules['asn1tools.codecs.der'];"
        "print('both')"
    )
    assert out == "both\n"


def test_a_missing_asn1tools_is_said_by_its_name() -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(
            "import importlib.util as util; found = util.find_spec;"
            "util.find_spec = lambda name, *rest: None if name == 'asn1tools' else found(name, *rest);"
            "import ipad.asn1"
        )
    assert "ModuleNotFoundError: No module named 'asn1tools'" in failed.value.stderr

"""Writes schema_parsed.py from the .asn files: `python -m ipad.asn1.generate`, where asn1tools parses.

asn1tools' parser needs pyparsing and 0.4 s (seconds on a Raspberry Pi); what it makes of the schema is
therefore kept. tests/test_asn1_schema.py fails if the two differ.
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MODULE_OF = {"sgp32.asn": "SGP32Definitions", "rsp.asn": "RSPDefinitions", "pkix.asn": "PKIX"}
"""In the order in which a type's name is searched: each imports from those after it."""
SOURCES = [HERE / name for name in MODULE_OF]
TARGET = HERE / "schema_parsed.py"
HEAD = '''"""The .asn files as asn1tools has parsed them: made by `python -m ipad.asn1.generate`."""

'''


def parse() -> dict[str, Any]:
    """The modules of the .asn files as asn1tools' compiler wants them, by name."""
    import asn1tools

    modules: dict[str, Any] = asn1tools.pre_process_dict(
        asn1tools.parse_files([str(source) for source in SOURCES], "utf-8")
    )
    return modules


def text(modules: dict[str, Any]) -> str:
    """The Python source of schema_parsed.py.

    One line a type, so that a change shows as one, and JSON in it, because as a literal of Python the
    whole would take 20 ms and 4 MB to load, and no program uses more than a part of it.
    """
    lines = ["MODULES: dict[str, dict[str, str]] = {"]
    for source in SOURCES:
        lines.append(f"    {MODULE_OF[source.name]!r}: {{")
        types = modules[MODULE_OF[source.name]]["types"]
        lines += [f"        {name!r}: {json.dumps(types[name])!r}," for name in types]
        lines.append("    },")
    return HEAD + "\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    TARGET.write_text(text(parse()), "utf-8")
    sys.exit(0)

"""Writes schema_parsed.py from the .asn files: `python -m ipad.asn1.generate`, where asn1tools parses.

asn1tools' parser needs pyparsing and 0.4 s (seconds on a Raspberry Pi); what it makes of the schema is
therefore kept. tests/test_asn1_schema.py fails if the two differ.
"""

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SOURCES = [HERE / name for name in ("pkix.asn", "rsp.asn", "sgp32.asn")]
TARGET = HERE / "schema_parsed.py"
HEAD = '''"""The schema as asn1tools has parsed it. Made of the .asn files by `python -m ipad.asn1.generate`."""

from typing import Any

'''


def parse() -> dict[str, Any]:
    """The modules of the .asn files as asn1tools' compiler wants them, by name."""
    import asn1tools

    modules: dict[str, Any] = asn1tools.pre_process_dict(
        asn1tools.parse_files([str(source) for source in SOURCES], "utf-8")
    )
    return modules


def text(modules: dict[str, Any]) -> str:
    """The Python source of schema_parsed.py: one line a type, so that a change shows as one."""
    lines = ["MODULES: dict[str, Any] = {"]
    for name, module in modules.items():
        lines.append(f"    {name!r}: {{")
        lines += [f"        {key!r}: {value!r}," for key, value in module.items() if key != "types"]
        lines.append("        'types': {")
        lines += [f"            {key!r}: {value!r}," for key, value in module["types"].items()]
        lines += ["        },", "    },"]
    return HEAD + "\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    TARGET.write_text(text(parse()), "utf-8")
    sys.exit(0)

"""Writes debian/etc/ipad.toml and the keys of ipad.toml(5) from the docstrings in the code: `make docs`."""

import ast
import inspect
import sys
import textwrap
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from ipad.config import ApnConfig, Config
from ipad.config_command import toml_value

ROOT = Path(__file__).parent.parent
TOML = ROOT / "debian/etc/ipad.toml"
MANUAL = ROOT / "debian/man/ipad.toml.5"
_FRAME = ROOT / "debian/man/ipad.toml.5.in"

_TABLES = {
    "modem": "The modem.",
    "agent": "The daemon itself.",
    "card": "The eUICC.",
    "connectivity": "How the link is looked at.",
    "esipa": 'How eIMs are talked to. [eim."<eimId>"] has the same keys, for one eIM.',
    "rsp": "How SM-DP+ and SM-DS are talked to.",
    'apn."8900101000000000019"': "What the modem attaches with when this profile is enabled, by its ICCID.",
    "waits": "Seconds, each from 0.01 to 2000000. The defaults fit a gateway: change one only to a purpose.",
}
NAMED = {'apn."8900101000000000019"': ApnConfig()}
"""Tables of which there may be several, with an example of a name."""
_HEAD = """\
# ipad's configuration: ipad.toml(5) is its manual. Every key is here with its default; take the # away to
# set one. Files in ipad.toml.d/*.toml are read after this one, so that this one need not be touched.
# `ipad config check` says what is wrong, `systemctl reload ipad` makes it count.
"""


@dataclass(frozen=True)
class Key:
    """One key of the configuration."""

    name: str
    default: Any
    text: str


def tables() -> dict[str, list[Key]]:
    """Every table and its keys, as the code has them."""
    config = Config()
    found = {}
    for table in fields(Config):
        settings = getattr(config, table.name)
        if is_dataclass(settings):
            found[table.name] = _keys(settings)
    return found | {name: _keys(settings) for name, settings in NAMED.items()}


def _keys(settings: Any) -> list[Key]:
    texts = _docstrings(type(settings))
    return [Key(key.name, getattr(settings, key.name), _text(texts, key.name)) for key in fields(settings)]


def _text(texts: dict[str, str], name: str) -> str:
    if name in texts:
        return texts[name]
    if name.removesuffix("_max") in texts:
        return f"Cap of {name.removesuffix('_max')}."
    raise SystemExit(f"{name}: a key of the configuration needs a docstring under it")


def _docstrings(owner: type) -> dict[str, str]:
    """What stands under each field, of base classes too."""
    texts: dict[str, str] = {}
    for cls in reversed(owner.__mro__[:-1]):
        [body] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    texts[name] = " ".join(text.split())
    return texts


def toml() -> str:
    """The commented file."""
    lines = [_HEAD]
    for name, keys in tables().items():
        lines += [*_comment(_TABLES[name]), f"{'#' if name in NAMED else ''}[{name}]"]
        for key in keys:
            lines += [*_comment(key.text), f"#{key.name} = {_toml(key.default)}", ""]
    return "\n".join(lines)


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 106, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _toml(value: Any) -> str:
    return toml_value(list(value) if isinstance(value, tuple) else value)


def manual() -> str:
    """ipad.toml(5): its frame, with the keys in it."""
    lines: list[str] = []
    for name, keys in tables().items():
        lines += [f".SS [{name}]", _roff(_TABLES[name])]
        for key in keys:
            lines += [".TP", f'.BR {key.name} " = {_roff(_toml(key.default)).replace(chr(34), chr(34) * 2)}"']
            lines.append(_roff(key.text))
    return _FRAME.read_text("utf-8").replace("@KEYS@\n", "\n".join(lines) + "\n")


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + escaped if escaped[:1] in (".", "'") else escaped


def main() -> int:
    TOML.parent.mkdir(parents=True, exist_ok=True)
    TOML.write_text(toml(), "utf-8")
    MANUAL.write_text(manual(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

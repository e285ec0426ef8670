# mypy: disallow-subclassing-any=False, warn-return-any=False
"""The schema's types by name, each compiled when it is first asked for."""

import json
from functools import cache
from threading import Lock
from typing import Any

from ipad.asn1 import strict
from ipad.asn1.codecs import ber, der
from ipad.asn1.schema_parsed import MODULES

PREFIXES = {"": "SGP32Definitions", "sgp22": "RSPDefinitions"}
"""The module in which the search for a name with that prefix starts."""

LEAVES = {
    "BOOLEAN": strict.Boolean,
    "INTEGER": strict.Integer,
    "NULL": strict.Null,
    "OCTET STRING": strict.OctetString,
    "UTF8String": strict.UTF8String,
    "OBJECT IDENTIFIER": strict.ObjectIdentifier,
    "ANY": strict.Opaque,
}

CLASSES = {
    None: ber.Class.CONTEXT_SPECIFIC,
    "UNIVERSAL": ber.Class.UNIVERSAL,
    "APPLICATION": ber.Class.APPLICATION,
    "PRIVATE": ber.Class.PRIVATE,
}


def lookup(name: str, module: str) -> tuple[dict[str, Any], str]:
    """What asn1tools' parser said of a type, and the module it was found in.

    The search starts in `module` and goes on through those that it imports from, which MODULES lists
    after it. Raises KeyError.
    """
    order = list(MODULES)
    for candidate in order[order.index(module) :]:
        text = MODULES[candidate].get(name)
        if text is not None:
            return json.loads(text), candidate
    raise KeyError(name)


class Compiler(der.Compiler):
    """asn1tools' compiler with the classes of `strict`, one type at a time, of the text in MODULES."""

    def lookup_type_descriptor(self, type_name: str, module_name: str) -> tuple[dict[str, Any], str]:
        return lookup(type_name, module_name)

    def compile_implicit_type(self, name: str, descriptor: dict[str, Any], module: str) -> Any:
        kind = descriptor["type"]
        if kind == "SEQUENCE":
            return strict.Sequence(name, *self.compile_members(descriptor["members"], module))
        if kind == "SEQUENCE OF":
            return strict.SequenceOf(name, self.compile_type("", descriptor["element"], module))
        if kind == "CHOICE":
            return strict.Choice(name, *self.compile_members(descriptor["members"], module))
        if kind == "BIT STRING":
            return strict.BitString(name, "named-bits" in descriptor)
        if kind in LEAVES:
            return LEAVES[kind](name)
        return self.compile_user_type(name, kind, module)

    def compile_type(self, name: str, descriptor: dict[str, Any], module: str) -> Any:
        compiled = self.compile_implicit_type(name, descriptor, module)
        if self.is_explicit_tag(descriptor):
            compiled = strict.ExplicitTag(name, compiled)
        if "tag" in descriptor:
            compiled = self.copy(compiled)
            tag = descriptor["tag"]
            compiled.set_tag(tag["number"], CLASSES[tag.get("class")])
        if "size" in descriptor:
            compiled = self.copy(compiled)
            (size,) = descriptor["size"]
            compiled.size = size if isinstance(size, list) else [size, size]
        return compiled


_compiler = Compiler({})
_compiled: dict[str, Any] = {}
_compiling = Lock()


def compiled(type_name: str) -> Any:
    """The type as an object of asn1tools, for `Name` or `sgp22:Name`. Raises KeyError if there is none."""
    found = _compiled.get(type_name)
    if found is None:
        prefix, _, plain = type_name.rpartition(":")
        with _compiling:
            found = _compiler.compile_type(plain, *lookup(plain, PREFIXES[prefix]))
        _compiled[type_name] = found
    return found


@cache
def named_numbers(type_name: str, member: str = "") -> dict[int, str]:
    """Code -> name of an INTEGER with named numbers: that type's, or that of one of its members.

    Empty for a number without names. Raises KeyError for a type that is not known.
    """
    prefix, _, plain = type_name.rpartition(":")
    found, module = lookup(plain, PREFIXES[prefix])
    if member:
        found = next(m for m in found["members"] if m is not None and m["name"] == member)
    if found["type"] != "INTEGER":  # a type of its own
        found, _ = lookup(found["type"], module)
    return {number: name for name, number in found.get("named-numbers", {}).items()}

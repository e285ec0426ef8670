"""asn1tools' BER and DER codecs alone, as a copy of our own.

`import asn1tools` loads every codec and pyparsing: 25 MB and 0.1 s, and with Debian 12's pyparsing it
does not load at all from 0.168 on. The codecs need nothing of it but one constant of the parser's, so
they are loaded with a stand-in for the package and its parser. Both stand-ins and the copy leave
sys.modules again: whoever imports asn1tools later gets the true one.
"""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

PACKAGE = "asn1tools"
EXTENSION_MARKER = None
"""What asn1tools.parser puts in a list of members for `...`; a test compares it with the true one."""


def _ours(name: str) -> bool:
    return name == PACKAGE or name.startswith(PACKAGE + ".")


def _load() -> tuple[Any, Any]:
    """(asn1tools.codecs.ber, asn1tools.codecs.der), loaded without asn1tools itself."""
    there = {name: module for name, module in sys.modules.items() if _ours(name)}
    for name in there:
        del sys.modules[name]
    try:
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.submodule_search_locations is None:
            raise ModuleNotFoundError(f"No module named {PACKAGE!r}", name=PACKAGE)
        package = ModuleType(PACKAGE)
        package.__path__ = list(spec.submodule_search_locations)
        parser: Any = ModuleType(PACKAGE + ".parser")
        parser.EXTENSION_MARKER = EXTENSION_MARKER
        sys.modules[PACKAGE] = package
        sys.modules[parser.__name__] = parser
        der = importlib.import_module(PACKAGE + ".codecs.der")
        return der.ber, der
    finally:
        for name in [name for name in sys.modules if _ours(name)]:
            del sys.modules[name]
        sys.modules.update(there)


if TYPE_CHECKING:
    from asn1tools.codecs import ber as ber
    from asn1tools.codecs import der as der
else:
    ber, der = _load()

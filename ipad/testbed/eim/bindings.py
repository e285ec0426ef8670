"""The two bindings of ESipa (SGP.32 6.1), which the server offers on one port."""

from collections.abc import Callable, Set
from dataclasses import dataclass

from ipad.testbed.eim import esipa, json_binding

CHOICES = ("both", "asn1", "json")
"""Which of them an eIM offers."""

ASN1_PATH = "/gsma/rsp2/asn1"


@dataclass(frozen=True, slots=True)
class Binding:
    """How the functions' messages look in HTTP."""

    name: str
    media_type: str
    function: Callable[[str, bytes], str]
    """The function's name, of path and body. DecodeError."""
    message: Callable[[str, bytes], bytes]
    """EsipaMessageFromIpaToEim of function and body. DecodeError; json_binding.EidError."""
    answer: Callable[[str, bytes, Set[str]], bytes]
    """The body of function, EsipaMessageFromEimToIpa and shapes."""


_ASN1 = Binding(
    name="asn1",
    media_type="application/x-gsma-rsp-asn1",
    function=lambda _path, body: esipa.function_of(body),
    message=lambda _function, body: body,
    answer=lambda _function, octets, _shapes: octets,
)
_JSON = Binding(
    name="json",
    media_type=json_binding.MEDIA_TYPE,
    function=lambda path, _body: json_binding.FUNCTIONS[path],
    message=json_binding.message,
    answer=json_binding.answer,
)


def binding_of(path: str, offered: str) -> Binding | None:
    """The binding that a path belongs to; None: nothing is there. `offered`: one of CHOICES."""
    binding = _ASN1 if path == ASN1_PATH else _JSON if path in json_binding.FUNCTIONS else None
    return binding if binding and offered in ("both", binding.name) else None

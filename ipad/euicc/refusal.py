"""The eUICC's error codes under their standard names, and patience with catBusy."""

from collections.abc import Callable
from functools import cache
from typing import NoReturn, TypeVar

from ipad.asn1.schema import lookup
from ipad.errors import EuiccRefused
from ipad.euicc.isdr import Isdr

T = TypeVar("T")

CAT_BUSY_TRIES = 5
"""How often a function is called in all before catBusy(5) is given up on."""

_ADVICE = {
    "catBusy": "the modem is still busy with a command of the card",
    "associatedEimAlreadyExists": "the first association is made only once; others come from that eIM",
    "fallbackNotAvailable": "no profile has the fallback attribute, or the card has no fallback",
    "rollbackNotAllowed": "there is nothing to roll back to any more",
    "profileChangeOngoing": "try again when the switch is over",
}


@cache
def names(type_name: str, member: str = "") -> dict[int, str]:
    """Code -> name of an INTEGER with named numbers: that type's, or that of one of its members.

    The names are the schema's; empty for a number without names.
    """
    found, module = lookup(type_name, "SGP32Definitions")
    if member:
        found = next(m for m in found["members"] if m is not None and m["name"] == member)
    if found["type"] != "INTEGER":  # a type of its own
        found, _ = lookup(found["type"], module)
    return {number: name for name, number in found.get("named-numbers", {}).items()}


def named(code: int, type_name: str, member: str = "") -> str:
    """The standard's name of a result code; "unknown" for one that it does not have."""
    return names(type_name, member).get(code, "unknown")


def refuse(function: str, code: int, type_name: str, member: str) -> NoReturn:
    """Raises EuiccRefused with the standard's name of `code`, and what can be done about it.

    function: the function's name. type_name, member: which INTEGER of the schema the code was in.
    """
    name = named(code, type_name, member)
    raise EuiccRefused(function, name, code, _ADVICE.get(name, ""))


def while_busy(isdr: Isdr, attempt: Callable[[], T]) -> T:
    """Calls `attempt` again while the card answers catBusy(5), a few times, then lets that error go up."""
    for _ in range(CAT_BUSY_TRIES - 1):
        try:
            return attempt()
        except EuiccRefused as refused:
            if refused.name != "catBusy":
                raise
        isdr.sleep(isdr.waits.cat_busy)
    return attempt()

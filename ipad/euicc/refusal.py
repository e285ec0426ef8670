"""The eUICC's error codes under their standard names, and patience with catBusy."""

from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

from ipad import asn1
from ipad.asn1.schema import named_numbers
from ipad.errors import DecodeError, EuiccRefused, NoAnswer
from ipad.euicc.advice import ADVICE
from ipad.euicc.isdr import Isdr

P = ParamSpec("P")
T = TypeVar("T")

CAT_BUSY_TRIES = 5
"""How often a function is called in all before catBusy(5) is given up on."""


def named(code: int, type_name: str, member: str = "") -> str:
    """The standard's name of a result code; "unknown" for one that it does not have."""
    return named_numbers(type_name, member).get(code, "unknown")


def refuse(function: str, code: int, type_name: str, member: str = "", answer: bytes = b"") -> NoReturn:
    """Raises EuiccRefused with the standard's name of `code`, and what can be done about it.

    function: the function's name. type_name, member: which INTEGER of the schema the code was in.
    answer: the whole answer, where somebody else is to see it.
    """
    name = named(code, type_name, member)
    raise EuiccRefused(function, name, code, ADVICE.get(name, ""), answer)


def run(
    isdr: Isdr,
    function: str,
    value: object,
    member: str,
    *,
    types: str | None = None,
    fine: tuple[int, ...] = (0,),
) -> int:
    """Runs a function that answers with one result code; returns that code if it is one of `fine`.

    function: the standard's name. value: the request's. member: the response's member with the code.
    types: the types' name without Request and Response, where that is not the function's. catBusy is
    waited out. Raises EuiccRefused.
    """
    types = types or function
    request = asn1.encode(f"{types}Request", value)

    def attempt() -> int:
        answer = isdr.store_data(function, request)
        code: int = asn1.decode(f"{types}Response", answer)[member]
        if code not in fine:
            refuse(function, code, f"{types}Response", member)
        return code

    return while_busy(isdr, attempt)


def answers(function: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorates an ES10 function: what is no answer to it is NoAnswer, and says so by its name."""

    def decorate(call: Callable[P, T]) -> Callable[P, T]:
        @wraps(call)
        def named_call(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return call(*args, **kwargs)
            except DecodeError as problem:
                said = str(problem)
                raise NoAnswer(said if said.startswith(f"{function}:") else f"{function}: {said}") from None

        return named_call

    return decorate


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

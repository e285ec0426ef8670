"""An eUICC Package from the eIM: loaded into the card, and the switch that may be in it (SGP.32 3.3.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from ipad.connectivity.state import Trial, TrialKind
from ipad.errors import DecodeError, EuiccRefused
from ipad.esipa.model import EimPackage, EuiccPackage, Malformed
from ipad.euicc.model import PackageResult
from ipad.journal import Step
from ipad.procedures import switch
from ipad.procedures.gateway import Gateway
from modem.errors import CardRefused

CARDS_NO = (EuiccRefused, CardRefused, DecodeError)
"""With which a card says no to one function, and the others may work all the same."""
_WRONG_DATA = 0x6A80

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Executed:
    """What the card made of a package."""

    result: PackageResult
    trial: Trial | None = None
    """The enabled profile changed by it."""


def fitting(gateway: Gateway, offered: EimPackage) -> EimPackage:
    """What was offered; Malformed in the place of a package that the card has no room for."""
    if not isinstance(offered, EuiccPackage) or gateway.isdr.takes(offered.der):
        return offered
    reason = f"{len(offered.der)} octets are too many for the card"
    return Malformed(reason, "invalidPackageFormat", offered.transaction_id)


def for_good(refusal: CardRefused) -> bool:
    """The card will say the same of the same octets again (ISO 7816-4 5.6): they are wrong, or not for it."""
    return refusal.sw >> 8 in (0x67, 0x68, 0x6A, 0x6D, 0x6E)


def may_pass(problem: Exception) -> bool:
    """Of CARDS_NO: it is about the moment, and what asks the card next has to see it too."""
    return isinstance(problem, CardRefused) and not for_good(problem)


def listed(gateway: Gateway, what: str, ask: Callable[[], tuple[T, ...]]) -> tuple[T, ...] | None:
    """What waits on the card; None if the card does not tell, which is no reason to do nothing else."""
    try:
        return ask()
    except CARDS_NO as problem:
        if may_pass(problem):
            raise
        gateway.note("card", f"{what} that may wait on the card stay there: {problem}")
        return None


def let_go(gateway: Gateway, seq: int, remove: Callable[[int], bool]) -> None:
    """What was taken leaves the card; where the card refuses, it is offered again after the next change."""
    try:
        remove(seq)
    except CARDS_NO as problem:
        if may_pass(problem):
            raise
        gateway.note("deliver", f"{seq} was taken, and stays on the card all the same: {problem}")


def without_answer(package: EuiccPackage, refusal: CardRefused) -> Malformed:
    """What the eIM is told of a package that the card met with a bare status word."""
    code: Literal["invalidPackageFormat", "undefinedError"]
    code = "invalidPackageFormat" if refusal.sw == _WRONG_DATA else "undefinedError"
    return Malformed(str(refusal), code, package.transaction_id)


def run(gateway: Gateway, package: EuiccPackage, *, owe_to: str | None) -> Executed:
    """Has the card execute the package, once: if its result waits on the card, that is what there is.

    The result stays on the card until delivered. owe_to: the eIM that handed it out, and is owed from the
    journal on what the card does not keep (errors); None: whoever calls takes care.
    Raises CardRefused if the card has no answer but a status word.
    """
    if gateway.owes(package.eim_id):
        waiting = _waiting(gateway, package)
        if waiting is not None:
            gateway.note("package", f"{package.eim_id} sent a package again, whose result waits for it")
            return Executed(waiting)
    before = gateway.card().enabled
    target = package.enables if package.may_switch else before
    step = Step("package", before, target, owe_to, package.der)
    try:
        result = switch.command(gateway, step, lambda: gateway.iot.load_euicc_package(package.der))
    except CardRefused:
        # Whether that was the end of its answer, or in the place of one, only the list of results shows.
        waiting = _waiting(gateway, package)
        if waiting is None:
            raise
        gateway.journal.begin(step)
        result = waiting
    return _conclude(gateway, package, result, before, owe_to)


def resume(gateway: Gateway, step: Step, package: EuiccPackage) -> Executed:
    """Brings an interrupted package to its end.

    The card lists its result: it was executed. It lists none: load the same octets again; if the card had
    executed them after all, the counter makes it refuse.
    """
    gateway.isdr.reset()
    waiting = _waiting(gateway, package)
    if waiting is None:
        gateway.journal.finish()
        return run(gateway, package, owe_to=step.eim_id)
    return _conclude(gateway, package, waiting, step.before, step.eim_id)


def _waiting(gateway: Gateway, package: EuiccPackage) -> PackageResult | None:
    """The result that the card keeps of this package.

    By its counter alone it could be another's: of an association before this one, or of a forged package.
    """
    results = listed(gateway, "results", gateway.iot.package_results) or ()
    mine = (r for r in results if (r.eim_id, r.counter) == (package.eim_id, package.counter))
    return next((r for r in mine if r.transaction_id in (None, package.transaction_id)), None)


def _conclude(
    gateway: Gateway, package: EuiccPackage, result: PackageResult, before: str | None, owe_to: str | None
) -> Executed:
    gateway.note("package", f"{_named(package)} from {package.eim_id}: {result.failed or 'done'}")
    gateway.toolkit_busy |= any(value == "catBusy" for _, value in result.results)
    if result.kind != "result":
        gateway.finish((owe_to, result.der) if owe_to is not None else None)
        return Executed(result)
    if not result.switched:
        # Profiles, eIMs or the fallback attribute may have changed.
        if not package.only_asks:
            gateway.read_card()
        gateway.journal.finish()
        return Executed(result)
    contents = switch.settle(gateway, package.enables)
    if contents.enabled == before:
        gateway.journal.finish()
        return Executed(result)
    trial = Trial(
        TrialKind.ORDERED,
        contents.enabled,
        former=before,
        rollback=package.rollback,
        eim_id=package.eim_id,
    )
    return Executed(result, trial)


def _named(package: EuiccPackage) -> str:
    return ", ".join(o.name + (f" {o.iccid}" if o.iccid else "") for o in package.operations) or "package"

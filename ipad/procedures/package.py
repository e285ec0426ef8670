"""An eUICC Package from the eIM: loaded into the card, and the switch that may be in it (SGP.32 3.3.1)."""

from ipad.connectivity.state import Trial, TrialKind
from ipad.esipa.model import EuiccPackage
from ipad.euicc.model import PackageResult
from ipad.journal import Step
from ipad.procedures import switch
from ipad.procedures.gateway import Gateway


def run(gateway: Gateway, package: EuiccPackage) -> Trial | None:
    """Has the card execute the package; returns the trial if the enabled profile changed by it.

    The result stays on the card until delivered; what the card does not keep (errors) is owed from the
    journal on.
    """
    before = gateway.card().enabled
    target = package.enables if package.may_switch else before
    step = Step("package", before, target, package.eim_id, package.der)
    result = switch.command(gateway, step, lambda: gateway.iot.load_euicc_package(package.der))
    return _conclude(gateway, package, result, before)


def resume(gateway: Gateway, step: Step, package: EuiccPackage) -> Trial | None:
    """Brings an interrupted package to its end.

    The card lists its result: it was executed. It lists none: load the same octets again; if the card had
    executed them after all, the counter makes it refuse.
    """
    gateway.isdr.reset()
    listed = next((r for r in gateway.iot.package_results() if _is_of(r, package)), None)
    if listed is None:
        gateway.journal.finish()
        return run(gateway, package)
    return _conclude(gateway, package, listed, step.before)


def _is_of(result: PackageResult, package: EuiccPackage) -> bool:
    return result.eim_id == package.eim_id and result.counter == package.counter


def _conclude(
    gateway: Gateway, package: EuiccPackage, result: PackageResult, before: str | None
) -> Trial | None:
    gateway.note("package", f"{_named(package)} from {package.eim_id}: {result.failed or 'done'}")
    if result.kind != "result":
        gateway.journal.finish(owe=(package.eim_id, result.der))
        return None
    if not result.switched:
        # Profiles, eIMs or the fallback attribute may have changed.
        if not package.only_asks:
            gateway.read_card()
        gateway.journal.finish()
        return None
    contents = switch.settle(gateway, package.enables)
    if contents.enabled == before:
        gateway.journal.finish()
        return None
    return Trial(
        TrialKind.ORDERED,
        contents.enabled,
        former=before,
        rollback=package.rollback,
        eim_id=package.eim_id,
    )


def _named(package: EuiccPackage) -> str:
    return ", ".join(o.name + (f" {o.iccid}" if o.iccid else "") for o in package.operations) or "package"

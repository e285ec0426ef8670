"""After a start, or when the card is back: the step that was cut in two is brought to its end."""

from ipad.connectivity.state import (
    Action,
    Download,
    Downloaded,
    Ended,
    EndEmergency,
    Failed,
    Fallback,
    Poll,
    Polled,
    Return,
    Rollback,
    Switched,
)
from ipad.errors import DecodeError, EuiccRefused
from ipad.esipa.model import EuiccPackage
from ipad.esipa.package import read
from ipad.euicc import es10c
from ipad.journal import Step
from ipad.procedures import download, immediate, package, switch
from ipad.procedures.gateway import Gateway
from modem.errors import ModemError

_ACTIONS: dict[str, Action] = {
    "fallback": Fallback(),
    "return": Return(),
    "rollback": Rollback(),
    "emergency": EndEmergency(),
}


def run(gateway: Gateway) -> Ended | None:
    """Resumes the journal's step. Returns how the action ended that it belonged to, None without a step."""
    step = gateway.journal.step()
    if step is None:
        return None
    gateway.note("resume", f"an interrupted {step.kind} is brought to its end")
    if gateway.radio is not None:
        # Raises at once if the modem is gone: waiting for its card, and resetting it, would take minutes.
        gateway.radio.status()
        gateway.take_profile(_enabled(gateway))
    gateway.isdr.reset()
    match step.kind:
        case "package":
            return _package(gateway, step)
        case "download":
            return _download(gateway, step)
        case "immediate enable":
            return _immediate_enable(gateway, step)
    action = _ACTIONS[step.kind]
    contents = switch.resume(gateway, step)
    if contents is None:
        return Ended(action, Failed("it was interrupted before the card did it"))
    return Ended(action, Switched(contents.view(), former=step.before))


def _enabled(gateway: Gateway) -> str | None:
    """ICCID of what the card has enabled. None: it does not say; it may be in the middle of its REFRESH."""
    gateway.isdr.reset()
    try:
        return next((p.iccid for p in es10c.profiles(gateway.isdr) if p.enabled), None)
    except (EuiccRefused, DecodeError, ModemError):
        return None


def _download(gateway: Gateway, step: Step) -> Ended:
    # Without an eIM it was somebody at the gateway who wanted it: they are told, and it is not tried again.
    action = Download() if step.eim_id is not None else Download(b"")
    found = download.resume(gateway, step)
    return Ended(action, found or Failed("the download was interrupted before the profile was installed"))


def _immediate_enable(gateway: Gateway, step: Step) -> Ended:
    trial = immediate.concluded(gateway, step)
    if trial is None:
        gateway.journal.begin(step)
        trial = immediate.run(gateway, step)
    outcome = Downloaded(step.target, None, gateway.card().view(), trial, again=0.0)
    return Ended(Download(), outcome)


def _package(gateway: Gateway, step: Step) -> Ended:
    offered = read(step.octets or b"")
    if not isinstance(offered, EuiccPackage):
        gateway.journal.finish()
        raise DecodeError(
            "the journal's package cannot be read back: it is dropped, the eIM will send it again"
        )
    trial = package.resume(gateway, step, offered).trial
    outcome = Polled(reached=False, delivered=False, card=gateway.card().view(), trial=trial)
    return Ended(Poll(offered.eim_id), outcome)

"""Immediate enable (SGP.32 3.4.4, 5.9.15): the profile that was just installed is enabled at once.

Whether the card is set up for it cannot be read, so an IoT card is asked after each installation. It must be
the next thing that the card is asked for.
"""

from functools import partial

from ipad.connectivity.state import Trial, TrialKind
from ipad.errors import EuiccRefused
from ipad.euicc import es10b
from ipad.euicc.model import InstallationResult
from ipad.journal import Step
from ipad.procedures import switch
from ipad.procedures.gateway import Gateway
from modem.errors import CardRefused

_NOT_SET_UP = ("immediateEnableNotAvailable", "noSessionContext")


def step(gateway: Gateway, installed: InstallationResult) -> Step | None:
    """What is written down before the card is asked; None: this card has no such function."""
    if gateway.iot.kind != "iot":
        return None
    return Step("immediate enable", gateway.card().enabled, installed.iccid)


def run(gateway: Gateway, step: Step) -> Trial | None:
    """ImmediateEnable, with all that follows. step: in the journal already. None: the card does not do it.

    Raises what the way to the card raises.
    """
    try:
        switch.command(gateway, step, partial(es10b.immediate_enable, gateway.isdr), begun=True)
    except EuiccRefused as refusal:
        if refusal.name not in _NOT_SET_UP:
            gateway.note("download", f"not enabled at once: {refusal}")
        return None
    except CardRefused:
        # Executed or not: a card without the function has done nothing, any other one tells when read.
        gateway.isdr.reset()
    return concluded(gateway, step)


def concluded(gateway: Gateway, step: Step) -> Trial | None:
    """What the card has made of it: the modem takes the profile that is enabled now."""
    contents = switch.resume(gateway, step)
    if contents is None:
        return None
    return Trial(TrialKind.IMMEDIATE, contents.enabled, former=step.before)

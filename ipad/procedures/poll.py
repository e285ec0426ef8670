"""The poll: what is owed goes to the eIM, then its packages are worked off (SGP.32 3.1.1)."""

from ipad.connectivity.state import Cause, Polled, Trial
from ipad.errors import IpadError
from ipad.esipa import arms
from ipad.esipa.client import Esipa
from ipad.esipa.model import (
    DataRequest,
    DownloadTrigger,
    EimPackage,
    EuiccPackage,
    Malformed,
    NoPackage,
)
from ipad.procedures import deliver, package
from ipad.procedures.gateway import Gateway
from modem import bcd

MOST_PACKAGES = 50
"""In one poll: an eIM that hands out more gets the rest at the next poll."""

_UNDEFINED = 127


def run(gateway: Gateway, eim_id: str, tell: Cause | None) -> Polled:
    """Polls one eIM. tell: the cause of a change of the enabled profile that it has not been told yet.

    Raises Unreachable, Throttled, Untrusted, PeerRefused, DecodeError, and what the card raises.
    """
    contents = gateway.card()
    eim = contents.eim(eim_id)
    if eim is None:
        raise IpadError(f"polling {eim_id}: the card is not associated with it any more")
    esipa = gateway.esipa(eim, contents.eid)
    try:
        return _run(gateway, esipa, eim_id, tell)
    finally:
        esipa.close()


def _run(gateway: Gateway, esipa: Esipa, eim_id: str, tell: Cause | None) -> Polled:
    deliver.run(gateway, esipa, eim_id)
    changed = finished = False
    before: EimPackage | None = None
    for _ in range(MOST_PACKAGES):
        offered = esipa.get_eim_package(
            notify_state_change=tell is not None,
            cause=tell.value if tell is not None else None,
            rplmn=_rplmn(gateway) if tell is not None else None,
        )
        tell = None
        if isinstance(offered, NoPackage):
            gateway.note("poll", f"{eim_id} has nothing more for this gateway")
            finished = True
            break
        if offered == before:
            # It has not taken the answer, and would hand out the same for ever.
            gateway.note("poll", f"{eim_id} hands out the same package again: that has to wait")
            break
        before = offered
        changed = True
        trial = _work_off(gateway, eim_id, offered)
        if trial is not None:
            return Polled(reached=True, delivered=False, card=gateway.card().view(), trial=trial)
        deliver.run(gateway, esipa, eim_id)
    card = gateway.card().view() if changed else None
    return Polled(reached=True, delivered=not gateway.owes(eim_id), card=card, finished=finished)


def _work_off(gateway: Gateway, eim_id: str, offered: EimPackage) -> Trial | None:
    """Does what the eIM wants; what it is owed for it is on the card or in the journal afterwards."""
    if isinstance(offered, EuiccPackage) and not gateway.isdr.takes(offered.der):
        reason = f"{len(offered.der)} octets are too many for the card"
        offered = Malformed(reason, "invalidPackageFormat", offered.transaction_id)
    match offered:
        case EuiccPackage():
            return package.run(gateway, offered)
        case Malformed():
            gateway.note("package", f"{eim_id} sent a package that cannot be worked on: {offered.reason}")
            gateway.journal.owe(eim_id, arms.response_error(offered))
        case DataRequest():
            gateway.note("package", f"{eim_id} asks for data: this version has none to give")
            gateway.journal.owe(eim_id, arms.data_error(offered.transaction_id, _UNDEFINED))
        case DownloadTrigger():
            gateway.note("package", f"{eim_id} asks for a download: this version cannot")
            gateway.journal.owe(eim_id, arms.download_error(offered.transaction_id, _UNDEFINED))
    return None


def _rplmn(gateway: Gateway) -> bytes | None:
    """Where the modem is registered now, as three octets (TS 24.008 10.5.1.3)."""
    plmn = gateway.radio.status().plmn if gateway.radio is not None else None
    return bcd.plmn_octets(plmn) if plmn else None

"""The poll: what is owed goes to the eIM, then its packages are worked off (SGP.32 3.1.1)."""

from ipad.connectivity.state import Cause, Polled, Trial
from ipad.eim import EimConfiguration
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
from ipad.procedures import data, deliver, package, patience
from ipad.procedures.gateway import Gateway
from modem import bcd
from modem.errors import CardRefused
from modem.radio import Remedy

MOST_PACKAGES = 50
"""In one poll: an eIM that hands out more gets the rest at the next poll."""
MOST_TRIES = 3
"""Of what the card meets with a status word that may pass; then the eIM is told that it does not work."""


def run(gateway: Gateway, eim_id: str, tell: Cause | None) -> Polled:
    """Polls one eIM. tell: the cause of a change of the enabled profile that it has not been told yet.

    Raises Unreachable, Throttled, Untrusted, PeerRefused, DecodeError, and what the card raises.
    """
    entry = gateway.card().eim(eim_id)
    if entry is None:
        raise IpadError(f"polling {eim_id}: the card is not associated with it any more")
    esipa = _client(gateway, entry)
    changed = finished = more = False
    before: EimPackage | None = None
    try:
        deliver.run(gateway, esipa, eim_id)
        for _ in range(MOST_PACKAGES):
            offered = _next(gateway, esipa, tell)
            tell = None
            if isinstance(offered, NoPackage):
                gateway.note("poll", f"{eim_id} has nothing more for this gateway")
                finished = True
                break
            if offered == before:
                # It has not taken the answer, and would hand out the same for ever.
                gateway.note("poll", f"{eim_id} hands out the same package again: that has to wait")
                break
            if isinstance(offered, DownloadTrigger):
                more = _order_download(gateway, eim_id, offered)
                finished = more
                break
            before, changed = offered, True
            trial = _work_off(gateway, esipa, eim_id, offered)
            if trial is not None:
                return Polled(reached=True, delivered=False, card=gateway.card().view(), trial=trial)
            now = gateway.card().eim(eim_id)
            if now is not None and now != entry:
                # What the card has accepted holds from the next connection on (SGP.32 2.11.1.1.2).
                esipa.close()
                entry, esipa = now, _client(gateway, now)
            deliver.run(gateway, esipa, eim_id)
            if gateway.toolkit_busy:
                _free_toolkit(gateway)
                break
            if now is None:
                gateway.note("poll", f"{eim_id} is not associated any more")
                finished = True
                break
    finally:
        esipa.close()
    card = gateway.card().view() if changed else None
    again = patience.soonest(gateway, eim_id)
    return Polled(
        True,
        not gateway.owes(eim_id),
        card=card,
        finished=finished,
        again=again,
        more=more or gateway.for_servers,
    )


def _client(gateway: Gateway, entry: EimConfiguration) -> Esipa:
    return gateway.esipa(entry, gateway.card().eid)


def _next(gateway: Gateway, esipa: Esipa, tell: Cause | None) -> EimPackage:
    if tell is None:
        return esipa.get_eim_package()
    return esipa.get_eim_package(notify_state_change=True, cause=tell.value, rplmn=_rplmn(gateway))


def _work_off(gateway: Gateway, esipa: Esipa, eim_id: str, offered: EimPackage) -> Trial | None:
    """Does what the eIM wants; what it is owed for it is on the card or in the journal afterwards."""
    match package.fitting(gateway, offered):
        case EuiccPackage() as fitting:
            return _execute(gateway, eim_id, fitting)
        case Malformed() as malformed:
            _complain(gateway, eim_id, malformed)
        case DataRequest() as request:
            gateway.owe(eim_id, data.answer(gateway, request, eim_id, esipa.minimizes))
    return None


def _order_download(gateway: Gateway, eim_id: str, trigger: DownloadTrigger) -> bool:
    """It is written down, to be done when the poll is over; the eIM gives out nothing else until then.

    False: it can't be done now, and has to be asked for again later.
    """
    transaction_id = trigger.transaction_id
    owed = (arms.transaction_of(owed.arm) for owed in gateway.journal.owed(eim_id))
    if transaction_id is not None and transaction_id in owed:
        gateway.note("download", f"{eim_id} orders a download again that it has not taken the result of")
        return False
    gateway.note("download", f"ordered by {eim_id}")
    return gateway.journal.want(eim_id, trigger.der)


def _execute(gateway: Gateway, eim_id: str, offered: EuiccPackage) -> Trial | None:
    what = patience.name("package", offered.der)
    trial = None
    try:
        trial = package.run(gateway, offered, owe_to=eim_id).trial
    except CardRefused as refusal:
        passing = not package.for_good(refusal)
        if passing and patience.refused(gateway, eim_id, what) < MOST_TRIES:
            raise
        _complain(gateway, eim_id, package.without_answer(offered, refusal))
    patience.forgive(gateway, eim_id, kind="package")
    return trial


def _complain(gateway: Gateway, eim_id: str, malformed: Malformed) -> None:
    gateway.note("package", f"{eim_id} sent a package that cannot be worked on: {malformed.reason}")
    gateway.owe(eim_id, arms.response_error(malformed))


def _free_toolkit(gateway: Gateway) -> None:
    """Resets the modem after a catBusy(5).

    The eIM has it signed, and has to order the switch anew. A modem that never answers a proactive command of
    the card (seen with Quectel EG25 and EG916Q) would have that refused too; a reset ends the session.
    """
    gateway.toolkit_busy = False
    if gateway.radio is not None:
        gateway.note("modem", "the card waits for the modem to answer its command (catBusy): a reset")
        gateway.radio.apply(Remedy.RESET)
        gateway.isdr.reset()


def _rplmn(gateway: Gateway) -> bytes | None:
    """Where the modem is registered now, as three octets (TS 24.008 10.5.1.3)."""
    plmn = gateway.radio.status().plmn if gateway.radio is not None else None
    return bcd.plmn_octets(plmn) if plmn else None

"""TransferEimPackage: a package that came by another way than ESipa's polls (SGP.32 6.3.3.1).

The same checks hold as from the air, and the answer is written out. What the card keeps of it stays there
until its eIM has taken it, over the air or by EimAcknowledgements that come the same way as the package.
"""

import json

from ipad import asn1
from ipad.connectivity.state import PACKAGE_LIMIT, Injected, Trial
from ipad.errors import DecodeError
from ipad.esipa import arms
from ipad.esipa.model import DataRequest, DownloadTrigger, EuiccPackage, Malformed
from ipad.esipa.package import read
from ipad.euicc import es10b
from ipad.procedures import data, deliver, package
from ipad.procedures.gateway import Gateway
from modem.errors import CardRefused

MOST_WRITTEN_OUT = 200
"""Numbers that acknowledgements may name; of more, the oldest are forgotten."""

_KEY = "written out"
_WRAPPED = (0xBF4E, 0xBF4F)
"""TransferEimPackageRequest, and GetEimPackageResponse, which somebody may have saved."""
_RECEIVED = asn1.wrap(0x05)


def run(gateway: Gateway, octets: bytes) -> Injected:
    """Works off one package: BF51, BF52, BF53 or BF54, bare or as it goes over ESipa (BF4E, BF4F).

    Returns the TransferEimPackageResponse (BF4E…), and what became of the card. Raises what the way to the
    card raises; nothing is owed to anybody then that the card does not keep.
    """
    trial: Trial | None = None
    try:
        der = _unwrapped(octets)
    except DecodeError as problem:
        answer = _error(gateway, Malformed(f"not a package: {problem}", "invalidPackageFormat"))
    else:
        answer, trial = _work_off(gateway, der)
    more = gateway.journal.wanted() is not None
    return Injected(asn1.wrap(0xBF4E, answer), gateway.card().view(), trial, more)


def _unwrapped(octets: bytes) -> bytes:
    if len(octets) > PACKAGE_LIMIT:
        raise DecodeError(f"more than {PACKAGE_LIMIT} octets")
    tag, der = _only(octets)
    return _only(asn1.value(der))[1] if tag in _WRAPPED else der


def _only(octets: bytes) -> tuple[int, bytes]:
    elements = list(asn1.tlvs(octets))
    if len(elements) != 1:
        raise DecodeError(f"{len(elements)} elements in the place of one")
    return elements[0]


def _work_off(gateway: Gateway, der: bytes) -> tuple[bytes, Trial | None]:
    if der.startswith(b"\xbf\x53"):
        return _acknowledge(gateway, der), None
    match package.fitting(gateway, read(der)):
        case EuiccPackage() as fitting:
            return _execute(gateway, fitting)
        case DataRequest() as request:
            return _data(gateway, request), None
        case DownloadTrigger() as trigger:
            return _order_download(gateway, trigger), None
        case Malformed() as malformed:
            return _error(gateway, malformed), None
    raise AssertionError("a package without a reader")


def _execute(gateway: Gateway, offered: EuiccPackage) -> tuple[bytes, Trial | None]:
    try:
        executed = package.run(gateway, offered, owe_to=None)
    except CardRefused as refusal:
        return _error(gateway, package.without_answer(offered, refusal)), None
    result = executed.result
    if result.seq is None:  # an error, which the card does not keep
        return result.der, None
    waiting = deliver.attached(es10b.notifications(gateway.isdr))
    _write_out(gateway, {result.seq}, {notification.seq for notification in waiting})
    if not waiting:
        return result.der, executed.trial
    return arms.result_and_notifications(result.der, [n.der for n in waiting]), executed.trial


def _data(gateway: Gateway, request: DataRequest) -> bytes:
    """Nobody signs such a request: who asks is known only where the card has one eIM."""
    eims = gateway.card().eims
    arm = data.answer(gateway, request, eims[0].eim_id if len(eims) == 1 else None)
    _write_out(gateway, *data.numbers(arm))
    return arm


def _order_download(gateway: Gateway, trigger: DownloadTrigger) -> bytes:
    """Nobody signs such a request either: its result is for the card's one eIM, over the air."""
    eims = gateway.card().eims
    if len(eims) != 1:
        reason = f"it orders a download, and the card has {len(eims)} eIMs that could be the one to do so"
        return _error(gateway, Malformed(reason, "undefinedError"))
    if not gateway.journal.want(eims[0].eim_id, trigger.der):
        return _error(gateway, Malformed("too many downloads are ordered already", "undefinedError"))
    gateway.note("download", "ordered by hand")
    return _RECEIVED


def _acknowledge(gateway: Gateway, der: bytes) -> bytes:
    """Removes from the card what is named and was written out before, and nothing else."""
    try:
        named = set(asn1.decode("EimAcknowledgements", der))
    except DecodeError as problem:
        return _error(gateway, Malformed(str(problem), "invalidPackageFormat"))
    results, notifications = _written_out(gateway)
    for seq in results & named:
        gateway.iot.remove_result(seq)
    for seq in notifications & named:
        es10b.remove_notification(gateway.isdr, seq)
    _remember(gateway, results - named, notifications - named)
    gateway.card_changed()
    known = sorted(named & (results | notifications))
    ignored = len(named) - len(known)
    text = f"acknowledgements of {', '.join(map(str, known)) or 'nothing that was written out'}"
    gateway.note("inject", text + (f"; {ignored} others are ignored" if known and ignored else ""))
    return _RECEIVED


def _error(gateway: Gateway, malformed: Malformed) -> bytes:
    gateway.note("inject", f"a package cannot be worked on: {malformed.reason}")
    return asn1.wrap(0x02, bytes([arms.ERROR_CODES[malformed.code]]))


def _written_out(gateway: Gateway) -> tuple[set[int], set[int]]:
    """Numbers of results and of notifications of this card that were written out, and not taken yet."""
    kept = json.loads(gateway.journal.recall(_KEY) or "{}")
    if kept.get("eid") != gateway.card().eid.hex():
        return set(), set()
    return set(kept["results"]), set(kept["notifications"])


def _write_out(gateway: Gateway, results: set[int], notifications: set[int]) -> None:
    before = _written_out(gateway)
    if not (results <= before[0] and notifications <= before[1]):
        _remember(gateway, before[0] | results, before[1] | notifications)


def _remember(gateway: Gateway, results: set[int], notifications: set[int]) -> None:
    kept = {
        "eid": gateway.card().eid.hex(),
        "results": sorted(results)[-MOST_WRITTEN_OUT:],
        "notifications": sorted(notifications)[-MOST_WRITTEN_OUT:],
    }
    gateway.journal.remember(**{_KEY: json.dumps(kept)})

"""IpaEuiccDataRequest: what the eIM wants to know of eUICC and IPA (SGP.32 2.11.1.2, 2.11.2.2)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ipad import asn1
from ipad.errors import DecodeError, EuiccRefused
from ipad.esipa import arms
from ipad.esipa.model import DataRequest
from ipad.euicc import es10a, es10b, read
from ipad.procedures import capabilities
from ipad.procedures.gateway import Gateway
from modem.errors import CardRefused

LIST_LIMIT = 64 * 1024
"""Octets of notifications and package results in one response; what is left over can be asked for again."""

_INCORRECT_TAG_LIST, _CI_PK_ID_NOT_FOUND, _ECALL_ACTIVE, UNDEFINED = 1, 5, 104, 127
_CODES = {"invalidCiPKId": _CI_PK_ID_NOT_FOUND, "ecallActive": _ECALL_ACTIVE}
_TRANSACTION_ID = 0x87
_REFRESH_PENDING = 0x6985


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, and who it is that asks."""

    request: DataRequest
    eim_id: str | None
    minimize: bool


def answer(gateway: Gateway, request: DataRequest, eim_id: str | None, minimize: bool = False) -> bytes:
    """The IpaEuiccDataResponse (BF52…), with data or with one of the standard's errors.

    eim_id: who asks; None: nobody knows. minimize: compact forms are offered to this eIM. What the card
    signed is passed on as it came. Raises what the way to the card raises.
    """
    try:
        return arms.data(_members(gateway, _Asked(request, eim_id, minimize)))
    except _NotAnswered as no:
        gateway.note("package", f"a data request is not answered: {no}")
        return arms.data_error(request.transaction_id, no.code)
    except EuiccRefused as refusal:
        gateway.note("package", f"a data request is not answered: {refusal}")
        return arms.data_error(request.transaction_id, _CODES.get(refusal.name, UNDEFINED))
    except (CardRefused, DecodeError) as problem:
        if isinstance(problem, CardRefused) and problem.sw == _REFRESH_PENDING:
            raise
        gateway.note("package", f"a data request is not answered: {problem}")
        return arms.data_error(request.transaction_id, UNDEFINED)


def numbers(arm: bytes) -> tuple[set[int], set[int]]:
    """The seqNumbers of package results and of notifications in a data response; none in anything else."""
    results = asn1.find(arm, 0xBF52, 0xA0, 0xA2)
    notifications = asn1.find(arm, 0xBF52, 0xA0, 0xA0)
    told = [read.package_result(tlv).seq for tlv in _items(results)]
    return (
        {seq for seq in told if seq is not None},
        {read.notification(tlv).seq for tlv in _items(notifications)},
    )


def _items(listed: bytes | None) -> Iterable[bytes]:
    return [tlv for _, tlv in asn1.tlvs(asn1.value(listed))] if listed is not None else []


class _NotAnswered(Exception):
    """The response is an error."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        super().__init__(reason)


def _members(gateway: Gateway, asked: _Asked) -> list[bytes]:
    """The members of IpaEuiccData that are asked for, in the order of the standard."""
    tags = asked.request.tags
    if not tags or not _READERS.keys() >= set(tags):
        raise _NotAnswered(_INCORRECT_TAG_LIST, "its tag list is not one of members of IpaEuiccData")
    if any(p.ecall and p.enabled for p in gateway.card().profiles):
        raise _NotAnswered(_ECALL_ACTIVE, "an emergency profile is enabled")
    wanted = {*tags, _TRANSACTION_ID}
    members = [reader(gateway, asked) for tag, reader in _READERS.items() if tag in wanted]
    return [member for member in members if member is not None]


def _notifications(gateway: Gateway, asked: _Asked) -> bytes:
    request = asked.request
    listed = es10b.notifications(gateway.isdr, seq=request.notification_seq, event=request.notification_event)
    return asn1.wrap(0xA0, *_fitting(gateway, [n.der for n in listed]))


def _results(gateway: Gateway, asked: _Asked) -> bytes:
    listed = gateway.iot.package_results(asked.request.result_seq)
    mine = [r.der for r in listed if asked.eim_id in (None, r.eim_id)]
    return asn1.wrap(0xA2, *_fitting(gateway, mine))


def _fitting(gateway: Gateway, items: list[bytes]) -> list[bytes]:
    """The oldest of them, as many as a response has room for."""
    room, fitting = LIST_LIMIT // 2, list[bytes]()
    for item in items:
        room -= len(item)
        if room < 0:
            gateway.note("package", f"a data response has room for {len(fitting)} of {len(items)}")
            break
        fitting.append(item)
    return fitting


def _default_smdp(gateway: Gateway, _asked: _Asked) -> bytes | None:
    address = es10a.configured_addresses(gateway.isdr).default_smdp
    return asn1.wrap(0x81, address.encode()) if address is not None else None


def _root_smds(gateway: Gateway, _asked: _Asked) -> bytes:
    return asn1.wrap(0x83, es10a.configured_addresses(gateway.isdr).root_smds.encode())


def _info1(gateway: Gateway, _asked: _Asked) -> bytes:
    return es10b.info1(gateway.isdr)


def _info2(gateway: Gateway, _asked: _Asked) -> bytes:
    return es10b.info2(gateway.isdr).der


def _association_token(gateway: Gateway, asked: _Asked) -> bytes | None:
    """As it stands in the EimConfigurationData of the eIM that asks."""
    eim = gateway.card().eim(asked.eim_id) if asked.eim_id is not None else None
    return asn1.find(eim.der, 0x30, 0x84) if eim is not None else None


def _eum_certificate(gateway: Gateway, asked: _Asked) -> bytes | None:
    if gateway.iot.kind == "consumer":
        return None  # it has no GetCerts: what it does not tell is left out
    eum, _ = es10b.certs(gateway.isdr, asked.request.ci_pk_id)
    return asn1.wrap(0xA5, asn1.value(eum))


def _euicc_certificate(gateway: Gateway, asked: _Asked) -> bytes | None:
    if gateway.iot.kind == "consumer":
        return None
    _, euicc = es10b.certs(gateway.isdr, asked.request.ci_pk_id)
    return asn1.wrap(0xA6, asn1.value(euicc))


def _ipa_capabilities(gateway: Gateway, asked: _Asked) -> bytes:
    told = capabilities.ipa_capabilities(gateway.servers.trusted(), asked.minimize)
    return asn1.wrap(0xA8, asn1.value(told))


def _device_info(gateway: Gateway, _asked: _Asked) -> bytes | None:
    told = capabilities.device_info(gateway)
    return asn1.wrap(0xA9, asn1.value(told)) if told is not None else None


def _transaction_id(_gateway: Gateway, asked: _Asked) -> bytes | None:
    given = asked.request.transaction_id
    return asn1.wrap(_TRANSACTION_ID, given) if given is not None else None


_READERS: dict[int, Callable[[Gateway, _Asked], bytes | None]] = {
    0xA0: _notifications,
    0x81: _default_smdp,
    0xA2: _results,
    0xBF20: _info1,
    0xBF22: _info2,
    0x83: _root_smds,
    0x84: _association_token,
    0xA5: _eum_certificate,
    0xA6: _euicc_certificate,
    _TRANSACTION_ID: _transaction_id,
    0xA8: _ipa_capabilities,
    0xA9: _device_info,
}
"""The members of IpaEuiccData, in the order of the standard."""

"""eIM configuration operations (SGP.32 2.11.2.1)."""

from typing import Any

from ipad.asn1 import value, wrap

from . import eim_config
from .operations import Operation, Outcome, Run, coded
from .package_result import integer

EIM_NOT_FOUND, LAST_EIM_DELETED = 1, 2
"""DeleteEimResult, UpdateEimResult."""


def add_eim(run: Run, _request: Any, tlv: bytes) -> Outcome:
    """Associates another eIM; the result carries its association token if it got one."""
    try:
        token = eim_config.add(run.isdr, value(tlv))
    except eim_config.Rejected as rejected:
        return Outcome(wrap(0xA8, wrap(0x02, bytes([rejected.code]))), success=False)
    if token is None:
        return Outcome(wrap(0xA8, wrap(0x02, b"\x00")), success=True)
    return Outcome(wrap(0xA8, wrap(0x84, integer(token))), success=True)


def delete_eim(run: Run, request: Any, _tlv: bytes) -> Outcome:
    """Ends an association, also the one of the eIM that asks. lastEimDeleted is a success."""
    state = run.isdr.state
    eim = state.eim(request["eimId"])
    if eim is None:
        return coded(0x89, EIM_NOT_FOUND)
    state.eims.remove(eim)
    return coded(0x89, 0 if state.eims else LAST_EIM_DELETED, successes=(0, LAST_EIM_DELETED))


def update_eim(run: Run, _request: Any, tlv: bytes) -> Outcome:
    """Replaces members of an eIM's configuration."""
    try:
        found = eim_config.update(run.isdr, value(tlv))
    except eim_config.Rejected as rejected:
        return coded(0x8A, rejected.code)
    return coded(0x8A, 0 if found else EIM_NOT_FOUND)


def list_eim(run: Run, _request: Any, _tlv: bytes) -> Outcome:
    """Identifiers of the associated eIMs, with their type where it is known."""
    infos = []
    for eim in run.isdr.state.eims:
        kind = bytes.fromhex(eim.members.get("82", ""))
        infos.append(wrap(0x30, wrap(0x80, eim.eim_id.encode()), kind))
    return Outcome(wrap(0xAB, wrap(0xA0, *infos)), success=True)


OPERATIONS: dict[str, Operation] = {
    "addEim": add_eim,
    "deleteEim": delete_eim,
    "updateEim": update_eim,
    "listEim": list_eim,
}

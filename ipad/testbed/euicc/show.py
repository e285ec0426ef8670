"""The card's own memory for people and tests: what is true, whatever the agent says."""

from pathlib import Path
from typing import Any

from ipad.asn1 import decode

from . import state
from .state import Profile

_EVENTS = ("install", "enable", "disable", "delete")


def show(directory: Path) -> dict[str, Any]:
    """The state in `directory`, ready for JSON. ConfigError if there is no card.

    It is read from the file, also while another process runs the card: a file is replaced as a whole.
    """
    card = state.load(directory)
    rollback = card.rollback
    return {
        "eid": card.eid,
        "kind": card.kind,
        "profiles": [_profile(profile) for profile in card.profiles],
        "eims": [
            {"eimId": eim.eim_id, "counterValue": eim.counter, "associationToken": eim.token}
            for eim in card.eims
        ],
        "results": [
            {"seqNumber": r.seq, "eimId": r.eim_id, **_result(bytes.fromhex(r.octets))} for r in card.results
        ],
        "notifications": [
            {"seqNumber": n.seq, "event": _EVENTS[n.event], "iccid": n.iccid} for n in card.notifications
        ],
        "fallbackOrigin": card.fallback_origin,
        "emergencyOrigin": card.emergency_origin,
        "rollback": rollback
        and {"iccid": rollback.iccid, "eimId": rollback.eim_id, "counterValue": rollback.counter},
        "defaultDpAddress": card.default_dp_address or None,
    }


def _profile(profile: Profile) -> dict[str, Any]:
    return {
        "iccid": profile.iccid,
        "name": profile.name,
        "imsi": profile.imsi,
        "state": "enabled" if profile.enabled else "disabled",
        "profileClass": profile.profile_class,
        "fallbackAttribute": profile.fallback_attribute,
        "fallbackAllowed": profile.fallback_allowed,
        "ecallIndication": profile.ecall,
    }


def _result(octets: bytes) -> dict[str, Any]:
    _, signed = decode("EuiccPackageResult", octets)
    data = signed["euiccPackageResultDataSigned"]
    transaction = data.get("eimTransactionId")
    return {
        "counterValue": data["counterValue"],
        "eimTransactionId": transaction and transaction.hex().upper(),
        "results": [name for name, _ in data["euiccResult"]],
    }

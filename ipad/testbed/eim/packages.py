"""Handing out packages: the queue of one EID, signing, forging on demand (SGP.32 2.11.1, 5.14.5)."""

import secrets

from ipad.asn1 import encode, tlvs, value, wrap
from ipad.testbed.eim.faults import FORGED, Faults
from ipad.testbed.eim.identity import Identity
from ipad.testbed.eim.records import FAILED, MAX_COUNTER, Euicc, Package, Records
from ipad.testbed.signature import sign, token_tlv

_OTHER_EID = bytes.fromhex("89049044FFFFFFFFFFFFFFFFFFFFFFFF")
_PSMO_LIST = 0xA0
TRANSACTION_OCTETS = 16


def new_transaction() -> bytes:
    """An eimTransactionId that was never used."""
    return secrets.token_bytes(TRANSACTION_OCTETS)


def hand_out(
    records: Records, identity: Identity, faults: Faults, euicc: Euicc
) -> tuple[Package, bytes] | None:
    """The oldest package without a result and its GetEimPackageResponse; None: nothing to do.

    A package is signed when it is handed out for the first time, with the counter's next value; from
    then on it is the same octets, as often as it is asked for, until its result has come.
    """
    with records.transaction():
        package = records.next_package(euicc.eid)
        if package is None:
            return None
        answer = package.answer
        if not answer:
            fault = faults.take(FORGED, "GetEimPackage")
            forged = package.forged or (fault.kind if fault else None)
            counter = euicc.counter if forged == "replay-counter" else euicc.counter + 1
            if counter > MAX_COUNTER:
                records.end(package.id, FAILED, "the counter is used up")
                return None
            answer = _signed(identity, euicc, package, counter, forged)
            records.signed(package, counter, answer, forged)
        records.handed_out(package)
        return package, answer


def _signed(identity: Identity, euicc: Euicc, package: Package, counter: int, forged: str | None) -> bytes:
    frame = encode(
        "EuiccPackageSigned",
        {
            "eimId": identity.eim_id,
            "eidValue": _OTHER_EID if forged == "wrong-eid" else bytes.fromhex(euicc.eid),
            "counterValue": counter,
            "eimTransactionId": package.transaction,
            "euiccPackage": ("psmoList", []),
        },
    )
    # The operations go in as they are: one may be in an odd shape.
    members = [tlv for tag, tlv in tlvs(value(frame)) if tag != _PSMO_LIST]
    data = wrap(0x30, *members, package.unsigned)
    signature = sign(identity.key, data + token_tlv(euicc.token))
    if forged == "wrong-signature":
        signature = signature[:-1] + bytes([signature[-1] ^ 1])
    return wrap(0xBF4F, wrap(0xBF51, data, wrap(0x5F37, signature)))

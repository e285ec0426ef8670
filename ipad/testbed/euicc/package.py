"""LoadEuiccPackage: who sent it, whether it may, what it does, and the signed answer (SGP.32 5.9.1)."""

from dataclasses import dataclass

from ipad.asn1 import DecodeError, decode, find, member, tlvs, value, wrap

from . import eco, eim_config, keys, package_result, pending, psmo
from .isdr import Function, Isdr
from .operations import Damaged, Operation, Outcome, Run
from .package_result import Origin, token_tlv
from .state import Eim, Rollback

INVALID_EID, REPLAY_ERROR, COUNTER_OUT_OF_RANGE, SIZE_OVERFLOW, ECALL_ACTIVE = 3, 4, 6, 15, 104
"""EuiccPackageErrorCode."""
RESULT_SIZE_OVERFLOW, UNKNOWN_OR_DAMAGED = 1, 2
"""processingTerminated."""

MAX_PACKAGE = 8 * 1024
"""Octets of a package that the card executes."""
MAX_RESULTS = 8 * 1024
"""Octets of the results of one package that the card keeps."""

_LISTS: dict[int, tuple[str, dict[str, Operation]]] = {
    0xA0: ("Psmo", psmo.OPERATIONS),
    0xA1: ("Eco", eco.OPERATIONS),
}


@dataclass(frozen=True, slots=True)
class Package:
    """A EuiccPackageRequest, taken apart without decoding what is signed."""

    signed: bytes
    signature: bytes
    eim_id: str
    eid: bytes
    counter: int
    transaction: bytes | None


def load_euicc_package(isdr: Isdr, command: bytes) -> bytes:
    """Checks, executes and answers a package; the answer is a EuiccPackageResult.

    An accepted package ends the chance to roll back an earlier one, and its counter is kept, whatever
    its operations come to.
    """
    package = _parse(command)
    eim = isdr.state.eim(package.eim_id)
    if eim is None or not _signed_by(eim, package):
        token = None if eim is None else eim.token
        return package_result.unsigned_error(package.eim_id, package.transaction, token)
    origin = Origin(eim.eim_id, package.counter, package.transaction, eim.token)
    error = _refusal(isdr, eim, package, len(command))
    if error is not None:
        return package_result.sign_error(isdr, origin, error)
    eim.counter = package.counter
    isdr.state.rollback = None
    return _execute(isdr, origin, package)


def _parse(command: bytes) -> Package:
    value(command)  # one element and nothing behind it
    signed = member(command, 0xBF51, 0x30)
    transaction = find(signed, 0x30, 0x82)
    counter = member(signed, 0x30, 0x81)
    try:
        eim_id = value(member(signed, 0x30, 0x80)).decode()
    except UnicodeDecodeError as error:
        raise DecodeError("eimId is not UTF-8") from error
    package = Package(
        signed=signed,
        signature=value(member(command, 0xBF51, 0x5F37)),
        eim_id=eim_id,
        eid=value(member(signed, 0x30, 0x5A)),
        counter=int.from_bytes(value(counter), signed=True),
        transaction=None if transaction is None else value(transaction),
    )
    if not 1 <= len(eim_id) <= 128 or not value(counter):
        raise DecodeError("eimId or counterValue of a wrong size")
    if package.transaction is not None and not 1 <= len(package.transaction) <= 16:
        raise DecodeError("eimTransactionId of a wrong size")
    return package


def _signed_by(eim: Eim, package: Package) -> bool:
    key = keys.eim_public_key(bytes.fromhex(eim.members["A5"]))
    return keys.verify(key, package.signature, package.signed + token_tlv(eim.token))


def _refusal(isdr: Isdr, eim: Eim, package: Package, size: int) -> int | None:
    if package.eid != bytes.fromhex(isdr.state.eid):
        return INVALID_EID
    if not 0 <= package.counter <= eim_config.MAX_COUNTER:
        return COUNTER_OUT_OF_RANGE
    if package.counter <= eim.counter:
        return REPLAY_ERROR
    if size > MAX_PACKAGE:
        return SIZE_OVERFLOW
    if isdr.state.ecall_active():
        return ECALL_ACTIVE
    return None


def _execute(isdr: Isdr, origin: Origin, package: Package) -> bytes:
    state = isdr.state
    enabled = state.enabled()
    run = Run(isdr, None if enabled is None else enabled.iccid)
    seq = state.take_seq()
    results = _operations(run, package.signed)
    answer = package_result.sign_result(isdr, origin, seq, results)
    pending.keep_result(isdr, seq, origin.eim_id, answer)
    if run.rollback and run.before is not None:
        state.rollback = Rollback(
            iccid=run.before,
            eim_id=origin.eim_id,
            counter=origin.counter,
            transaction=None if origin.transaction is None else origin.transaction.hex(),
            token=origin.token,
            results=results.hex(),
            result_seq=seq,
        )
    isdr.refresh = True
    return answer


def _operations(run: Run, signed: bytes) -> bytes:
    """Executes in order, up to and with the first that fails; the EuiccResultData of all that ran."""
    results = b""
    for tag, tlv in tlvs(value(signed)):
        if tag not in _LISTS:
            continue
        type_name, operations = _LISTS[tag]
        try:
            for _, operation in tlvs(value(tlv)):
                outcome = _operation(run, type_name, operations, operation)
                if len(results) + len(outcome.octets) > MAX_RESULTS:
                    return results + _terminated(RESULT_SIZE_OVERFLOW)
                results += outcome.octets
                if not outcome.success:
                    break
        except (DecodeError, Damaged):
            return results + _terminated(UNKNOWN_OR_DAMAGED)
        return results
    return _terminated(UNKNOWN_OR_DAMAGED)


def _operation(run: Run, type_name: str, operations: dict[str, Operation], tlv: bytes) -> Outcome:
    name, request = decode(type_name, tlv)
    return operations[name](run, request, tlv)


def _terminated(code: int) -> bytes:
    return wrap(0x02, bytes([code]))


FUNCTIONS: dict[int, Function] = {0xBF51: load_euicc_package}

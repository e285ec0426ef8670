"""Associated eIMs, as the agent keeps them for a consumer card (SGP.32 2.11.1, 5.9.4, 5.9.18)."""

import secrets
from collections.abc import Callable, Collection

from ipad.asn1 import DecodeError, decode, tlvs, value, wrap
from ipad.consumer import signature
from ipad.consumer.memory import Eim, Memory

MAX_COUNTER = 0x7FFFFF
MAX_EIMS = 8
"""Beyond these there is no room: insufficientMemory(1)."""
_ANY_TOKEN = -1
"""In a request: a token shall be made."""
_LARGEST_TOKEN = 0x7FFFFFFF

INSUFFICIENT_MEMORY, ALREADY_EXISTS, CI_PK_UNKNOWN = 1, 2, 3
INVALID_TOKEN, COUNTER_OUT_OF_RANGE, COMMAND_ERROR = 5, 6, 7
"""AddEimResult, UpdateEimResult, AddInitialEimResponse."""

_EIM_ID, _COUNTER, _TOKEN, _PUBLIC_KEY, _CI_PK_ID = 0x80, 0x83, 0x84, 0xA5, 0x88


class Rejected(Exception):
    """The configuration is not taken, for the reason `code`."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"eIM configuration rejected: {code}")


CiPkIds = Callable[[], Collection[bytes]]
"""Asks the card for the CI keys that it knows."""


def add(memory: Memory, configuration: bytes, ci_pk_ids: CiPkIds) -> int | None:
    """Associates an eIM; returns its association token, None if it has none. Rejected: why not.

    configuration: the members of EimConfigurationData, concatenated. DecodeError: they are not that.
    """
    members = _members(configuration)
    eim_id = _eim_id(members)
    if memory.eim(eim_id) is not None:
        raise Rejected(ALREADY_EXISTS)
    if len(memory.eims) >= MAX_EIMS:
        raise Rejected(INSUFFICIENT_MEMORY)
    if _PUBLIC_KEY not in members:
        raise Rejected(COMMAND_ERROR)
    _check_keys(members, ci_pk_ids)
    counter, token = _counter(members), _new_token(members)
    kept = {f"{tag:02X}": tlv.hex() for tag, tlv in members.items() if tag not in (_EIM_ID, _COUNTER, _TOKEN)}
    memory.eims.append(Eim(eim_id, counter or 0, token, kept))
    return token


def update(memory: Memory, configuration: bytes, ci_pk_ids: CiPkIds) -> bool:
    """Replaces those members that `configuration` has; False if there is no such eIM. Rejected: why not.

    The token belongs to the association, not to the configuration: it cannot be updated.
    """
    members = _members(configuration)
    eim = memory.eim(_eim_id(members))
    if eim is None:
        return False
    if _TOKEN in members:
        raise Rejected(COMMAND_ERROR)
    _check_keys(members, ci_pk_ids)
    counter = _counter(members)
    if counter is not None:
        eim.counter = counter
    eim.members |= {f"{tag:02X}": tlv.hex() for tag, tlv in members.items() if tag not in (_EIM_ID, _COUNTER)}
    return True


def configuration(eim: Eim) -> bytes:
    """Its EimConfigurationData, all but the counter."""
    members = {int(tag, 16): bytes.fromhex(tlv) for tag, tlv in eim.members.items()}
    members[_EIM_ID] = wrap(_EIM_ID, eim.eim_id.encode())
    if eim.token is not None:
        members[_TOKEN] = wrap(_TOKEN, integer(eim.token))
    # The order of EimConfigurationData is that of its tags' numbers.
    return wrap(0x30, *(members[tag] for tag in sorted(members, key=lambda tag: tag & 0x1F)))


def signed_by(eim: Eim, data: bytes, made: bytes) -> bool:
    """Whether `made` is this eIM's signature over `data` and the association token (2.11.1.1)."""
    key = signature.public_key(bytes.fromhex(eim.members[f"{_PUBLIC_KEY:02X}"]))
    return signature.verifies(key, made, data + token_tlv(eim.token))


def token_tlv(token: int | None) -> bytes:
    """The associationToken as it stands behind what is signed; `84 01 00` without one (2.11.1.1)."""
    return wrap(_TOKEN, integer(token or 0))


def integer(number: int) -> bytes:
    """The contents octets of an INTEGER that is not negative (X.690 8.3)."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _members(configuration: bytes) -> dict[int, bytes]:
    whole = wrap(0x30, configuration)
    parts = dict(tlvs(configuration))
    # Keys and certificates are looked at by `signature`, in whichever shape they come.
    plain = (tlv for tag, tlv in parts.items() if tag not in (_PUBLIC_KEY, 0xA6))
    decode("EimConfigurationData", wrap(0x30, *plain))
    if len(list(tlvs(value(whole)))) != len(parts):
        raise DecodeError("EimConfigurationData: a member twice")
    return parts


def _eim_id(members: dict[int, bytes]) -> str:
    return value(members[_EIM_ID]).decode()


def _counter(members: dict[int, bytes]) -> int | None:
    if _COUNTER not in members:
        return None
    counter = int.from_bytes(value(members[_COUNTER]), "big", signed=True)
    if not 0 <= counter <= MAX_COUNTER:
        raise Rejected(COUNTER_OUT_OF_RANGE)
    return counter


def _new_token(members: dict[int, bytes]) -> int | None:
    if _TOKEN not in members:
        return None
    if int.from_bytes(value(members[_TOKEN]), "big", signed=True) != _ANY_TOKEN:
        raise Rejected(INVALID_TOKEN)
    # At random: packages of an association before a lost journal must not fit to the one after it.
    return secrets.randbelow(_LARGEST_TOKEN) + 1


def _check_keys(members: dict[int, bytes], ci_pk_ids: CiPkIds) -> None:
    if _CI_PK_ID in members and value(members[_CI_PK_ID]) not in ci_pk_ids():
        raise Rejected(CI_PK_UNKNOWN)
    if _PUBLIC_KEY in members:
        try:
            signature.public_key(members[_PUBLIC_KEY])
        except DecodeError as error:
            raise Rejected(COMMAND_ERROR) from error

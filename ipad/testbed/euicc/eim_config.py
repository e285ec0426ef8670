"""Associated eIMs: their configuration, and what the device may do with it (SGP.32 2.11.1, 5.9.4, 5.9.18)."""

from ipad.asn1 import DecodeError, decode, encode, member, tlvs, value, wrap

from . import keys
from .isdr import Function, Isdr
from .package_result import integer
from .state import Eim, ImmediateEnable, State

MAX_COUNTER = 0x7FFFFF
MAX_EIMS = 8

INSUFFICIENT_MEMORY, ALREADY_EXISTS, CI_PK_UNKNOWN = 1, 2, 3
INVALID_TOKEN, COUNTER_OUT_OF_RANGE, COMMAND_ERROR = 5, 6, 7
"""AddEimResult, UpdateEimResult, AddInitialEimResponse."""

ANY_TOKEN = -1
"""In a request: the card shall make an association token."""

_EIM_ID, _COUNTER, _TOKEN, _PUBLIC_KEY, _CI_PK_ID = 0x80, 0x83, 0x84, 0xA5, 0x88


class Rejected(Exception):
    """The eIM configuration is not taken, for the reason `code`."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"eIM configuration rejected: {code}")


def add(isdr: Isdr, configuration: bytes) -> int | None:
    """Associates an eIM; `configuration`: the members of EimConfigurationData, concatenated.

    Returns the association token, None if it has none. Rejected: why not.
    """
    members = _members(configuration)
    eim_id = _eim_id(members)
    state = isdr.state
    if state.eim(eim_id) is not None:
        raise Rejected(ALREADY_EXISTS)
    if len(state.eims) >= MAX_EIMS:
        raise Rejected(INSUFFICIENT_MEMORY)
    if _PUBLIC_KEY not in members:
        raise Rejected(COMMAND_ERROR)
    _check_keys(isdr, members)
    counter = _counter(members)
    token = _new_token(state, members)
    kept = {f"{tag:02X}": tlv.hex() for tag, tlv in members.items() if tag not in (_EIM_ID, _COUNTER, _TOKEN)}
    state.eims.append(Eim(eim_id, counter or 0, token, kept))
    return token


def update(isdr: Isdr, configuration: bytes) -> bool:
    """Replaces those members that `configuration` has; False if there is no such eIM. Rejected: why not.

    The token belongs to the association, not to the configuration: it cannot be updated.
    """
    members = _members(configuration)
    eim = isdr.state.eim(_eim_id(members))
    if eim is None:
        return False
    if _TOKEN in members:
        raise Rejected(COMMAND_ERROR)
    _check_keys(isdr, members)
    counter = _counter(members)
    if counter is not None:
        eim.counter = counter
    eim.members |= {f"{tag:02X}": tlv.hex() for tag, tlv in members.items() if tag not in (_EIM_ID, _COUNTER)}
    return True


def add_initial_eim(isdr: Isdr, command: bytes) -> bytes:
    """AddInitialEim (BF57): the factory's step, all of its eIMs or none."""
    decode("AddInitialEimRequest", command)
    configurations = [value(tlv) for _, tlv in tlvs(value(member(command, 0xBF57, 0xA0)))]
    state = isdr.state
    if state.eims:
        return _initial_error(ALREADY_EXISTS)
    if not configurations:
        return _initial_error(COMMAND_ERROR)
    answers = []
    try:
        for configuration in configurations:
            token = add(isdr, configuration)
            answers.append(wrap(0x05) if token is None else wrap(0x84, integer(token)))
    except Rejected as rejected:
        state.eims.clear()
        return _initial_error(rejected.code)
    return wrap(0xBF57, wrap(0xA0, *answers))


def get_eim_configuration_data(isdr: Isdr, command: bytes) -> bytes:
    """GetEimConfigurationData (BF55): everything but the counter, of all eIMs or of one."""
    _, wanted = decode("GetEimConfigurationDataRequest", command).get("searchCriteria", ("", None))
    found = [eim for eim in isdr.state.eims if wanted in (None, eim.eim_id)]
    return wrap(0xBF55, wrap(0xA0, *(_configuration(eim) for eim in found)))


def configure_immediate_enabling(isdr: Isdr, command: bytes) -> bytes:
    """ConfigureImmediateProfileEnabling (BF59): only before an eIM is associated; later it is a PSMO."""
    request = decode("ConfigureImmediateProfileEnablingRequest", command)
    if isdr.state.eims:
        result = ALREADY_EXISTS
    else:
        configure_immediate_enable(isdr.state, request)
        result = 0
    return encode("ConfigureImmediateProfileEnablingResponse", {"configImmediateEnableResult": result})


def configure_immediate_enable(state: State, request: dict[str, object]) -> None:
    """Takes the members of a request, of the function or of the PSMO; an absent one is cleared."""
    oid, address = request.get("defaultSmdpOid"), request.get("defaultSmdpAddress")
    state.immediate_enable = ImmediateEnable(
        "immediateEnableFlag" in request,
        None if oid is None else str(oid),
        None if address is None else str(address),
    )


def _configuration(eim: Eim) -> bytes:
    members = {int(tag, 16): bytes.fromhex(tlv) for tag, tlv in eim.members.items()}
    members[_EIM_ID] = wrap(_EIM_ID, eim.eim_id.encode())
    if eim.token is not None:
        members[_TOKEN] = wrap(_TOKEN, integer(eim.token))
    # The order of EimConfigurationData is that of its tags' numbers.
    return wrap(0x30, *(members[tag] for tag in sorted(members, key=lambda tag: tag & 0x1F)))


def _members(configuration: bytes) -> dict[int, bytes]:
    decode("EimConfigurationData", wrap(0x30, configuration))
    return dict(tlvs(configuration))


def _eim_id(members: dict[int, bytes]) -> str:
    return value(members[_EIM_ID]).decode()


def _counter(members: dict[int, bytes]) -> int | None:
    if _COUNTER not in members:
        return None
    counter = int.from_bytes(value(members[_COUNTER]), signed=True)
    if not 0 <= counter <= MAX_COUNTER:
        raise Rejected(COUNTER_OUT_OF_RANGE)
    return counter


def _new_token(state: State, members: dict[int, bytes]) -> int | None:
    if _TOKEN not in members:
        return None
    if int.from_bytes(value(members[_TOKEN]), signed=True) != ANY_TOKEN:
        raise Rejected(INVALID_TOKEN)
    state.next_token += 1
    return state.next_token - 1


def _check_keys(isdr: Isdr, members: dict[int, bytes]) -> None:
    if _CI_PK_ID in members and value(members[_CI_PK_ID]) != isdr.keys.ci_key_id:
        raise Rejected(CI_PK_UNKNOWN)
    if _PUBLIC_KEY in members:
        try:
            keys.eim_public_key(members[_PUBLIC_KEY])
        except DecodeError as error:
            raise Rejected(COMMAND_ERROR) from error


def _initial_error(code: int) -> bytes:
    return wrap(0xBF57, wrap(0x81, bytes([code])))


FUNCTIONS: dict[int, Function] = {
    0xBF57: add_initial_eim,
    0xBF55: get_eim_configuration_data,
    0xBF59: configure_immediate_enabling,
}

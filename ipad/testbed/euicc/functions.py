"""Every ES10 function of this card, by the tag of its command."""

import copy

from ipad.asn1 import DecodeError, tlvs

from . import (
    authentication,
    eim_config,
    emergency,
    es10_consumer,
    es10_info,
    es10_notifications,
    es10_profiles,
    immediate_enable,
    load,
    memory_reset,
    package,
    switch,
)
from . import state as memory
from .apdu import Refused, Sw
from .isdr import Function, Isdr
from .shapes import UNKNOWN_6D00

FUNCTIONS: dict[int, Function] = {
    **authentication.FUNCTIONS,
    **es10_info.FUNCTIONS,
    **es10_notifications.FUNCTIONS,
    **es10_profiles.FUNCTIONS,
    **eim_config.FUNCTIONS,
    **package.FUNCTIONS,
    **switch.FUNCTIONS,
    **emergency.FUNCTIONS,
    **immediate_enable.FUNCTIONS,
    **memory_reset.FUNCTIONS,
}

CONSUMER_FUNCTIONS: dict[int, Function] = {
    **{tag: function for tag, function in FUNCTIONS.items() if tag not in es10_consumer.UNKNOWN},
    **es10_consumer.FUNCTIONS,
}


def call(isdr: Isdr, command: bytes) -> bytes:
    """Runs one function; what it changed is on disk when this returns, all of it or, if Refused, nothing.

    Refused: 6A80 for what cannot be read, 6A88 for a function that the card does not have (SGP.22 5.7.2),
    6581 if the memory cannot be written.
    """
    before = copy.deepcopy(isdr.state)
    try:
        answer = _function(isdr, command)(isdr, command)
        if isdr.state != before:
            memory.store(isdr.directory, isdr.state)
    except DecodeError as error:
        isdr.state = before
        raise Refused(Sw.WRONG_DATA) from error
    except OSError as error:
        isdr.state = before
        raise Refused(Sw.MEMORY_PROBLEM) from error
    isdr.apply_switch()
    return answer


def _function(isdr: Isdr, command: bytes) -> Function:
    if load.is_cut(command):
        return load.load_bound_profile_package
    tag, _ = next(tlvs(command))
    functions = CONSUMER_FUNCTIONS if isdr.state.kind == "consumer" else FUNCTIONS
    if tag not in functions:
        odd = UNKNOWN_6D00 in isdr.shapes
        raise Refused(Sw.INS_NOT_SUPPORTED if odd else Sw.REFERENCED_DATA_NOT_FOUND)
    return functions[tag]

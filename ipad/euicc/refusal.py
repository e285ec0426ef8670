"""The eUICC's error codes by function, under their standard names, and patience with catBusy."""

from collections.abc import Callable
from typing import NoReturn, TypeVar

from ipad.errors import EuiccRefused
from ipad.euicc.isdr import Isdr

T = TypeVar("T")

CAT_BUSY_TRIES = 5
"""How often a function is called in all before catBusy(5) is given up on."""

_UNDEFINED = {127: "undefinedError"}

CODES: dict[str, dict[int, str]] = {
    "AddInitialEim": {
        1: "insufficientMemory",
        2: "associatedEimAlreadyExists",
        3: "ciPKUnknown",
        5: "invalidAssociationToken",
        6: "counterValueOutOfRange",
        7: "commandError",
    },
    "ConfigureImmediateProfileEnabling": {1: "insufficientMemory", 2: "associatedEimAlreadyExists"},
    "ExecuteFallbackMechanism": {
        2: "profileNotInDisabledState",
        5: "catBusy",
        6: "fallbackNotAvailable",
        7: "commandError",
        104: "ecallActive",
    },
    "GetCerts": {1: "invalidCiPKId"},
    "GetProfilesInfo": {1: "incorrectInputValues", 11: "profileChangeOngoing"},
    "ListNotification": {},
    "NotificationSent": {1: "nothingToDelete"},
    "ProfileRollback": {1: "rollbackNotAllowed", 5: "catBusy", 7: "commandError"},
    "RetrieveNotificationsList": {},
    "ReturnFromFallback": {5: "catBusy", 6: "fallbackNotAvailable", 7: "commandError"},
    "SetDefaultDpAddress": {},
}
"""Per ES10 function: error code -> its name in the standard. undefinedError(127) is in each."""

RESULTS: dict[str, dict[int, str]] = {
    "enableResult": {
        1: "iccidOrAidNotFound",
        2: "profileNotInDisabledState",
        3: "disallowedByPolicy",
        5: "catBusy",
        20: "rollbackNotAvailable",
    },
    "disableResult": {
        1: "iccidOrAidNotFound",
        2: "profileNotInEnabledState",
        3: "disallowedByPolicy",
        5: "catBusy",
    },
    "deleteResult": {
        1: "iccidOrAidNotFound",
        2: "profileNotInDisabledState",
        3: "disallowedByPolicy",
        20: "rollbackNotAvailable",
        21: "returnFallbackProfile",
    },
    "profileInfoListError": CODES["GetProfilesInfo"],
    "configureImmediateEnableResult": {1: "insufficientMemory", 7: "commandError"},
    "addEimResultCode": CODES["AddInitialEim"],
    "deleteEimResult": {1: "eimNotFound", 2: "lastEimDeleted", 7: "commandError"},
    "updateEimResult": {
        1: "eimNotFound",
        3: "ciPKUnknown",
        6: "counterValueOutOfRange",
        7: "commandError",
    },
    "listEimError": {},
    "rollbackResult": {},
    "setFallbackAttributeResult": {
        1: "iccidOrAidNotFound",
        2: "fallbackNotAllowed",
        3: "fallbackProfileEnabled",
    },
    "unsetFallbackAttributeResult": {
        2: "noFallbackAttribute",
        3: "fallbackProfileEnabled",
        7: "commandError",
    },
    "processingTerminated": {1: "resultSizeOverflow", 2: "unknownOrDamagedCommand", 3: "interruption"},
    "setDefaultDpAddressResult": {},
    "euiccPackageErrorCode": {
        3: "invalidEid",
        4: "replayError",
        6: "counterValueOutOfRange",
        15: "sizeOverflow",
        104: "ecallActive",
    },
}
"""Per operation of an eUICC Package: result code -> its name. ok(0) and undefinedError(127) are in each."""

_ADVICE = {
    "catBusy": "the modem is still busy with a command of the card",
    "associatedEimAlreadyExists": "the first association is made only once; others come from that eIM",
    "fallbackNotAvailable": "no profile has the fallback attribute, or the card has no fallback",
    "rollbackNotAllowed": "there is nothing to roll back to any more",
    "profileChangeOngoing": "try again when the switch is over",
}


def named(codes: dict[int, str], code: int) -> str:
    """The name of a result code; "unknown" for one that the standard does not have."""
    return codes.get(code) or {0: "ok", **_UNDEFINED}.get(code, "unknown")


def refuse(function: str, code: int) -> NoReturn:
    """Raises EuiccRefused with the standard's name of `code` and what can be done about it."""
    name = named(CODES[function], code)
    raise EuiccRefused(function, name, code, _ADVICE.get(name, ""))


def while_busy(isdr: Isdr, attempt: Callable[[], T]) -> T:
    """Calls `attempt` again while the card answers catBusy(5), a few times, then lets that error go up."""
    for _ in range(CAT_BUSY_TRIES - 1):
        try:
            return attempt()
        except EuiccRefused as refused:
            if refused.name != "catBusy":
                raise
        isdr.sleep(isdr.waits.cat_busy)
    return attempt()

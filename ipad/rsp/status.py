"""Refusals of SM-DP+ and SM-DS under the standard's names (SGP.22 5.2.6, 5.6, 5.8)."""

from typing import NoReturn

from ipad import status_codes
from ipad.asn1.schema import named_numbers
from ipad.errors import PeerRefused
from ipad.net.gsma_json import Failure

_UNDEFINED = "undefinedError", 127

_INITIATE_AUTHENTICATION = {
    "8.8.1/3.8": "invalidDpAddress",
    "8.9.1/3.8": "invalidDpAddress",
    "8.8.3/3.1": "euiccVersionNotSupportedByDp",
    "8.9.3/3.1": "euiccVersionNotSupportedByDp",
    "8.8.2/3.1": "ciPKNotSupported",
    "8.9.2/3.1": "ciPKNotSupported",
    "8.8.4/3.7": "ciPKNotSupported",
    "8.9.4/3.7": "ciPKNotSupported",
}
"""8.8 is what an SM-DP+ says, 8.9 an SM-DS; both have the one type for it in ASN.1."""

_CODES = {
    "ES9+.InitiateAuthentication": ("InitiateAuthenticationResponse", "initiateAuthenticationError"),
    "ES9+.AuthenticateClient": ("AuthenticateClientResponseEs9", "authenticateClientError"),
    "ES9+.GetBoundProfilePackage": ("GetBoundProfilePackageResponse", "getBoundProfilePackageError"),
    "ES9+.CancelSession": ("CancelSessionResponseEs9", "cancelSessionError"),
    "ES11.InitiateAuthentication": ("InitiateAuthenticationResponse", "initiateAuthenticationError"),
    "ES11.AuthenticateClient": ("AuthenticateClientResponseEs11", "authenticateClientError"),
}
"""Per function: the INTEGER of the ASN.1 binding that has its errors. HandleNotification has none."""

_PAIRS = {
    "ES9+.InitiateAuthentication": _INITIATE_AUTHENTICATION,
    "ES9+.AuthenticateClient": status_codes.AUTHENTICATE_CLIENT,
    "ES9+.GetBoundProfilePackage": status_codes.GET_BOUND_PROFILE_PACKAGE,
    "ES9+.CancelSession": status_codes.CANCEL_SESSION,
    "ES11.InitiateAuthentication": _INITIATE_AUTHENTICATION,
    "ES11.AuthenticateClient": {**status_codes.AUTHENTICATE_CLIENT, "8.9.5/3.9": "eventIdUnknown"},
}
"""Per function: subject and reason code, and the error that they stand for."""


def refuse(function: str, failure: Failure) -> NoReturn:
    """Raises PeerRefused: the standard's error if there is one for the codes, else undefinedError(127).

    function: with its interface, "ES9+.AuthenticateClient". The message has the codes' sentence either way.
    """
    said = status_codes.sentence(failure.subject, failure.reason, failure.message)
    name = _PAIRS.get(function, {}).get(f"{failure.subject}/{failure.reason}")
    codes = {name: code for code, name in _named(function).items()}
    if name is None or name not in codes:
        raise PeerRefused(function, *_UNDEFINED, said)
    advice = status_codes.ADVICE.get(name)
    raise PeerRefused(function, name, codes[name], f"{said}; {advice}" if advice else said)


def _named(function: str) -> dict[int, str]:
    if function not in _CODES:
        return {}
    type_name, member = _CODES[function]
    return named_numbers(f"sgp22:{type_name}", member)

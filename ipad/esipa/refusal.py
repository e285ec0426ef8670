"""The eIM's refusals under the standard's names, in whichever binding they come (SGP.32 6.3.2, 6.4.1)."""

from typing import NoReturn

from ipad import status_codes
from ipad.asn1.schema import named_numbers
from ipad.errors import PeerRefused, shown

_CODES = {
    "GetEimPackage": ("GetEimPackageResponse", "eimPackageError"),
    "ProvideEimPackageResult": ("ProvideEimPackageResultResponse", "provideEimPackageResultError"),
    "InitiateAuthentication": ("InitiateAuthenticationResponseEsipa", "initiateAuthenticationErrorEsipa"),
    "AuthenticateClient": ("AuthenticateClientResponseEsipa", "authenticateClientErrorEsipa"),
    "GetBoundProfilePackage": ("GetBoundProfilePackageResponseEsipa", "getBoundProfilePackageErrorEsipa"),
    "CancelSession": ("CancelSessionResponseEsipa", "cancelSessionError"),
}
"""Per function: the INTEGER that is its error."""

_EID_PAIRS = {"8.1.1/3.9": "eidNotFound", "8.1.1/2.1": "invalidEid", "8.1.1/2.2": "missingEid"}

_PAIRS = {
    "GetEimPackage": {"8.1.1/3.7": "noEimPackageAvailable", **_EID_PAIRS},
    "ProvideEimPackageResult": _EID_PAIRS,
    "InitiateAuthentication": {
        "8.8.1/3.8": "invalidDpAddress",
        "8.8.3/3.1": "euiccVersionNotSupportedByDp",
        "8.8.4/3.7": "ciPKIdNotSupported",
        "8.8.1/3.10": "smdpAddressMismatch",
        "8.8/3.10": "smdpOidMismatch",
        "8.10.1/3.9": "invalidEimTransactionId",
    },
    "AuthenticateClient": {
        **status_codes.AUTHENTICATE_CLIENT,
        "8.2.8/3.8": "pprNotAllowed",
        "8.9.5/3.9": "eventIdUnknown",
    },
    "GetBoundProfilePackage": {
        **status_codes.GET_BOUND_PROFILE_PACKAGE,
        "8.2.9/3.10": "metadataMismatch",
    },
    "CancelSession": status_codes.CANCEL_SESSION,
}
"""Per function: subject and reason code of the JSON binding, and the error that they stand for."""

_WRONG_SERVER = "another server answered than was ordered from: is the activation code right?"

_ADVICE = {
    **status_codes.ADVICE,
    "eidNotFound": "is this gateway's EID known to the eIM?",
    "invalidEid": "is this gateway's EID known to the eIM?",
    "missingEid": "does this eIM want the other binding?",
    "ciPKIdNotSupported": status_codes.ADVICE["ciPKNotSupported"],
    "smdpAddressMismatch": _WRONG_SERVER,
    "smdpOidMismatch": _WRONG_SERVER,
    "invalidEimTransactionId": "the eIM has given this order up: it has to give it again",
    "euiccSignatureInvalid": "with `minimize`: does the eIM have this card's certificates and EUICCInfo2?",
    "pprNotAllowed": "the profile's policy rules are not allowed on this card",
    "metadataMismatch": "the profile is not the one that was ordered",
    "confirmationCodeMissing": "the profile was ordered with a confirmation code: the eIM has to give it",
}

_UNDEFINED = "undefinedError", 127


def refuse(function: str, code: int) -> NoReturn:
    """Raises PeerRefused for an error code of this function; "unknown" if the standard has none such."""
    name = named_numbers(*_CODES[function]).get(code, "unknown")
    raise PeerRefused(function, name, code, _ADVICE.get(name, ""))


def error_of(function: str, subject: str, reason: str) -> str | None:
    """The error's name that subjectCode and reasonCode stand for; None if they stand for none."""
    return _PAIRS.get(function, {}).get(f"{subject}/{reason}")


def refuse_status(function: str, subject: str, reason: str, message: str) -> NoReturn:
    """Raises PeerRefused for statusCodeData of the JSON binding."""
    name = error_of(function, subject, reason)
    if name is None:
        advice = f"the eIM says {shown(subject, 20)}/{shown(reason, 20)}: {shown(message) or 'no more'}"
        raise PeerRefused(function, *_UNDEFINED, advice)
    codes = {name: code for code, name in named_numbers(*_CODES[function]).items()}
    raise PeerRefused(function, name, codes[name], _ADVICE.get(name, ""))

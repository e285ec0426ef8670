"""The eIM's refusals under the standard's names, in whichever binding they come (SGP.32 6.3.2, 6.4.1)."""

from typing import NoReturn

from ipad.asn1.schema import named_numbers
from ipad.errors import PeerRefused

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
        "8.1.2/6.1": "eumCertificateInvalid",
        "8.1.2/6.3": "eumCertificateExpired",
        "8.1.3/6.1": "euiccCertificateInvalid",
        "8.1.3/6.3": "euiccCertificateExpired",
        "8.1/6.1": "euiccSignatureInvalid",
        "8.2.6/3.8": "matchingIdRefused",
        "8.1.1/3.8": "eidMismatch",
        "8.2.5/4.3": "noEligibleProfile",
        "8.11.1/3.9": "ciPKUnknown",
        "8.10.1/3.9": "invalidTransactionId",
        "8.1/4.8": "insufficientMemory",
        "8.2.8/3.8": "pprNotAllowed",
        "8.9.5/3.9": "eventIdUnknown",
    },
    "GetBoundProfilePackage": {
        "8.1/6.1": "euiccSignatureInvalid",
        "8.2.7/2.2": "confirmationCodeMissing",
        "8.2.7/3.8": "confirmationCodeRefused",
        "8.2.7/6.4": "confirmationCodeRetriesExceeded",
        "8.2/3.7": "bppRebindingRefused",
        "8.8.5/4.10": "downloadOrderExpired",
        "8.2.9/3.10": "metadataMismatch",
        "8.10.1/3.9": "invalidTransactionId",
    },
    "CancelSession": {"8.10.1/3.9": "invalidTransactionId", "8.1/6.1": "euiccSignatureInvalid"},
}
"""Per function: subject and reason code of the JSON binding, and the error that they stand for."""

_NO_TRUST = "the server does not trust this card's certificates: ask who made the card"
_NO_CI = "card and server have no certificate issuer in common"
_WRONG_SERVER = "another server answered than was ordered from: is the activation code right?"
_ORDER_ANEW = "the profile has to be ordered anew"

_ADVICE = {
    "eidNotFound": "is this gateway's EID known to the eIM?",
    "invalidEid": "is this gateway's EID known to the eIM?",
    "missingEid": "does this eIM want the other binding?",
    "invalidDpAddress": "is the SM-DP+'s address right?",
    "euiccVersionNotSupportedByDp": "the SM-DP+ does not serve cards of this version",
    "ciPKIdNotSupported": _NO_CI,
    "ciPKUnknown": _NO_CI,
    "smdpAddressMismatch": _WRONG_SERVER,
    "smdpOidMismatch": _WRONG_SERVER,
    "invalidEimTransactionId": "the eIM has given this order up: it has to give it again",
    "eumCertificateInvalid": _NO_TRUST,
    "eumCertificateExpired": _NO_TRUST,
    "euiccCertificateInvalid": _NO_TRUST,
    "euiccCertificateExpired": _NO_TRUST,
    "euiccSignatureInvalid": "with `minimize`: does the eIM have this card's certificates and EUICCInfo2?",
    "matchingIdRefused": "is the activation code right, and not used up?",
    "eidMismatch": "the profile is reserved for another card",
    "noEligibleProfile": "no profile there fits this card and device",
    "invalidTransactionId": "the session is over: the download has to start anew",
    "insufficientMemory": "delete a profile that is not needed",
    "pprNotAllowed": "the profile's policy rules are not allowed on this card",
    "eventIdUnknown": "the SM-DS has no such event any more",
    "confirmationCodeMissing": "the profile was ordered with a confirmation code: the eIM has to give it",
    "confirmationCodeRefused": "the confirmation code is wrong",
    "confirmationCodeRetriesExceeded": _ORDER_ANEW,
    "bppRebindingRefused": _ORDER_ANEW,
    "downloadOrderExpired": _ORDER_ANEW,
    "metadataMismatch": "the profile is not the one that was ordered",
}

_UNDEFINED = "undefinedError", 127
_LONGEST_MESSAGE = 200


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
        said = f"the eIM says {subject[:20]}/{reason[:20]}: {message[:_LONGEST_MESSAGE] or 'no more'}"
        advice = "".join(c if c.isprintable() else "?" for c in said)
        raise PeerRefused(function, *_UNDEFINED, advice)
    codes = {name: code for code, name in named_numbers(*_CODES[function]).items()}
    raise PeerRefused(function, name, codes[name], _ADVICE.get(name, ""))

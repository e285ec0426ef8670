"""Subject and reason codes of failures in JSON (SGP.22 5.2.6): their words, and the errors they stand for."""

from ipad.errors import shown

_SUBJECTS = {
    "1": "generic",
    "1.1": "function requester",
    "1.2": "function provider",
    "1.3": "protocol",
    "1.3.1": "protocol format",
    "1.3.2": "protocol version",
    "1.6": "function",
    "8": "eUICC remote provisioning",
    "8.1": "eUICC",
    "8.1.1": "EID",
    "8.1.2": "EUM certificate",
    "8.1.3": "eUICC certificate",
    "8.2": "profile",
    "8.2.1": "ICCID of the profile",
    "8.2.5": "profile type",
    "8.2.6": "matching ID",
    "8.2.7": "confirmation code",
    "8.2.8": "profile policy rules",
    "8.2.9": "profile metadata",
    "8.2.10": "bound profile package",
    "8.8": "SM-DP+",
    "8.8.1": "SM-DP+ address",
    "8.8.2": "security configuration of the SM-DP+",
    "8.8.3": "specification version number that the SM-DP+ supports",
    "8.8.4": "SM-DP+ certificate",
    "8.8.5": "download order",
    "8.9": "SM-DS",
    "8.9.1": "SM-DS address",
    "8.9.2": "security configuration of the SM-DS",
    "8.9.3": "specification version number that the SM-DS supports",
    "8.9.4": "SM-DS certificate",
    "8.9.5": "event record",
    "8.10": "RSP operation",
    "8.10.1": "transaction ID",
    "8.11": "certificate issuer",
    "8.11.1": "public key of the certificate issuer",
}
"""Subject codes (SGP.22 5.2.6.1)."""

_REASONS = {
    "1": "access error",
    "1.1": "unknown",
    "1.2": "not allowed",
    "2": "format error",
    "2.1": "invalid",
    "2.2": "mandatory element missing",
    "2.3": "conditional element missing",
    "3": "conditions of use not satisfied",
    "3.1": "unsupported",
    "3.3": "already in use",
    "3.4": "invalid destination",
    "3.5": "invalid transition",
    "3.7": "unavailable",
    "3.8": "refused",
    "3.9": "unknown",
    "3.10": "invalid association",
    "3.11": "value has changed",
    "3.12": "invalid match",
    "4": "processing error",
    "4.1": "stopped",
    "4.2": "execution error",
    "4.3": "stopped on warning",
    "4.8": "insufficient memory",
    "4.10": "time to live expired",
    "5": "transport error",
    "5.1": "inaccessible",
    "6": "security error",
    "6.1": "verification failed",
    "6.3": "expired",
    "6.4": "maximum number of retries exceeded",
}
"""Reason codes (SGP.22 5.2.6.2)."""

AUTHENTICATE_CLIENT = {
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
}
"""The errors of AuthenticateClient (SGP.22 5.6.3) by subject and reason code; so the ones below."""

GET_BOUND_PROFILE_PACKAGE = {
    "8.1/6.1": "euiccSignatureInvalid",
    "8.2.7/2.2": "confirmationCodeMissing",
    "8.2.7/3.8": "confirmationCodeRefused",
    "8.2.7/6.4": "confirmationCodeRetriesExceeded",
    "8.2/3.7": "bppRebindingRefused",
    "8.8.5/4.10": "downloadOrderExpired",
    "8.10.1/3.9": "invalidTransactionId",
}
CANCEL_SESSION = {"8.10.1/3.9": "invalidTransactionId", "8.1/6.1": "euiccSignatureInvalid"}

_NO_TRUST = "the server does not trust this card's certificates: ask who made the card"
_NO_CI = "card and server have no certificate issuer in common"
_ORDER_ANEW = "the profile has to be ordered anew"

ADVICE = {
    "invalidDpAddress": "is the server's address right?",
    "euiccVersionNotSupportedByDp": "the SM-DP+ does not serve cards of this version",
    "ciPKNotSupported": _NO_CI,
    "ciPKUnknown": _NO_CI,
    "eumCertificateInvalid": _NO_TRUST,
    "eumCertificateExpired": _NO_TRUST,
    "euiccCertificateInvalid": _NO_TRUST,
    "euiccCertificateExpired": _NO_TRUST,
    "matchingIdRefused": "is the activation code right, and not used up?",
    "eidMismatch": "the profile is reserved for another card",
    "noEligibleProfile": "no profile there fits this card and device",
    "invalidTransactionId": "the session is over: the download has to start anew",
    "insufficientMemory": "delete a profile that is not needed",
    "eventIdUnknown": "the SM-DS has no such event any more",
    "confirmationCodeMissing": "the profile was ordered with a confirmation code: it has to be given",
    "confirmationCodeRefused": "the confirmation code is wrong",
    "confirmationCodeRetriesExceeded": _ORDER_ANEW,
    "bppRebindingRefused": _ORDER_ANEW,
    "downloadOrderExpired": _ORDER_ANEW,
}
"""What to do about an error, by its name."""


def sentence(subject: str, reason: str, message: str = "") -> str:
    """What the codes say in words, with the codes and the server's own message: "matching ID: refused ...".

    Codes that the standard does not have stay numbers. The result is printable, and short.
    """
    what = _SUBJECTS.get(subject, "an unknown subject")
    how = _REASONS.get(reason, "an unknown reason")
    codes = f"{shown(subject, 20) or '?'}/{shown(reason, 20) or '?'}"
    said = f'; the server says "{shown(message)}"' if message else ""
    return f"{what}: {how}, {codes}{said}" if subject or reason else f"no reason given{said}"

"""The errors that an SM-DP+ names, with their numbers and status codes (SGP.22 5.6, 5.2.6)."""

_ERRORS: dict[str, dict[str, tuple[int, str, str]]] = {
    "InitiateAuthentication": {
        "invalidDpAddress": (1, "8.8.1", "3.8"),
        "euiccVersionNotSupportedByDp": (2, "8.8.3", "3.1"),
        "ciPKNotSupported": (3, "8.8.4", "3.7"),
    },
    "AuthenticateClient": {
        "eumCertificateInvalid": (1, "8.1.2", "6.1"),
        "eumCertificateExpired": (2, "8.1.2", "6.3"),
        "euiccCertificateInvalid": (3, "8.1.3", "6.1"),
        "euiccCertificateExpired": (4, "8.1.3", "6.3"),
        "euiccSignatureInvalid": (5, "8.1", "6.1"),
        "matchingIdRefused": (6, "8.2.6", "3.8"),
        "eidMismatch": (7, "8.1.1", "3.8"),
        "noEligibleProfile": (8, "8.2.5", "4.3"),
        "ciPKUnknown": (9, "8.11.1", "3.9"),
        "invalidTransactionId": (10, "8.10.1", "3.9"),
        "insufficientMemory": (11, "8.1", "4.8"),
    },
    "GetBoundProfilePackage": {
        "euiccSignatureInvalid": (1, "8.1", "6.1"),
        "confirmationCodeMissing": (2, "8.2.7", "2.2"),
        "confirmationCodeRefused": (3, "8.2.7", "3.8"),
        "confirmationCodeRetriesExceeded": (4, "8.2.7", "6.4"),
        "bppRebindingRefused": (5, "8.2", "3.7"),
        "downloadOrderExpired": (6, "8.8.5", "4.10"),
        "invalidTransactionId": (95, "8.10.1", "3.9"),
    },
    "CancelSession": {
        "invalidTransactionId": (1, "8.10.1", "3.9"),
        "euiccSignatureInvalid": (2, "8.1", "6.1"),
    },
    "HandleNotification": {},
}

UNDEFINED_ERROR = "undefinedError"


class SmdpRefused(Exception):
    """The SM-DP+ does not do it: the function's named error, and the status code of the JSON binding."""

    def __init__(self, function: str, name: str, subject: str = "", reason: str = "") -> None:
        """subject, reason: where they are others than the name's usual ones; needed for undefinedError."""
        code, usual_subject, usual_reason = _ERRORS[function].get(name, (127, "", ""))
        self.function = function
        self.name = name
        self.code = code
        self.subject = subject or usual_subject
        self.reason = reason or usual_reason
        super().__init__(f"{function}: {name} ({self.subject}, {self.reason})")


def name_of(function: str, subject: str, reason: str) -> str:
    """The function's named error with this status code; undefinedError if none has it."""
    for name, (_, its_subject, its_reason) in _ERRORS[function].items():
        if (its_subject, its_reason) == (subject, reason):
            return name
    return UNDEFINED_ERROR

"""What a person can do about each error that the eUICC names (SGP.32 5.9, SGP.22 5.7)."""

_NOT_SAID = "the card does not say why; a trace shows what it was asked"
_SERVER = "the card does not trust this server: has it the right CI?"
_SESSION = "the card has forgotten this download, which a reset does: begin it anew"
_TRANSACTION = "the server mixes up two downloads: begin anew"
_ON_THE_WIRE = "the profile did not arrive as it was sent: begin the download anew"
_PACKAGE = "the profile package itself is wrong: its operator or SM-DP+ has to mend it"

ADVICE = {
    "undefinedError": _NOT_SAID,
    "undfinedError": _NOT_SAID,  # as GetCertsResponse spells it
    "commandError": "the card cannot do this in its present state: look at its profiles",
    "catBusy": "the modem is still busy with a command of the card",
    "ecallActive": "the Emergency Profile is enabled: disable it first",
    # eIMs and their packages
    "associatedEimAlreadyExists": "the first association is made only once; others come from that eIM",
    "insufficientMemory": "the card is full: delete what is not needed",
    "ciPKUnknown": "the card does not know this CI: it needs a certificate under one of its own CIs",
    "invalidAssociationToken": "leave the token to the card: -1 asks it to make one",
    "counterValueOutOfRange": "the eIM's counter has to be from 0 to 8388607",
    "eimNotFound": "no such eIM is associated: list them",
    "invalidEid": "the package is for another card",
    "replayError": "the card has had a package with this counter: the eIM has to use a higher one",
    "sizeOverflow": "the package is too large for the card: the eIM has to divide it",
    "resultSizeOverflow": "the results are too large for the card: the eIM has to divide the package",
    "unknownOrDamagedCommand": "the card does not know this operation",
    "interruption": "the card lost power meanwhile: the eIM has to order the rest again",
    # profiles
    "iccidOrAidNotFound": "no such profile is on the card: list them",
    "iccidNotFound": "no such profile is on the card: list them",
    "profileNotInDisabledState": "the profile is enabled",
    "profileNotInEnabledState": "the profile is not enabled",
    "disallowedByPolicy": "the profile's own policy rules forbid it: only its operator can change them",
    "wrongProfileReenabling": "while a test profile is enabled, only the profile before it can be enabled",
    "incorrectInputValues": "the card does not take this request",
    "profileChangeOngoing": "try again when the switch is over",
    "fallbackNotAllowed": "this profile does not allow to become the Fallback Profile",
    "fallbackProfileEnabled": "not while the Fallback Profile is enabled: enable another first",
    "noFallbackAttribute": "no profile has the fallback attribute",
    "returnFallbackProfile": "the card goes back to this profile when the fallback ends: return first",
    # switches that the device asks for
    "fallbackNotAvailable": "no profile has the fallback attribute, or the card has no fallback",
    "rollbackNotAllowed": "there is nothing to roll back to any more",
    "rollbackNotAvailable": "the profile to roll back to is this one, or there is none",
    "immediateEnableNotAvailable": "the card is not set up to enable this SM-DP+'s profiles by itself",
    "ecallNotAvailable": "there is no Emergency Profile on the card",
    "parametersNotAvailable": "the profile brings none: set its APN in the configuration",
    # memory reset, notifications, certificates
    "nothingToDelete": "there was nothing of the kind on the card",
    "eimResetNotSupported": "this card does not give up its eIMs: the last of them can delete itself",
    "resetIECNotSupported": "this card keeps this configuration: an associated eIM can change it",
    "invalidCiPKId": "the card has no certificate under this CI",
    # downloads
    "invalidCertificate": _SERVER,
    "invalidSignature": _SERVER,
    "unsupportedCurve": _SERVER,
    "invalidOid": "the server has another identity than its certificate says",
    "euiccChallengeMismatch": _SESSION,
    "noSessionContext": _SESSION,
    "invalidTransactionId": _TRANSACTION,
    "unsupportedCrtValues": _ON_THE_WIRE,
    "unsupportedRemoteOperationType": _ON_THE_WIRE,
    "scp03tStructureError": _ON_THE_WIRE,
    "scp03tSecurityError": _ON_THE_WIRE,
    "installFailedDueToInterruption": _ON_THE_WIRE,
    "unsupportedProfileClass": "the card takes no profiles of this class",
    "installFailedDueToIccidAlreadyExistsOnEuicc": "this profile is on the card already",
    "installFailedDueToInsufficientMemoryForProfile": "the card is full: delete a profile",
    "installFailedDueToPEProcessingError": _PACKAGE,
    "installFailedDueToDataMismatch": _PACKAGE,
    "testProfileInstallFailedDueToInvalidNaaKey": _PACKAGE,
    "pprNotAllowed": "the card's rules do not let this operator set these policy rules",
    "installFailedDueToUnknownError": _NOT_SAID,
}
"""The standard's name of an error -> what to do. For people: nothing is decided by it."""

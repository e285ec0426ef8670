"""Arms of EimPackageResult (SGP.32 6.3.2.7): what ProvideEimPackageResult carries, as octets.

An EuiccPackageResult (BF51…) is an arm as it is. What the card signed is put in, never encoded again.
"""

from collections.abc import Iterable

from ipad import asn1
from ipad.esipa.model import Malformed

ERROR_CODES = {"invalidPackageFormat": 1, "unknownPackage": 2, "undefinedError": 127}
"""EimPackageResultErrorCode, and eimPackageError of TransferEimPackageResponse."""


def result_and_notifications(result: bytes, notifications: Iterable[bytes]) -> bytes:
    """ePRAndNotifications: an EuiccPackageResult (BF51…) with PendingNotifications of the same switch."""
    return asn1.wrap(0x30, result, asn1.wrap(0xA0, *notifications))


def response_error(malformed: Malformed) -> bytes:
    """eimPackageResultResponseError: the answer to a package that could not be worked on."""
    error: dict[str, object] = {"eimPackageResultErrorCode": ERROR_CODES[malformed.code]}
    if malformed.transaction_id is not None:
        error["eimTransactionId"] = malformed.transaction_id
    return asn1.encode("EimPackageResult", ("eimPackageResultResponseError", error))


def data(members: Iterable[bytes]) -> bytes:
    """ipaEuiccDataResponse with members of IpaEuiccData, whole TLVs in the order of the standard."""
    return asn1.wrap(0xBF52, asn1.wrap(0xA0, *members))


def data_error(transaction_id: bytes | None, code: int) -> bytes:
    """ipaEuiccDataResponseError: incorrectTagList 1, euiccCiPKIdNotFound 5, ecallActive 104, 127."""
    error: dict[str, object] = {"ipaEuiccDataErrorCode": code}
    if transaction_id is not None:
        error["eimTransactionId"] = transaction_id
    return asn1.encode("IpaEuiccDataResponse", ("ipaEuiccDataResponseError", error))


def download_error(transaction_id: bytes | None, reason: int = 127) -> bytes:
    """profileDownloadTriggerResult with profileDownloadError: ecallActive 104, undefinedError 127."""
    error = ("profileDownloadError", {"profileDownloadErrorReason": reason})
    result: dict[str, object] = {"profileDownloadTriggerResultData": error}
    if transaction_id is not None:
        result["eimTransactionId"] = transaction_id
    return asn1.encode("ProfileDownloadTriggerResult", result)

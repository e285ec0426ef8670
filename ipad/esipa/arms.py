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


def downloaded(transaction_id: bytes | None, installation_result: bytes) -> bytes:
    """profileDownloadTriggerResult with a ProfileInstallationResult (BF37…), of a success or an error."""
    return asn1.wrap(0xBF54, _transaction(transaction_id), installation_result)


def download_error(transaction_id: bytes | None, reason: int = 127, response: bytes = b"") -> bytes:
    """profileDownloadTriggerResult with profileDownloadError: ecallActive 104, undefinedError 127.

    response: what card or server answered, where that was the error.
    """
    error = [asn1.wrap(0x80, bytes([reason])), asn1.wrap(0x04, response) if response else b""]
    return asn1.wrap(0xBF54, _transaction(transaction_id), asn1.wrap(0x30, *error))


def transaction_of(arm: bytes) -> bytes | None:
    """eimTransactionId of a profileDownloadTriggerResult; None of one without, and of any other arm."""
    found = asn1.find(arm, 0xBF54, 0x82)
    return None if found is None else asn1.value(found)


def _transaction(transaction_id: bytes | None) -> bytes:
    return b"" if transaction_id is None else asn1.wrap(0x82, transaction_id)

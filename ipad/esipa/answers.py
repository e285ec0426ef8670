"""The SM-DS's answer through the eIM, which is another one than over ES11."""

from ipad.errors import DecodeError
from ipad.esipa import package
from ipad.esipa.model import AuthenticateClientOkDs, DownloadTrigger


def authenticate_client_ok_ds(transaction_id: bytes, trigger: bytes | None) -> AuthenticateClientOkDs:
    if trigger is None:
        return AuthenticateClientOkDs(transaction_id)
    read = package.read(trigger)
    if not isinstance(read, DownloadTrigger):
        raise DecodeError("profileDownloadTrigger is none")
    return AuthenticateClientOkDs(transaction_id, read)

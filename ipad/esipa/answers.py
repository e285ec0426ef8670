"""The answers of a download's functions from their parts, which each binding finds in its own way.

The parts are whole elements as they came. Raises DecodeError for what is not of its type.
"""

from ipad import asn1
from ipad.errors import DecodeError
from ipad.esipa import package
from ipad.esipa.model import (
    AuthenticateClientOkDp,
    AuthenticateClientOkDs,
    DownloadTrigger,
    GetBoundProfilePackageOk,
    InitiateAuthenticationOk,
)

_HASH = 32


def initiate_authentication_ok(
    transaction_id: bytes | None,
    signed: bytes,
    signature: bytes,
    ci_pk_id: bytes,
    certificate: bytes,
    matching_id: str | None,
    ctx_params1: bytes | None,
) -> InitiateAuthenticationOk:
    read = asn1.decode("ServerSigned1", signed)
    if ctx_params1 is not None:
        asn1.decode("CtxParams1", ctx_params1)
    return InitiateAuthenticationOk(
        _one(transaction_id, read["transactionId"]),
        read["serverAddress"],
        signed,
        _element(signature, 0x5F37),
        _element(ci_pk_id, 0x04),
        _certificate(certificate),
        matching_id,
        ctx_params1,
    )


def authenticate_client_ok_dp(
    transaction_id: bytes | None,
    metadata: bytes | None,
    signed: bytes,
    signature: bytes,
    certificate: bytes,
    hash_cc: bytes | None,
) -> AuthenticateClientOkDp:
    read = asn1.decode("SmdpSigned2", signed)
    if metadata is not None:
        asn1.decode("StoreMetadataRequest", metadata)
    cc = None if hash_cc is None else asn1.value(_element(hash_cc, 0x04))
    if cc is not None and len(cc) != _HASH:
        raise DecodeError(f"hashCc of {len(cc)} octets")
    return AuthenticateClientOkDp(
        _one(transaction_id, read["transactionId"]),
        signed,
        _element(signature, 0x5F37),
        _certificate(certificate),
        read["ccRequiredFlag"],
        metadata,
        cc,
    )


def authenticate_client_ok_ds(transaction_id: bytes, trigger: bytes | None) -> AuthenticateClientOkDs:
    if trigger is None:
        return AuthenticateClientOkDs(transaction_id)
    read = package.read(trigger)
    if not isinstance(read, DownloadTrigger):
        raise DecodeError("profileDownloadTrigger is none")
    return AuthenticateClientOkDs(transaction_id, read)


def get_bound_profile_package_ok(
    transaction_id: bytes | None, bound_profile_package: bytes
) -> GetBoundProfilePackageOk:
    return GetBoundProfilePackageOk(_element(bound_profile_package, 0xBF36), transaction_id)


def transaction(octets: bytes) -> bytes:
    """A TransactionId's octets."""
    if not 1 <= len(octets) <= 16:
        raise DecodeError(f"transactionId of {len(octets)} octets")
    return octets


def _one(outside: bytes | None, signed: bytes) -> bytes:
    """The transactionId, which may stand a second time beside what was signed."""
    if outside not in (None, signed):
        raise DecodeError("transactionId is not the one that the server signed")
    return signed


def _element(octets: bytes, tag: int) -> bytes:
    """The octets, if they are exactly one element with this tag."""
    asn1.value(octets)
    return asn1.member(octets, tag)


def _certificate(octets: bytes) -> bytes:
    asn1.decode("Certificate", octets)
    return octets

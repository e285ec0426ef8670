"""What an SM-DP+ or SM-DS answers during a download, over ES9+, ES11 or through an eIM.

The functions make the answers from their parts, which each interface finds in its own way. The parts are
whole elements as they came. Raises DecodeError for what is not of its type.
"""

from dataclasses import dataclass

from ipad import asn1
from ipad.errors import DecodeError

_HASH = 32


@dataclass(frozen=True, slots=True)
class InitiateAuthenticationOk:
    """The answer to InitiateAuthentication (SGP.22 5.6.1, SGP.32 6.3.2.1), for AuthenticateServer.

    The signed parts are whole elements as they came.
    """

    transaction_id: bytes
    """As in serverSigned1."""
    server_address: str
    """As in serverSigned1: the caller compares it with the one that it meant."""
    server_signed1: bytes
    """30…"""
    server_signature1: bytes
    """5F37…"""
    ci_pk_id: bytes
    """euiccCiPKIdentifierToBeUsed (04…)."""
    certificate: bytes
    """serverCertificate (30…)."""
    matching_id: str | None = None
    ctx_params1: bytes | None = None
    """CtxParams1 (A0…), where the eIM makes them itself."""


@dataclass(frozen=True, slots=True)
class AuthenticateClientOkDp:
    """An SM-DP+'s answer to AuthenticateClient (SGP.22 5.6.3, SGP.32 6.3.2.2), for PrepareDownload."""

    transaction_id: bytes
    """As in smdpSigned2."""
    smdp_signed2: bytes
    """30…"""
    smdp_signature2: bytes
    """5F37…"""
    certificate: bytes
    """smdpCertificate (30…)."""
    confirmation_code_required: bool = False
    """ccRequiredFlag of smdpSigned2."""
    metadata: bytes | None = None
    """profileMetaData (BF25…); None: the eIM has looked at it."""
    hash_cc: bytes | None = None
    """The hashed confirmation code, 32 octets, where the eIM has it."""


@dataclass(frozen=True, slots=True)
class GetBoundProfilePackageOk:
    """The answer to GetBoundProfilePackage (SGP.22 5.6.2, SGP.32 6.3.2.3)."""

    bound_profile_package: bytes
    """BF36… for LoadBoundProfilePackage, as it came."""
    transaction_id: bytes | None = None


def initiate_authentication_ok(
    transaction_id: bytes | None,
    signed: bytes,
    signature: bytes,
    ci_pk_id: bytes,
    certificate: bytes,
    matching_id: str | None = None,
    ctx_params1: bytes | None = None,
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
    hash_cc: bytes | None = None,
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

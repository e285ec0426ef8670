"""What an SM-DP+ checks of a card: certificates, signatures, and what EUICCInfo2 says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509

from ipad.asn1 import DecodeError, tlvs, value
from ipad.testbed import chain, pki
from ipad.testbed.signature import verify

from .profiles import ProfileOrder

OLDEST_SVN = 2
"""The first octet of the oldest SGP.22 version whose packages are those made here."""


class Unacceptable(Exception):
    """The card cannot be trusted; the name of AuthenticateClient's error."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


@dataclass(frozen=True, slots=True)
class Euicc:
    """A card whose certificates have been checked."""

    eid: str
    certificate: bytes

    def signed(self, signature: bytes, data: bytes) -> bool:
        """Whether the card signed `data`; signature: the whole 5F37 TLV."""
        return verify(chain.public_key(chain.load(self.certificate)), value(signature), data)


def certified(ci: x509.Certificate, eum: bytes, euicc: bytes, now: datetime) -> Euicc:
    """The card, by its certificates. Unacceptable says which of them is not, and why."""
    try:
        eum_certificate = chain.load(eum)
        if authority_key_id(eum_certificate) not in (None, pki.subject_key_id(ci)):
            raise Unacceptable("ciPKUnknown")
        chain.verify_eum(ci, eum_certificate, now)
    except chain.Expired as error:
        raise Unacceptable("eumCertificateExpired") from error
    except chain.NotTrusted as error:
        raise Unacceptable("eumCertificateInvalid") from error
    try:
        return Euicc(chain.verify_euicc(eum_certificate, chain.load(euicc), now), euicc)
    except chain.Expired as error:
        raise Unacceptable("euiccCertificateExpired") from error
    except chain.NotTrusted as error:
        raise Unacceptable("euiccCertificateInvalid") from error


def authority_key_id(certificate: x509.Certificate) -> bytes | None:
    """The key that the certificate's issuer signed it with, if it says so."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return None
    return extension.value.key_identifier


def supported(svn: bytes) -> bool:
    """Whether the card's SGP.22 version is one that this SM-DP+ makes packages for."""
    return svn[0] >= OLDEST_SVN


def eligible(info2: Mapping[str, Any], order: ProfileOrder) -> bool:
    """Whether the profile is for such a card (SGP.22 5.6.3, annex F)."""
    forbidden, count = info2.get("forbiddenProfilePolicyRules", (b"", 0))
    has_forbidden = any(
        number < count and forbidden[number // 8] & (0x80 >> number % 8) for number in order.policy_rules
    )
    return supported(info2["svn"]) and info2["profileVersion"][0] >= OLDEST_SVN and not has_forbidden


def free_memory(info2: Mapping[str, Any]) -> int | None:
    """Octets of non-volatile memory left, in extCardResource (TS 102 226 8.2.1.7.2); None: not said."""
    try:
        resources = dict(tlvs(info2["extCardResource"]))
        return int.from_bytes(value(resources[0x82]))
    except (DecodeError, KeyError):
        return None

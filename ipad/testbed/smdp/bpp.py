"""A profile bound to one card: BoundProfilePackage (SGP.22 2.5.4, 2.5.5)."""

import secrets
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric import ec

from ipad.asn1 import encode, tlvs, value, wrap
from ipad.testbed import scp03t
from ipad.testbed.scp03t import SecureChannel, SessionKeys
from ipad.testbed.signature import sign

SEGMENT, LARGE_SEGMENT = 1020, 1036
"""Octets of one 86, 87 or 88 with its tag and length: the standard's limit, and what some servers send."""
LEAST_SEGMENT = 64

_OVERHEAD = 4 + scp03t.MAC_OCTETS
"""Tag, length and MAC."""


def initialise_secure_channel(
    transaction_id: bytes,
    host_id: bytes,
    one_time_key: ec.EllipticCurvePrivateKey,
    euicc_otpk: bytes,
    signer: ec.EllipticCurvePrivateKey,
) -> bytes:
    """InitialiseSecureChannelRequest (BF23), signed with the key of CERT.DPpb (SGP.22 5.5.1)."""
    template = {
        "keyType": bytes([scp03t.KEY_TYPE_AES]),
        "keyLen": bytes([scp03t.KEY_OCTETS]),
        "hostId": host_id,
    }
    unsigned = encode(
        "InitialiseSecureChannelRequest",
        {
            "remoteOpId": 1,
            "transactionId": transaction_id,
            "controlRefTemplate": template,
            "smdpOtpk": scp03t.public_point(one_time_key),
            "smdpSign": b"",
        },
    )
    members = b"".join(tlv for tag, tlv in tlvs(value(unsigned)) if tag != 0x5F37)
    signature = sign(signer, members + wrap(0x5F49, euicc_otpk))
    return wrap(0xBF23, members, wrap(0x5F37, signature))


def protected(
    keys: SessionKeys,
    metadata: bytes,
    upp: bytes,
    smdp_oid: str,
    *,
    segment: int = SEGMENT,
    replace_keys: bool = False,
) -> bytes:
    """What follows BF23: A0, A1, A2 if the profile is under keys of its own, A3."""
    channel = SecureChannel(keys)
    configure = encode("ConfigureISDPRequest", {"dpProprietaryData": {"dpOid": smdp_oid}})
    sequences = [wrap(0xA0, *_segments(channel, scp03t.COMMAND, configure, segment))]
    sequences.append(wrap(0xA1, *_segments(channel, scp03t.METADATA, metadata, segment)))
    if replace_keys:
        own = SessionKeys(*(secrets.token_bytes(scp03t.KEY_OCTETS) for _ in range(3)))
        sequences.append(wrap(0xA2, *_segments(channel, scp03t.COMMAND, _replace(own), segment)))
        channel = SecureChannel(own)
    sequences.append(wrap(0xA3, *_segments(channel, scp03t.PROFILE_ELEMENTS, upp, segment)))
    return b"".join(sequences)


def _replace(keys: SessionKeys) -> bytes:
    return encode(
        "ReplaceSessionKeysRequest",
        {"initialMacChainingValue": keys.initial_mcv, "ppkEnc": keys.enc, "ppkCmac": keys.mac},
    )


def _segments(channel: SecureChannel, tag: int, data: bytes, limit: int) -> Iterator[bytes]:
    room = limit - _OVERHEAD
    if tag != scp03t.METADATA:  # whole blocks, of which the padding takes one octet at least
        room = room // scp03t.BLOCK * scp03t.BLOCK - 1
    for start in range(0, len(data), room):
        yield channel.protect(tag, data[start : start + room])

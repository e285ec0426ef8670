"""Session keys of a download and the protection of its segments, SCP03t (SGP.22 2.6.4, annex G).

Both ends are here: the SM-DP+ protects, the eUICC unprotects. Each end has a SecureChannel, whose block
counter and MAC chaining value go on from segment to segment: one that is lost, changed or out of order is
found by its MAC.
"""

import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

from ipad.asn1 import DecodeError, tlvs, value, wrap

KEY_TYPE_AES, KEY_OCTETS = 0x88, 16
"""keyType and keyLen of the ControlRefTemplate: the only values that SGP.22 2.5.3 has."""

PROFILE_ELEMENTS, COMMAND, METADATA = 0x86, 0x87, 0x88
"""Tags of segments: encrypted with MAC, encrypted with MAC, MAC only."""

BLOCK, MAC_OCTETS = 16, 8


class StructureError(Exception):
    """A segment that is not built as SCP03t's are; ErrorReason scp03tStructureError."""


class SecurityError(Exception):
    """A segment that the other end did not make, or not as the next one; scp03tSecurityError."""


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """16 octets each: the initial MAC chaining value, S-ENC and S-MAC; or a PPK in their place."""

    initial_mcv: bytes
    enc: bytes
    mac: bytes


def generate(curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    """A one-time key pair on the curve of the SM-DP+'s CERT.DPpb (SGP.22 2.6.6)."""
    return ec.generate_private_key(curve)


def public_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The one-time public key as 5F49 carries it: an uncompressed point, 04 X Y."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def agree(key: ec.EllipticCurvePrivateKey, peer_point: bytes) -> bytes:
    """The shared secret ShS with the peer's one-time public key; ValueError if that is no point."""
    peer = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, peer_point)
    return key.exchange(ec.ECDH(), peer)


def derive(secret: bytes, host_id: bytes, eid: bytes) -> SessionKeys:
    """Keys of the shared secret; host_id as in the ControlRefTemplate, eid 16 octets (annex G)."""
    shared_info = bytes((KEY_TYPE_AES, KEY_OCTETS)) + _lv(host_id) + _lv(eid)
    derived = X963KDF(hashes.SHA256(), 3 * KEY_OCTETS, shared_info).derive(secret)
    return SessionKeys(derived[:16], derived[16:32], derived[32:])


class SecureChannel:
    """One end of the channel: what the next segment's counter and MAC have to be."""

    def __init__(self, keys: SessionKeys) -> None:
        self._keys = keys
        self._mcv = keys.initial_mcv
        self._counter = 1

    def protect(self, tag: int, data: bytes) -> bytes:
        """The segment (86, 87 or 88) with `data` in it, a whole TLV."""
        body = data if tag == METADATA else _crypt(self._keys.enc, self._counter, _padded(data), True)
        unsigned = wrap(tag, body, bytes(MAC_OCTETS))[:-MAC_OCTETS]  # its length counts the MAC already
        return unsigned + self._next_mac(unsigned)

    def unprotect(self, tag: int, segment: bytes) -> bytes:
        """What is in the segment, a whole TLV that must have this tag. StructureError, SecurityError."""
        try:
            [(found, _)] = tlvs(segment)
            content = value(segment)
        except (DecodeError, ValueError) as error:
            raise StructureError("not one element") from error
        if found != tag or len(content) < MAC_OCTETS:
            raise StructureError(f"{found:X} with {len(content)} octets instead of {tag:X}")
        body, mac = content[:-MAC_OCTETS], content[-MAC_OCTETS:]
        if tag != METADATA and (not body or len(body) % BLOCK):
            raise StructureError(f"{len(body)} octets are not whole blocks")
        counter = self._counter
        if not hmac.compare_digest(self._next_mac(segment[:-MAC_OCTETS]), mac):
            raise SecurityError("the MAC is wrong")
        return body if tag == METADATA else _unpadded(_crypt(self._keys.enc, counter, body, False))

    def _next_mac(self, octets: bytes) -> bytes:
        """The MAC over header and body; the block counter counts segments with a MAC only, too."""
        cmac = CMAC(algorithms.AES(self._keys.mac))
        cmac.update(self._mcv + octets)
        self._mcv = cmac.finalize()
        self._counter += 1
        return self._mcv[:MAC_OCTETS]


def _crypt(key: bytes, counter: int, blocks: bytes, encrypt: bool) -> bytes:
    # ECB of one block: the ICV is the encrypted counter (GlobalPlatform amendment D 6.2.6).
    ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    cbc = Cipher(algorithms.AES(key), modes.CBC(ecb.update(counter.to_bytes(BLOCK))))
    transform = cbc.encryptor() if encrypt else cbc.decryptor()
    return transform.update(blocks) + transform.finalize()


def _padded(data: bytes) -> bytes:
    return data + b"\x80" + bytes(-(len(data) + 1) % BLOCK)


def _unpadded(blocks: bytes) -> bytes:
    data = blocks.rstrip(b"\x00")
    if not data.endswith(b"\x80") or len(blocks) - len(data) >= BLOCK:
        raise StructureError("no padding 80 00...")
    return data[:-1]


def _lv(octets: bytes) -> bytes:
    return bytes((len(octets),)) + octets

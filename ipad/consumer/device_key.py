"""The key that signs results in the place of a consumer card's: this gateway's own (P-256, ECDSA, SHA-256).

Only an eIM that was given its public part accepts what it signs. So it is made once, when it is first
needed, and never replaced: not if it is unreadable, not if it is damaged, not if others could read it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from ipad.asn1 import wrap
from ipad.errors import IpadError

_LIMIT = 4096
"""Octets of the file."""
_NEXT_STEPS = (
    "put back the key from a backup; if there is none, move the file away: a new key is made, and the eIM "
    "has to be given that one (ipad info --device-key)"
)


class DeviceKeyUnusable(IpadError):
    """The file is there, and cannot be used as it is."""


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """The key, read."""

    private: ec.EllipticCurvePrivateKey

    def sign(self, data: bytes) -> bytes:
        """A 5F37 TLV with the signature over `data`, raw r||s (SGP.32 2.7)."""
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return wrap(0x5F37, r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def public_der(self) -> bytes:
        """SubjectPublicKeyInfo."""
        return self._public(serialization.Encoding.DER)

    def public_pem(self) -> str:
        """SubjectPublicKeyInfo, as an eIM's operator is given it."""
        return self._public(serialization.Encoding.PEM).decode("ascii")

    def _public(self, encoding: serialization.Encoding) -> bytes:
        octets: bytes = self.private.public_key().public_bytes(
            encoding, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return octets


def load(path: Path) -> DeviceKey:
    """The key in `path`; a new one if there is no such file. DeviceKeyUnusable if it cannot be used."""
    if not os.path.lexists(path):
        try:
            _make(path)
        except OSError as error:
            raise DeviceKeyUnusable(f"making the device key {path}: {error.strerror}") from error
    try:
        return DeviceKey(_read(path))
    except PermissionError as error:
        raise DeviceKeyUnusable(
            f"the device key {path}: {error.strerror}; it is the daemon's user's and root's alone: try sudo"
        ) from error
    except OSError as error:
        raise DeviceKeyUnusable(f"the device key {path}: {error.strerror}; {_NEXT_STEPS}") from error


def _read(path: Path) -> ec.EllipticCurvePrivateKey:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode & 0o777
        pem = file.read(_LIMIT)
    if mode & 0o077:
        raise DeviceKeyUnusable(
            f"the device key {path} has mode {mode:04o}: others may have read it. If surely nobody has, "
            f"chmod 600 it; else move it away: a new one is made, and the eIM has to be given that one"
        )
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DeviceKeyUnusable(f"the device key {path} is damaged: {error}; {_NEXT_STEPS}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise DeviceKeyUnusable(f"the device key {path} is not a P-256 key; {_NEXT_STEPS}")
    return key


def _make(path: Path) -> None:
    """A new key: complete under another name first, so that a power cut leaves a whole one or none."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)  # of a power cut: nobody has ever used it
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if os.geteuid() == 0:
            # Whoever asks for the key as root makes it for the daemon, which is not.
            owner = path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        file.write(pem)
        file.flush()
        os.fsync(descriptor)
    try:
        os.link(new, path)  # unlike a rename it never replaces one
    except FileExistsError:
        pass
    finally:
        new.unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

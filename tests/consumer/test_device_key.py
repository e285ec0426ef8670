"""The device key: made once, never replaced."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ipad.asn1 import member, value
from ipad.consumer.device_key import DeviceKeyUnusable, load
from tests.needs_root import needs_root

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "device.key"


def test_it_is_made_when_first_needed_for_the_owner_alone(path: Path) -> None:
    previous = os.umask(0)
    try:
        made = load(path)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert load(path).public_der() == made.public_der()


def test_its_public_part_is_what_an_eim_takes(path: Path) -> None:
    key = load(path)
    public = serialization.load_pem_public_key(key.public_pem().encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert public.curve.name == "secp256r1"
    same = serialization.load_der_public_key(key.public_der())
    assert isinstance(same, ec.EllipticCurvePublicKey)
    assert same.public_numbers() == public.public_numbers()


def test_it_signs_raw(path: Path) -> None:
    key = load(path)
    raw = value(member(key.sign(b"data"), 0x5F37))
    assert len(raw) == 64
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = key.private.public_key()
    public.verify(der, b"data", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(der, b"Data", ec.ECDSA(hashes.SHA256()))


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(PEM, PKCS8, serialization.NoEncryption())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "damaged"),
        (b"-----BEGIN PRIVATE KEY-----\n", "damaged"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "not a P-256 key"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "not a P-256 key"),
        (
            ec.generate_private_key(ec.SECP256R1()).private_bytes(
                PEM, PKCS8, serialization.BestAvailableEncryption(b"secret")
            ),
            "damaged",
        ),
        (pem(ec.generate_private_key(ec.SECP256R1())) + b"\n" * 5000, ""),
    ],
    ids=["empty", "cut off", "P-384", "Ed25519", "encrypted", "long"],
)
def test_a_damaged_one_stays_as_it_is(path: Path, content: bytes, problem: str) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    if problem:
        with pytest.raises(DeviceKeyUnusable, match=problem) as error:
            load(path)
        assert str(path) in str(error.value)
    else:
        load(path)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_one_that_others_may_read_is_not_used(path: Path, mode: int) -> None:
    load(path)
    content = path.read_bytes()
    path.chmod(mode)
    with pytest.raises(DeviceKeyUnusable, match=f"mode {mode:04o}.*chmod 600"):
        load(path)
    assert path.read_bytes() == content


def test_what_is_no_file_is_not_replaced(path: Path) -> None:
    path.mkdir()
    with pytest.raises(DeviceKeyUnusable, match="directory"):
        load(path)
    assert path.is_dir()


def test_a_link_into_nowhere_is_not_replaced(path: Path) -> None:
    path.symlink_to(path.parent / "gone")
    with pytest.raises(DeviceKeyUnusable, match="No such file"):
        load(path)
    assert path.is_symlink()


def test_without_a_place_to_keep_it_there_is_none(path: Path) -> None:
    with pytest.raises(DeviceKeyUnusable, match="No such file"):
        load(path / "nowhere")


def test_that_none_can_be_made_is_no_reason_to_look_for_a_backup(path: Path) -> None:
    path.with_name("device.key.new").mkdir()
    with pytest.raises(DeviceKeyUnusable, match="making the device key") as error:
        load(path)
    assert "backup" not in str(error.value)


def test_what_a_power_cut_left_of_the_making_does_not_matter(path: Path) -> None:
    left = path.with_name("device.key.new")
    left.write_bytes(b"half a k")
    key = load(path)
    assert load(path).public_der() == key.public_der()
    assert not left.exists()


@needs_root
def test_root_makes_it_for_the_daemon(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1235)
    load(tmp_path / "device.key")
    made = (tmp_path / "device.key").stat()
    assert (made.st_uid, made.st_gid) == (1234, 1235)

"""Session keys and segments, against computations of their own and NIST's vectors."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from ipad.testbed import scp03t
from ipad.testbed.scp03t import SecureChannel, SecurityError, SessionKeys, StructureError

EID = bytes.fromhex("89049044900000000000000000000123")
HOST_ID = b"2.999.10"
KEYS = SessionKeys(bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48)))


def by_hand(secret: bytes, shared_info: bytes) -> bytes:
    """X9.63 (SEC 1 3.6.1): hashes of the secret, a counter from 1, and the shared information."""
    return b"".join(
        hashlib.sha256(secret + number.to_bytes(4, "big") + shared_info).digest() for number in (1, 2)
    )[:48]


def aes_block(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def cmac_by_hand(key: bytes, message: bytes) -> bytes:
    """NIST SP 800-38B 6.1 and 6.2, out of single AES blocks."""

    def doubled(block: bytes) -> bytes:
        shifted = int.from_bytes(block, "big") << 1
        return (shifted ^ 0x87 if shifted >> 128 else shifted).to_bytes(17, "big")[1:]

    one = doubled(aes_block(key, bytes(16)))
    blocks = [message[i : i + 16] for i in range(0, len(message), 16)] or [b""]
    last = blocks.pop()
    last = xor(last, one) if len(last) == 16 else xor((last + b"\x80").ljust(16, b"\0"), doubled(one))
    state = bytes(16)
    for block in [*blocks, last]:
        state = aes_block(key, xor(state, block))
    return state


@pytest.mark.parametrize(
    ("message", "mac"),
    [
        ("", "bb1d6929e95937287fa37d129b756746"),
        ("6bc1bee22e409f96e93d7e117393172a", "070a16b46b4d4144f79bdd9dd04a287c"),
        (
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
            "dfa66747de9ae63030ca32611497c827",
        ),
    ],
)
def test_the_cmac_is_nists(message: str, mac: str) -> None:
    """SP 800-38B, examples 1 to 3 for AES-128; the computation by hand below rests on it as well."""
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    cmac = CMAC(algorithms.AES(key))
    cmac.update(bytes.fromhex(message))
    assert cmac.finalize().hex() == mac
    assert cmac_by_hand(key, bytes.fromhex(message)).hex() == mac


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.BrainpoolP256R1()])
def test_both_ends_derive_the_same_keys_and_they_are_x963s(curve: ec.EllipticCurve) -> None:
    server, card = scp03t.generate(curve), scp03t.generate(curve)
    secret = scp03t.agree(server, scp03t.public_point(card))
    assert secret == scp03t.agree(card, scp03t.public_point(server))
    keys = scp03t.derive(secret, HOST_ID, EID)
    info = b"\x88\x10" + b"\x08" + HOST_ID + b"\x10" + EID
    assert keys.initial_mcv + keys.enc + keys.mac == by_hand(secret, info)


def test_no_point_is_no_one_time_key() -> None:
    key = scp03t.generate(ec.SECP256R1())
    for point in b"", bytes(65), b"\x04" + bytes(64), scp03t.public_point(key)[:-1]:
        with pytest.raises(ValueError):  # noqa: PT011 - cryptography's words differ by version
            scp03t.agree(key, point)


def test_an_encrypted_segment_is_made_as_the_standard_says() -> None:
    data = b"BF24 as it may be, of more than one block"
    segment = SecureChannel(KEYS).protect(0x87, data)
    padded = (data + b"\x80").ljust(48, b"\0")
    chained, body = aes_block(KEYS.enc, (1).to_bytes(16, "big")), b""
    for start in range(0, 48, 16):
        chained = aes_block(KEYS.enc, xor(chained, padded[start : start + 16]))
        body += chained
    head = b"\x87\x38"  # 48 octets and the MAC's 8
    assert segment == head + body + cmac_by_hand(KEYS.mac, KEYS.initial_mcv + head + body)[:8]


def test_a_segment_with_a_mac_only_is_counted_and_chained_too() -> None:
    server = SecureChannel(KEYS)
    plain = server.protect(0x88, b"metadata")
    mcv = cmac_by_hand(KEYS.mac, KEYS.initial_mcv + b"\x88\x10metadata")
    assert plain == b"\x88\x10metadata" + mcv[:8]
    second = server.protect(0x86, b"")
    body = aes_block(KEYS.enc, xor(aes_block(KEYS.enc, (2).to_bytes(16, "big")), b"\x80" + bytes(15)))
    assert second == b"\x86\x18" + body + cmac_by_hand(KEYS.mac, mcv + b"\x86\x18" + body)[:8]


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 119, 120, 127, 128, 255, 1007, 1023])
@pytest.mark.parametrize("tag", [0x86, 0x87, 0x88])
def test_what_is_protected_comes_out_again(tag: int, size: int) -> None:
    server, card = SecureChannel(KEYS), SecureChannel(KEYS)
    for _ in range(3):
        assert card.unprotect(tag, server.protect(tag, bytes(size))) == bytes(size)


def test_every_changed_bit_is_found() -> None:
    segment = SecureChannel(KEYS).protect(0x87, b"command")
    for position in range(8 * len(segment)):
        changed = bytearray(segment)
        changed[position // 8] ^= 0x80 >> position % 8
        with pytest.raises((SecurityError, StructureError)):
            SecureChannel(KEYS).unprotect(0x87, bytes(changed))


def test_a_segment_lost_twice_or_out_of_order_is_found() -> None:
    server = SecureChannel(KEYS)
    one, two = server.protect(0x86, b"one"), server.protect(0x86, b"two")
    with pytest.raises(SecurityError):
        SecureChannel(KEYS).unprotect(0x86, two)
    card = SecureChannel(KEYS)
    card.unprotect(0x86, one)
    with pytest.raises(SecurityError):
        card.unprotect(0x86, one)


def test_a_segment_of_another_kind_or_shape_is_a_structure_error() -> None:
    segment = SecureChannel(KEYS).protect(0x88, b"metadata")
    for tag, octets in (
        (0x86, segment),
        (0x88, segment[:-1]),
        (0x88, segment * 2),
        (0x88, b""),
        (0x88, b"\x88\x07" + bytes(7)),
        (0x86, b"\x86\x08" + bytes(8)),
        (0x86, b"\x86\x19" + bytes(25)),
    ):
        with pytest.raises(StructureError):
            SecureChannel(KEYS).unprotect(tag, octets)


def test_padding_that_is_none_is_a_structure_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for blocks in bytes(16), b"\x80" + bytes(16) + bytes(15), b"\x01" * 16:
        with monkeypatch.context() as patch:
            patch.setattr(scp03t, "_padded", lambda _, blocks=blocks: blocks)
            segment = SecureChannel(KEYS).protect(0x86, b"")
        with pytest.raises(StructureError):
            SecureChannel(KEYS).unprotect(0x86, segment)

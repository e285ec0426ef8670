"""A terminal and an eIM for the card's tests: APDUs and signatures made by hand, not by the agent's code."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from ipad.asn1 import decode, encode, member, value, wrap
from ipad.testbed import pki
from ipad.testbed.euicc import ISDR_AID, VirtualEuicc, default_profiles
from modem.uicc import Reply

BOOTSTRAP, NORD, SUED = (profile.iccid for profile in default_profiles())


def swapped(digits: str) -> bytes:
    padded = digits.ljust(20, "F")
    return bytes(int(padded[i + 1] + padded[i], 16) for i in range(0, 20, 2))


class Terminal:
    """Sends what a modem and an IPA send, and follows the status words."""

    def __init__(self, card: VirtualEuicc) -> None:
        self.card = card
        self.sw = 0
        self.start()

    def start(self) -> None:
        """Reset, TERMINAL PROFILE, and the ISD-R on channel 1."""
        self.card.reset()
        assert self.send("80100000 02 FFFF").sw == 0x9000
        self.open_isdr()

    def open_isdr(self) -> None:
        assert self.send("00700000 01") == Reply(b"\x01", 0x9000)
        self.send("01A40400", ISDR_AID)

    def send(self, head: str, data: bytes | None = None) -> Reply:
        """An APDU in hexadecimal, with Lc and data if given; 61xx is followed."""
        apdu = bytes.fromhex(head)
        if data is not None:
            apdu += bytes([len(data)]) + data
        reply = self.card.transmit(apdu)
        answer = reply.data
        while reply.sw >> 8 == 0x61:
            reply = self.card.transmit(bytes([apdu[0] & 0x7F, 0xC0, 0, 0, reply.sw & 0xFF]))
            answer += reply.data
        self.sw = reply.sw
        return Reply(answer, reply.sw)

    def run(self, command: bytes, block: int = 255) -> bytes:
        """An ES10 command in STORE DATA on channel 1; its answer."""
        blocks = [command[i : i + block] for i in range(0, len(command), block)]
        reply = Reply(b"", 0)
        for number, part in enumerate(blocks):
            last = number == len(blocks) - 1
            reply = self.send(f"81E2{'91' if last else '11'}{number:02X}", part)
        return reply.data

    def refresh(self) -> None:
        """What a modem does with 91xx: FETCH, TERMINAL RESPONSE, reset."""
        assert self.sw >> 8 == 0x91
        command = self.send(f"80120000{self.sw & 0xFF:02X}").data
        assert command == bytes.fromhex("D009 8103010104 82028182")
        assert self.send("80140000", bytes.fromhex("8103010104 82028281 830100")).sw == 0x9000
        self.start()

    def iccid(self) -> str | None:
        """What EF_ICCID says; None if there is none."""
        if self.send("00A4000C 02 2FE2").sw != 0x9000:
            return None
        octets = self.send("00B00000 0A").data
        return "".join(f"{octet & 0xF:X}{octet >> 4:X}" for octet in octets).rstrip("F")

    def profiles(self) -> dict[str, dict[str, Any]]:
        """ProfileInfoList with all of a profile's states, by ICCID."""
        answer = self.run(encode("ProfileInfoListRequest", {"tagList": bytes.fromhex("5A9F709F269F67")}))
        _, infos = decode("ProfileInfoListResponse", answer)
        return {by_iccid(info["iccid"]): info for info in infos}

    def results(self) -> list[bytes]:
        """The package results that the card keeps."""
        answer = self.run(bytes.fromhex("BF2B04A0028200"))
        return [
            encode("EuiccPackageResult", r) for r in decode("RetrieveNotificationsListResponse", answer)[1]
        ]

    def notifications(self) -> list[dict[str, Any]]:
        """The metadata of the notifications that the card keeps."""
        found: list[dict[str, Any]] = decode("ListNotificationResponse", self.run(bytes.fromhex("BF2800")))[1]
        return found

    def functions(self, type_name: str, refresh: bool = True) -> Any:
        """Runs a function whose request is a refreshFlag; its response."""
        answer = self.run(encode(f"{type_name}Request", {"refreshFlag": refresh}))
        return decode(f"{type_name}Response", answer)


def by_iccid(octets: bytes) -> str:
    return "".join(f"{octet & 0xF:X}{octet >> 4:X}" for octet in octets).rstrip("F")


def enable(iccid: str, rollback: bool = False) -> bytes:
    return wrap(0xA3, wrap(0x5A, swapped(iccid)), *([b"\x05\x00"] if rollback else []))


def disable(iccid: str) -> bytes:
    return wrap(0xA4, wrap(0x5A, swapped(iccid)))


def delete(iccid: str) -> bytes:
    return wrap(0xA5, wrap(0x5A, swapped(iccid)))


def set_fallback(iccid: str) -> bytes:
    return wrap(0xA8, wrap(0x5A, swapped(iccid)))


LIST_PROFILES = bytes.fromhex("BF2D00")
UNSET_FALLBACK = bytes.fromhex("A900")
GET_RAT = bytes.fromhex("A600")


@dataclass
class Eim:
    """An eIM with its key: makes configuration data and signed packages."""

    eim_id: str = "eim.one"
    token: int | None = None
    counter: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def public_key_data(self) -> bytes:
        spki = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return wrap(0xA5, wrap(0xA0, value(spki)))

    def configuration(self, *more: bytes, tag: int = 0x30, with_key: bool = True) -> bytes:
        """EimConfigurationData with the key, and whatever members else."""
        key = [self.public_key_data()] if with_key else []
        members = sorted([*more, *key], key=lambda tlv: tlv[0] & 0x1F)
        return wrap(tag, wrap(0x80, self.eim_id.encode()), *members)

    def package(
        self,
        card: VirtualEuicc,
        *operations: bytes,
        tag: int = 0xA0,
        counter: int | None = None,
        eid: str | None = None,
        transaction: bytes | None = None,
        der: bool = False,
    ) -> bytes:
        """A signed EuiccPackageRequest with the next counter, or the given one."""
        if counter is None:
            counter = self.counter = self.counter + 1
        signed = wrap(
            0x30,
            wrap(0x80, self.eim_id.encode()),
            wrap(0x5A, bytes.fromhex(eid or card.eid)),
            wrap(0x81, counter.to_bytes(counter.bit_length() // 8 + 1, "big")),
            *([wrap(0x82, transaction)] if transaction else []),
            wrap(tag, *operations),
        )
        return wrap(0xBF51, signed, wrap(0x5F37, self.sign(signed + self.token_tlv(), der)))

    def token_tlv(self) -> bytes:
        return encode("AddEimResult", ("associationToken", self.token or 0))

    def sign(self, data: bytes, der: bool = False) -> bytes:
        signature = self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        if der:
            return signature
        r, s = decode_dss_signature(signature)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def associate(self, terminal: Terminal, *more: bytes) -> None:
        """AddInitialEim with this eIM alone; takes the token that the card made."""
        request = wrap(0xBF57, wrap(0xA0, self.configuration(*more)))
        arm, [(kind, token)] = decode("AddInitialEimResponse", terminal.run(request))
        assert arm == "addInitialEimOk"
        self.token = token if kind == "associationToken" else None


@dataclass
class Verifier:
    """Checks what the card signs, with the certificates on disk."""

    directory: Path

    def key(self) -> ec.EllipticCurvePublicKey:
        key = pki.read_certificate(pki.paths(self.directory).euicc).public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return key

    def check(self, data: bytes, signature: bytes) -> None:
        """Raises InvalidSignature unless the card signed `data`; raw r||s only."""
        assert len(signature) == 64
        der = encode_dss_signature(
            int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        )
        self.key().verify(der, data, ec.ECDSA(hashes.SHA256()))

    def result(self, octets: bytes, eim: Eim) -> dict[str, Any]:
        """The signed data of a EuiccPackageResult or its error, once its signature is verified."""
        name, signed = decode("EuiccPackageResult", octets)
        arm = {"euiccPackageResultSigned": 0xA0, "euiccPackageErrorSigned": 0xA1}[name]
        data = member(octets, 0xBF51, arm, 0x30)
        self.check(data + eim.token_tlv(), value(member(octets, 0xBF51, arm, 0x5F37)))
        found: dict[str, Any] = signed[
            "euiccPackageResultDataSigned" if arm == 0xA0 else "euiccPackageErrorDataSigned"
        ]
        return found


def certificate(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)

"""An SM-DP+ for the card's tests, made by hand: every octet of it can be made wrong."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ipad.asn1 import decode, encode, member, value, wrap
from ipad.testbed import pki, scp03t
from ipad.testbed.pki import Identity
from ipad.testbed.scp03t import SecureChannel, SessionKeys
from ipad.testbed.signature import sign

from .world import Terminal, Verifier, swapped

ADDRESS = "smdp.testbed.example"
ICCID = "8900101000000000993"
IMSI = "001010000000993"
HOST_ID = b"SMDP"
CC_HASH = bytes(range(32))

CTX_PARAMS1 = wrap(0xA0, wrap(0xA1, wrap(0x80, b"\x35\x29\x00\x11"), wrap(0xA1)))
"""No matching id; a TAC, no capabilities."""


def header(iccid: str = ICCID, version: int = 2, *more: bytes) -> bytes:
    digits = bytes.fromhex(iccid.ljust(20, "F"))
    return wrap(0xA0, wrap(0x80, bytes([version])), wrap(0x81, b"\x03"), wrap(0x83, digits), *more)


def usim(imsi: str = IMSI, *more: bytes) -> bytes:
    """EF_IMSI by hand: length, then 9 and the digits with their nibbles swapped."""
    digits = "9" + imsi
    octets = bytes(int(digits[i + 1] + digits[i], 16) for i in range(0, 16, 2))
    return wrap(0xB3, number(2), wrap(0xA2), wrap(0xA3, wrap(0x83, b"\x08" + octets)), *more)


def filler(size: int) -> bytes:
    return wrap(0xA9, number(3), wrap(0x82, bytes(size)))


def number(identification: int) -> bytes:
    return wrap(0xA0, wrap(0x81, bytes([identification])))


END = wrap(0xAA, number(9))


def upp(*elements: bytes) -> bytes:
    return b"".join(elements) if elements else header() + usim() + END


def metadata(iccid: str = ICCID, *more: bytes) -> bytes:
    """StoreMetadataRequest; `more`: further members, whose tags follow 92."""
    return wrap(0xBF25, wrap(0x5A, swapped(iccid)), wrap(0x91, b"Provider"), wrap(0x92, b"Name"), *more)


@dataclass
class Package:
    """A BoundProfilePackage before it is put together: replace what is to be wrong."""

    transaction_id: bytes
    signer: Identity
    euicc_otpk: bytes
    eid: bytes
    curve: ec.EllipticCurve
    remote_op: int = 1
    key_type: bytes = b"\x88"
    key_length: bytes = b"\x10"
    otpk: bytes | None = None
    """Another one than that of the key that is used."""
    signed_otpk: bytes | None = None
    configure: bytes = wrap(0xBF24)
    metadata: bytes = field(default_factory=metadata)
    upp: bytes = field(default_factory=upp)
    replaced: SessionKeys | None = None
    replace_request: bytes | None = None
    segment: int = 300

    def keys(self, key: ec.EllipticCurvePrivateKey) -> SessionKeys:
        return scp03t.derive(scp03t.agree(key, self.euicc_otpk), HOST_ID, self.eid)

    def cuts(self) -> list[bytes]:
        """Each a STORE DATA chain of its own (SGP.22 2.5.5)."""
        key = scp03t.generate(self.curve)
        point = scp03t.public_point(key)
        template = wrap(0xA6, wrap(0x80, self.key_type), wrap(0x81, self.key_length), wrap(0x84, HOST_ID))
        unsigned = (
            wrap(0x82, bytes([self.remote_op]))
            + wrap(0x80, self.transaction_id)
            + template
            + wrap(0x5F49, self.otpk or point)
        )
        signed = unsigned + wrap(0x5F49, self.signed_otpk or self.euicc_otpk)
        initialise = wrap(0xBF23, unsigned, wrap(0x5F37, sign(self.signer.key, signed)))
        return self.assembled(initialise, SecureChannel(self.keys(key)))

    def assembled(self, initialise: bytes, channel: SecureChannel) -> list[bytes]:
        first = wrap(0xA0, channel.protect(0x87, self.configure))
        described = [channel.protect(0x88, part) for part in self.parts(self.metadata)]
        second = []
        if self.replaced is not None:
            request = self.replace_request or wrap(
                0xBF26,
                wrap(0x80, self.replaced.initial_mcv),
                wrap(0x81, self.replaced.enc),
                wrap(0x82, self.replaced.mac),
            )
            second = [wrap(0xA2, channel.protect(0x87, request))]
            channel = SecureChannel(self.replaced)
        elements = [channel.protect(0x86, part) for part in self.parts(self.upp)]
        a1, a3 = head(0xA1, described), head(0xA3, elements)
        rest = [first, a1, *described, *second, a3, *elements]
        whole = wrap(0xBF36, initialise, *rest)
        start = len(whole) - sum(map(len, rest))
        return [whole[:start], *rest]

    def parts(self, data: bytes) -> list[bytes]:
        return [data[i : i + self.segment] for i in range(0, len(data), self.segment)]


def head(tag: int, contents: Sequence[bytes]) -> bytes:
    """Tag and length alone."""
    whole = wrap(tag, *contents)
    return whole[: len(whole) - sum(map(len, contents))]


@dataclass
class Server:
    """Talks to one card, as SM-DP+ and LPA in one."""

    terminal: Terminal
    directory: Path
    transaction_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    address: str = ADDRESS
    signature1: bytes = b""
    """euiccSignature1, the TLV."""

    def __post_init__(self) -> None:
        where = pki.make_smdp_pki(self.directory)
        self.ci = pki.read_identity(where.ci, where.ci_key)
        self.auth = pki.read_identity(where.dpauth, where.dpauth_key)
        self.pb = pki.read_identity(where.dppb, where.dppb_key)

    @property
    def eid(self) -> bytes:
        return bytes.fromhex(self.terminal.card.eid)

    def challenge(self) -> bytes:
        answer: bytes = decode("GetEuiccChallengeResponse", self.terminal.run(b"\xbf\x2e\x00"))[
            "euiccChallenge"
        ]
        return answer

    def authenticate(
        self,
        challenge: bytes | None = None,
        signer: Identity | None = None,
        certificate: Identity | None = None,
        ci: bytes | None = None,
        forged: bool = False,
    ) -> tuple[str, Any]:
        """AuthenticateServer; by default of the right kind. The decoded answer."""
        signed1 = wrap(
            0x30,
            wrap(0x80, self.transaction_id),
            wrap(0x81, challenge or self.challenge()),
            wrap(0x83, self.address.encode()),
            wrap(0x84, bytes(16)),
        )
        signature = sign((signer or self.auth).key, signed1)
        if forged:
            signature = bytes([*signature[:-1], signature[-1] ^ 1])
        answer = self.terminal.run(
            wrap(
                0xBF38,
                signed1,
                wrap(0x5F37, signature),
                wrap(0x04, ci or pki.subject_key_id(self.ci.certificate)),
                der(certificate or signer or self.auth),
                CTX_PARAMS1,
            )
        )
        decoded: tuple[str, Any] = decode("AuthenticateServerResponse", answer)
        if decoded[0] == "authenticateResponseOk":
            self.signature1 = member(answer, 0xBF38, 0xA0, 0x5F37)
            verifier = Verifier(self.directory)
            verifier.check(member(answer, 0xBF38, 0xA0, 0x30), value(self.signature1))
        return decoded

    def prepare(
        self,
        signer: Identity | None = None,
        certificate: Identity | None = None,
        transaction_id: bytes | None = None,
        cc: bool = False,
        hash_cc: bytes | None = None,
        otpk: bytes | None = None,
        over: bytes | None = None,
    ) -> tuple[str, Any]:
        """PrepareDownload; by default of the right kind. The decoded answer."""
        signed2 = wrap(
            0x30,
            wrap(0x80, transaction_id or self.transaction_id),
            wrap(0x01, b"\xff" if cc else b"\x00"),
            *([wrap(0x5F49, otpk)] if otpk else []),
        )
        signature2 = wrap(0x5F37, sign((signer or self.pb).key, signed2 + (over or self.signature1)))
        answer = self.terminal.run(
            wrap(
                0xBF21,
                signed2,
                signature2,
                *([wrap(0x04, hash_cc)] if hash_cc else []),
                der(certificate or signer or self.pb),
            )
        )
        decoded: tuple[str, Any] = decode("PrepareDownloadResponse", answer)
        if decoded[0] == "downloadResponseOk":
            signed = member(answer, 0xBF21, 0xA0, 0x30) + signature2
            Verifier(self.directory).check(signed, value(member(answer, 0xBF21, 0xA0, 0x5F37)))
        return decoded

    def ready(self, **changes: Any) -> Package:
        """A session up to the package, with what is to be wrong in it."""
        assert self.authenticate()[0] == "authenticateResponseOk"
        name, answer = self.prepare()
        assert name == "downloadResponseOk"
        otpk = answer["euiccSigned2"]["euiccOtpk"]
        package = Package(self.transaction_id, self.pb, otpk, self.eid, ec.SECP256R1())
        return replace(package, **changes)

    def load(self, cuts: Sequence[bytes]) -> bytes:
        """Sends cuts until one is answered; b"" if none is."""
        for cut in cuts:
            answer = self.terminal.run(cut)
            assert self.terminal.sw & 0xFF00 in (0x9000, 0x9100), f"{self.terminal.sw:04X}"
            if answer:
                return answer
        return b""

    def outcome(self, answer: bytes) -> tuple[str, Any]:
        """finalResult of a ProfileInstallationResult, once its signature is verified."""
        Verifier(self.directory).check(member(answer, 0xBF37, 0xBF27), value(member(answer, 0xBF37, 0x5F37)))
        data = decode("ProfileInstallationResult", answer)["profileInstallationResultData"]
        assert data["transactionId"] == self.transaction_id
        assert data["smdpOid"] == pki.SMDP_OID
        assert data["notificationMetadata"]["notificationAddress"] == self.address
        found: tuple[str, Any] = data["finalResult"]
        return found

    def error(self, cuts: Sequence[bytes]) -> tuple[int, int]:
        """The bppCommandId and errorReason that the cuts end in."""
        name, result = self.outcome(self.load(cuts))
        assert name == "errorResult"
        return result["bppCommandId"], result["errorReason"]

    def cancel(self, reason: int = 0, transaction_id: bytes | None = None) -> bytes:
        request = {"transactionId": transaction_id or self.transaction_id, "reason": reason}
        return self.terminal.run(encode("CancelSessionRequest", request))


def der(identity: Identity) -> bytes:
    return identity.certificate.public_bytes(Encoding.DER)

"""An indirect download by hand: an IPA in either binding, the virtual eUICC, a real SM-DP+ behind the eIM."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ipad.asn1 import decode, encode, find, member, tlvs, value, wrap
from ipad.testbed.smdp import ProfileOrder, Smdp
from tests.testbed.eim_world import Ipa, JsonIpa, World, octets, text, world

ADDRESS = "smdp.testbed.example"
ICCID = "8900101000000000421"
MATCHING_ID = "M-421"
DEVICE_INFO = wrap(0x30, wrap(0x80, b"\x35\x29\x00\x11"), wrap(0xA1))
Members = dict[str, bytes]

ERRORS = {
    "invalidDpAddress": (1, ("8.8.1", "3.8")),
    "ciPKIdNotSupported": (3, ("8.8.4", "3.7")),
    "smdpAddressMismatch": (50, ("8.8.1", "3.10")),
    "smdpOidMismatch": (51, ("8.8", "3.10")),
    "invalidEimTransactionId": (52, ("8.10.1", "3.9")),
    "euiccCertificateInvalid": (3, ("8.1.3", "6.1")),
    "euiccSignatureInvalid 5": (5, ("8.1", "6.1")),
    "matchingIdRefused": (6, ("8.2.6", "3.8")),
    "eidMismatch": (7, ("8.1.1", "3.8")),
    "noEligibleProfile": (8, ("8.2.5", "4.3")),
    "invalidTransactionId 10": (10, ("8.10.1", "3.9")),
    "insufficientMemory": (11, ("8.1", "4.8")),
    "pprNotAllowed": (50, ("8.2.8", "3.8")),
    "euiccSignatureInvalid 1": (1, ("8.1", "6.1")),
    "confirmationCodeMissing": (2, ("8.2.7", "2.2")),
    "confirmationCodeRefused": (3, ("8.2.7", "3.8")),
    "confirmationCodeRetriesExceeded": (4, ("8.2.7", "6.4")),
    "metadataMismatch": (50, ("8.2.9", "3.10")),
    "invalidTransactionId 95": (95, ("8.10.1", "3.9")),
    "invalidTransactionId 1": (1, ("8.10.1", "3.9")),
    "euiccSignatureInvalid 2": (2, ("8.1", "6.1")),
    "undefinedError": (127, ("8.1", "4.2")),
}
"""By name (and number where a name has several): the number in ASN.1, the status codes in JSON."""


@dataclass(frozen=True, eq=False)
class Refused:
    """One of the function's errors: its number, or its subject and reason codes."""

    code: Any

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self.code in ERRORS[other]
        return isinstance(other, Refused) and self.code == other.code


def named(tag_names: Mapping[int, str], arm: bytes) -> Members:
    """Members of a SEQUENCE by name; the second 30… is the certificate."""
    found: Members = {}
    for tag, tlv in tlvs(value(arm)):
        found["certificate" if tag == 0x30 and "signed" in found else tag_names[tag]] = tlv
    return found


@dataclass
class Asn1Download:
    """The four functions in the ASN.1 binding. Members are whole TLVs."""

    ipa: Ipa

    def initiate(
        self,
        challenge: bytes,
        order: bytes | None = None,
        address: str | None = None,
        info1: bytes | None = None,
    ) -> Any:
        answer = self._ask(
            0xBF39,
            wrap(0x81, challenge),
            b"" if address is None else wrap(0x83, address.encode()),
            info1 or b"",
            b"" if order is None else wrap(0x82, order),
        )
        names = {0x80: "transaction", 0x30: "signed", 0x5F37: "signature", 0x04: "ciPkId", 0x0C: "matchingId"}
        return answer if isinstance(answer, Refused) else named({**names, 0xA2: "ctxParams1"}, answer)

    def authenticate(self, transaction: bytes, response: bytes) -> Any:
        answer = self._ask(0xBF3B, wrap(0x80, transaction), response)
        names = {0x80: "transaction", 0xBF25: "metadata", 0x30: "signed", 0x5F37: "signature", 0x04: "hashCc"}
        return answer if isinstance(answer, Refused) else named(names, answer)

    def bound(self, transaction: bytes, response: bytes) -> Any:
        answer = self._ask(0xBF3A, wrap(0x80, transaction), response)
        return answer if isinstance(answer, Refused) else member(answer, 0xA0, 0xBF36)

    def cancel(self, transaction: bytes, response: bytes) -> Any:
        answer = self._ask(0xBF41, wrap(0x80, transaction), wrap(0xA1, value(response)))
        return answer if isinstance(answer, Refused) else None

    def _ask(self, tag: int, *members: bytes) -> Any:
        answer = self.ipa.post(wrap(tag, *members))
        decode("EsipaMessageFromEimToIpa", answer)
        ((arm, tlv),) = tlvs(value(member(answer, tag)))
        return tlv if arm == 0xA0 else Refused(int.from_bytes(value(tlv)))


@dataclass
class JsonDownload:
    """The same in the JSON binding."""

    ipa: JsonIpa

    def initiate(
        self,
        challenge: bytes,
        order: bytes | None = None,
        address: str | None = None,
        info1: bytes | None = None,
    ) -> Any:
        request: dict[str, Any] = {"euiccChallenge": text(challenge)}
        if order is not None:
            request["eimTransactionId"] = order.hex().upper()
        if address is not None:
            request["smdpAddress"] = address
        if info1 is not None:
            request["euiccInfo1"] = text(info1)
        names = {
            "serverSigned1": "signed",
            "serverSignature1": "signature",
            "euiccCiPKIdentifierToBeUsed": "ciPkId",
            "serverCertificate": "certificate",
        }
        answer = self._ask("initiateAuthentication", names, **request)
        if not isinstance(answer, Refused) and "ctxParams1" in answer:
            answer["ctxParams1"] = wrap(0xA2, answer["ctxParams1"])
        return answer

    def authenticate(self, transaction: bytes, response: bytes) -> Any:
        names = {
            "profileMetadata": "metadata",
            "smdpSigned2": "signed",
            "smdpSignature2": "signature",
            "smdpCertificate": "certificate",
        }
        request = {"transactionId": transaction.hex().upper(), "authenticateServerResponse": text(response)}
        return self._ask("authenticateClient", names, **request)

    def bound(self, transaction: bytes, response: bytes) -> Any:
        request = {"transactionId": transaction.hex().upper(), "prepareDownloadResponse": text(response)}
        answer = self._ask("getBoundProfilePackage", {}, **request)
        return answer if isinstance(answer, Refused) else answer["boundProfilePackage"]

    def cancel(self, transaction: bytes, response: bytes) -> Any:
        request = {"transactionId": transaction.hex(), "cancelSessionResponse": text(response)}
        answer = self._ask("cancelSession", {}, **request)
        assert answer == {} or isinstance(answer, Refused)
        return answer or None

    def _ask(self, function: str, names: Mapping[str, str], **request: Any) -> Any:
        answer = self.ipa.ask(function, **request)
        if isinstance(answer, tuple):
            return Refused(answer)
        found: Members = {}
        for name, content in answer.items():
            if name == "transactionId":
                found["transaction"] = wrap(0x80, bytes.fromhex(content))
            elif name == "matchingId":
                found[name] = wrap(0x0C, content.encode())
            else:
                found[names.get(name, name)] = octets(content)
        return found


@dataclass
class Indirect:
    """A world with an SM-DP+ behind its eIM, and the card's part of a download."""

    here: World
    smdp: Smdp
    functions: Any
    server: Members = field(default_factory=dict)
    """The answer to InitiateAuthentication."""
    profile: Members = field(default_factory=dict)
    """The answer to AuthenticateClient."""

    def release(self, profile: ProfileOrder | None = None, **more: Any) -> None:
        self.smdp.order(
            profile or ProfileOrder(ICCID, imsi="001010000000421"), **{"matching_id": MATCHING_ID, **more}
        )

    def trigger(self, **more: Any) -> tuple[int, bytes]:
        """Orders a download and fetches its trigger: the package's number, the eimTransactionId."""
        download = {"eim": True, "matchingId": MATCHING_ID, **more}
        number = self.here.admin.post("/packages", {"eid": self.here.eid, "download": download})["id"]
        arm, trigger = decode("GetEimPackageResponse", self.here.ipa.get_package(self.here.eid))
        assert arm == "profileDownloadTriggerRequest"
        assert set(trigger) == {"eimTransactionId"}
        return int(number), trigger["eimTransactionId"]

    def run(self, command: bytes) -> bytes:
        return self.here.terminal.run(command)

    def info1(self) -> bytes:
        return self.run(bytes.fromhex("BF2000"))

    def challenge(self) -> bytes:
        return value(member(self.run(bytes.fromhex("BF2E00")), 0xBF2E, 0x80))

    def initiate(self, order: bytes | None, address: str | None = None, info1: bool = True) -> Any:
        challenge = self.challenge()
        answer = self.functions.initiate(challenge, order, address, self.info1() if info1 else None)
        if not isinstance(answer, Refused):
            self.server = answer
        return answer

    @property
    def transaction(self) -> bytes:
        return value(member(self.server["signed"], 0x30, 0x80))

    def authenticate_server(self) -> bytes:
        """AuthenticateServer on the card, with what the eIM gave: the full response."""
        given = self.server.get("ctxParams1")
        matching_id = self.server.get("matchingId")
        own = wrap(
            0xA0,
            b"" if matching_id is None else wrap(0x80, value(matching_id)),
            wrap(0xA1, value(DEVICE_INFO)),
        )
        server = self.server
        return self.run(
            wrap(
                0xBF38,
                server["signed"],
                server["signature"],
                server["ciPkId"],
                server["certificate"],
                value(given) if given else own,
            )
        )

    def authenticate(self, response: bytes | None = None) -> Any:
        answer = self.functions.authenticate(self.transaction, response or self.authenticate_server())
        if not isinstance(answer, Refused):
            self.profile = answer
        return answer

    def prepare_download(self, hash_cc: bytes | None = None) -> bytes:
        profile = self.profile
        cc = profile.get("hashCc") or (b"" if hash_cc is None else wrap(0x04, hash_cc))
        return self.run(wrap(0xBF21, profile["signed"], profile["signature"], cc, profile["certificate"]))

    def bound(self, response: bytes | None = None) -> Any:
        return self.functions.bound(self.transaction, response or self.prepare_download())

    def load(self, package: bytes) -> bytes:
        """The BoundProfilePackage in its cuts; the ProfileInstallationResult."""
        answers = [self.run(cut) for cut in cuts(package)]
        (result,) = [answer for answer in answers if answer]
        return result

    def cancel_session(self, reason: int) -> bytes:
        """CancelSession on the card."""
        return self.run(wrap(0xBF41, wrap(0x80, self.transaction), wrap(0x81, bytes([reason]))))

    def up_to_bound(self, **order: Any) -> tuple[int, bytes]:
        """A download until the package is there: the trigger's number and the BoundProfilePackage."""
        number, transaction = self.trigger(**order)
        self.initiate(transaction)
        self.authenticate()
        package = self.bound()
        assert isinstance(package, bytes)
        return number, package

    def answer_data(self, tags: str, *members: bytes) -> None:
        """Lets the eIM ask for data of the card, and tells it."""
        self.here.admin.post("/packages", {"eid": self.here.eid, "data": {"tagList": tags}})
        request = decode("GetEimPackageResponse", self.here.ipa.get_package(self.here.eid))[1]
        data = wrap(0xA0, *members, wrap(0x87, request["eimTransactionId"]))
        assert self.here.provide(wrap(0xBF52, data))[0] == "emptyResponse"

    def tell_capabilities(self, *features: int) -> None:
        bits = bytes([sum(0x80 >> feature for feature in features)])
        capabilities = encode("IpaCapabilities", {"ipaFeatures": (bits, max(features) + 1)})
        self.answer_data("A8", wrap(0xA8, value(capabilities)))

    def tell_info2(self) -> None:
        self.answer_data("BF22", self.run(bytes.fromhex("BF2200")))


def cuts(package: bytes) -> Iterator[bytes]:
    """SGP.22 2.5.5."""
    parts = list(tlvs(value(package)))
    length = sum(len(tlv) for _, tlv in parts)
    yield package[: len(package) - length] + parts[0][1]
    for tag, tlv in parts[1:]:
        if tag in (0xA0, 0xA2):
            yield tlv
            continue
        inner = value(tlv)
        yield tlv[: len(tlv) - len(inner)]
        for _, segment in tlvs(inner):
            yield segment


@contextmanager
def indirect(
    directory: Path, pki_dir: Path, binding: str, smdp: Any = None, **settings: Any
) -> Iterator[Indirect]:
    behind = smdp or Smdp(directory / "smdp", pki_dir, ADDRESS)
    with world(directory, pki_dir, binding=binding, smdp=behind, **settings) as here:
        if isinstance(here.ipa, JsonIpa):
            yield Indirect(here, behind, JsonDownload(here.ipa))
        else:
            yield Indirect(here, behind, Asn1Download(here.ipa))


# compact forms, made by hand from what the standard lets an IPA leave out


def compact_authentication(full: bytes, with_ctx_params1: bool = True) -> bytes:
    arm = member(full, 0xBF38, 0xA0)
    signed = member(arm, 0xA0, 0x30)
    context = wrap(0xA2, member(signed, 0x30, 0xA0)) if with_ctx_params1 else b""
    compact = wrap(0xA0, member(signed, 0x30, 0xBF22, 0x84), context)
    return wrap(0xBF38, wrap(0xA2, compact, member(arm, 0xA0, 0x5F37)))


def compact_preparation(full: bytes, with_otpk: bool = True, with_hash_cc: bool = True) -> bytes:
    arm = member(full, 0xBF21, 0xA0)
    otpk = member(arm, 0xA0, 0x30, 0x5F49) if with_otpk else b""
    hash_cc = (find(arm, 0xA0, 0x30, 0x04) or b"") if with_hash_cc else b""
    return wrap(0xBF21, wrap(0xA2, wrap(0x30, otpk, hash_cc), member(arm, 0xA0, 0x5F37)))


def compact_cancellation(full: bytes, with_reason: bool = True) -> bytes:
    arm = member(full, 0xBF41, 0xA0)
    reason = wrap(0x80, value(member(arm, 0xA0, 0x30, 0x82))) if with_reason else b""
    return wrap(0xBF41, wrap(0xA2, wrap(0x30, reason), member(arm, 0xA0, 0x5F37)))


def compact_installation(full: bytes) -> bytes:
    data = member(full, 0xBF37, 0xBF27)
    success = find(data, 0xBF27, 0xA2, 0xA0)
    if success is None:
        final = member(data, 0xBF27, 0xA2, 0xA1)
    else:
        final = wrap(0xA0, wrap(0x4F, value(member(success, 0xA0, 0x4F))[13:15]))
    iccid = find(data, 0xBF27, 0xBF2F, 0x5A)
    compact = wrap(
        0xA0,
        member(data, 0xBF27, 0x80),
        wrap(0x02, value(member(data, 0xBF27, 0xBF2F, 0x80))),
        b"" if iccid else wrap(0x01, b"\x00"),
        wrap(0xA2, final),
    )
    return wrap(0xA0, compact, member(full, 0xBF37, 0x5F37))


def compact_notification(full: bytes, eid: str | None = None) -> bytes:
    named_by = b"" if eid is None else wrap(0x5A, bytes.fromhex(eid))
    return wrap(0xA1, named_by, member(full, 0x30, 0xBF2F), member(full, 0x30, 0x5F37))


def state(through: Indirect) -> str:
    """Of the SM-DP+'s one order."""
    (order,) = through.smdp.orders()
    return order.state

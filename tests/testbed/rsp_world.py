"""A client of ES9+ and ES11 made by hand, and the virtual card's part of a download."""

import hashlib
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipad.asn1 import member, tlvs, value, wrap
from ipad.testbed import pki, rest_client
from ipad.testbed.euicc import VirtualEuicc, show
from ipad.testbed.smdp.serve import Running, Settings, running
from tests.euicc_card.world import Terminal
from tests.testbed.download_world import DEVICE_INFO, cuts
from tests.testbed.eim_world import PATIENCE, octets, text

HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": "gsma-rsp-lpad",
    "X-Admin-Protocol": "gsma/rsp/v2.2.0",
}
ICCID, IMSI = "8900101000000000421", "001010000000421"


class Client:
    """One HTTPS connection, trusting the CI's certificate as the standard wants it."""

    def __init__(self, url: str, ci: Path, prefix: str = "/gsma/rsp2/es9plus/") -> None:
        self.context = ssl.create_default_context(cafile=str(ci))
        self.port = int(url.rpartition(":")[2])
        self.address = f"localhost:{self.port}"
        self.prefix = prefix
        self.connection = http.client.HTTPSConnection(
            "localhost", self.port, timeout=PATIENCE, context=self.context
        )

    def request(
        self, function: str, body: bytes, headers: Mapping[str, str] = HEADERS
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        self.connection.request("POST", self.prefix + function, body, dict(headers))
        response = self.connection.getresponse()
        return response.status, response.read(), response.headers

    def ask(self, function: str, **members: Any) -> Any:
        """The answer's members if it was executed, else subject and reason."""
        status, body, headers = self.request(function, json.dumps(members).encode())
        assert headers["X-Admin-Protocol"].startswith("gsma/rsp/v2.")
        if status == 204:
            assert body == b""
            return None
        assert (status, headers["Content-Type"]) == (200, "application/json"), body
        answer = json.loads(body)
        told = answer.pop("header")["functionExecutionStatus"]
        if told["status"] == "Executed-Success":
            return answer
        assert answer == {}
        return told["statusCodeData"]["subjectCode"], told["statusCodeData"]["reasonCode"]


@dataclass
class Card:
    """The virtual eUICC, and what an agent does with it."""

    directory: Path
    terminal: Terminal

    @property
    def eid(self) -> str:
        return str(show(self.directory)["eid"])

    def iccids(self) -> list[str]:
        return [profile["iccid"] for profile in show(self.directory)["profiles"]]

    def run(self, command: bytes) -> bytes:
        return self.terminal.run(command)

    def initiate(self, client: Client, address: str | None = None) -> Any:
        challenge = value(member(self.run(bytes.fromhex("BF2E00")), 0xBF2E, 0x80))
        return client.ask(
            "initiateAuthentication",
            smdpAddress=address or client.address,
            euiccChallenge=text(challenge),
            euiccInfo1=text(self.run(bytes.fromhex("BF2000"))),
        )

    def authenticate_server(self, server: Mapping[str, str], matching_id: str = "") -> bytes:
        identified = wrap(0x80, matching_id.encode()) if matching_id else b""
        names = "serverSigned1", "serverSignature1", "euiccCiPKIdToBeUsed", "serverCertificate"
        context = wrap(0xA0, identified, wrap(0xA1, value(DEVICE_INFO)))
        return self.run(wrap(0xBF38, *(octets(server[name]) for name in names), context))

    def authenticate(self, client: Client, matching_id: str = "") -> tuple[str, Any]:
        """Mutual authentication: transactionId, and the answer to AuthenticateClient."""
        server = self.initiate(client)
        response = self.authenticate_server(server, matching_id)
        answer = client.ask(
            "authenticateClient",
            transactionId=server["transactionId"],
            authenticateServerResponse=text(response),
        )
        return server["transactionId"], answer

    def prepare(self, profile: Mapping[str, str], code: str | None = None) -> bytes:
        hash_cc = b""
        if code is not None:
            transaction = bytes.fromhex(profile["transactionId"])
            once = hashlib.sha256(code.encode()).digest()
            hash_cc = wrap(0x04, hashlib.sha256(once + transaction).digest())
        names = "smdpSigned2", "smdpSignature2", "smdpCertificate"
        signed, signature, certificate = (octets(profile[name]) for name in names)
        return self.run(wrap(0xBF21, signed, signature, hash_cc, certificate))

    def package(self, client: Client, matching_id: str = "", code: str | None = None) -> Any:
        """The answer to GetBoundProfilePackage: the package, or subject and reason."""
        transaction, profile = self.authenticate(client, matching_id)
        if isinstance(profile, tuple):
            return profile
        answer = client.ask(
            "getBoundProfilePackage",
            transactionId=transaction,
            prepareDownloadResponse=text(self.prepare(profile, code)),
        )
        return answer if isinstance(answer, tuple) else octets(answer["boundProfilePackage"])

    def load(self, package: bytes) -> bytes:
        """The ProfileInstallationResult."""
        for cut in cuts(package):
            answer = self.run(cut)
            if answer:
                return answer
        raise AssertionError("no ProfileInstallationResult")

    def cancel(self, transaction: str, reason: int) -> bytes:
        transaction_id = wrap(0x80, bytes.fromhex(transaction))
        return self.run(wrap(0xBF41, transaction_id, wrap(0x81, bytes([reason]))))


@dataclass
class World:
    """A running SM-DP+, a client of it, and a card."""

    smdp: Running
    client: Client
    card: Card
    pki_dir: Path

    def get(self, path: str, **query: Any) -> Any:
        return rest_client.call(self.smdp.admin, "GET", path, **query)

    def post(self, path: str, body: Any) -> Any:
        return rest_client.call(self.smdp.admin, "POST", path, body)

    def order(self, **more: Any) -> str:
        """Releases a profile; its matching id."""
        return str(self.post("/orders", {"iccid": ICCID, "imsi": IMSI, **more})["matchingId"])

    def spoil(self, fault: str, **more: Any) -> None:
        self.post("/faults", {"fault": fault, **more})

    def state(self) -> str:
        [order] = self.get("/orders")
        return str(order["state"])

    def tell(self, pending: bytes) -> None:
        assert self.client.ask("handleNotification", pendingNotification=text(pending)) is None


def insert(directory: Path, pki_dir: Path) -> Card:
    return Card(directory, Terminal(VirtualEuicc.open(directory, pki_dir)))


@contextmanager
def world(directory: Path, pki_dir: Path, **settings: Any) -> Iterator[World]:
    with running(Settings(directory / "smdp", pki=pki_dir, **settings)) as smdp:
        client = Client(smdp.es9, pki.paths(pki_dir).ci)
        yield World(smdp, client, insert(directory / "card", pki_dir), pki_dir)
        client.connection.close()


def segments(package: bytes) -> list[bytes]:
    """Those of A3."""
    return [segment for _, segment in tlvs(value(member(package, 0xBF36, 0xA3)))]

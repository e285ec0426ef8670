"""A running eIM, and an IPA and a card made by hand: real TLS, the virtual eUICC's real signatures."""

import base64
import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipad.asn1 import decode, encode, member, tlvs, value, wrap
from ipad.testbed import pki, rest_client
from ipad.testbed.eim.serve import Running, Settings, running
from ipad.testbed.euicc import VirtualEuicc
from tests.euicc_card.world import Terminal

PATIENCE = 20.0
HEADERS = {
    "Content-Type": "application/x-gsma-rsp-asn1",
    "X-Admin-Protocol": "gsma/rsp/v1.2.0",
    "User-Agent": "gsma-rsp-ipad",
}
JSON_HEADERS = {**HEADERS, "Content-Type": "application/json"}
EID_CODES = {("8.1.1", "3.7"): 1, ("8.1.1", "3.9"): 2, ("8.1.1", "2.1"): 3, ("8.1.1", "2.2"): 4}
"""Subject and reason codes by eimPackageError and provideEimPackageResultError."""
NO_PACKAGE = ("eimPackageError", 1)
EMPTY: tuple[str, Any] = ("emptyResponse", {})
UNDEFINED = ("provideEimPackageResultError", 127)


@dataclass
class Admin:
    """The eIM's REST interface."""

    url: str

    def get(self, path: str, **query: Any) -> Any:
        return rest_client.call(self.url, "GET", path, **query)

    def post(self, path: str, body: Any) -> Any:
        return rest_client.call(self.url, "POST", path, body)

    def delete(self, path: str) -> Any:
        return rest_client.call(self.url, "DELETE", path)

    def package(self, number: int) -> Any:
        return next(package for package in self.get("/packages") if package["id"] == number)


class Ipa:
    """One HTTPS connection to an eIM."""

    def __init__(self, port: int, ca: Path, version: ssl.TLSVersion | None = None) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        if version is not None:
            context.minimum_version = context.maximum_version = version
        self.connection = http.client.HTTPSConnection("localhost", port, timeout=PATIENCE, context=context)

    def request(
        self,
        body: bytes,
        path: str = "/gsma/rsp2/asn1",
        method: str = "POST",
        headers: Mapping[str, str] = HEADERS,
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        self.connection.request(method, path, body, dict(headers))
        response = self.connection.getresponse()
        return response.status, response.read(), response.headers

    def post(self, message: bytes) -> bytes:
        status, body, headers = self.request(message)
        assert status == 200, body
        assert headers["Content-Type"] == HEADERS["Content-Type"]
        return body

    def get_package(self, eid: str, *more: bytes) -> bytes:
        """GetEimPackage; the GetEimPackageResponse."""
        return self.post(wrap(0xBF4F, wrap(0x5A, bytes.fromhex(eid)), *more))

    def provide(self, eid: str | None, result: bytes) -> Any:
        """ProvideEimPackageResult; the decoded answer."""
        eid_tlv = b"" if eid is None else wrap(0x5A, bytes.fromhex(eid))
        return decode("ProvideEimPackageResultResponse", self.post(wrap(0xBF50, eid_tlv, result)))

    def handle_notification(self, content: bytes) -> int:
        """HandleNotification with an arm of HandleNotificationEsipa; HTTP's status."""
        return self.request(wrap(0xBF3D, content))[0]

    def local_port(self) -> int:
        sock = self.connection.sock
        assert isinstance(sock, socket.socket)
        return int(sock.getsockname()[1])


class JsonIpa(Ipa):
    """The same in the JSON binding (SGP.32 6.4)."""

    def call(self, function: str, request: Mapping[str, Any]) -> tuple[int, Any]:
        """HTTP's status and the answer's object; None without a body."""
        path = f"/gsma/rsp2/esipa/{function}"
        status, body, headers = self.request(json.dumps(request).encode(), path, headers=JSON_HEADERS)
        assert not body or status >= 400 or headers["Content-Type"] == "application/json"
        return status, json.loads(body) if body and status < 400 else None

    def ask(self, function: str, **request: Any) -> Any:
        """The answer of one that succeeds, or the pair of codes of one that fails."""
        status, answer = self.call(function, request)
        assert status == 200
        header = answer.pop("header")["functionExecutionStatus"]
        if header["status"] == "Executed-Success":
            return answer
        return header["statusCodeData"]["subjectCode"], header["statusCodeData"]["reasonCode"]

    def get_package(self, eid: str, *more: bytes) -> bytes:
        request: dict[str, Any] = {"eidValue": eid}
        for tag, tlv in tlvs(b"".join(more)):
            name, content = {
                0x80: ("notifyStateChange", True),
                0x81: ("stateChangeCause", int.from_bytes(value(tlv))),
                0x82: ("rPlmn", text(value(tlv))),
            }[tag]
            request[name] = content
        answer = self.ask("getEimPackage", **request)
        if isinstance(answer, tuple):
            return encode("GetEimPackageResponse", ("eimPackageError", EID_CODES[answer]))
        ((name, content),) = answer.items()
        if name == "eimPackageError":
            return encode("GetEimPackageResponse", (name, content))
        return wrap(0xBF4F, octets(content))

    def provide(self, eid: str | None, result: bytes) -> Any:
        request = {"eimPackageResult": text(result)} | ({} if eid is None else {"eidValue": eid})
        answer = self.ask("provideEimPackageResult", **request)
        if isinstance(answer, tuple):
            return "provideEimPackageResultError", EID_CODES.get(answer, 127)
        ((name, content),) = answer.items()
        if name == "emptyResponse":
            return name, content
        return name, decode("EimAcknowledgements", octets(content))

    def handle_notification(self, content: bytes) -> int:
        tag, _ = next(tlvs(content))
        if tag == 0xA0:
            request = {"pendingNotification": text(value(content))}
        else:
            request = {"provideEimPackageResult": text(content)}
        return self.call("handleNotification", request)[0]


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def octets(content: str) -> bytes:
    return base64.b64decode(content, validate=True)


IPAS = {"asn1": Ipa, "json": JsonIpa}


@dataclass
class World:
    """An eIM, an IPA that is connected to it, and a card that is associated and registered with it."""

    eim: Running
    admin: Admin
    ipa: Ipa
    card: VirtualEuicc
    terminal: Terminal

    @property
    def eid(self) -> str:
        return self.card.eid

    def order(self, *operations: Mapping[str, Any], **more: Any) -> int:
        body = {"eid": self.eid, "operations": list(operations), **more}
        return int(self.admin.post("/packages", body)["id"])

    def fetch(self) -> bytes:
        """Polls; the package (whole TLV inside of GetEimPackageResponse)."""
        return value(self.ipa.get_package(self.eid))

    def load(self, package: bytes) -> bytes:
        """LoadEuiccPackage on the card; the EuiccPackageResult."""
        return self.terminal.run(package)

    def provide(self, result: bytes) -> Any:
        return self.ipa.provide(self.eid, result)


def port_of(eim: Running) -> int:
    return int(eim.esipa.rpartition(":")[2])


def associate(eim: Admin, terminal: Terminal, **query: Any) -> int | None:
    """AddInitialEim with what the eIM offers; the association token."""
    der = bytes.fromhex(eim.get("/config", **query)["eimConfigurationData"])
    answer = terminal.run(wrap(0xBF57, wrap(0xA0, der)))
    arm, added = decode("AddInitialEimResponse", answer)
    assert arm == "addInitialEimOk"
    token = added[0][1]
    return None if token is None else int(token)


def register(admin: Admin, pki_dir: Path, **more: Any) -> Any:
    where = pki.paths(pki_dir)
    return admin.post("/euiccs", {"eum": where.eum.read_text(), "euicc": where.euicc.read_text(), **more})


@contextmanager
def world(
    directory: Path, pki_dir: Path, token: int | None = None, binding: str = "asn1", **settings: Any
) -> Iterator[World]:
    with running(Settings(directory / "eim", pki=pki_dir, **settings)) as eim:
        admin = Admin(eim.admin)
        card = VirtualEuicc.open(directory / "card", pki_dir)
        terminal = Terminal(card)
        register(admin, pki_dir, token=associate(admin, terminal, token=token))
        ipa = IPAS[binding](port_of(eim), pki.paths(pki_dir).eim_tls_ca)
        yield World(eim, admin, ipa, card, terminal)
        ipa.connection.close()


def flipped(octets: bytes, *tags: int) -> bytes:
    """The same with one bit of the named element's last octet flipped."""
    found = member(octets, *tags)
    at = octets.index(found) + len(found) - 1
    return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]


def first(content: bytes) -> bytes:
    """The first element in a row."""
    return next(tlvs(content))[1]

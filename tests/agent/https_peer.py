"""Small real TLS servers on loopback that do what a test says, and the certificates for them."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ipad.eim import TlsAnchor
from ipad.esipa.client import Esipa

NO_PACKAGE = bytes.fromhex("bf4f03020101")
EMPTY_RESPONSE = bytes.fromhex("bf50023000")
MEDIA_TYPE = "application/x-gsma-rsp-asn1"
EID = bytes.fromhex("89049032123451234512345678901235")

MakeEsipa = Callable[..., Esipa]
"""What the fixture make_esipa is: (peer, anchor, uplink=, host=, connect=, http=, settings...)."""


@dataclass
class Identity:
    """A certificate with its key, as objects and as files."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    pem: Path

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def key_of(identity: Identity) -> TlsAnchor:
    return TlsAnchor("key", identity.spki)


def certificate_of(identity: Identity) -> TlsAnchor:
    return TlsAnchor("certificate", identity.der)


def make_identity(
    folder: Path,
    name: str,
    *,
    issuer: Identity | None = None,
    ca: bool = False,
    names: tuple[str, ...] = ("localhost",),
    days: tuple[int, int] = (-1, 365),
) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca:
        alternatives = [x509.DNSName(n) if n[0].isalpha() else x509.IPAddress(ip_address(n)) for n in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    pem = folder / f"{name}.pem"
    chain = certificate.public_bytes(serialization.Encoding.PEM)
    if issuer is not None:
        chain += issuer.certificate.public_bytes(serialization.Encoding.PEM)
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + chain
    )
    return Identity(certificate, key, pem)


def http_answer(
    body: bytes, *, status: str = "200 OK", media_type: str = MEDIA_TYPE, more: str = ""
) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def read_request(connection: ssl.SSLSocket) -> bytes:
    """One request with its body; b"" if the client has closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        got = connection.recv(65536)
        if not got:
            return b""
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


Behaviour = Callable[[ssl.SSLSocket, int], None]
"""What the server does on one connection: (the connection, its number from 0)."""


def answering(*bodies: bytes) -> Behaviour:
    """Answers each request with the next body, over and over the last; keeps the connection."""

    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        turn = 0
        while read_request(connection):
            connection.sendall(http_answer(bodies[min(turn, len(bodies) - 1)]))
            turn += 1

    return behave


class Peer:
    """A TLS server. Everything that it received inside TLS is in `received`."""

    def __init__(
        self, identity: Identity, behave: Behaviour, *, version: ssl.TLSVersion | None = None
    ) -> None:
        self.received: list[bytes] = []
        self.connections = 0
        self.resumed: list[bool] = []
        self.server_names: list[str | None] = []
        self._behave = behave
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(identity.pem)
        self._context.sslsocket_class = _recording(self.received)
        self._context.sni_callback = lambda _sock, name, _context: self.server_names.append(name)
        if version is not None:
            self._context.minimum_version = self._context.maximum_version = version
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        for sock in [self._listener, *self._open]:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            number = self.connections
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            with self._context.wrap_socket(sock, server_side=True) as connection:
                self.resumed.append(connection.session_reused is True)
                self._behave(connection, number)
        except OSError:
            return


def _recording(received: list[bytes]) -> type[ssl.SSLSocket]:
    """An SSLSocket that notes what it received."""

    class Recording(ssl.SSLSocket):
        def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
            data = super().recv(buflen, flags)
            if data:
                received.append(data)
            return data

    return Recording

"""The file of the factory: EimConfigurationData in DER, or the same in TOML, as a person writes it.

    eimId = "eim.example.com"
    eimFqdn = "eim.example.com:443"
    eimIdType = "fqdn"
    counterValue = 0
    associationToken = true                  # the card makes one
    eimCertificate = "eim.pem"               # beside this file; or the PEM itself
    trustedCertificateTls = "tls-ca.pem"
    eimSupportedProtocol = ["eimRetrieveHttps"]
    euiccCiPKId = "F54172BDF98A95D65CBEB88A38A1C11D800A85C3"

    [factory]
    immediateEnable = true
    defaultSmdpAddress = "smdp.example.com"
    defaultSmdpOid = "2.999.10"

Several eIMs stand in [[eim]] tables. The keys are the members of EimConfigurationData (SGP.32 2.11.1.1).
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipad import asn1, toml
from ipad.errors import DecodeError, IpadError, Unreachable
from ipad.esipa.client import host_and_port
from ipad.euicc import read
from ipad.euicc.model import EimConfiguration

FILE_LIMIT = 64 * 1024
"""Octets of the file, and of each file that it names."""
HIGHEST_COUNTER = 8_388_607
"""The highest counterValue (SGP.32 2.11.1.1)."""
HIGHEST_TOKEN = 2**63 - 1
"""The standard names none; this is TOML's."""

_SEQUENCE = b"\x30"
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s*(.*?)-----END \1-----", re.DOTALL)
_OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+")


@dataclass(frozen=True, slots=True)
class Factory:
    """What a card is to get in the factory."""

    eims: tuple[bytes, ...]
    """EimConfigurationData, DER."""
    immediate_enable: bool | None = None
    """None: it stays as it is."""
    default_smdp: str | None = None
    """None: it stays as it is."""
    default_smdp_oid: str | None = None


def load(path: Path) -> Factory:
    """What `path` says. IpadError names the file, the key and what is expected there."""
    octets = _octets(path, str(path))
    if octets.startswith(_SEQUENCE) and path.suffix.lower() != ".toml":
        try:
            read.eim_configuration(octets)
            asn1.decode("EimConfigurationData", octets)
        except DecodeError as error:
            raise IpadError(f"{path}: not EimConfigurationData in DER: {error}") from error
        return Factory((octets,))
    try:
        table = toml.parse(octets)
    except ValueError as error:
        raise IpadError(f"{path}: neither EimConfigurationData in DER nor TOML: {error}") from error
    return _factory(_Table(path, "", table))


def _octets(path: Path, where: str) -> bytes:
    try:
        with path.open("rb") as opened:
            octets = opened.read(FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise IpadError(f"{where}: cannot be read: {why}") from error
    if len(octets) > FILE_LIMIT:
        raise IpadError(f"{where}: more than {FILE_LIMIT} octets")
    return octets


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of the file, and where it stands."""

    file: Path
    prefix: str
    members: Mapping[str, Any]

    def wrong(self, key: str, expected: str) -> IpadError:
        """The error for a key. A value is not quoted: it may be a key's."""
        return IpadError(f"{self.file}: {self.prefix}{key}: expected {expected}")

    def known(self, keys: tuple[str, ...]) -> None:
        for key in self.members:
            if key not in keys:
                raise IpadError(
                    f"{self.file}: {self.prefix}{key}: no such key; known here: {', '.join(sorted(keys))}"
                )

    def text(self, key: str, expected: str, holds: Callable[[str], object] = bool) -> str | None:
        """A string for which `holds`; None if the key is not there."""
        value = self.members.get(key)
        if value is not None and not (isinstance(value, str) and holds(value)):
            raise self.wrong(key, expected)
        return value

    def flag(self, key: str) -> bool | None:
        value = self.members.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def number(self, key: str, lowest: int, highest: int) -> int | None:
        value = self.members.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise self.wrong(key, f"a whole number from {lowest} to {highest}")
        return value


_EIM_KEYS = (
    "eimId",
    "eimFqdn",
    "eimIdType",
    "counterValue",
    "associationToken",
    "eimPublicKey",
    "eimCertificate",
    "trustedEimPkTls",
    "trustedCertificateTls",
    "eimSupportedProtocol",
    "euiccCiPKId",
    "indirectProfileDownload",
)
_FACTORY_KEYS = ("immediateEnable", "defaultSmdpAddress", "defaultSmdpOid")


def _factory(root: _Table) -> Factory:
    listed = root.members.get("eim")
    if listed is None:
        root.known((*_EIM_KEYS, "eim", "factory"))
        eims = [_Table(root.file, "", {k: v for k, v in root.members.items() if k != "factory"})]
    else:
        root.known(("eim", "factory"))
        if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) for one in listed):
            raise root.wrong("eim", "one or more tables [[eim]]")
        eims = [_Table(root.file, f"eim[{n}].", one) for n, one in enumerate(listed)]
    further = root.members.get("factory", {})
    if not isinstance(further, dict):
        raise root.wrong("factory", "a table [factory]")
    table = _Table(root.file, "factory.", further)
    table.known(_FACTORY_KEYS)
    return Factory(
        eims=tuple(map(_eim, eims)),
        immediate_enable=table.flag("immediateEnable"),
        default_smdp=table.text("defaultSmdpAddress", "a host name", is_address),
        default_smdp_oid=table.text("defaultSmdpOid", 'an object identifier like "2.999.10"', _is_oid),
    )


def is_address(text: str) -> bool:
    """Whether this can be a server's address: a host name, perhaps with a port."""
    try:
        host_and_port(EimConfiguration("", text))
    except Unreachable:
        return False
    return len(text) <= 255


def _is_oid(text: str) -> bool:
    return _OID.fullmatch(text) is not None and len(text) <= 255


def _eim(table: _Table) -> bytes:
    """One EimConfigurationData, DER."""
    table.known(_EIM_KEYS)
    eim_id = table.text("eimId", "a name of 1 to 128 octets", lambda text: 0 < len(text.encode()) <= 128)
    if eim_id is None:
        raise table.wrong("eimId", "the eIM's name; it is missing")
    types = {name: number for number, name in read.ID_TYPES.items()}
    id_type = table.text("eimIdType", f"one of {', '.join(types)}", types.__contains__)
    counter = table.number("counterValue", 0, HIGHEST_COUNTER)
    signing = _key_data(table, "eimPublicKey", "eimCertificate")
    if signing is None:
        raise table.wrong("eimPublicKey", "this or eimCertificate: what the eIM's packages are verified with")
    members: dict[str, Any] = {
        "eimId": eim_id,
        "eimFqdn": table.text("eimFqdn", "a host name, or host:port", is_address),
        "eimIdType": None if id_type is None else types[id_type],
        "counterValue": 0 if counter is None else counter,
        "associationToken": _association_token(table),
        "eimPublicKeyData": signing,
        "trustedPublicKeyDataTls": _key_data(table, "trustedEimPkTls", "trustedCertificateTls"),
        "eimSupportedProtocol": _protocols(table),
        "euiccCiPKId": _ci_pk_id(table),
    }
    given = {name: value for name, value in members.items() if value is not None}
    if table.flag("indirectProfileDownload"):
        given["indirectProfileDownload"] = None  # a NULL
    return asn1.encode("EimConfigurationData", given)


def _association_token(table: _Table) -> int | None:
    """-1 asks the card to make one (SGP.32 2.11.1.1)."""
    given = table.members.get("associationToken")
    if isinstance(given, bool):
        return -1 if given else None
    try:
        return table.number("associationToken", -1, HIGHEST_TOKEN)
    except IpadError:
        expected = "true or -1 (the card makes one), or a number that is not negative"
        raise table.wrong("associationToken", expected) from None


def _protocols(table: _Table) -> tuple[bytes, int] | None:
    """A named BIT STRING, trimmed as DER wants it."""
    given = table.members.get("eimSupportedProtocol")
    if given is None:
        return None
    if not isinstance(given, list) or not given or any(name not in read.PROTOCOLS for name in given):
        raise table.wrong("eimSupportedProtocol", f"a list of {', '.join(read.PROTOCOLS)}")
    bits = {read.PROTOCOLS.index(name) for name in given}
    return bytes((sum(0x80 >> bit for bit in bits),)), max(bits) + 1


def _ci_pk_id(table: _Table) -> bytes | None:
    text = table.text("euiccCiPKId", "an octet string in hex", lambda text: len(text) >= 2)
    if text is None:
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise table.wrong("euiccCiPKId", "an octet string in hex") from None


def _key_data(table: _Table, key: str, certificate: str) -> tuple[str, Any] | None:
    """The CHOICE of a public key and a certificate; None if neither is given."""
    if key in table.members and certificate in table.members:
        raise table.wrong(certificate, f"only one of {key} and {certificate}")
    if key in table.members:
        der = _der(table, key, "PUBLIC KEY", "a public key: SubjectPublicKeyInfo")
        return key, _decoded(table, key, "SubjectPublicKeyInfo", der)
    if certificate in table.members:
        der = _der(table, certificate, "CERTIFICATE", "an X.509 certificate")
        return certificate, _decoded(table, certificate, "Certificate", der)
    return None


def _decoded(table: _Table, key: str, type_name: str, der: bytes) -> Any:
    try:
        return asn1.decode(type_name, der)
    except DecodeError as error:
        raise table.wrong(key, f"a {type_name} in DER or PEM; {error}") from error


def _der(table: _Table, key: str, label: str, what: str) -> bytes:
    """The octets of a key or certificate: from a file that the value names, or from PEM that it is."""
    expected = f"{what} in PEM or DER, as a file's name or as the PEM itself"
    text = table.text(key, expected)
    assert text is not None
    if "-----BEGIN" in text:
        octets = text.encode()
    else:
        octets = _octets(table.file.parent / text, f"{table.file}: {table.prefix}{key}: {text}")
    if octets.startswith(_SEQUENCE) and b"-----BEGIN" not in octets:
        return octets
    found = _PEM.findall(octets.decode("ascii", "replace"))
    if any("PRIVATE" in name for name, _ in found):
        raise table.wrong(key, f"{what}; this is a private key, and no gateway should ever see it")
    blocks = [content for name, content in found if name == label]
    if len(blocks) != 1:
        there = ", ".join(name for name, _ in found) or "no PEM"
        raise table.wrong(key, f"{expected}; there is {there}")
    try:
        return base64.b64decode("".join(blocks[0].split()), validate=True)
    except binascii.Error as error:
        raise table.wrong(key, f"{expected}; {error}") from error

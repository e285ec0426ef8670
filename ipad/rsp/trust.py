"""Whom the agent takes for an SM-DP+ or SM-DS in TLS: whoever a GSMA certificate issuer vouches for.

The issuers' certificates (SGP.22 4.5.2) are files in a directory; none are shipped. The chain must lead to
one of them and the host name must match. With a clock that was never set, dates do not count.
"""

import os
import ssl
from pathlib import Path

from ipad.errors import ConfigError, Untrusted
from ipad.net import trust
from ipad.net.trust import Trust, Trusts

SUFFIXES = (".pem", ".crt", ".cer", ".der")
"""Of the files that are read; others in the directory do not matter."""
FILE_LIMIT = 64 * 1024
"""Octets of one file."""
MOST_FILES = 64

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def of(trusts: Trusts, host: str, port: int, directory: str) -> Trust:
    """The trust for this server; a new one if the server or any of the files is another.

    Raises Untrusted if the directory has no certificates or is not there, ConfigError for a file that
    can't be read or is no certificate.
    """
    files = certificate_files(directory)
    made_of = (host, port, *((str(path), changed, size) for path, changed, size in files))
    clock = trust.clock_is_set()
    return trusts.keep(("rsp",), (*made_of, clock), lambda: _trust([path for path, _, _ in files], directory))


def _trust(paths: list[Path], directory: str) -> Trust:
    whom = f"vouched for by the certificate issuers in {directory}"
    return trust.trust_in([der for path in paths for der in certificates(path)], whom)


def certificate_files(directory: str) -> list[tuple[Path, int, int]]:
    """The files of certificates with their time of change (ns) and size; raises as `of`, but reads none."""
    found = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name.lower().endswith(SUFFIXES) and entry.is_file():
                    about = entry.stat()
                    found.append((Path(entry.path), about.st_mtime_ns, about.st_size))
    except FileNotFoundError:
        pass
    except OSError as problem:
        raise ConfigError(f"{directory}: cannot be read: {problem.strerror}") from None
    if not found:
        raise Untrusted(
            "no certificate issuer is trusted: put the certificates of GSMA's issuers "
            f"({', '.join(SUFFIXES)}) into {directory}, or name their directory in [rsp] ci_certificates"
        )
    if len(found) > MOST_FILES:
        raise ConfigError(f"{directory}: more than {MOST_FILES} files of certificates")
    return sorted(found)


def certificates(path: Path) -> list[bytes]:
    """The certificates (DER) in a file: one in DER, or any number in PEM.

    Raises ConfigError for a file that can't be read, is too large or has none.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(FILE_LIMIT + 1)
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read: {problem.strerror}") from None
    if len(octets) > FILE_LIMIT:
        raise ConfigError(f"{path}: more than {FILE_LIMIT} octets")
    found = _pem(octets, path) if _BEGIN in octets else [octets]
    for der in found:
        _check(der, path)
    return found


def _pem(octets: bytes, path: Path) -> list[bytes]:
    found = []
    for part in octets.split(_BEGIN)[1:]:
        text, end, _ = part.partition(_END)
        try:
            if not end:
                raise ValueError
            found.append(ssl.PEM_cert_to_DER_cert((_BEGIN + text + _END).decode("ascii")))
        except ValueError:
            raise ConfigError(f"{path}: not a certificate in PEM") from None
    return found


def _check(der: bytes, path: Path) -> None:
    """By OpenSSL itself, so that a file that it refuses is named."""
    try:
        trust.trust_in([der], str(path))
    except ConfigError:
        raise ConfigError(f"{path}: no X.509 certificate in PEM or DER") from None

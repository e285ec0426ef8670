"""`ipad inject FILE`: a package that came by USB stick or somebody's own MQTT, and its result in a file.

The daemon executes it (TransferEimPackage, SGP.32 6.3.3.1); here is only what goes in and out of files.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ipad import asn1
from ipad.connectivity.state import PACKAGE_LIMIT
from ipad.errors import DecodeError, IpadError
from ipad.euicc import read
from ipad.euicc.model import PackageResult
from ipad.euicc.refusal import named

_FILE_LIMIT = 3 * PACKAGE_LIMIT
"""Octets of a file: the package in hex, with spaces and line ends."""
_HEX = frozenset(b"0123456789abcdefABCDEF")


def package(path: Path) -> bytes:
    """The package in `path`: DER, or hex digits as text. Raises IpadError."""
    try:
        with path.open("rb") as opened:
            octets = opened.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise IpadError(f"reading {path}: {error.strerror}") from error
    digits = b"".join(octets.split())
    if digits and set(digits) <= _HEX and len(digits) % 2 == 0:
        octets = bytes.fromhex(digits.decode("ascii"))
    if len(octets) > PACKAGE_LIMIT:
        raise IpadError(f"{path}: more than {PACKAGE_LIMIT} octets: not a package")
    if not octets:
        raise IpadError(f"{path}: empty")
    return octets


@contextmanager
def result_file(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Takes the result, once. That it can be written is known before anything is done: IpadError if not."""
    part = path.with_name(f"{path.name}.part")
    if path.is_dir():
        raise IpadError(f"writing {path}: Is a directory; nothing was done")
    try:
        file = part.open("wb")
    except OSError as error:
        raise IpadError(f"writing {path}: {error.strerror}; nothing was done") from error

    def write(octets: bytes) -> None:
        try:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise IpadError(f"writing {path}: {error.strerror}; it was: {octets.hex().upper()}") from error

    try:
        yield write
    finally:
        file.close()
        with suppress(FileNotFoundError):
            part.unlink()


def words(response: bytes) -> tuple[bool, list[str]]:
    """What a TransferEimPackageResponse (BF4E…) says: whether all went well, and how, in words."""
    [(tag, arm)] = asn1.tlvs(asn1.value(asn1.member(response, 0xBF4E)))
    match tag:
        case 0xBF51:
            return _result(read.package_result(arm))
        case 0x30:
            well, lines = _result(read.package_result(asn1.member(arm, 0x30, 0xBF51)))
            count = len(list(asn1.tlvs(asn1.value(asn1.member(arm, 0x30, 0xA0)))))
            return well, [*lines, f"{count} notifications are in the result too"]
        case 0xBF52 if asn1.find(arm, 0xBF52, 0xA0) is not None:
            return True, ["what was asked of the eUICC and the IPA is in the result"]
        case 0x05:
            return True, ["received"]
        case 0x02:
            name = named(int.from_bytes(asn1.value(arm), "big"), "EimPackageResultErrorCode")
            return False, [f"not a package that can be worked on: {name}"]
        case _:
            return False, ["refused; the reason is in the result"]


def _result(result: PackageResult) -> tuple[bool, list[str]]:
    if result.kind != "result":
        return False, [f"the card refuses the package of {result.eim_id}: {result.failed}"]
    lines = [f"the card executed the package of {result.eim_id}, counter {result.counter}"]
    lines += [f"{name}: {_value(value)}" for name, value in result.results]
    return result.failed is None, lines


def _value(value: Any) -> str:
    match value:
        case str() | int():
            return str(value)
        case bytes():
            return value.hex().upper()
        case _:
            return f"{len(value)} listed"


def told(response: bytes) -> tuple[bool, list[str]]:
    """As `words`, and for a response that is none too."""
    try:
        return words(response)
    except (DecodeError, ValueError) as error:
        return False, [f"the result cannot be read here: {error}"]

"""The JSON of GSMA's RSP functions: ESipa's (SGP.32 6.4), ES9+'s and ES11's (SGP.22 6.5).

One object in each direction. What is ASN.1 elsewhere is here the base64 of its whole element, transaction
identifiers are hex, text and numbers what JSON has for them. Answers have a header that says how it went;
HTTP says 200 to both.
"""

import binascii
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ipad import asn1
from ipad.errors import DecodeError

MEDIA_TYPE = "application/json"

_SUCCESS = ("Executed-Success", "Executed-WithWarning")
_FAILURE = ("Failed", "Expired")

_MOST_CONTAINERS = 64
"""Objects and lists in an answer, inside one another or not: four are what the standard's have, ..."""
_MOST_COMMAS = 1000
"""... with a dozen members. Each one costs the parser many times its octets."""
_LARGE = 64 * 1024
"""Octets from which on an answer has to be ASCII, as base64 is: other text takes four times its octets."""
_LARGEST_NUMBER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Failure:
    """statusCodeData of an answer that is a failure (SGP.22 5.2.6); what is not said is empty."""

    subject: str
    reason: str
    message: str


def body(members: Mapping[str, object]) -> bytes:
    """The body of a request."""
    return json.dumps(members, separators=(",", ":")).encode()


def base64(octets: bytes) -> str:
    """As the element of an answer or request."""
    return b64encode(octets).decode()


def base64_length(count: int) -> int:
    """How long so many octets are then."""
    return (count + 2) // 3 * 4


def transaction(octets: bytes) -> str:
    """A transaction identifier."""
    return octets.hex().upper()


class Answer:
    """An answer's members; null is as good as absent, and what is not known here does not matter."""

    def __init__(self, members: object) -> None:
        """Raises DecodeError unless it is an object with a header that can be read, or none."""
        self._members = _object(members, "the answer")
        self._status, self.failure = self._header()

    @property
    def names(self) -> frozenset[str]:
        """Of all its members."""
        return frozenset(self._members)

    def _header(self) -> tuple[str | None, Failure | None]:
        if not self.has("header"):
            return None, None
        header = _object(self._members["header"], "header")
        execution = _object(header.get("functionExecutionStatus"), "functionExecutionStatus")
        status = _string(execution.get("status"), "status")
        if status in _SUCCESS:
            return status, None
        if status not in _FAILURE:
            raise DecodeError(f"status {status[:40]!r}")
        data = execution.get("statusCodeData")
        code = {} if data is None else _object(data, "statusCodeData")
        subject, reason, message = (
            "" if code.get(name) is None else _string(code[name], name)
            for name in ("subjectCode", "reasonCode", "message")
        )
        return status, Failure(subject, reason, message)

    @property
    def succeeded(self) -> bool:
        """The header says so."""
        return self._status in _SUCCESS

    def has(self, name: str) -> bool:
        return self._members.get(name) is not None

    def number(self, name: str) -> int | None:
        value = self._members.get(name)
        if value is None:
            return None
        if type(value) is not int or abs(value) > _LARGEST_NUMBER:  # bool is an int in Python
            raise DecodeError(f"{name} is not a number, or not one of the standard's")
        return value

    def text(self, name: str) -> str | None:
        if not self.has(name):
            return None
        text = _string(self._members[name], name)
        if any("\ud800" <= c <= "\udfff" for c in text):
            raise DecodeError(f"{name} has half a character in it")
        return text

    def required(self, name: str) -> str:
        """As `text`, of what has to be there."""
        text = self.text(name)
        if text is None:
            raise DecodeError(f"no {name}")
        return text

    def objects(self, name: str) -> "list[Answer]":
        """The objects in the list under this name."""
        value = self._members.get(name)
        if not isinstance(value, list):
            raise DecodeError(f"{name} is not a list" if value is not None else f"no {name}")
        return [Answer(member) for member in value]

    def transaction(self) -> bytes | None:
        text = self.text("transactionId")
        if text is None:
            return None
        if not re.fullmatch("(?:[0-9A-Fa-f]{2}){1,16}", text):
            raise DecodeError("transactionId is not hex of 1 to 16 octets")
        return bytes.fromhex(text)

    def element(self, name: str, raw: tuple[int, int] | None = None) -> bytes:
        """The element in base64 under this name.

        raw: tag and length of one that some eIMs send without its tag.
        """
        octets = _octets(_string(self._members.get(name), name), name)
        if raw is not None and len(octets) == raw[1]:
            return asn1.wrap(raw[0], octets)
        return octets

    def optional(self, name: str) -> bytes | None:
        return self.element(name) if self.has(name) else None


def parsed(body: bytes) -> object:
    """The JSON of a body. Raises DecodeError for what is none, before it has cost much memory."""
    if len(body) > _LARGE and not body.isascii():
        raise DecodeError("the answer has text in it where only base64 should be")
    if body.count(b"{") + body.count(b"[") > _MOST_CONTAINERS or body.count(b",") > _MOST_COMMAS:
        raise DecodeError("the answer is nested too deep, or has too many members")
    try:
        return json.loads(body.decode(), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise DecodeError("the answer is not JSON: no UTF-8") from None
    except ValueError as problem:  # also numbers of thousands of digits
        raise DecodeError(f"the answer is not JSON: {problem}") from None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DecodeError(f"{name} is not a JSON object")
    return value


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise DecodeError(f"{name} is not a string" if value is not None else f"no {name}")
    return value


def _octets(text: str, name: str) -> bytes:
    padded = text if text.endswith("=") else text + "=" * (-len(text) % 4)
    try:
        return binascii.a2b_base64(padded, strict_mode=True)
    except ValueError:
        raise DecodeError(f"{name} is not base64") from None

"""JSON as ESipa, ES9+ and ES11 have it (SGP.22 6.5.2): members of requests, headers of answers."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ipad.errors import DecodeError


def needed(request: Mapping[str, Any], name: str) -> bytes:
    """A member in base64. DecodeError: missing, or not base64."""
    octets = optional(request, name)
    if octets is None:
        raise DecodeError(f"{name}: missing")
    return octets


def optional(request: Mapping[str, Any], name: str) -> bytes | None:
    """A member in base64, whose padding may be missing. DecodeError."""
    text = request.get(name)
    if text is None:
        return None
    if not isinstance(text, str):
        raise DecodeError(f"{name}: base64 wanted")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error) as error:
        raise DecodeError(f"{name}: not base64: {error}") from None


def hexadecimal(request: Mapping[str, Any], name: str) -> bytes | None:
    """A member in hexadecimal digits. DecodeError."""
    text = request.get(name)
    if text is None:
        return None
    if not isinstance(text, str):
        raise DecodeError(f"{name}: hexadecimal digits wanted")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise DecodeError(f"{name}: hexadecimal digits wanted") from None


def transaction_id(request: Mapping[str, Any]) -> bytes:
    """transactionId. DecodeError."""
    octets = hexadecimal(request, "transactionId")
    if octets is None:
        raise DecodeError("transactionId: missing")
    return octets


def base64_of(octets: bytes) -> str:
    """As it stands in a member."""
    return base64.b64encode(octets).decode("ascii")


def succeeded(**members: Any) -> dict[str, Any]:
    """The answer of a function that was executed; members that are None are left out."""
    told = {name: content for name, content in members.items() if content is not None}
    return {"header": {"functionExecutionStatus": {"status": "Executed-Success"}}, **told}


def failed(subject: str, reason: str, message: str) -> dict[str, Any]:
    """The answer of one that was not: status code data (SGP.22 5.2.6)."""
    data = {"subjectCode": subject, "reasonCode": reason, "message": message}
    return {"header": {"functionExecutionStatus": {"status": "Failed", "statusCodeData": data}}}

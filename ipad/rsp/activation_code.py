"""Activation codes (SGP.22 4.1): `[LPA:]1$address$[matchingId][$[oid][$1]]`.

The matching ID is worth a subscription: it is in no message, no repr and no log.
"""

import re
from dataclasses import dataclass, field

from ipad.errors import DecodeError
from ipad.net.address import host_and_port

LONGEST = 255
"""Characters of an activation code."""

_PREFIX = "LPA:"
_FORMAT = "1"
_MOST_PARTS = 6
"""Format, address, matching ID, OID, flag; SGP.22 v3 has one more, the issuer's key, which only narrows."""

_MATCHING_ID = re.compile(r"[0-9A-Za-z-]*")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,38}))+")


@dataclass(frozen=True, slots=True)
class ActivationCode:
    """Where a profile waits, and under which name."""

    address: str
    """Of the SM-DP+: a host name, perhaps with `:port`."""
    matching_id: str = field(default="", repr=False)
    """Empty: the profile waits for this card's EID."""
    oid: str = ""
    """Of the SM-DP+ ("2.999.10"), to be found in its certificate; empty: any."""
    confirmation_required: bool = False
    """A confirmation code was agreed upon when the profile was ordered."""

    def __str__(self) -> str:
        waits = "a profile by matching ID" if self.matching_id else "a profile by EID"
        return f"{waits} at {self.address}"


def parse(text: str) -> ActivationCode:
    """The activation code in `text`; white space around it does not matter.

    Raises DecodeError, which says what is wrong and quotes neither the code nor the matching ID.
    """
    code = text.strip()
    if len(code) > LONGEST:
        raise _wrong(f"{len(code)} characters; at most {LONGEST} are allowed")
    if code[: len(_PREFIX)].upper() == _PREFIX:
        code = code[len(_PREFIX) :]
    parts = code.split("$")
    if parts[0] != _FORMAT:
        raise _wrong("it does not begin with 1$ or LPA:1$")
    if not 3 <= len(parts) <= _MOST_PARTS:
        raise _wrong(f"{len(parts)} parts between $; expected 1$address$matchingId, and perhaps $oid$1")
    address, matching_id, oid, flag, _ = (*parts[1:], *[""] * (_MOST_PARTS - len(parts)))
    if host_and_port(address) is None:
        raise _wrong("the SM-DP+'s address is no host name")
    if not _MATCHING_ID.fullmatch(matching_id):
        raise _wrong("the matching ID has other characters than letters, digits and -")
    if oid and not _OID.fullmatch(oid):
        raise _wrong("the SM-DP+'s OID is no object identifier like 2.999.10")
    if flag not in ("", "1"):
        raise _wrong("the flag for a confirmation code is neither 1 nor absent")
    return ActivationCode(address, matching_id, oid, flag == "1")


def _wrong(what: str) -> DecodeError:
    return DecodeError(f"activation code: {what}")

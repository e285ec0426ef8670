"""Whether the card's rules let a profile have its policy rules (SGP.22 2.9.2.1), before it is loaded."""

from collections.abc import Mapping, Sequence
from typing import Any

from ipad import asn1

_RULES = {1: "it must not be disabled (PPR1)", 2: "it must not be deleted (PPR2)"}
_CONSENT = 0
_ANY_DIGIT = "E"


def forbids(metadata: bytes, rat: bytes, installed: Sequence[str | None]) -> str | None:
    """Why a profile may not be installed as its metadata describe it; None: it may.

    metadata: StoreMetadataRequest (BF25…). rat: RulesAuthorisationTable (A0…). installed: the classes of the
    profiles on the card. Raises DecodeError. The card checks the table again; of consent it knows nothing:
    nobody at a gateway could give it, so what needs it is not allowed.
    """
    described = asn1.decode("StoreMetadataRequest", metadata)
    rules = [rule for rule in _RULES if _has(described.get("profilePolicyRules", (b"", 0)), rule)]
    if 1 in rules and "operational" in installed:
        return f"{_RULES[1]}: only where no other operational profile is on the card"
    table = asn1.decode("RulesAuthorisationTable", asn1.wrap(0x30, asn1.value(rat)))
    owner = described.get("profileOwner")
    return next((_RULES[rule] for rule in rules if not _authorised(table, rule, owner)), None)


def _authorised(table: Sequence[Mapping[str, Any]], rule: int, owner: Mapping[str, bytes] | None) -> bool:
    """The first line of the table that has this rule and owner decides."""
    if owner is None:
        return False
    for line in table:
        permitted = any(_is(operator, owner) for operator in line["allowedOperators"])
        if permitted and _has(line["pprIds"], rule):
            return not _has(line["pprFlags"], _CONSENT)
    return False


def _is(permitted: Mapping[str, bytes], owner: Mapping[str, bytes]) -> bool:
    """Each digit of the table's mccMnc may be a wildcard; a GID that is absent or empty is any."""
    there, here = permitted["mccMnc"].hex().upper(), owner["mccMnc"].hex().upper()
    if any(digit not in (_ANY_DIGIT, mine) for digit, mine in zip(there, here, strict=True)):
        return False
    return all(permitted.get(gid, b"") in (b"", owner.get(gid)) for gid in ("gid1", "gid2"))


def _has(bits: tuple[bytes, int], number: int) -> bool:
    octets, count = bits
    return number < count and bool(octets[number // 8] & 0x80 >> number % 8)

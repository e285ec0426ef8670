"""Profile packages of the project's own making, ready to be ordered by name."""

from typing import Any

PACKAGES: dict[str, dict[str, Any]] = {
    "small": {"size": 0},
    "usual": {"size": 30_000},
    "iot": {"size": 60_000, "fallback_allowed": True},
    "large": {"size": 100_000 - 400},
    "keep": {"size": 10_000, "policy_rules": (2,)},
    "locked": {"size": 10_000, "policy_rules": (1,), "owner": None},
}
"""Members of ProfileOrder by the package's name.

small: a few elements in one segment; usual, iot: as real ones are; large: just under 100 KB; keep: has a
policy rule against its deletion (PPR2), which the virtual card's rules authorisation table allows this owner;
locked: one against disabling it (PPR1) without an owner, which it allows nobody.
"""

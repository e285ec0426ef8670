"""How the eIM misbehaves on demand: the next answers, or the next packages that it signs."""

from ipad.testbed.faults import SPOILT, STATUSES, BadFault, Fault, Faults

FORGED = ("wrong-signature", "wrong-eid", "replay-counter")
"""The next package that is signed is a forged one."""
KINDS = (*STATUSES, *SPOILT, *FORGED)

__all__ = ["FORGED", "KINDS", "SPOILT", "STATUSES", "BadFault", "Fault", "Faults"]

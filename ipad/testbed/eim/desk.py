"""Where everything that comes back is handed in: matched to its package, recorded, counted once."""

from dataclasses import dataclass
from typing import Any, NoReturn

from ipad.testbed.eim.identity import Identity
from ipad.testbed.eim.readable import readable
from ipad.testbed.eim.records import CANCELLED, DONE, FAILED, ROLLED_BACK, Euicc, Package, Records, Result
from ipad.testbed.smdp.functions import Es9


class Refused(Exception):
    """Something that the eIM does not accept; the message says why. It has been recorded."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The eIM's books, and who it is."""

    records: Records
    identity: Identity
    smdp: Es9 | None = None
    """That notifications of indirect downloads are passed on to."""

    def package_of(self, euicc: Euicc, decoded: Any) -> Package | None:
        return self.records.sent_package(euicc.eid, decoded.get("eimTransactionId"))

    def check(self, result: Result, holds: bool, otherwise: str) -> None:
        """Refused, for that reason, unless it holds."""
        if not holds:
            self.refuse(result, otherwise)

    def check_handed_out(self, result: Result, package: Package | None, kind: str | None = None) -> None:
        """A repeated one without a transaction finds no package any more; it is taken again all the same."""
        if package is None:
            self.check(result, self.records.known(result) is not None, "no such package was handed out")
        else:
            self.check(result, kind in (None, package.kind), f"package {package.id} is no {kind} request")

    def refuse(self, result: Result, reason: str) -> NoReturn:
        self.records.keep(result, refused=reason)
        raise Refused(reason)

    def accept(self, result: Result, package: Package | None, state: str) -> int | None:
        """Counts it, unless it has been counted before. The result of a rollback supersedes the package's."""
        known = self.records.known(result)
        if known is not None:
            self.records.count(known)
        else:
            self.records.keep(result)
            if package is not None and _supersedes(state, package.state):
                self.records.end(package.id, state, result.content)
        return result.seq


def result_of(euicc: Euicc, package: Package | None, kind: str, decoded: Any, octets: bytes) -> Result:
    """What came for a package, as the records keep it."""
    return Result(
        eid=euicc.eid,
        package=package.id if package else None,
        kind=kind,
        counter=decoded.get("counterValue"),
        transaction=decoded.get("eimTransactionId"),
        seq=decoded.get("seqNumber"),
        content=readable(decoded.get("euiccResult", decoded)),
        octets=octets,
    )


def _supersedes(new: str, old: str) -> bool:
    """Whether a package's state gives way to another.

    A rollback's result replaces the one before it (SGP.32 5.9.16), whichever comes first; what the card
    signed is worth more than an unsigned error.
    """
    if old == DONE:
        return new == ROLLED_BACK
    if old in (FAILED, CANCELLED):
        return new in (DONE, ROLLED_BACK)
    return old != ROLLED_BACK

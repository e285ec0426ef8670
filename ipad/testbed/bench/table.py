"""A figure beside its goal, and how the table of them is printed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. goal: what it may be at most; None: only told, to compare with."""

    group: str
    what: str
    value: float
    unit: str
    goal: float | None = None

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "holds" if self.value <= self.goal else "MISSED"


_DECIMALS = {"s": 3, "ms": 2, "MB": 1, "%": 2}
"""Units without a decimal are counted, and are whole numbers."""


def _number(value: float, unit: str) -> str:
    return f"{value:.{_DECIMALS.get(unit, 0)}f}"


def lines(rows: Sequence[Row]) -> list[str]:
    """The table, for people. Rows of a group follow each other."""
    width = max(len(row.what) for row in rows)
    printed = []
    for group, members in groupby(rows, lambda row: row.group):
        printed += ["", group]
        for row in members:
            goal = "" if row.goal is None else f"<= {_number(row.goal, row.unit)}"
            measured = f"{_number(row.value, row.unit):>8} {row.unit:<9}"
            printed.append(f"  {row.what:<{width}}  {measured}  {goal:<9} {row.verdict}".rstrip())
    return printed


def values(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [{**asdict(row), "verdict": row.verdict} for row in rows]

"""docs/modems.md: its tables are written from the data here, what is between them by hand."""

import re
from collections.abc import Sequence
from pathlib import Path

from modem.mock import MODELS
from modem.mock.faults import LASTING, MOMENTARY
from modem.mock.personalities import UNKNOWN
from tests.matrix import plan
from tests.matrix.cell import Cell, Verdict
from tests.modem.facts import FACTS

GUIDE = Path(__file__).parent.parent.parent / "docs" / "modems.md"

_SIGNS = {"done": "✓", "fallen back": "F", "rolled back": "R", "refused": "C", "untouched": "–", "wrong": "✗"}
"""The worst of a square's cells is what it shows: later ones are worse."""


def facts() -> str:
    """What is reported of modems, and the tests."""
    rows = [
        (fact.what, fact.seen, fact.source, f"`{fact.played}`", "<br>".join(map(_test, fact.tests)))
        for fact in FACTS
    ]
    return _table(("what happens", "seen on", "source", "the mock plays it by", "test"), rows)


def models() -> str:
    """The models that the mock can be."""
    rows = [
        (
            f"`{name}`",
            model.manufacturer,
            model.name,
            "not public" if model.revision == UNKNOWN else model.revision,
            "USB" if model.reenumerates else "UART",
            f"AT{model.iccid.command}",
            ", ".join(sorted(model.faults)),
        )
        for name, model in MODELS.items()
    ]
    return _table(("`--model`", "+CGMI", "+CGMM", "+CGMR", "on", "ICCID by", "faults of its own"), rows)


def faults() -> str:
    """The faults."""
    rows = [(f"`{name}`", text) for name, text in sorted(LASTING.items())]
    rows += [(f"`{name}@WHEN`", text) for name, text in sorted(MOMENTARY.items())]
    return _table(("`--fault`", "the modem"), rows)


def matrix(found: Sequence[tuple[Cell, Verdict]]) -> str:
    """A row for each fault, a column for each model."""
    verdicts = dict(found)
    rows = [
        (f"`{column}`" if column else "none", *(_square(model, column, verdicts) for model in MODELS))
        for column in plan.COLUMNS
    ]
    return _table(("", *MODELS), rows)


def reasons(found: Sequence[tuple[Cell, Verdict]]) -> str:
    """Why cells did not end in "done", and how many ended so."""
    counts: dict[tuple[str, str], int] = {}
    for _, verdict in found:
        if verdict.outcome != "done":
            reason = re.sub(r"(?<=sending )[0-9A-F]{8}|\d{18,20}", "…", verdict.reason)
            counts[verdict.outcome, reason] = counts.get((verdict.outcome, reason), 0) + 1
    rows = [
        (_SIGNS[outcome], outcome, str(count), reason)
        for (outcome, reason), count in sorted(counts.items(), key=lambda item: (item[0][0], -item[1]))
    ]
    return _table(("", "ended", "cells", "reason told"), rows)


def write(found: Sequence[tuple[Cell, Verdict]] | None = None) -> None:
    """Puts the tables into the guide; the matrix's too, if it was played."""
    parts = {"facts": facts(), "models": models(), "faults": faults()}
    if found is not None:
        done = sum(verdict.outcome == "done" for _, verdict in found)
        summary = f"{len(found)} cells, {done} of them done."
        parts["matrix"] = f"{summary}\n\n{matrix(found)}\n{reasons(found)}"
    guide = GUIDE.read_text("utf-8")
    for name, text in parts.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
        place = re.search(pattern, guide, flags=re.DOTALL)
        assert place is not None, f"no place for {name} in {GUIDE}"
        guide = guide[: place.end(1)] + text + guide[place.start(2) :]
    GUIDE.write_text(guide, "utf-8")


def _square(model: str, column: str, verdicts: dict[Cell, Verdict]) -> str:
    outcomes = [verdicts[cell].outcome for cell in plan.column_of(model, column) if cell in verdicts]
    return _SIGNS[max(outcomes, key=list(_SIGNS).index)] if outcomes else "·"


def _test(name: str) -> str:
    file, function = name.split("::")
    return f"[{function}](../tests/{file})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    write()

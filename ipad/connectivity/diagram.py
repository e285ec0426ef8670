"""The diagram and the table of what decides, drawn from the rows: `make docs` writes docs/decide.md."""

from ipad.connectivity.rows import ANY, ROWS, USUAL, WITH_CARD, Row
from ipad.connectivity.state import Phase

_INTRO = """# What ipad decides

Drawn from `ipad/connectivity/rows.py` by `make docs`; a test keeps it current. The first row that fits is
taken. Polls and probes are decided beside these rows, in `ipad/connectivity/polling.py`.

An arrow is a change of phase, `⟲` an action within a phase.
"""

_PHASES = {WITH_CARD: "any with a card", USUAL: "any but no card and emergency"}


def _name(word: object) -> str:
    return str(getattr(word, "__name__", word)).replace("_", " ").strip()


def _event(row: Row) -> str:
    if row.event == ANY:
        return "any"
    kinds = row.event if isinstance(row.event, tuple) else (row.event,)
    return " or ".join(kind.__name__ for kind in kinds)


def _id(phase: Phase) -> str:
    return phase.name


def mermaid() -> str:
    """The phases and the rows between them as a Mermaid state diagram."""
    arrows: dict[tuple[Phase, Phase], list[str]] = {}
    for row in ROWS:
        for phase in row.phases:
            following = row.next or phase
            if following is phase and row.action is None:
                continue
            said = row.why.replace(":", ",") + (f" ⟲ {_name(row.action)}" if row.action else "")
            arrows.setdefault((phase, following), []).append(said)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_id(Phase.NO_CARD)}"]
    for (source, target), reasons in arrows.items():
        lines.append(f"    {_id(source)} --> {_id(target)}: {'<br>'.join(dict.fromkeys(reasons))}")
    return "\n".join([*lines, "```"])


def table() -> str:
    """Every row in the order in which they are tried."""
    lines = ["| phase | event | if | then | action | why |", "| --- | --- | --- | --- | --- | --- |"]
    for row in ROWS:
        phases = _PHASES.get(row.phases) or ", ".join(p.value for p in row.phases)
        guards = ", ".join(_name(guard) for guard in row.guards)
        following = row.next.value if row.next else "stay"
        action = _name(row.action) if row.action else ""
        lines.append(f"| {phases} | {_event(row)} | {guards} | {following} | {action} | {row.why} |")
    return "\n".join(lines)


def document() -> str:
    """docs/decide.md."""
    return f"{_INTRO}\n{mermaid()}\n\n{table()}\n"


if __name__ == "__main__":
    print(document(), end="")

"""The page of `ipad report`: HTML in one file, of bounded size, with shortened EIDs."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from statistics import median
from typing import Any

from ipad import __version__, report_plot, show
from ipad.report_plot import Stretch, stretches
from ipad.samples import Sample
from ipad.snapshot import shortened

_HISTORY_OCTETS = 120_000
"""Of HTML: the oldest lines beyond these are left out."""
_SWITCHES = 50
_KINDS = {True: "good", False: "bad", None: "open"}
_MARKS = {True: "✔", False: "✘", None: "–"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the page is made of."""

    made: float
    since: float
    status: dict[str, Any] | None
    info: dict[str, Any] | None
    profiles: list[dict[str, Any]]
    history: list[dict[str, Any]]
    samples: list[Sample]
    findings: list[dict[str, Any]]
    machine: dict[str, str]
    settings: dict[str, str]
    missing: list[str]
    """What could not be had, as sentences."""


def page(facts: Facts) -> str:
    """The HTML."""
    eid = bytes.fromhex(facts.info["eid"]) if facts.info else None
    name = shortened(eid) if eid else "no card read"
    made = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(facts.made))
    body = [
        f"<h1>Gateway <code>{escape(name)}</code></h1><p>ipad {__version__}, {made}</p>",
        *(f'<p class="bad">Not in here: {escape(text)}</p>' for text in facts.missing),
        _section("Now", _lines(show.status(facts.status)) if facts.status else ""),
        _section("Timeline", _timeline(facts)),
        _section("Switches", _switches(facts)),
        _section("Profiles", _profiles(facts.profiles)),
        _section("Card", _lines(show.info(facts.info)) if facts.info else ""),
        _section("What the doctor says", _findings(facts.findings)),
        _section("Machine", _pairs(facts.machine)),
        _section("Configuration", _pairs(facts.settings) or "<p>All keys have their defaults.</p>"),
        _section("History", _history(facts.history)),
    ]
    text = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>ipad: {escape(name)}</title><style>{_STYLE}</style></head><body>"
        + "".join(body)
        + "</body></html>\n"
    )
    return text.replace(eid.hex(), name) if eid else text


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>" if content else ""


def _lines(lines: Sequence[str]) -> str:
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{lines}</table>"


def _pairs(pairs: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in pairs.items())
    return f"<table>{rows}</table>" if rows else ""


def _names(facts: Facts) -> dict[str, str]:
    return {
        p["iccid"]: f"{p['nickname'] or p['name'] or p['provider']} ({p['iccid']})"
        for p in facts.profiles
        if p["nickname"] or p["name"] or p["provider"]
    }


def _timeline(facts: Facts) -> str:
    if not facts.samples:
        return "<p>No samples yet.</p>"
    picture = report_plot.svg(facts.samples, _names(facts), facts.since, facts.made)
    note = (
        "Each column shows the worst of its time; the signal from its lowest to its highest. Where there is "
        "nothing, the daemon or the gateway was off. Lines: switches of the enabled profile."
    )
    return f"{picture}<p>{note}</p>{_figures(facts)}"


def _figures(facts: Facts) -> str:
    links = stretches(facts.samples, lambda sample: sample.link, facts.made)
    known = [stretch for stretch in links if stretch.value is not None]
    total = sum(stretch.end - stretch.start for stretch in known)
    outages = [stretch for stretch in known if stretch.value != "ok"]
    signals = [sample.signal for sample in facts.samples if sample.signal is not None]
    figures = {"time with a record": show.span(total)}
    if total:
        share = sum(s.end - s.start for s in known if s.value == "ok") / total
        figures["link ok"] = f"{100 * share:.2f} % of it"
    figures["link not ok"] = "once" if len(outages) == 1 else f"{len(outages)} times"
    if outages:
        longest = max(outages, key=lambda stretch: stretch.end - stretch.start)
        figures["longest"] = f"{_length(longest)} from {_when(longest.start)}: {longest.value}"
    if signals:
        figures["signal"] = f"{min(signals)} to {max(signals)} dBm, median {median(signals):.0f} dBm"
    figures["switches"] = str(len(_changes(facts.samples)))
    return _pairs(figures)


def _length(stretch: Stretch) -> str:
    return show.span(stretch.end - stretch.start)


def _when(clock: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(clock))


def _changes(seen: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    carded = [sample for sample in seen if sample.iccid]
    return [(a, b) for a, b in pairwise(carded) if a.iccid != b.iccid]


def _switches(facts: Facts) -> str:
    names = _names(facts)
    rows = [
        (_when(after.clock), *(names.get(s.iccid or "", s.iccid or "") for s in (before, after)), after.phase)
        for before, after in _changes(facts.samples)[-_SWITCHES:]
    ]
    return _table(("when", "from", "to", "phase"), rows[::-1])


def _profiles(profiles: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            p["iccid"],
            p["provider"] or "",
            p["nickname"] or p["name"] or "",
            ", ".join(
                word
                for word in (
                    "enabled" if p["enabled"] else "",
                    "fallback" if p["fallback"] else "",
                    p["class"],
                )
                if word
            ),
        )
        for p in profiles
    ]
    return _table(("ICCID", "provider", "name", ""), rows)


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for f in findings:
        advice = f"<br><em>{escape(f['advice'])}</em>" if f["advice"] else ""
        cells = (_MARKS[f["ok"]], escape(f["name"]), escape(f["said"]) + advice)
        rows.append(
            f'<tr class="{_KINDS[f["ok"]]}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        )
    return f"<table>{''.join(rows)}</table>"


def _history(entries: Sequence[dict[str, Any]]) -> str:
    """Newest first, as much as there is room for."""
    lines: list[str] = []
    room = _HISTORY_OCTETS
    for line in map(escape, reversed(show.history(list(entries)))):
        room -= len(line.encode()) + 1
        if room < 0:
            lines.append(f"… and {len(entries) - len(lines)} older lines: ipad history")
            break
        lines.append(line)
    return f"<pre>{chr(10).join(lines)}</pre>" if lines else ""


_STYLE = """
:root { color-scheme: light dark }
body { font: 14px/1.45 system-ui, sans-serif; max-width: 1080px; margin: 24px auto; padding: 0 16px;
  color: #1f2933; background: #fff }
h1 { font-size: 22px; margin: 0 }
h2 { font-size: 16px; margin: 28px 0 8px; border-bottom: 1px solid #d5dae0; padding-bottom: 4px }
p { margin: 6px 0 }
pre, code { font: 12.5px/1.5 ui-monospace, monospace }
pre { background: #f4f6f8; padding: 10px 12px; border-radius: 6px; white-space: pre-wrap }
table { border-collapse: collapse }
td, th { padding: 3px 14px 3px 0; text-align: left; vertical-align: top }
th { font-weight: 600 }
tr.good td:first-child { color: #2f9e58 }
tr.bad, p.bad { color: #c92a2a }
em { color: #66707a; font-style: normal }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif }
svg text { fill: #394450 }
.label { text-anchor: end }
.time { text-anchor: middle }
.empty { fill: #eef1f4 }
.grid { stroke: #e3e7eb }
.tick { stroke: #8a949e }
.signal { fill: #3b7dd8 }
.switch { stroke: #1f2933; stroke-dasharray: 3 3 }
.mark { fill: #1f2933 }
@media (prefers-color-scheme: dark) {
  body { background: #14181c; color: #d8dee4 }
  pre { background: #1e242a }
  h2 { border-color: #333b43 }
  svg text { fill: #c3cad1 }
  .empty { fill: #242b32 }
  .grid { stroke: #2b333b }
  .switch { stroke: #e6ebf0 }
  .mark { fill: #e6ebf0 }
  em { color: #96a0aa }
}
"""

"""The report's picture: profiles, phases, link and signal over time, as SVG of bounded size.

One column of pixels is the smallest stretch of time. Each shows the worst state of its stretch, and the
signal from its lowest to its highest value; so the picture of a year is no larger than that of a day.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TypeVar

from ipad.connectivity.link import Link
from ipad.connectivity.state import Phase
from ipad.samples import Sample

COLUMNS = 960
_LEFT, _RIGHT = 90, 12
_WIDTH = _LEFT + COLUMNS + _RIGHT
_STRIP, _GAP, _SIGNAL = 24, 16, 120
_FROM_DBM, _TO_DBM = -120, -50
_HELD = 2.5 * 3600
"""Seconds that a sample holds without another one. After them nobody knows: no power, or no daemon."""

_T = TypeVar("_T")

LINKS = {
    # From the best to the worst.
    Link.OK.value: "#2f9e58",
    Link.NO_TRAFFIC.value: "#f2b01e",
    Link.NO_BEARER.value: "#f08c2e",
    Link.NOT_REGISTERED.value: "#e8590c",
    Link.REFUSED.value: "#c92a2a",
    Link.NO_SIM.value: "#9c36b5",
    Link.MODEM_STUCK.value: "#5f3dc4",
}
PHASES = {
    Phase.OPERATING.value: "#2f9e58",
    Phase.TRIAL.value: "#4c8fd6",
    Phase.FALLBACK.value: "#f2b01e",
    Phase.REMEDYING.value: "#e8590c",
    Phase.EMERGENCY.value: "#c92a2a",
    Phase.NO_CARD.value: "#868e96",
}
_OTHER = "#adb5bd"
_PROFILES = ("#1f77b4", "#d97706", "#6d4fc2", "#0f9d8a", "#c2417a", "#7a8f1f", "#8c564b", "#475569")


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `start` to `end` (seconds since the epoch) it was `value`; None: not known."""

    start: float
    end: float
    value: str | None


def stretches(samples: Sequence[Sample], of: Callable[[Sample], str | None], until: float) -> list[Stretch]:
    """The samples as stretches of one value, with those in between that nobody knows of."""
    found: list[Stretch] = []

    def add(start: float, end: float, value: str | None) -> None:
        if end <= start:
            return
        if found and found[-1].value == value:
            start = found.pop().start
        found.append(Stretch(start, end, value))

    ends = [sample.clock for sample in samples[1:]] + [until]
    for sample, following in zip(samples, ends, strict=True):
        held = min(following, sample.clock + _HELD)
        add(sample.clock, held, of(sample))
        add(held, following, None)
    return found


def svg(samples: Sequence[Sample], names: Mapping[str, str], since: float, until: float) -> str:
    """The picture. names: of profiles, by ICCID."""
    scale = _Scale(since, max(until, since + 1))
    iccids = sorted({sample.iccid for sample in samples if sample.iccid})
    colours = {iccid: _PROFILES[n % len(_PROFILES)] for n, iccid in enumerate(iccids)}
    parts: list[str] = []
    y = 22.0
    tracks = (
        ("profile", colours, lambda sample: sample.iccid),
        ("phase", PHASES, lambda sample: sample.phase),
        ("link", LINKS, lambda sample: sample.link),
    )
    for title, palette, of in tracks:
        parts += [_label(title, y + _STRIP / 2), _strip(stretches(samples, of, until), palette, scale, y)]
        y += _STRIP + _GAP
    parts += [_signal(samples, scale, y), _switches(samples, names, scale, 22, y + _SIGNAL)]
    y += _SIGNAL
    parts.append(_axis(scale, y))
    y += 34
    legend, y = _legend({names.get(iccid, iccid): colour for iccid, colour in colours.items()}, samples, y)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {y:.0f}" role="img" aria-label="profiles, phases, link and signal">'
        + "".join([*parts, legend])
        + "</svg>"
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    since: float
    until: float

    def column(self, when: float) -> float:
        """Pixels from the left edge of the picture's field, from 0 to COLUMNS."""
        return min(max(0.0, (when - self.since) / (self.until - self.since) * COLUMNS), COLUMNS)


def _label(text: str, y: float) -> str:
    return f'<text x="{_LEFT - 8}" y="{y + 4:.0f}" class="label">{escape(text)}</text>'


def _strip(found: Sequence[Stretch], palette: Mapping[str, str], scale: _Scale, y: float) -> str:
    """One row of coloured stretches, at most one a column."""
    order = {value: rank for rank, value in enumerate(palette)}
    columns: list[str | None] = [None] * COLUMNS
    for stretch in found:
        if stretch.value is None or stretch.end < scale.since:
            continue
        first = min(int(scale.column(stretch.start)), COLUMNS - 1)
        last = max(first + 1, int(scale.column(stretch.end)))
        for n in range(first, min(last, COLUMNS)):
            there = columns[n]
            if there is None or order.get(stretch.value, 99) >= order.get(there, 99):
                columns[n] = stretch.value
    rects = [f'<rect x="{_LEFT}" y="{y}" width="{COLUMNS}" height="{_STRIP}" class="empty"/>']
    for first, last, value in _runs(columns):
        if value is not None:
            rects.append(
                f'<rect x="{_LEFT + first}" y="{y}" width="{last - first}" height="{_STRIP}"'
                f' fill="{palette.get(value, _OTHER)}"><title>{escape(value)}</title></rect>'
            )
    return "".join(rects)


def _runs(columns: Sequence[_T]) -> list[tuple[int, int, _T]]:
    """Stretches of columns with the same value: first, the one behind the last, value."""
    starts = [n for n, value in enumerate(columns) if n == 0 or columns[n - 1] != value]
    return [(first, last, columns[first]) for first, last in pairwise([*starts, len(columns)])]


def _signal(samples: Sequence[Sample], scale: _Scale, y: float) -> str:
    """From the lowest to the highest value in each column; a value holds until the next one."""

    def height(dbm: float) -> float:
        inside = min(max(dbm, _FROM_DBM), _TO_DBM)
        return y + _SIGNAL * (_TO_DBM - inside) / (_TO_DBM - _FROM_DBM)

    parts = [_label("signal, dBm", y - 2)]
    for dbm in range(_FROM_DBM, _TO_DBM + 1, 10):
        parts.append(f'<path d="M{_LEFT} {height(dbm):.1f}h{COLUMNS}" class="grid"/>')
        if dbm % 20 == 0:
            parts.append(_label(str(dbm), height(dbm)))
    bars = []
    for first, last, values in _runs(_ranges(samples, scale)):
        if values is not None:
            top, bottom = height(values[1]) - 1, height(values[0]) + 1
            bars.append(f"M{_LEFT + first} {top:.1f}h{last - first}V{bottom:.1f}h{first - last}z")
    return "".join([*parts, f'<path d="{"".join(bars)}" class="signal"/>'])


def _ranges(samples: Sequence[Sample], scale: _Scale) -> list[tuple[int, int] | None]:
    """The lowest and the highest value of each column."""
    columns: list[tuple[int, int] | None] = [None] * COLUMNS
    ends = [sample.clock for sample in samples[1:]] + [scale.until]
    for sample, following in zip(samples, ends, strict=True):
        if sample.signal is None or following < scale.since:
            continue
        first = min(int(scale.column(sample.clock)), COLUMNS - 1)
        last = int(scale.column(min(following, sample.clock + _HELD)))
        for n in range(first, min(max(first + 1, last), COLUMNS)):
            low, high = columns[n] or (sample.signal, sample.signal)
            columns[n] = (min(low, sample.signal), max(high, sample.signal))
    return columns


def _switches(
    samples: Sequence[Sample], names: Mapping[str, str], scale: _Scale, top: float, bottom: float
) -> str:
    """A line at each change of the enabled profile; those of one column are one."""
    marks: dict[int, list[str]] = {}
    for before, after in pairwise(samples):
        if before.iccid and after.iccid and before.iccid != after.iccid and after.clock >= scale.since:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(after.clock))
            to = names.get(after.iccid, after.iccid)
            marks.setdefault(int(scale.column(after.clock)), []).append(f"{when}: to {to}")
    return "".join(
        f'<g><line x1="{_LEFT + n}" x2="{_LEFT + n}" y1="{top - 6}" y2="{bottom}" class="switch"/>'
        f'<path d="M{_LEFT + n - 4} {top - 12}h8l-4 7z" class="mark"/>'
        f"<title>{escape('; '.join(told[:5]) + (' …' if len(told) > 5 else ''))}</title></g>"
        for n, told in sorted(marks.items())
    )


_TICKS = (
    (60, "%H:%M"),
    (600, "%H:%M"),
    (3600, "%H:%M"),
    (6 * 3600, "%d %b %H:%M"),
    (86400, "%d %b"),
    (7 * 86400, "%d %b"),
    (30 * 86400, "%b %Y"),
)
_MOST_TICKS = 13


def _axis(scale: _Scale, y: float) -> str:
    """Ticks in the gateway's local time."""
    length = scale.until - scale.since
    step, form = next(
        ((step, form) for step, form in _TICKS if length / step <= _MOST_TICKS),
        (length / _MOST_TICKS, "%b %Y"),
    )
    offset = time.localtime(scale.until).tm_gmtoff
    when = ((scale.since + offset) // step + 1) * step - offset
    parts = []
    while when < scale.until:
        x = _LEFT + scale.column(when)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 5}" class="tick"/>')
        text = time.strftime(form, time.localtime(when))
        parts.append(f'<text x="{x:.1f}" y="{y + 18}" class="time">{escape(text)}</text>')
        when += step
    return "".join(parts)


def _present(palette: Mapping[str, str], values: set[str]) -> dict[str, str]:
    """Of the palette what is there, and what is there without a colour of its own."""
    known = {value: colour for value, colour in palette.items() if value in values}
    return known | dict.fromkeys(sorted(values - set(palette)), _OTHER)


def _legend(profiles: Mapping[str, str], samples: Sequence[Sample], y: float) -> tuple[str, float]:
    """What the colours mean, of those that are there; and where it ends."""
    rows = (
        ("profile", profiles),
        ("phase", _present(PHASES, {sample.phase for sample in samples})),
        ("link", _present(LINKS, {sample.link for sample in samples if sample.link})),
    )
    parts = []
    for title, entries in rows:
        parts.append(_label(title, y))
        x = float(_LEFT)
        for name, colour in entries.items():
            width = 22 + 6.6 * len(name)
            if x + width > _WIDTH:
                x, y = float(_LEFT), y + 18
            parts.append(f'<rect x="{x:.0f}" y="{y - 6:.0f}" width="12" height="12" fill="{colour}"/>')
            parts.append(f'<text x="{x + 16:.0f}" y="{y + 4:.0f}">{escape(name)}</text>')
            x += width + 8
        y += 20
    return "".join(parts), y

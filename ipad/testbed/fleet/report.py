"""A fleet's result as one HTML file, its plots in it as SVG. Needs matplotlib (the extra `plots`)."""

import html
import importlib.util
import io
from pathlib import Path
from typing import Any

from ipad.errors import ConfigError
from ipad.testbed.fleet.fleet import BIN, NO_POWER, Result

_COLOURS = {
    "operating": "#4c9f70",
    "remedying": "#e0a030",
    "trial": "#7d6bb0",
    "fallback": "#3a78b5",
    "emergency": "#b03a5b",
    "no card": "#8a8a8a",
    NO_POWER: "#d5d5d5",
}
_STYLE = """body{font:16px/1.45 sans-serif;max-width:58rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse}td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:left}
td{font-variant-numeric:tabular-nums}svg{width:100%;height:auto}"""


def check() -> None:
    """ConfigError if there is no matplotlib: better before than after the work."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError("--html: matplotlib is missing: pip install 'ipad[plots]' (python3-matplotlib)")


def write(result: Result, path: Path) -> None:
    """The report. ConfigError if there is no matplotlib."""
    plots = draw(result)
    figures = result.figures()
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(said(value))}</td></tr>"
        for name, value in figures.items()
    )
    scenario = result.scenario
    path.write_text(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{scenario.name}</title>"
        f"<style>{_STYLE}</style><h1>{scenario.name}</h1><p>{html.escape(scenario.what)}; "
        f"{figures['gateways']:,} gateways, {scenario.lasts / 3600:.0f} hours.</p>"
        f"<table>{rows}</table>{''.join(plots)}</html>\n",
        "utf-8",
    )


def said(value: object) -> str:
    """A figure, for people."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {each:,}" for name, each in value.items())
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def draw(result: Result) -> list[str]:
    """Each plot as an SVG element."""
    check()
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": result.scenario.name, "svg.fonttype": "none"})
    return [_svg(result, plot) for plot in (_states, _load, _peak, _offline, _costs)]


def _svg(result: Result, plot: Any) -> str:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 3.2), layout="constrained")
    plot(result, axes)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]


def _hours(result: Result, count: int) -> list[float]:
    return [n * result.scenario.lasts / 3600 / (count - 1) for n in range(count)]


def _states(result: Result, axes: Any) -> None:
    states = {state: curve for state, curve in result.sums.states().items() if any(curve)}
    count = len(next(iter(states.values())))
    order = [state for state in _COLOURS if state in states]
    axes.stackplot(
        _hours(result, count),
        [states[state] for state in order],
        labels=order,
        colors=[_COLOURS[state] for state in order],
        step="post",
    )
    axes.set(title="Gateways by state", xlabel="hours", xlim=(0, _end(result)), ylim=(0, None))
    axes.legend(loc="lower right", fontsize=8)


def _load(result: Result, axes: Any) -> None:
    """The whole time."""
    _polls(result, axes, 0.0, result.scenario.lasts)
    axes.set_title(f"Load on the eIM, in bins of {BIN:.0f} s")


def _peak(result: Result, axes: Any) -> None:
    """The busiest hour."""
    begin = max(0.0, result.busiest() * BIN - 1800)
    _polls(result, axes, begin, begin + 3600)
    axes.set_title(
        f"The same around its peak: {result.peak_ratio():.2f} times the mean of {result.spread:.0f} s"
    )


def _polls(result: Result, axes: Any, begin: float, end: float) -> None:
    part = slice(int(begin / BIN), int(end / BIN) + 1)
    hours = [n * BIN / 3600 for n in range(len(result.sums.polls))][part]
    for label, bins, colour in (
        ("polls", result.sums.polls, "#3a78b5"),
        ("eIM not reached", result.sums.failed_polls, "#c0504d"),
    ):
        if any(bins):
            seconds = [n / BIN for n in bins[part]]
            axes.step(hours, seconds, where="post", lw=0.9, color=colour, label=label)
    for down, up in result.scenario.eim_down:
        axes.axvspan(down / 3600, up / 3600, color="#eee")
    axes.set(xlabel="hours", ylabel="polls a second", xlim=(begin / 3600, end / 3600), ylim=(0, None))
    axes.legend(loc="upper right", fontsize=8)


def _offline(result: Result, axes: Any) -> None:
    offline = sorted(result.sums.offline)
    step = max(1, len(offline) // 1000)
    shares = [100 * n / len(offline) for n in range(0, len(offline), step)]
    axes.plot([seconds / 60 for seconds in offline[::step]], shares, color="#222")
    axes.set(title="Time without connectivity", xlabel="minutes", ylabel="% of gateways")
    axes.set(ylim=(0, 100), xlim=(0, max(1.0, offline[-1] / 60 * 1.05)))


def _costs(result: Result, axes: Any) -> None:
    """What the operator pays for."""
    sums = result.sums
    most = f"most in a day, of {result.figures()['switches_budget']}"
    bars = {
        "hours on bootstrap": sums.on_bootstrap / 3600 / sums.gateways,
        most: float(sums.most_switches),
        "switches": sums.switches / sums.gateways,
    }
    axes.barh(list(bars), list(bars.values()), color=["#3a78b5", "#7d6bb0", "#7d6bb0"])
    axes.set_xlim(0, max(1.0, *bars.values()) * 1.1)
    for n, value in enumerate(bars.values()):
        axes.text(value, n, f" {value:,.2f}", va="center", fontsize=9)
    axes.set(
        title=f"A gateway's costs ({sums.switches:,} switches, {sums.on_bootstrap / 3600:,.0f} h in all)"
    )


def _end(result: Result) -> float:
    return result.scenario.lasts / 3600

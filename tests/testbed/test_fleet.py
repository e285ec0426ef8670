"""A small fleet through each scenario; `make prove` has a large one."""

import json
import os
from pathlib import Path

import pytest

from ipad.connectivity.rows import SWITCHES
from ipad.connectivity.state import Phase
from ipad.testbed import cli
from ipad.testbed.fleet import fleet
from ipad.testbed.fleet.fleet import NO_POWER, Result
from ipad.testbed.fleet.scenario import BEGIN, HOUR, SCENARIOS

GATEWAYS = 300


def lived(name: str, gateways: int = GATEWAYS) -> Result:
    return fleet.run(SCENARIOS[name], gateways, lambda _done: None)


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_gateway_is_stranded_and_none_switches_more_than_it_may(name: str) -> None:
    result = lived(name)
    assert result.sums.gateways == GATEWAYS
    assert result.sums.stranded == 0
    assert result.sums.most_switches <= SWITCHES


@pytest.mark.parametrize("name", ["eim-outage", "power-cut"])
def test_what_is_no_loss_of_the_link_costs_no_switch(name: str) -> None:
    result = lived(name)
    assert (result.sums.switches, result.sums.on_bootstrap) == (0, 0.0)


def test_an_outage_costs_a_fallback_and_a_return_and_a_slope_of_polls() -> None:
    result = lived("operator-outage", 3000)
    assert result.sums.switches == 2 * 3000
    assert result.peak_ratio() <= 2
    # Less than the outage, and more than the ladder with all that jitter may take from it.
    assert min(result.sums.offline) > 0.75 * 480
    assert max(result.sums.offline) < HOUR


def test_a_fleet_without_its_spread_is_a_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counterproof: the ratio would show it."""
    monkeypatch.setattr("ipad.connectivity.state.hashlib.blake2b", lambda *_, **__: Constant())
    assert lived("operator-outage").peak_ratio() > 2


class Constant:
    """The same jitter for every gateway."""

    def digest(self) -> bytes:
        return bytes(4)


def test_every_gateway_is_in_one_state_at_each_point() -> None:
    result = lived("power-cut", 100)
    states = result.sums.states()
    assert {sum(at) for at in zip(*states.values(), strict=True)} == {100}
    during = int((BEGIN + HOUR) / result.scenario.lasts * fleet.POINTS)
    assert states[NO_POWER][during] == 30
    assert states[Phase.OPERATING.value][-1] == 100


def test_the_same_fleet_has_the_same_fate() -> None:
    first, second = (lived("flapping", 40).figures() for _ in range(2))
    assert {**first, "wall_s": 0} == {**second, "wall_s": 0}


def test_the_command_prints_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fleet", "--gateways", "20", "--scenario", "double-outage", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["offline_s"].keys() == {"median", "p99", "max"}
    wanted = {"gateways", "stranded", "switches", "offline_s", "eim_peak_ratio", "bootstrap_hours", "wall_s"}
    assert wanted <= figures.keys()
    assert cli.main(["fleet", "--gateways", "20", "--scenario", "eim-outage"]) == 0
    assert "stranded         0\n" in capsys.readouterr().out


def test_a_fleet_of_nobody_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fleet", "--gateways", "0", "--scenario", "flapping"]) == 1
    assert "--gateways 0: from 1" in capsys.readouterr().err


def test_the_report_is_one_file_with_its_plots(tmp_path: Path) -> None:
    if not os.environ.get("IPAD_CI"):
        pytest.importorskip("matplotlib")
    path = tmp_path / "report.html"
    cli.main(["fleet", "--gateways", "20", "--scenario", "operator-outage", "--html", str(path)])
    text = path.read_text("utf-8")
    assert text.count("<svg") == 5
    assert "http" not in text.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    ).replace("https://matplotlib.org", "")


def test_a_report_without_matplotlib_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    path = tmp_path / "report.html"
    assert cli.main(["fleet", "--scenario", "flapping", "--html", str(path)]) == 1
    assert "ipad[plots]" in capsys.readouterr().err
    assert not path.exists()

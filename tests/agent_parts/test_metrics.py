"""The metrics file, as Prometheus reads it."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ipad import metrics
from ipad.metrics import Metrics
from tests.agent_parts.test_show import BARE, BOOTSTRAP, FALLBACK, NORD, OPERATING

ROOT = Path(__file__).parent.parent.parent
CLOCK = 1_800_000_000.0
LINE = re.compile(r'(?P<name>[a-z_]+)(\{(?P<labels>([a-z]+="([^"\\\n]|\\.)*",?)*)\})? (?P<value>-?[0-9.e+]+)')


def values(
    status: dict[str, Any], clock: float = CLOCK, events: dict[str, int] | None = None
) -> dict[str, float]:
    """Each line's value by its name and labels; the text has to be in Prometheus' format."""
    text = metrics.render(status, status["now"], events or {}, clock, clock - 60)
    found: dict[str, float] = {}
    typed: list[str] = []
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            typed.append(line.split()[2])
        elif not line.startswith("# HELP "):
            matched = LINE.fullmatch(line)
            assert matched, line
            assert matched["name"] == typed[-1]
            assert line.rpartition(" ")[0] not in found
            found[line.rpartition(" ")[0]] = float(matched["value"])
    assert len(set(typed)) == len(typed)
    return found


def test_a_gateway_at_work() -> None:
    found = values(OPERATING, events={"switch": 2})
    assert found['ipad_phase{phase="operating"}'] == 1
    assert sum(value for name, value in found.items() if name.startswith("ipad_phase{")) == 1
    assert found['ipad_link{link="ok"}'] == 1
    assert found["ipad_signal_dbm"] == -71
    assert found['ipad_registered{plmn="00101",tech="E-UTRAN"}'] == 1
    assert found[f'ipad_profile_enabled{{iccid="{NORD}",name="Nord IoT"}}'] == 1
    assert found["ipad_on_fallback"] == 0
    assert found['ipad_eim_last_poll_timestamp_seconds{eim="eim.example"}'] == CLOCK - 10
    assert found['ipad_eim_poll_failures{eim="eim.example"}'] == 0
    assert found['ipad_events_total{what="switch"}'] == 2
    assert found["ipad_updated_timestamp_seconds"] == CLOCK


def test_a_gateway_that_has_fallen_back() -> None:
    found = values(FALLBACK)
    assert found["ipad_on_fallback"] == 1
    assert found[f'ipad_profile_enabled{{iccid="{BOOTSTRAP}",name=""}}'] == 1


def test_what_is_not_known_is_not_there() -> None:
    found = values(BARE)
    assert not any(
        name.startswith(("ipad_signal", "ipad_link", "ipad_profile", "ipad_eim")) for name in found
    )


def test_without_a_clock_there_are_no_dates() -> None:
    assert not any("timestamp" in name for name in values(OPERATING, clock=100.0))


def test_labels_are_escaped() -> None:
    found = values({**OPERATING, "profile": 'a"b\\c\nd'})
    assert f'ipad_profile_enabled{{iccid="{NORD}",name="a\\"b\\\\c\\nd"}}' in found


def test_the_file_is_replaced_whole_and_everybody_may_read_it(tmp_path: Path) -> None:
    kept = Metrics(tmp_path)
    kept.events["poll"] += 1
    kept.publish(OPERATING, OPERATING["now"])
    [file] = tmp_path.iterdir()
    assert file.name == "ipad.prom"
    assert file.stat().st_mode & 0o777 == 0o644
    assert 'ipad_events_total{what="poll"} 1' in file.read_text("utf-8")


def test_a_directory_that_cannot_be_written_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Metrics(tmp_path / "nowhere")
    for _ in range(3):
        kept.publish(OPERATING, OPERATING["now"])
    said = [record.getMessage() for record in caplog.records]
    assert len([line for line in said if "No such file or directory; going on without" in line]) == 1


def test_without_a_directory_nothing_is_written() -> None:
    Metrics(None).publish(OPERATING, OPERATING["now"])


# What is shipped with it


def used(expression: str) -> set[str]:
    return set(re.findall(r"\bipad_[a-z_]+", expression))


def known() -> set[str]:
    everything = {**OPERATING, "return_at": 1.0}
    text = metrics.render(everything, 0.0, Counter(poll=1), CLOCK, CLOCK)
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}


def test_every_metric_is_documented() -> None:
    assert used((ROOT / "docs/metrics.md").read_text("utf-8")) >= known()


def test_alerts_and_dashboard_ask_for_metrics_that_there_are() -> None:
    rules = (ROOT / "docs/metrics/alerts.yml").read_text("utf-8")
    board = json.loads((ROOT / "docs/metrics/dashboard.json").read_text("utf-8"))
    expressions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert expressions
    assert used(rules)
    for expression in (*re.findall(r"expr: (.*)", rules), *expressions):
        assert used(expression)
        assert used(expression) <= known()

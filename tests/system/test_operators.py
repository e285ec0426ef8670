"""What the daemon leaves for operators: metrics, samples for the report, and the report made of them."""

import re
from collections.abc import Iterator

import pytest

from ipad import metrics, samples
from ipad.testbed.gateway import Gateway
from tests.system.conftest import Start
from tests.system.test_service import reload
from tests.system.world import BOOTSTRAP, NORD, WAITS, answer, enable, ipad, operates, until


@pytest.fixture(scope="module")
def gateway(start: Start) -> Iterator[Gateway]:
    with start() as gateway:
        gateway.provision()
        gateway.start_agent()
        operates(gateway)
        yield gateway


def test_metrics_begin_with_a_reload(gateway: Gateway) -> None:
    text = gateway.config.read_text("utf-8")
    gateway.config.write_text(
        text.replace("[agent]", f'[agent]\nmetrics_dir = "{gateway.directory}"'), "utf-8"
    )
    reload(gateway)
    operates(gateway)
    file = gateway.directory / metrics.FILE
    until(
        "the metrics of a good link", lambda: file.exists() and 'ipad_link{link="ok"} 1' in file.read_text()
    )
    enable(gateway, NORD)
    until("the new profile", lambda: f'ipad_profile_enabled{{iccid="{NORD}"' in file.read_text())
    assert re.search(r'^ipad_events_total\{what="switch"\} 1$', file.read_text(), re.MULTILINE)


def test_a_switch_is_in_the_samples_and_in_the_report(gateway: Gateway) -> None:
    enable(gateway, BOOTSTRAP)
    iccids = [sample.iccid for sample in samples.read(gateway.directory / "state" / samples.FILE)]
    assert iccids[0] == BOOTSTRAP
    assert NORD in iccids
    assert iccids[-1] == BOOTSTRAP
    out = gateway.directory / "report.html"
    done = ipad(gateway, "report", "--html", str(out))
    assert done.returncode == 0, done.stderr
    page = out.read_text("utf-8")
    assert "<svg" in page
    assert gateway.card()["eid"] not in page
    assert page.count('class="switch"') >= 1


def test_the_report_says_what_it_lacks_when_no_daemon_runs(gateway: Gateway) -> None:
    gateway.write_config(WAITS)
    assert gateway.stop_agent() == 0
    out = gateway.directory / "without.html"
    told = answer(gateway, "report", "--html", str(out))
    assert "the daemon is not running" in told["missing"][0]
    assert told["samples"] > 0
    assert "Not in here: the daemon is not running" in out.read_text("utf-8")
    gateway.start_agent()
    operates(gateway)


def test_the_status_names_the_modem(gateway: Gateway) -> None:
    until("the modem's name", lambda: answer(gateway, "status")["modem"] is not None)
    assert "modem    " in ipad(gateway, "status").stdout

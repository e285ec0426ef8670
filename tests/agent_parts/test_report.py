"""The report's page: what is in it, what must not be, and how large it gets."""

import random
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ipad import report, report_page, report_plot, samples
from ipad.connectivity.link import Link
from ipad.connectivity.state import Phase
from ipad.errors import IpadError
from ipad.report_page import Facts
from ipad.samples import Recorder, Sample
from tests.agent_parts.test_show import OPERATING

EID = "89049032123451234512345678901235"
BOOTSTRAP, NORD, SUED = "89999900000000000016", "8900101000000000019", "8900102000000000018"
HOUR, DAY = 3600.0, 86400.0
END = 1_800_000_000.0
LIMIT = 300 * 1024


def profile(iccid: str, name: str, **more: Any) -> dict[str, Any]:
    common = {"enabled": False, "fallback": False, "class": "operational", "provider": name, "nickname": None}
    return {"iccid": iccid, "name": name, "policy": [], **common, **more}


def year() -> list[Sample]:
    """Hourly, with outages, switches, two weeks without power."""
    chance = random.Random(7)
    seen = []
    clock, iccid, signal = END - 365 * DAY, NORD, -80.0
    while clock < END:
        clock += HOUR
        if END - 200 * DAY < clock < END - 186 * DAY:
            continue
        signal = min(-55.0, max(-118.0, signal + chance.gauss(0, 2) + (-80 - signal) * 0.02))
        at = Sample(clock, clock - END + 400 * DAY, "operating", "ok", iccid, "00101", round(signal))
        seen.append(at)
        if chance.random() < 0.012:
            link = chance.choice(["not registered", "no traffic", "no bearer", "modem does not answer"])
            seen.append(replace(at, clock=clock + 600, phase="remedying", link=link, signal=None))
            if chance.random() < 0.3:
                former, iccid = iccid, BOOTSTRAP
                seen.append(replace(at, clock=clock + 1800, phase="fallback", iccid=iccid))
                iccid = SUED if former == NORD and chance.random() < 0.4 else former
                seen.append(replace(at, clock=clock + 3000, phase="trial", iccid=iccid))
    return seen


def facts(**more: Any) -> Facts:
    history = [
        {
            "powered": n * HOUR,
            "clock": END - (2000 - n) * HOUR,
            "what": "poll",
            "text": f"line {n} " + "x" * 80,
        }
        for n in range(2000)
    ]
    info = {
        "eid": EID,
        "card": {"kind": "iot", "unavailable": [], "means": None},
        "firmware": "1.2.3",
        "svn": "2.3.1",
        "iot_versions": ["1.2.0"],
        "fallback_supported": True,
        "free_memory": 291_000,
        "eims": [{"eim_id": "eim.example", "fqdn": "eim.example", "anchor": "CA", "association_token": 1}],
    }
    given: dict[str, Any] = {
        "made": END,
        "since": END - 365 * DAY,
        "status": OPERATING,
        "info": info,
        "profiles": [
            profile(BOOTSTRAP, "Bootstrap", fallback=True),
            profile(NORD, "Nord", enabled=True),
            profile(SUED, "Sued"),
        ],
        "history": history,
        "samples": year(),
        "findings": [
            {"ok": True, "name": "card", "said": f"the ISD-R answers, EID {EID}", "advice": ""},
            {"ok": False, "name": "link", "said": "<no bearer>", "advice": "is the APN right?"},
            {"ok": None, "name": "interface", "said": "not set", "advice": ""},
        ],
        "machine": {"kernel": "6.1", "system": "Debian GNU/Linux 12 (bookworm)"},
        "settings": {"modem.port": '"/dev/ttyUSB2"  (/etc/ipad/ipad.toml)'},
        "missing": [],
    }
    return Facts(**{**given, **more})


class Parts(HTMLParser):
    """What a browser would fetch, and whether what is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.drawn: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [str(value) for name, value in attrs if name in ("src", "href", "xlink:href", "data")]
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.drawn.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.drawn.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Parts:
    parts = Parts()
    parts.feed(text)
    assert parts.open == []
    return parts


def test_a_year_fits_and_needs_nothing_from_elsewhere() -> None:
    text = report_page.page(facts())
    assert len(text.encode()) < LIMIT
    parts = parsed(text)
    assert parts.fetched == []
    assert "url(" not in text
    assert "@import" not in text
    assert not any(tag in ("script", "link", "img", "iframe") for tag, _ in parts.drawn)


def test_samples_without_end_do_not_make_it_larger() -> None:
    chance = random.Random(1)
    worst = [
        Sample(END - n * 100, 0.0, chance.choice(list(report_plot.PHASES)), link, iccid, None, -60 - n % 60)
        for n in range(samples.ROWS, 0, -1)
        for link, iccid in [(chance.choice(list(report_plot.LINKS)), chance.choice([NORD, SUED, BOOTSTRAP]))]
    ]
    text = report_page.page(facts(samples=worst, since=END - samples.ROWS * 100))
    parsed(text)
    assert len(text.encode()) < 2 * LIMIT


def test_the_eid_is_shortened_everywhere() -> None:
    text = report_page.page(facts())
    assert EID not in text
    assert "89049032..1235" in text


def test_what_others_say_is_text_and_no_markup() -> None:
    said = facts(
        status={**OPERATING, "why": "<script>alert(1)</script>"},
        profiles=[profile(NORD, '"><img src=x>', enabled=True)],
        history=[{"powered": 1.0, "clock": END, "what": "poll", "text": "</pre><b>"}],
    )
    assert not any(tag in ("script", "img", "b") for tag, _ in parsed(report_page.page(said)).drawn)


def test_what_is_missing_is_said_and_the_rest_is_there() -> None:
    text = report_page.page(
        facts(
            status=None, info=None, profiles=[], history=[], samples=[], missing=["the daemon is not running"]
        )
    )
    parsed(text)
    assert "Not in here: the daemon is not running" in text
    assert "No samples yet" in text
    assert "Debian GNU/Linux 12" in text


def test_each_switch_is_in_the_picture_and_in_the_table() -> None:
    seen = [Sample(END - 10 * HOUR + n * HOUR, n, "operating", "ok", NORD, None, -70) for n in range(5)]
    seen += [Sample(END - 5 * HOUR + n * HOUR, n, "operating", "ok", SUED, None, -70) for n in range(5)]
    text = report_page.page(facts(samples=seen, since=seen[0].clock))
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(END - 5 * HOUR))
    assert text.count(f"{when}: to Sued") == 1
    assert f"<td>{when}</td><td>Nord ({NORD})</td><td>Sued ({SUED})</td>" in text


def test_a_stretch_without_samples_is_not_known() -> None:
    seen = [Sample(t, t, "operating", "ok", NORD, None, -70) for t in (0.0, HOUR, 20 * HOUR, 21 * HOUR)]
    found = report_plot.stretches(seen, lambda sample: sample.link, 22 * HOUR)
    assert [(s.start / HOUR, s.end / HOUR, s.value) for s in found] == [
        (0, 3.5, "ok"),
        (3.5, 20, None),
        (20, 22, "ok"),
    ]


def test_the_worst_of_a_column_shows() -> None:
    seen = [Sample(END - 365 * DAY + n * DAY, n, "operating", "ok", NORD, None, -70) for n in range(365)]
    seen = [s for at in seen for s in (at, replace(at, clock=at.clock + HOUR))]
    outage = [replace(seen[400], link="no bearer"), replace(seen[400], clock=seen[400].clock + 60)]
    text = report_plot.svg([*seen[:400], *outage, *seen[401:]], {}, END - 365 * DAY, END)
    assert len(re.findall(rf'width="1" height="24" fill="{report_plot.LINKS["no bearer"]}"', text)) == 1


def test_each_phase_and_each_link_has_a_colour_of_its_own() -> None:
    for palette, values in ((report_plot.PHASES, Phase), (report_plot.LINKS, Link)):
        assert set(palette) == {value.value for value in values}
        assert len(set(palette.values())) == len(palette)


# Samples


def test_a_row_is_written_at_each_change_and_each_hour(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "samples.db")
    at = Sample(END, 0.0, "operating", "ok", NORD, "00101", -70)
    for sample in (
        at,
        replace(at, powered=10.0, signal=-90),
        replace(at, powered=20.0, link="no bearer"),
        replace(at, powered=30.0, link="no bearer"),
        replace(at, powered=20.0 + samples.INTERVAL, link="no bearer"),
    ):
        recorder.record(sample)
    found = samples.read(tmp_path / "samples.db", now=lambda: END)
    assert [sample.powered for sample in found] == [0.0, 20.0, 20.0 + samples.INTERVAL]


def test_the_oldest_rows_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "ROWS", 3)
    recorder = Recorder(tmp_path / "samples.db")
    for n in range(5):
        recorder.record(Sample(END + n, n, "operating", "ok" if n % 2 else None, NORD, None, None))
    assert [sample.powered for sample in samples.read(tmp_path / "samples.db")] == [2, 3, 4]


def test_rows_of_before_the_clock_was_set_get_their_time_from_the_next(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "samples.db")
    for clock, powered, link in ((5.0, 100.0, "ok"), (9.0, 160.0, None), (END, 200.0, "ok")):
        recorder.record(Sample(clock, powered, "operating", link, NORD, None, None))
    assert [s.clock for s in samples.read(tmp_path / "samples.db")] == [END - 100, END - 40, END]


def test_a_file_that_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(tmp_path / "nowhere" / "samples.db")
    for n in range(3):
        recorder.record(Sample(END, n * 2 * samples.INTERVAL, "operating", "ok", NORD, None, None))
    assert [record.getMessage() for record in caplog.records if "will have gaps" in record.getMessage()] == [
        f"writing {tmp_path}/nowhere/samples.db: unable to open database file; `ipad report` will have gaps"
    ]


def test_a_damaged_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "samples.db"
    file.write_bytes(b"no database" * 100)
    with pytest.raises(IpadError, match=r"samples\.db: file is not a database"):
        samples.read(file)


# The command


def test_without_a_daemon_the_report_is_written_all_the_same(tmp_path: Path) -> None:
    config = tmp_path / "ipad.toml"
    config.write_text(
        f'[modem]\nport = "{tmp_path}/tty"\n[agent]\nstate_dir = "{tmp_path}/state"\n'
        f'runtime_dir = "{tmp_path}/run"\n[eim."a.b"]\nbinding = "json"\n',
        "utf-8",
    )

    def ask(_question: str) -> Any:
        raise IpadError("the daemon is not running")

    out = tmp_path / "report.html"
    answer = report.run(config, out, 365, ask)
    text = out.read_text("utf-8")
    parsed(text)
    assert answer["octets"] == len(text.encode())
    assert answer["missing"] == ["the daemon is not running"]
    assert "json" in text
    assert "eim.&quot;a.b&quot;.binding" in text.replace('eim."', "eim.&quot;").replace(
        '".binding', "&quot;.binding"
    )

"""What the `ipad` command prints."""

import json
from typing import Any

import pytest

from ipad import show

BOOTSTRAP, NORD = "89999900000000000016", "8900101000000000019"

OPERATING: dict[str, Any] = {
    "now": 5000.0,
    "version": "1.2",
    "phase": "operating",
    "since": 1400.0,
    "why": "the profile works",
    "until": None,
    "link": "ok",
    "profile": "Nord IoT",
    "iccid": NORD,
    "fallback_iccid": BOOTSTRAP,
    "on_fallback": False,
    "origin": None,
    "return_at": None,
    "trial": None,
    "radio": {
        "registration": "home",
        "plmn": "00101",
        "tech": "E-UTRAN",
        "signal": -71,
        "address": "10.64.0.2",
    },
    "eims": {"eim.example": {"last_poll": 4990.0, "next_poll": 91_400.0, "failures": 0}},
}
TRIAL = OPERATING | {
    "phase": "trial",
    "why": "the eIM switched the profile: it is on trial",
    "since": 4990.0,
    "until": 5290.0,
    "link": None,
    "radio": None,
    "trial": {"kind": "ordered by the eIM", "rollback": True},
    "eims": {"eim.example": {"last_poll": None, "next_poll": 5000.0, "failures": 3}},
}
FALLBACK = OPERATING | {
    "phase": "fallback",
    "why": "fallen back to the bootstrap profile",
    "iccid": BOOTSTRAP,
    "profile": None,
    "on_fallback": True,
    "origin": NORD,
    "return_at": 5000.0 + 7200,
    "until": 5000.0 + 7200,
}
BARE = OPERATING | {
    "phase": "no card",
    "why": "the card does not answer",
    "iccid": None,
    "profile": None,
    "link": None,
    "radio": {"registration": "not registered", "signal": None},
    "eims": {},
}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (40.4, "40 s"),
        (99, "99 s"),
        (100, "2 min"),
        (600, "10 min"),
        (5400, "90 min"),
        (7200, "2 h 0 min"),
        (47 * 3600 + 59 * 60, "47 h 59 min"),
        (48 * 3600, "2 d 0 h"),
        (400 * 86400, "400 d 0 h"),
    ],
)
def test_a_length_of_time_has_two_figures_that_matter(seconds: float, said: str) -> None:
    assert show.span(seconds) == said


def test_a_gateway_at_work() -> None:
    assert show.status(OPERATING) == [
        "ipad     1.2: operating for 60 min",
        "why      the profile works",
        f"profile  {NORD} (Nord IoT)",
        "link     ok (home, 00101, E-UTRAN, 10.64.0.2)",
        "signal   -71 dBm, good",
        "eim      eim.example: polled 10 s ago, next in 24 h 0 min",
        "next     a poll of eim.example, in 24 h 0 min",
    ]


def test_what_is_pending_and_which_modem_it_is() -> None:
    pending = {"doing": "polling eim.example", "pending": ["2 answers for eim.example"]}
    shown = show.status({**OPERATING, "modem": "Acme X1, 1.0", **pending})
    assert "doing    polling eim.example" in shown
    assert "modem    Acme X1, 1.0" in shown
    assert "pending  2 answers for eim.example" in shown


@pytest.mark.parametrize(
    ("dbm", "word"), [(-60, "good"), (-75, "good"), (-76, "fair"), (-91, "weak"), (-110, "very weak")]
)
def test_a_signal_in_words(dbm: int, word: str) -> None:
    assert f"signal   {dbm} dBm, {word}" in show.status({**OPERATING, "radio": {"signal": dbm}})


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "next     a poll of eim.example, in 24 h 0 min"),
        ({"until": 5060.0}, "next     the end of its patience, in 60 s"),
        ({"return_at": 5030.0, "origin": NORD}, f"next     a trial of {NORD}, in 30 s"),
    ],
)
def test_what_comes_next(more: dict[str, Any], expected: str) -> None:
    assert expected in show.status({**OPERATING, **more})


def test_a_profile_on_trial() -> None:
    assert show.status(TRIAL) == [
        "ipad     1.2: trial for 10 s",
        "why      the eIM switched the profile: it is on trial; for at most 5 min more",
        f"profile  {NORD} (Nord IoT)",
        "link     not known yet",
        "trial    ordered by the eIM: waits for its result delivered",
        "eim      eim.example: never polled, failed 3 times, next in 0 s",
        "next     a poll of eim.example, in 0 s",
    ]
    without = TRIAL | {"trial": {"kind": "rolled back", "rollback": False}}
    assert "trial    rolled back: waits for a working link" in show.status(without)


def test_a_gateway_that_has_fallen_back() -> None:
    lines = show.status(FALLBACK)
    assert f"profile  {BOOTSTRAP}, the fallback profile" in lines
    assert f"fallback from {NORD}, tried again in 2 h 0 min" in lines
    assert f"fallback from {NORD}" in show.status(FALLBACK | {"return_at": None})


def test_a_gateway_without_card_and_eim() -> None:
    assert show.status(BARE)[2:] == [
        "profile  none enabled",
        "link     not known yet (not registered)",
        "eim      none associated: run `ipad provision`",
    ]


def test_a_trace_that_runs_is_not_forgotten() -> None:
    *others, last = show.status(OPERATING | {"trace": "/var/lib/ipad/trace"})
    assert others == show.status(OPERATING)
    assert last == "trace    runs, in /var/lib/ipad/trace: stop it with `ipad trace stop`"


def test_the_trace_says_where_and_what() -> None:
    started = show.trace({"running": True, "directory": "/t"})
    assert "/t" in started[0]
    assert any("EIDs" in line for line in started)
    assert show.trace({"running": False, "directory": "/t"}) == ["stopped; it is in /t"]
    assert show.trace({"running": False, "directory": None}) == ["no trace was running"]


def test_a_finding_has_its_mark_and_its_advice() -> None:
    fault = {"name": "clock", "ok": False, "said": "1970", "advice": "set it"}
    assert show.finding(fault) == ["✘ clock: 1970", "    set it"]
    assert show.finding(fault | {"ok": True, "advice": ""}) == ["✔ clock: 1970"]
    assert show.finding(fault | {"ok": None, "advice": ""}) == ["– clock: 1970"]


def test_why_is_one_line() -> None:
    assert show.why(OPERATING) == ["operating: the profile works (60 min ago)"]
    [line] = show.why(TRIAL)
    assert line.endswith("it is on trial (10 s ago, for at most 5 min more)")


PROFILE: dict[str, Any] = {
    "iccid": BOOTSTRAP,
    "enabled": True,
    "fallback": True,
    "class": "provisioning",
    "provider": "Everywhere",
    "name": "Bootstrap",
    "nickname": None,
    "policy": ["ppr1"],
}


def test_profiles_are_one_a_line_with_their_marks() -> None:
    other = dict.fromkeys(PROFILE) | {"iccid": NORD, "policy": [], "nickname": "mine", "name": "Nord IoT"}
    first, second = show.profiles([PROFILE, other])
    assert first.split("  ")[0] == BOOTSTRAP
    assert first.endswith("enabled, provisioning, fallback, ppr1")
    assert "mine" in second
    assert "Nord IoT" not in second
    assert second.endswith("disabled")
    assert show.profiles([]) == ["no profile on the card"]


def test_the_card_and_its_eims() -> None:
    info: dict[str, Any] = {
        "eid": "8904" + "0" * 28,
        "firmware": "1.0.0",
        "svn": "2.5.0",
        "iot_versions": ["1.2.0"],
        "fallback_supported": True,
        "free_memory": 4096,
        "eims": [{"eim_id": "eim", "fqdn": "eim.example", "anchor": None}],
    }
    assert show.info(info) == [
        f"EID       {info['eid']}",
        "eUICC     firmware 1.0.0, SVN 2.5.0, IoT 1.2.0",
        "fallback  supported",
        "memory    4096 octets free",
        "eIM       eim at eim.example (TLS anchor: the CA store)",
    ]
    plain = show.info(info | {"iot_versions": [], "fallback_supported": False, "free_memory": None})
    assert plain[1:3] == ["eUICC     firmware 1.0.0, SVN 2.5.0, IoT no", "fallback  not supported"]
    assert len(plain) == 4


def test_the_history_has_the_clocks_time_only_where_it_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.localtime", __import__("time").gmtime)
    entry = {"powered": 130.0, "what": "switch", "text": "a -> b"}
    set_, unset = show.history([entry | {"clock": 1_800_000_000.0}, entry | {"clock": 12.0}])
    assert set_ == "2027-01-15 08:00:00  switch     a -> b"
    assert unset == "powered        2 min  switch     a -> b"


def test_an_order_says_what_was_done_and_what_is_now() -> None:
    answer = {"did": ["Poll: done"], "phase": "operating", "why": "the profile works"}
    assert show.order(answer) == ["Poll: done", "now operating: the profile works"]


def test_what_was_provisioned_in_words_and_as_one_line_of_json() -> None:
    record: dict[str, Any] = {
        "eid": "89",
        "eims": [{"eim_id": "eim", "fqdn": None, "association_token": 7}],
        "did": ["associated with eim"],
        "notes": ["a consumer card"],
        "not_read_back": ["counterValue", "immediate enabling"],
    }
    assert show.provisioned(record) == [
        "associated with eim",
        "note: a consumer card",
        "eim: signs with association token 7",
        "cannot be read back from a card: counterValue, immediate enabling",
        json.dumps(record),
    ]
    again = show.provisioned(record | {"did": [], "notes": [], "eims": []})
    assert again[0] == "everything is as it should be: nothing was changed"
    assert len(again) == 3

"""The configuration file: defaults, each key, and errors that name file, key and what was expected."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from ipad import config
from ipad.config import Config
from ipad.errors import ConfigError
from ipad.waits import Waits


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ipad.toml"


def loaded(path: Path, text: str) -> Config:
    path.write_text(text, "utf-8")
    return config.load(path)


def refusal(path: Path, text: str) -> str:
    """What is said about this file; always with its name."""
    with pytest.raises(ConfigError) as refused:
        loaded(path, text)
    said = str(refused.value)
    assert said.startswith(f"{path}: ")
    return said.removeprefix(f"{path}: ")


TABLES = [table.name for table in fields(Config) if is_dataclass(getattr(Config(), table.name))]
KEYS = [
    (table, key.name, get_type_hints(type(getattr(Config(), table)))[key.name])
    for table in TABLES
    for key in fields(getattr(Config(), table))
]
WRONG: dict[Any, tuple[str, str]] = {
    str: ("7", "a string"),
    int: ('"7"', "a whole number"),
    bool: ("1", "true or false"),
    float: ('"7"', "a number of seconds"),
    tuple[str, ...]: ('"a:1"', "a list of strings"),
}


def test_an_empty_file_gives_the_defaults(path: Path) -> None:
    assert loaded(path, "") == Config()


def test_no_file_at_the_usual_place_gives_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "DEFAULT_PATH", tmp_path / "nothing.toml")
    assert config.load() == Config()


def test_the_usual_place_is_looked_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text('[modem]\nport = "/dev/ttyS1"\n', "utf-8")
    monkeypatch.setattr(config, "DEFAULT_PATH", path)
    assert config.load().modem.port == "/dev/ttyS1"


def test_the_defaults_are_fit_for_use(path: Path) -> None:
    lines = []
    for table in TABLES:
        lines.append(f"[{table}]")
        default = getattr(Config(), table)
        lines += [f"{key.name} = {_toml(getattr(default, key.name))}" for key in fields(default)]
    assert loaded(path, "\n".join(lines)) == Config()


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case tuple():
            return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value)


def test_what_is_given_takes_the_place_of_the_default_and_nothing_else(path: Path) -> None:
    found = loaded(
        path,
        '[modem]\nport = "/dev/ttyACM0"\nrtscts = true\n'
        '[connectivity]\ninterface = "wwan0"\nprobes = ["[2001:db8::1]:443", "probe.example:80"]\n'
        "[waits]\ntrial = 60\npoll_interval = 3600.5\n",
    )
    assert (found.modem.port, found.modem.rtscts, found.modem.baudrate) == ("/dev/ttyACM0", True, 115200)
    assert found.connectivity.probes == ("[2001:db8::1]:443", "probe.example:80")
    assert (found.waits.trial, found.waits.poll_interval, found.waits.apdu) == (60.0, 3600.5, Waits().apdu)
    assert isinstance(found.waits.trial, float)
    assert found.agent == Config().agent


@pytest.mark.parametrize(("table", "key", "hint"), KEYS, ids=[f"{t}.{k}" for t, k, _ in KEYS])
def test_each_key_refuses_a_value_of_another_type(path: Path, table: str, key: str, hint: Any) -> None:
    wrong, expected = WRONG[hint]
    assert refusal(path, f"[{table}]\n{key} = {wrong}\n").startswith(f"{table}.{key}: expected {expected}")


def test_true_is_not_a_number(path: Path) -> None:
    assert "waits.trial: expected a number" in refusal(path, "[waits]\ntrial = true")
    assert "modem.baudrate: expected a whole number" in refusal(path, "[modem]\nbaudrate = true")


@pytest.mark.parametrize("table", TABLES)
def test_an_unknown_key_is_named_with_those_that_there_are(path: Path, table: str) -> None:
    said = refusal(path, f"[{table}]\nnonsense = 1\n")
    assert said.startswith(f"{table}.nonsense: no such key")
    assert all(key.name in said for key in fields(getattr(Config(), table)))


def test_an_unknown_table_is_named_with_those_that_there_are(path: Path) -> None:
    said = refusal(path, "[modems]\n")
    assert said.startswith("modems: no such key")
    assert "connectivity" in said


def test_a_table_that_is_none_is_refused(path: Path) -> None:
    assert refusal(path, "modem = 7") == "modem: expected a table [modem]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[modem]\nport = "/dev/\\u0000"', "modem.port: expected a string without NUL"),
        ('[modem]\nport = "ttyUSB2"', "modem.port: expected a path"),
        ("[modem]\nbaudrate = 300", "modem.baudrate: expected 1200 or more"),
        ("[esipa]\nlimit = 100", "esipa.limit: expected 16384 octets or more"),
        ("[rsp]\nlimit = 100", "rsp.limit: expected 16384 octets or more"),
        ('[rsp]\nci_certificates = ""', "rsp.ci_certificates: expected a path like /etc/ipad/ci, not ''"),
        ('[card]\nisd_r_aid = "A000"', "card.isd_r_aid: expected 5 to 16 octets"),
        (f'[card]\nisd_r_aid = "{"A0" * 17}"', "card.isd_r_aid: expected 5 to 16 octets"),
        ('[card]\nisd_r_aid = "A0000005591"', "card.isd_r_aid: expected 5 to 16 octets"),
        ('[card]\nisd_r_aid = "A00000055910XX"', "card.isd_r_aid: expected 5 to 16 octets"),
        ('[esipa]\npath = "gsma"', "esipa.path: expected a path"),
        ('[connectivity]\nprobes = ["host"]', 'connectivity.probes: expected "host:port"'),
        ('[connectivity]\nprobes = [":80"]', 'connectivity.probes: expected "host:port"'),
        ('[connectivity]\nprobes = ["host:http"]', 'connectivity.probes: expected "host:port"'),
        ('[connectivity]\nprobes = ["host:0"]', 'connectivity.probes: expected "host:port"'),
        ('[connectivity]\nprobes = ["host:65536"]', 'connectivity.probes: expected "host:port"'),
        ("[connectivity]\nprobes = [80]", "connectivity.probes: expected a list of strings"),
        ("[waits]\ntrial = 0", "waits.trial: expected at least 0.01 s and at most 2000000 s"),
        ("[waits]\npoll_ready = -1.0", "waits.poll_ready: expected at least 0.01 s and at most 2000000 s"),
        ("[waits]\nidle = nan", "waits.idle: expected at least 0.01 s and at most 2000000 s"),
        ("[waits]\nidle = inf", "waits.idle: expected at least 0.01 s and at most 2000000 s"),
        ("[waits]\nidle = 1e7", "waits.idle: expected at least 0.01 s and at most 2000000 s"),
        (f"[waits]\nidle = 1{'0' * 400}", "waits.idle: expected at least 0.01 s and at most 2000000 s"),
        (f"[waits]\nidle = 1{'0' * 5000}", "not TOML"),
        (f"a = {'[' * 3000}", "not TOML"),
        ("[modem", "not TOML"),
        ("port = 1\nport = 2", "not TOML"),
    ],
)
def test_what_a_type_alone_does_not_say_is_checked_too(path: Path, text: str, said: str) -> None:
    assert refusal(path, text).startswith(said)


def test_a_file_that_is_not_text_is_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"ipad\.toml: not TOML"):
        config.load(path)


def test_a_file_that_was_asked_for_must_be_there(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ipad\.toml: cannot be read: No such file"):
        config.load(path)
    path.mkdir()
    with pytest.raises(ConfigError, match=r"ipad\.toml: cannot be read: Is a directory"):
        config.load(path)


def test_scaled_waits_keep_above_what_real_answers_need() -> None:
    scaled = Waits().scaled(0.001)
    assert scaled.trial == pytest.approx(0.3)
    assert (scaled.apdu, scaled.connect, scaled.http) == (15.0, 2.0, 5.0)
    assert Waits().scaled(1.0) == Waits()
    small = Waits(apdu=1.0)
    assert small.scaled(0.5).apdu == 1.0, "a floor never makes a wait longer than it was"


def test_an_eim_can_differ_from_the_others(path: Path) -> None:
    text = (
        '[esipa]\nprotocol_version = "1.0.0"\nbinding = "asn1"\n'
        '[eim."a.example"]\nbinding = "json"\njson_path = "/rsp/"\nminimize = true\n[eim."1.2.3"]\n'
    )
    settings = loaded(path, text)
    there = settings.esipa_of("a.example")
    assert (there.binding, there.json_path, there.minimize) == ("json", "/rsp/", True)
    assert there.protocol_version == "1.0.0"
    for other in ("1.2.3", "b.example"):
        assert settings.esipa_of(other) == settings.esipa
    assert settings.esipa.binding == "asn1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("eim = 5", 'eim: expected tables [eim."<eimId>"]'),
        ('eim = {"a.example" = 5}', 'eim."a.example": expected a table [eim."a.example"]'),
        ('[eim."a.example"]\nbindings = ""', 'eim."a.example".bindings: no such key; known here: binding, '),
        ('[eim."a.example"]\nminimize = 1', 'eim."a.example".minimize: expected true or false, not 1'),
        ('[eim."a.example"]\nbinding = "xml"', 'eim."a.example".binding: expected "asn1" or "json", or ""'),
        ('[eim."a.example"]\nlimit = 5', 'eim."a.example".limit: expected 16384 octets or more, not 5'),
        ('[esipa]\nbinding = "xml"', 'esipa.binding: expected "asn1" or "json", or ""'),
        ('[esipa]\njson_path = "x"', "esipa.json_path: expected a path like /gsma/rsp2/esipa/, not 'x'"),
    ],
)
def test_what_an_eim_can_not_have_is_said_with_its_name(path: Path, text: str, said: str) -> None:
    assert refusal(path, text).startswith(said)


# Drop-ins


def test_drop_ins_are_read_after_the_file_in_the_order_of_their_names(path: Path) -> None:
    drop_in(path, "20-b.toml", "[waits]\ntrial = 20\n[modem]\nrtscts = true\n")
    drop_in(path, "10-a.toml", "[waits]\ntrial = 10\ngrace = 10\n")
    drop_in(path, "30-c.toml.bak", "[waits]\ntrial = 30\n")
    found = loaded(path, "[waits]\ntrial = 5\ngrace = 5\nsettle = 5\n[modem]\nbaudrate = 9600\n")
    assert (found.waits.trial, found.waits.grace, found.waits.settle) == (20, 10, 5)
    assert (found.modem.rtscts, found.modem.baudrate) == (True, 9600)


def test_drop_ins_count_without_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "DEFAULT_PATH", path)
    drop_in(path, "a.toml", "[waits]\ntrial = 10\n")
    assert config.load().waits.trial == 10


def test_an_eim_may_be_set_in_several_files(path: Path) -> None:
    drop_in(path, "a.toml", '[eim."x.y"]\npath = "/b"\n[esipa]\nlimit = 20000\n')
    found = loaded(path, '[eim."x.y"]\nbinding = "json"\npath = "/a"\n')
    assert found.esipa_of("x.y").binding == "json"
    assert found.esipa_of("x.y").path == "/b"
    assert found.esipa_of("x.y").limit == 20000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[waits]\ntrial = 0\n", "waits.trial: expected at least"),
        ("[waits]\ntrail = 1\n", "waits.trail: no such key"),
        ('[eim."x.y"]\nlimit = 1\n', 'eim."x.y".limit: expected 16384 octets'),
        ("eim = 1\n", "eim: expected tables"),
        ("[modem\n", "not TOML"),
    ],
)
def test_what_is_wrong_in_a_drop_in_is_said_with_its_name(path: Path, text: str, expected: str) -> None:
    path.write_text("[waits]\ntrial = 5\n", "utf-8")
    wrong = drop_in(path, "50-site.toml", text)
    drop_in(path, "60-later.toml", "[waits]\ngrace = 5\n")
    with pytest.raises(ConfigError) as refused:
        config.load(path)
    assert str(refused.value).startswith(f"{wrong}: {expected}")


def test_the_file_that_a_key_is_from_is_known(path: Path) -> None:
    file = drop_in(path, "a.toml", '[modem]\nport = "/dev/ttyS1"\n')
    path.write_text('[modem]\nport = "/dev/ttyS0"\nbaudrate = 9600\n', "utf-8")
    found = config.read(path)
    assert found.sources == {"modem.port": file, "modem.baudrate": path}
    assert found.files == (path, file)


def drop_in(path: Path, name: str, text: str) -> Path:
    directory = path.with_name("ipad.toml.d")
    directory.mkdir(exist_ok=True)
    file = directory / name
    file.write_text(text, "utf-8")
    return file

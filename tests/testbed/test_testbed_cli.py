"""The command as its users start it: real processes, their one line, their end."""

import json
import os
import select
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import decode, value, wrap
from ipad.testbed import cli, pki
from ipad.testbed.eim.command import order_of
from ipad.testbed.euicc import VirtualEuicc, show
from tests.euicc_card.world import NORD, Terminal
from tests.testbed.eim_world import PATIENCE, Ipa

COMMAND = [sys.executable, "-m", "ipad.testbed.cli"]


@contextmanager
def started(*arguments: object, end: signal.Signals = signal.SIGTERM) -> Iterator[list[str]]:
    """A part as a process; the words of its line. It must end cleanly on SIGTERM, and say nothing more."""
    process = subprocess.Popen([*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        words = process.stdout.readline().split()
        assert words[:1] == ["ready"]
        yield words[1:]
        process.send_signal(end)
        assert process.wait(PATIENCE) == (0 if end is signal.SIGTERM else -end)
        assert process.stdout.read() == ""
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> Any:
        assert cli.main([str(argument) for argument in arguments]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def read(port: int) -> bytes:
    return os.read(port, 256) if select.select([port], [], [], PATIENCE)[0] else b""


def test_an_eim_is_started_ordered_from_killed_and_started_again(
    tmp_path: Path, pki_dir: Path, run: Any
) -> None:
    card = VirtualEuicc.open(tmp_path / "card", pki_dir)
    terminal = Terminal(card)
    start = ("eim", "--state", tmp_path / "eim", "--port", 0, "--admin-port", 0, "--pki", pki_dir)
    with started(*start, end=signal.SIGKILL) as words:
        admin = ("--admin", words[2])
        offered = run("eim", "config", "--token", -1, *admin)["eimConfigurationData"]
        answer = terminal.run(wrap(0xBF57, wrap(0xA0, bytes.fromhex(offered))))
        token = decode("AddInitialEimResponse", answer)[1][0][1]
        assert run("eim", "register", "--pki", pki_dir, "--token", token, *admin)["eid"] == card.eid
        number = run("eim", "queue", f"enable={NORD},rollback", *admin)["id"]
        assert run("eim", "show", *admin)["eimFqdn"] == "localhost:" + words[0].rpartition(":")[2]
        assert run("eim", "euiccs", *admin)[0]["token"] == token
    with started(*start) as words:
        admin = ("--admin", words[2])
        ipa = Ipa(int(words[0].rpartition(":")[2]), pki.paths(pki_dir).eim_tls_ca)
        result = terminal.run(value(ipa.get_package(card.eid)))
        assert ipa.provide(card.eid, result)[0] == "eimAcknowledgements"
        (package,) = run("eim", "packages", *admin)
        assert (package["id"], package["state"]) == (number, "done")
        assert package["outcome"] == [{"enableResult": 0}]
        assert [e["function"] for e in run("eim", "log", "--eid", card.eid, *admin)] == [
            "GetEimPackage",
            "ProvideEimPackageResult",
        ]
        assert run("eim", "log", "--after", 2, *admin) == []
        assert len(run("eim", "results", *admin)) == 1
        run("eim", "fault", "http-503", "--retry-after", 7, "--count", 2, *admin)
        assert run("eim", "fault", *admin)[0]["retry_after"] == 7
        assert run("eim", "fault", "none", *admin) == []
        number = run("eim", "queue", "--json", '{"data": {"tagList": "BF20"}}', *admin)["id"]
        assert run("eim", "cancel", number, *admin)["state"] == "cancelled"


def test_an_eim_with_an_smdp_behind_it_offers_one_binding(tmp_path: Path, pki_dir: Path, run: Any) -> None:
    start = ("eim", "--state", tmp_path / "eim", "--port", 0, "--admin-port", 0, "--pki", pki_dir)
    smdp = ("--smdp", tmp_path / "smdp", "--binding", "json", "--shape", "empty-200")
    with started(*start, *smdp) as words:
        admin = ("--admin", words[2])
        released = run("eim", "profile", "8900101000000000421", "--matching-id", "M-1", *admin)
        assert released == {"matchingId": "M-1", "smdpAddress": "smdp.testbed.example"}
        assert cli.main(["eim", "profile", "12", "--matching-id", "M-1", "--admin", words[2]]) == 1
        ipa = Ipa(int(words[0].rpartition(":")[2]), pki.paths(pki_dir).eim_tls_ca)
        assert ipa.request(wrap(0xBF4F, wrap(0x5A, bytes(16))))[0] == 404
    with started(*start, *smdp) as words:
        (shown,) = run("eim", "profiles", "--admin", words[2])
        assert (shown["iccid"], shown["state"]) == ("8900101000000000421", "released")
    with started(*start) as words:
        assert cli.main(["eim", "profiles", "--admin", words[2]]) == 1


def test_a_network_is_started_and_switched(tmp_path: Path, run: Any) -> None:
    with started(
        "network", "--state", tmp_path, "--port", 0, "--relay", "0=127.0.0.1:9", "--probe-port", 0
    ) as w:
        assert [w[1], w[3]] == ["relay", "probe"]
        network = ("--network", w[0])
        assert run("operator", "00101", "dark", *network) == {"ok": True}
        shown = run("network-show", *network)
        assert shown["operators"]["00101"] == {"name": "Nord", "state": "dark"}
        assert f"127.0.0.1:{shown['relays']['probe']['port']}" == w[4]


def test_a_modem_with_a_card_registers_on_the_network_and_tells_what_happens(
    tmp_path: Path, pki_dir: Path, run: Any
) -> None:
    link = tmp_path / "ttyModem"
    with started("network", "--state", tmp_path / "network", "--port", 0) as network:
        modem = ("modem", "--link", link, "--state", tmp_path / "card", "--pki", pki_dir, "--scale", 0.01)
        with started(*modem, "--network", network[0]) as words:
            assert words == [str(link)]
            port = os.open(link, os.O_RDWR | os.O_NOCTTY)
            try:
                tty.setraw(port)
                os.write(port, b"AT+CFUN=1,1\r")
                wait_for(lambda: b"RDY" in read(port))
            finally:
                os.close(port)
            wait_for(lambda: run("network-show", "--network", network[0])["modem"]["registration"] == 5)
        assert not link.is_symlink()
    events = [json.loads(line) for line in (tmp_path / "card" / "events.jsonl").read_text().splitlines()]
    assert {"boot", "sim", "registered", "reset"} <= {event["event"] for event in events}
    assert run("card", "show", "--state", tmp_path / "card")["eims"] == []


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"states": 1}', "[" * 100_000])
def test_state_that_is_none_is_said_in_a_sentence(
    tmp_path: Path, pki_dir: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("euicc.json", "network.json"):
        (tmp_path / name).write_text(content)
    state = ["--state", str(tmp_path)]
    for arguments in (
        ["card", "show", *state],
        ["modem", "--link", str(tmp_path / "tty"), "--pki", str(pki_dir), *state],
    ):
        assert cli.main(arguments) == 1
        assert "euicc.json" in capsys.readouterr().err
    if content != "null":  # as good as none
        assert cli.main(["network", "--port", "0", *state]) == 1
        assert "network.json" in capsys.readouterr().err


def test_a_card_is_made_once(tmp_path: Path, pki_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create = ["card", "create", "--state", str(tmp_path), "--pki", str(pki_dir)]
    assert cli.main(create) == 0
    before = show(tmp_path)
    assert cli.main(create) == 1
    assert "there is a card already" in capsys.readouterr().err
    assert show(tmp_path) == before


def test_certificates_are_made_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["pki", "--state", str(tmp_path)]) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {"ci.pem", "eum.pem", "euicc.pem", "euicc.key", "eim.pem", "eim-tls.pem"} <= set(before)
    assert cli.main(["pki", "--state", str(tmp_path)]) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert capsys.readouterr().out == f"ready {tmp_path}\n" * 2


@pytest.mark.parametrize("part", ["network", "eim"])
def test_a_port_that_there_cannot_be(
    tmp_path: Path, pki_dir: Path, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--pki", str(pki_dir)] if part == "eim" else []
    assert cli.main([part, "--state", str(tmp_path), "--port", "99999", *more]) == 1
    assert "0-65535" in capsys.readouterr().err


def test_certificates_of_another_eid_are_not_passed_off_as_those_that_are_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["pki", "--state", str(tmp_path), "--eid", pki.make_eid(1)]) == 0
    assert cli.main(["pki", "--state", str(tmp_path), "--eid", pki.make_eid(2)]) == 1
    assert pki.make_eid(1) in capsys.readouterr().err


def test_a_card_is_in_one_modem_at_a_time(
    tmp_path: Path, pki_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = ["--state", str(tmp_path / "card"), "--pki", str(pki_dir)]
    with started("modem", "--link", tmp_path / "tty", *card):
        assert cli.main(["modem", "--link", str(tmp_path / "other"), *card]) == 1
        assert "in another modem" in capsys.readouterr().err
        assert not (tmp_path / "other").exists()
    with started("modem", "--link", tmp_path / "other", *card):
        assert (tmp_path / "other").is_symlink()


def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path: Path, pki_dir: Path) -> None:
    VirtualEuicc.open(tmp_path, pki_dir)
    ours, theirs = os.pipe()
    os.close(ours)
    show_it = [*COMMAND, "card", "show", "--state", str(tmp_path)]
    done = subprocess.run(show_it, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_cryptography_it_says_what_is_missing() -> None:
    code = "import sys; sys.modules['cryptography'] = None; import ipad.testbed.cli"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ipad-testbed: it needs cryptography")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "PART"),
        (["modem"], 2, "--link"),
        (["eim"], 1, "--state DIR wanted"),
        (["eim", "--state", "x", "--tls-cert", "y"], 1, "belong together"),
        (["eim", "show", "--admin", "nonsense"], 1, "not an address"),
        (["eim", "show", "--admin", "http://127.0.0.1:99999"], 1, "not an address"),
        (["eim", "show", "--admin", "http://127.0.0.1:1"], 1, "GET /eim"),
        (["eim", "queue", "--admin", "http://127.0.0.1:1"], 1, "operations or --json"),
        (["eim", "--state", "x", "--shape", "round"], 1, "own-numbers"),
        (["eim", "register", "--device-key", "/nonexistent"], 1, "/nonexistent"),
        (["eim", "queue", "--json", "[]"], 1, "an object wanted"),
        (["eim", "queue", "raw=00", "listEim"], 1, "stands alone"),
        (["network", "--state", "x", "--relay", "5=y"], 2, "--relay"),
        (["operator", "00101", "sunny"], 2, "sunny"),
        (["operator", "00101", "on", "--network", "127.0.0.1:1"], 1, "radio network"),
        (["modem", "--link", "x", "--state", "y", "--network", "z"], 2, "--network"),
        (["modem", "--link", "x", "--state", "y", "--shape", "round"], 1, "  whole-certificates: "),
        (["modem", "--link", "x", "--state", "y", "--scale", "nan"], 1, "--scale"),
        (["modem", "--link", "x", "--state", "y", "--fault", "rain"], 1, "no fault 'rain'; there are"),
        (["modem", "--link", "x", "--state", "y", "--fault", "noise@3"], 1, "--fault noise@3: "),
        (["modem", "--link", "x", "--state", "y", "--card", "sim"], 2, "pcsc:READER wanted"),
        (["modem", "--link", "x", "--state", "y", "--card", "pcsc:x", "--pki", "z"], 1, "for a virtual card"),
        (["modem", "--link", "/etc/passwd", "--state", "y"], 1, "not replaced"),
        (["pki", "--state", "/dev/null"], 1, "/dev/null: File exists"),
        (["pki", "--state", "x", "--eid", "12"], 1, "24 more digits"),
        (["pki", "--state", "x", "--eid", "1" + pki.make_eid(1)[1:]], 1, "24 more digits"),
        (["pki", "--state", "x", "--eid", pki.make_eid(1)[:-1] + "0"], 1, "modulo 97"),
        (["card", "show", "--state", "/nonexistent"], 1, "/nonexistent"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    arguments: list[str],
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        ended = cli.main(arguments)
    except SystemExit as left:
        ended = int(left.code or 0)
    assert ended == status
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""
    assert list(tmp_path.iterdir()) == [], "nothing is made of it"


def test_a_taken_port_is_said_in_a_sentence(
    tmp_path: Path, pki_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with started("network", "--state", tmp_path / "one", "--port", 0) as words:
        port = words[0].rpartition(":")[2]
        assert cli.main(["network", "--state", str(tmp_path / "two"), "--port", port]) == 1
        eim = ["eim", "--state", str(tmp_path / "eim"), "--port", port, "--pki", str(pki_dir)]
        assert cli.main(eim) == 1
    assert capsys.readouterr().err.count("in use") == 2


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (["enable=1", "listProfileInfo"], {"operations": [{"enable": "1"}, {"listProfileInfo": {}}]}),
        (["enable=1,rollback"], {"operations": [{"enable": "1", "rollback": True}]}),
        (
            ["configureImmediateEnable=flag"],
            {"operations": [{"configureImmediateEnable": {"immediateEnableFlag": True}}]},
        ),
        (["deleteEim=a"], {"operations": [{"deleteEim": "a"}]}),
        (["data=BF20"], {"data": {"tagList": "BF20"}}),
        (["download=1$a$b"], {"download": {"activationCode": "1$a$b"}}),
        (["download=eim:M-1"], {"download": {"eim": True, "matchingId": "M-1"}}),
        (["raw=00"], {"raw": "00"}),
    ],
)
def test_words_make_orders(words: list[str], order: dict[str, object]) -> None:
    assert order_of(words) == order

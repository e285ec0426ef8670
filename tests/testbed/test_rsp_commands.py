"""`ipad-testbed smdp` and `smds` as their users start them: real processes, orders, a kill, another start."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import decode
from ipad.testbed import cli, pki
from ipad.testbed.held_port import held_port
from tests.testbed import rsp_world
from tests.testbed.eim_world import text
from tests.testbed.rsp_world import ICCID, Client
from tests.testbed.test_testbed_cli import started


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> Any:
        assert cli.main([str(argument) for argument in arguments]) == 0
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_an_smdp_is_started_ordered_from_killed_and_started_again(
    tmp_path: Path, pki_dir: Path, run: Any, held: ExitStack
) -> None:
    card = rsp_world.insert(tmp_path / "card", pki_dir)
    where = ("--state", tmp_path / "smdp", "--pki", pki_dir, "--admin-port", 0)
    port = held_port(held)
    with started("smdp", *where, "--port", port, end=signal.SIGKILL) as words:
        admin = ("--admin", words[2])
        shown = run("smdp", "show", *admin)
        assert (shown["smdpAddress"], shown["oid"], shown["url"]) == (
            f"localhost:{port}", pki.SMDP_OID, words[0],
        )  # fmt: skip
        order = run("smdp", "order", ICCID, "--matching-id", "M", "--package", "usual", *admin)
        assert order["activationCode"] == f"1$localhost:{port}$M"
        package = card.package(Client(words[0], pki.paths(pki_dir).ci), "M")
        result = card.load(package)
    with started("smdp", *where, "--port", port) as words:
        admin = ("--admin", words[2])
        client = Client(words[0], pki.paths(pki_dir).ci)
        client.ask("handleNotification", pendingNotification=text(result))
        [told] = run("smdp", "notifications", *admin)
        assert (told["iccid"], told["result"]) == (ICCID, "successResult")
        assert run("smdp", "orders", *admin)[0]["state"] == "installed"
        assert [entry["function"] for entry in run("smdp", "log", *admin)] == ["HandleNotification"]
        run("smdp", "fault", "wrong-oid", "--count", 2, *admin)
        assert run("smdp", "fault", *admin)[0]["kind"] == "wrong-oid"
        assert run("smdp", "fault", "none", *admin) == []


def test_an_smds_is_started_and_gets_the_events_of_an_smdp(tmp_path: Path, pki_dir: Path, run: Any) -> None:
    eid = pki.make_eid(1)
    ports = ("--port", 0, "--admin-port", 0, "--pki", pki_dir)
    with started("smds", "--state", tmp_path / "smds", *ports) as smds:
        admin = ("--admin", smds[2])
        assert run("smds", "show", *admin)["smdsAddress"] == "localhost:" + smds[0].rpartition(":")[2]
        run("smds", "register", eid, "E-1", "smdp.example", *admin)
        with started("smdp", "--state", tmp_path / "smdp", *ports, "--smds", smds[2]) as smdp:
            order = ("smdp", "order", ICCID, "--eid", eid, "--matching-id", "E-2", "--event")
            run(*order, "--admin", smdp[2])
            address = run("smdp", "show", "--admin", smdp[2])["smdpAddress"]
        events = [(event["eventId"], event["rspServerAddress"]) for event in run("smds", "events", *admin)]
        assert events == [("E-1", "smdp.example"), ("E-2", address)]
        run("smds", "delete", eid, "E-1", *admin)
        assert len(run("smds", "events", *admin)) == 1
        assert run("smds", "log", *admin) == []


def test_an_eim_has_an_smdp_elsewhere_behind_it(tmp_path: Path, pki_dir: Path, run: Any) -> None:
    ports = ("--port", 0, "--admin-port", 0, "--pki", pki_dir)
    with (
        started("smdp", "--state", tmp_path / "smdp", *ports) as smdp,
        started("eim", "--state", tmp_path / "eim", *ports, "--smdp-url", smdp[0]) as eim,
    ):
        offered = bytes.fromhex(run("eim", "config", "--admin", eim[2])["eimConfigurationData"])
        assert decode("EimConfigurationData", offered)["indirectProfileDownload"] is None
        assert cli.main(["eim", "profiles", "--admin", eim[2]]) == 1  # orders are the SM-DP+'s own


@pytest.mark.parametrize(
    "arguments",
    [
        ["smdp"],
        ["smds"],
        ["smdp", "--state", "{}", "--tls-key", "{}/key.pem"],
        ["smdp", "--state", "{}", "--segment", "10"],
        ["smdp", "--state", "{}", "--segment", "5000"],
        ["eim", "--state", "{}", "--smdp", "{}/smdp", "--smdp-url", "https://localhost:1"],
        ["eim", "--state", "{}", "--smdp-url", "localhost:1"],
        ["smdp", "orders", "--admin", "http://127.0.0.1:1"],
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert cli.main([argument.format(tmp_path) for argument in arguments]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1

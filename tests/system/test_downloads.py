"""Downloads by the real daemon and without it, over a real pty and real TLS, and cut in two by real kills."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from ipad.testbed.gateway import Gateway
from tests.system.conftest import Start
from tests.system.world import BOOTSTRAP, answer, ipad, is_at, operates, says, settle, until

FAILED = 1


@pytest.fixture(scope="module")
def running(start: Start) -> Iterator[Gateway]:
    """A gateway on its bootstrap profile; its daemon runs."""
    with start() as gateway:
        gateway.provision()
        gateway.start_agent()
        operates(gateway)
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    settle(running)
    return running


def numbered(number: int) -> str:
    """An ICCID of a profile of its own."""
    return f"890010100000009{number:04d}"


def order(gateway: Gateway, number: int, package: str = "usual", **more: object) -> str:
    """A profile is ready at the SM-DP+; its activation code."""
    return gateway.order_profile({"iccid": numbered(number), "package": package, **more})


def test_it_says_how_far_it_is_and_what_came_of_it(gateway: Gateway) -> None:
    done = ipad(gateway, "download", order(gateway, 1, "large"))
    assert (done.returncode, done.stderr) == (0, "")
    first, *others = done.stdout.splitlines()
    assert "'Testbed IoT' from localhost" in first
    assert any("% of" in line for line in [first, *others])
    assert f"Download: {numbered(1)} is installed" in done.stdout
    assert numbered(1) in gateway.holds()
    assert len(gateway.smdp.installed(numbered(1))) == 1
    assert says(gateway, "% of", "octets are on the card")
    assert any(line.startswith("STATUS=downloading from localhost") for line in gateway.notified)
    assert not gateway.card()["notifications"]


def test_the_status_says_how_far_it_is(gateway: Gateway) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ipad.cli", "download", "-", "--config", str(gateway.config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(order(gateway, 2, "iot") + "\n")
    process.stdin.close()
    until("the download to begin", lambda: bool((gateway.status()["download"] or {}).get("total")))
    assert "octets are on the card" in ipad(gateway, "status").stdout
    assert process.wait(60) == 0
    assert gateway.status()["download"] is None


def test_json_is_one_object(gateway: Gateway) -> None:
    code = order(gateway, 3, confirmationCode="4711")
    told = answer(gateway, "download", code, "--confirmation-code", "4711")
    assert (told["problem"], told["did"][0]) == (None, f"Download: {numbered(3)} is installed")


def test_an_sm_ds_is_asked(gateway: Gateway) -> None:
    order(gateway, 4, eid=gateway.card()["eid"], matchingId="E4", event=True)
    assert ipad(gateway, "download", "--smds").returncode == 0
    assert numbered(4) in gateway.holds()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["2$smdp.example$X"], "activation code: it does not begin with 1$"),
        ([], "no default SM-DP+"),
        (["1$localhost:1$X"], "Connection refused"),
        (["--smds"], "nothing waits for this card"),
    ],
)
def test_what_does_not_work_is_a_sentence(gateway: Gateway, arguments: list[str], words: str) -> None:
    before = gateway.holds()
    done = ipad(gateway, "download", *arguments)
    assert done.returncode == FAILED
    assert words in done.stderr
    assert done.stderr.startswith("ipad: ")
    assert gateway.holds() == before


def test_without_the_daemon_it_is_done_all_the_same(start: Start) -> None:
    with start() as gateway:
        code = order(gateway, 5, "large")
        done = ipad(gateway, "download", code)
        assert (done.returncode, done.stderr) == (0, "")
        assert "100 % of" in done.stdout
        assert len(gateway.smdp.installed(numbered(5))) == 1
        assert json.loads(gateway.ipad("profiles", "--json") or "")[-1]["iccid"] == numbered(5)
        again = ipad(gateway, "download", code)
        assert again.returncode == FAILED
        assert "matchingIdRefused" in again.stderr


def kill_and_start(gateway: Gateway) -> None:
    gateway.kill_agent()
    gateway.start_agent()


def replug(gateway: Gateway) -> None:
    gateway.unplug()
    gateway.plug_in()


def dark_for_a_while(gateway: Gateway) -> None:
    for plmn in ("00101", "00102"):
        gateway.operator(plmn, "dark")
    until("the loss", lambda: gateway.status()["link"] != "ok")
    for plmn in ("00101", "00102"):
        gateway.operator(plmn, "on")


@pytest.mark.parametrize(
    ("number", "cut"),
    [(11, kill_and_start), (12, replug), (13, dark_for_a_while)],
    ids=["SIGKILL", "modem", "network"],
)
def test_what_is_cut_in_two_is_brought_to_its_end(
    gateway: Gateway, number: int, cut: Callable[[Gateway], None]
) -> None:
    """The eIM gets one result, and it is true."""
    package = gateway.queue({"download": {"activationCode": order(gateway, number, "iot")}})
    gateway.ipad("poll", wait=False)
    until("a third of it", lambda: ((gateway.status()["download"] or {}).get("percent") or 0) >= 33)
    cut(gateway)
    until("the result", lambda: gateway.state_of(package) == "done")
    assert numbered(number) in gateway.holds()
    assert gateway.accepted_results(package) == 1
    until("the SM-DP+ to hear of it", lambda: bool(gateway.smdp.installed(numbered(number))))
    until("an empty card", lambda: not gateway.card()["notifications"])
    until("all to be well", lambda: is_at(gateway, "operating"))
    assert gateway.enabled() == BOOTSTRAP

"""The tools beside a running daemon: the doctor asks it, a trace comes and goes, a package is injected."""

import http.client
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipad import asn1
from ipad.testbed.gateway import Gateway
from tests.system.conftest import Start
from tests.system.world import LIST, answer, ipad, operates, settle, until

FAILED, UNAVAILABLE = 1, 69


@pytest.fixture(scope="module")
def running(start: Start) -> Iterator[Gateway]:
    """A gateway on the bootstrap profile, its daemon running."""
    with start() as gateway:
        gateway.provision()
        gateway.start_agent()
        operates(gateway)
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    settle(running)
    return running


# The doctor


def test_the_doctor_asks_the_daemon_and_finds_the_way_to_the_eim(gateway: Gateway) -> None:
    found = {f["name"]: f for f in answer(gateway, "doctor")["findings"]}
    assert not [name for name, f in found.items() if f["ok"] is False]
    assert found["daemon"]["said"].startswith("running, operating")
    assert gateway.card()["eid"] in found["card"]["said"]
    assert found["enabled profile"]["said"] == gateway.enabled()
    assert all(found[f"eIM {gateway.eim_id}: {step}"]["ok"] for step in ("name", "TCP", "TLS"))
    assert "✔ journal: " in ipad(gateway, "doctor").stdout


def test_the_doctor_finds_an_eim_that_is_gone(gateway: Gateway) -> None:
    gateway.kill_eim()
    try:
        done = ipad(gateway, "doctor")
    finally:
        gateway.start_eim()
    assert done.returncode == FAILED
    # The relay on the way takes the connection; nobody speaks TLS behind it.
    assert f"✘ eIM {gateway.eim_id}: T" in done.stdout


# The trace


def test_a_trace_of_a_poll_can_be_read_with_wireshark(gateway: Gateway) -> None:
    started = answer(gateway, "trace", "start")
    directory = Path(started["directory"])
    assert started == {"running": True, "directory": str(gateway.directory / "state" / "trace")}
    package = gateway.order(LIST)
    ipad(gateway, "poll")
    until("the package", lambda: gateway.state_of(package) == "done")
    assert answer(gateway, "trace", "stop") == {"running": False, "directory": str(directory)}
    assert ipad(gateway, "trace", "stop").stdout == "no trace was running\n"

    lines = [json.loads(line) for line in (directory / "http.jsonl").read_text("utf-8").splitlines()]
    functions = [line["function"] for line in lines]
    assert functions[0] == "GetEimPackage"
    assert "ProvideEimPackageResult" in functions
    [signed] = [line["answer"]["der"] for line in lines if "BF51" in (line["answer"] or {}).get("der", "")]
    tshark = shutil.which("tshark")
    if tshark is None:
        assert not os.environ.get("IPAD_CI"), "tshark is not installed, and this is CI"
        pytest.skip("tshark is not installed: apt install tshark")
    fields = ("gsm_sim.apdu.ins", "gsm_sim.apdu.data", "_ws.malformed")
    asked = [argument for field in fields for argument in ("-e", field)]
    read = subprocess.run(
        [tshark, "-r", str(directory / "apdu.pcap"), "-T", "fields", *asked],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    packets = [line.split("\t") for line in read.stdout.splitlines()]
    assert not any(malformed for _, _, malformed in packets)
    stored = "".join(data for ins, data, _ in packets if ins == "0xe2").upper()
    assert asn1.member(bytes.fromhex(signed), 0xBF4F, 0xBF51).hex().upper() in stored
    size = (directory / "apdu.pcap").stat().st_size
    ipad(gateway, "poll")
    assert (directory / "apdu.pcap").stat().st_size == size, "it is stopped"


def test_a_trace_where_nothing_can_be_written_is_refused_and_the_daemon_goes_on(gateway: Gateway) -> None:
    done = ipad(gateway, "trace", "start", str(gateway.config / "below"))
    assert done.returncode == FAILED
    assert "starting the trace in" in done.stderr
    operates(gateway)


# A package from elsewhere


def fetched(gateway: Gateway, number: int) -> bytes:
    """What the eIM has for this card, as somebody carries it away from there."""
    [eim] = answer(gateway, "info")["eims"]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(eim["fqdn"], context=context, timeout=20)
    request = asn1.encode("GetEimPackageRequest", {"eidValue": bytes.fromhex(gateway.card()["eid"])})
    headers = {"Content-Type": "application/x-gsma-rsp-asn1", "X-Admin-Protocol": "gsma/rsp/v1.2.0"}
    connection.request("POST", "/gsma/rsp2/asn1", request, headers)
    package = asn1.value(asn1.member(connection.getresponse().read(), 0xBF4F))
    connection.close()
    assert gateway.state_of(number) == "sent"
    return package


def test_a_package_that_was_carried_here_is_executed_and_its_result_written(gateway: Gateway) -> None:
    number = gateway.order(LIST)
    file = gateway.directory / "package.der"
    file.write_bytes(fetched(gateway, number))
    done = ipad(gateway, "inject", str(file))
    assert done.returncode == 0, done.stderr
    assert f"the card executed the package of {gateway.eim_id}" in done.stdout
    assert "listProfileInfoResult: 3 listed" in done.stdout
    result = (gateway.directory / "package.der.result").read_bytes()
    assert gateway.card()["eid"] not in done.stdout
    assert asn1.find(result, 0xBF4E) == result

    text = gateway.directory / "package.hex"
    text.write_text(file.read_bytes().hex(), "ascii")
    out = gateway.directory / "elsewhere"
    again = ipad(gateway, "inject", str(text), "--out", str(out))
    assert again.returncode == 0, again.stderr
    assert out.read_bytes() == result, "it waits for the eIM, and is not made twice"

    ipad(gateway, "poll")
    until("the result at the eIM", lambda: gateway.state_of(number) == "done")
    replayed = ipad(gateway, "inject", str(text), "--out", str(out))
    assert replayed.returncode == FAILED
    assert "replayError" in replayed.stdout, "the same checks hold as from the air"
    assert out.read_bytes() != result


def test_what_is_no_package_is_answered_as_such(gateway: Gateway) -> None:
    file = gateway.directory / "wrong.der"
    file.write_bytes(b"\x30\x00")
    done = ipad(gateway, "inject", str(file))
    assert done.returncode == FAILED
    assert "not a package that can be worked on" in done.stdout
    missing = ipad(gateway, "inject", str(gateway.directory / "missing"))
    assert (missing.returncode, missing.stdout) == (FAILED, "")
    operates(gateway)


# Without the daemon: the last one, for it stops it


def test_trace_and_inject_need_the_daemon(gateway: Gateway) -> None:
    file = gateway.directory / "any.der"
    file.write_bytes(b"\x30\x00")
    gateway.stop_agent()
    for arguments in (("trace", "start"), ("trace", "stop"), ("inject", str(file))):
        done = ipad(gateway, *arguments)
        assert (done.returncode, done.stdout) == (UNAVAILABLE, "")
        assert "the daemon is not running" in done.stderr
    assert not (gateway.directory / "any.der.result").exists()
    found = {f["name"]: f for f in answer(gateway, "doctor")["findings"]}
    assert found["daemon"]["ok"] is None
    assert "IMEI" in found["modem"]["said"]

"""agent.trace in the configuration: what a command says to the card, as Wireshark reads it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.agent_parts.workbench import Workbench

ISD_R_AID = "a0000005591010ffffffff8900000100"
GET_EID = "bf3e035c015a"


def packets(pcap: Path) -> list[list[str]]:
    """Channel, instruction, AID, data, status word of each. tshark has to be there in CI."""
    tshark = shutil.which("tshark")
    if tshark is None:
        assert not os.environ.get("IPAD_CI"), "tshark is not installed, and this is CI"
        pytest.skip("tshark is not installed: apt install tshark")
    fields = ("gsm_sim.apdu.cla.log_chan", "gsm_sim.apdu.ins", "gsm_sim.aid", "gsm_sim.apdu.data")
    asked = [part for field in (*fields, "gsm_sim.apdu.sw", "_ws.malformed") for part in ("-e", field)]
    command = [tshark, "-r", str(pcap), "-Y", "gsm_sim", "-T", "fields", "-E", "separator=|", *asked]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [line.lower().split("|") for line in done.stdout.splitlines()]


def test_every_apdu_of_a_command_is_in_the_trace(bench: Workbench) -> None:
    directory = bench.directory / "trace"
    bench.configure(f'trace = "{directory}"')
    bench.answer("info")
    read = packets(directory / "apdu.pcap")
    assert not any(malformed for *_, malformed in read)
    channels = [channel for channel, *_ in read]
    assert ["0xa4", ISD_R_AID] in [packet[1:3] for packet in read]
    stored = [packet[3] for packet in read if packet[1] == "0xe2"]
    assert GET_EID in stored
    [eid, *_] = [packet for packet in read if packet[1] == "0xc0" and packet[3].startswith("bf3e")]
    assert eid[3].endswith(bench.card()["eid"])
    assert eid[4] == "0x9000"
    assert set(channels) == {"0", "1"}, "a channel of its own, opened and closed on the basic one"
    assert read[0][1] == "0x70"
    assert (directory / "http.jsonl").read_bytes() == b""


def test_without_it_nothing_is_written(bench: Workbench) -> None:
    bench.answer("info")
    assert not list(bench.directory.rglob("*.pcap"))


def test_a_trace_that_cannot_be_written_does_not_keep_a_command_from_its_work(
    bench: Workbench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.configure(f'trace = "{bench.config}/below"')
    assert bench.answer("info")["eid"] == bench.card()["eid"]
    assert sum("going on without" in record.getMessage() for record in caplog.records) == 1

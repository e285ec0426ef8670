"""The trace's files: what is in them, how large they get, and what ends them."""

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipad import asn1
from ipad.eim import EimConfiguration
from ipad.errors import IpadError
from ipad.esipa.client import Esipa
from ipad.esipa.model import DownloadTrigger
from ipad.esipa.settings import EsipaSettings
from ipad.net.http import Exchange, Uplink
from ipad.trace import gsmtap, trace
from ipad.trace.bounded import BoundedFile
from ipad.trace.trace import Trace
from ipad.waits import Waits
from modem.errors import AtTimeout, ModemError
from modem.tap import TappedUicc
from modem.uicc import Reply
from tests.agent.https_peer import EID, Peer, answering, certificate_of, make_identity
from tests.full_disk import full_disk

SELECT = bytes.fromhex("01A4040410A0000005591010FFFFFFFF8900000100")
GET_EID = bytes.fromhex("81E2910006BF3E035C015A")
TRIGGER = asn1.wrap(0xBF54, asn1.wrap(0xA0, asn1.wrap(0x80, b"1$smdp.example$SECRET")))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Trace]:
    made = Trace()
    made.start(tmp_path / "trace")
    yield made
    made.stop()


def lines(directory: Path, name: str = "http.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / name).read_text("utf-8").splitlines()]


def exchange(
    request: bytes, answer: bytes = b"", media_type: str = "application/x-gsma-rsp-asn1"
) -> Exchange:
    return Exchange("eim.example", "/path", "GetEimPackage", media_type, request, 200, answer)


# APDUs, as Wireshark reads them


def tshark(pcap: Path, *fields: str) -> list[list[str]]:
    """What tshark makes of these fields, a list a packet. It has to be there in CI."""
    command = shutil.which("tshark")
    if command is None:
        assert not os.environ.get("IPAD_CI"), "tshark is not installed, and this is CI"
        pytest.skip("tshark is not installed: apt install tshark")
    arguments = [argument for field in fields for argument in ("-e", field)]
    done = subprocess.run(
        [command, "-r", str(pcap), "-T", "fields", "-E", "separator=|", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [line.split("|") for line in done.stdout.splitlines()]


class Card:
    """A Uicc that says what it is told to."""

    def __init__(self, *replies: Reply | ModemError) -> None:
        self._replies = iter(replies)

    def reset(self) -> bytes:
        return b"\x3b\x00"

    def transmit(self, _apdu: bytes) -> Reply:
        reply = next(self._replies)
        if isinstance(reply, ModemError):
            raise reply
        return reply


def test_wireshark_reads_the_apdus_with_their_answers(running: Trace) -> None:
    directory = running.directory
    assert directory is not None
    eid = bytes.fromhex("BF3E125A10") + EID
    card = TappedUicc(Card(Reply(b"", 0x6121), Reply(b"", 0x6115), Reply(eid, 0x9000)), running.apdu)
    assert card.reset() == b"\x3b\x00"
    for apdu in (SELECT, GET_EID, b"\x01\xc0\x00\x00\x15"):
        card.transmit(apdu)
    read = tshark(
        directory / "apdu.pcap",
        "_ws.malformed",
        "udp.dstport",
        "ip.checksum.status",
        "gsm_sim.apdu.ins",
        "gsm_sim.apdu.cla.log_chan",
        "gsm_sim.aid",
        "gsm_sim.apdu.data",
        "gsm_sim.apdu.sw",
    )
    assert [[field.lower() for field in packet] for packet in read] == [
        ["", "4729", "2", "0xa4", "1", SELECT[5:].hex(), "", "0x6121"],
        ["", "4729", "2", "0xe2", "1", "", GET_EID[5:].hex(), "0x6115"],
        ["", "4729", "2", "0xc0", "1", "", eid.hex(), "0x9000"],
    ]


def test_the_checksum_of_a_packet_is_right() -> None:
    octets = gsmtap.packet(1_700_000_000.25, GET_EID, Reply(b"", 0x9000))
    seconds, microseconds, kept, length = (int.from_bytes(octets[n : n + 4], "little") for n in (0, 4, 8, 12))
    assert (seconds, microseconds) == (1_700_000_000, 250_000)
    assert kept == length == len(octets) - 16
    words = [int.from_bytes(octets[16 + n : 18 + n], "big") for n in range(0, 20, 2)]
    total = sum(words)
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


def test_a_command_without_an_answer_is_a_line_with_the_reason(running: Trace) -> None:
    card = TappedUicc(Card(AtTimeout("sending it", "no answer")), running.apdu)
    with pytest.raises(AtTimeout):
        card.transmit(GET_EID)
    directory = running.directory
    assert directory is not None
    [line] = lines(directory)
    assert line.items() >= {"apdu": "81E2910006", "failed": "sending it: no answer"}.items()
    quoted = ModemError("sending it", 'an answer that is none: +CSIM: 4,"5345')
    running.apdu(GET_EID, quoted)
    assert "5345" not in (directory / "http.jsonl").read_text("utf-8")


# HTTP


@pytest.mark.parametrize("binding", ["asn1", "json"])
def test_a_poll_is_one_line_with_both_bodies_and_without_the_activation_code(
    running: Trace, tmp_path: Path, binding: str
) -> None:
    import base64

    body = (
        asn1.wrap(0xBF4F, TRIGGER)
        if binding == "asn1"
        else json.dumps({"profileDownloadTriggerRequest": base64.b64encode(TRIGGER).decode()}).encode()
    )
    server = make_identity(tmp_path, "server")
    settings = EsipaSettings(binding=binding, json_media_type="application/x-gsma-rsp-asn1")
    with Peer(server, answering(body)) as peer:
        eim = EimConfiguration("eim.example", f"localhost:{peer.port}", tls_anchor=certificate_of(server))
        esipa = Esipa(eim, EID, Waits(), Uplink(observe=running.exchange), settings)
        package = esipa.get_eim_package()
        esipa.close()
    assert isinstance(package, DownloadTrigger)
    assert "SECRET" in str(package.address), "the agent itself has the whole activation code"
    directory = running.directory
    assert directory is not None
    [line] = lines(directory)
    assert (line["host"], line["function"], line["status"]) == ("localhost", "GetEimPackage", 200)
    blanked = TRIGGER.replace(b"1$smdp.example$SECRET", bytes(21))
    if binding == "asn1":
        assert line["request"]["message"] == line["answer"]["message"] == "GetEimPackage"
        assert line["answer"]["der"] == asn1.wrap(0xBF4F, blanked).hex().upper()
        assert EID.hex() in line["request"]["der"].lower()
    else:
        assert line["request"]["eidValue"] == EID.hex()
        assert line["answer"] == {"profileDownloadTriggerRequest": base64.b64encode(blanked).decode()}


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", None),
        (b"\xbf\x3d\x00", {"message": "HandleNotification", "der": "BF3D00"}),
        (b"\x30\x00", {"message": "unknown", "der": "3000"}),
        (b' {"a": 1}', {"a": 1}),
        (b'{"matchingId": "SEC', {"octets": 19, "problem": "not JSON"}),
        (b"[" * 100_000, {"octets": 100_000, "problem": "not JSON"}),
        (b"\x30" * (trace.BODY_LIMIT + 1), {"octets": trace.BODY_LIMIT + 1}),
        (b"<html>SECRET", {"message": "unknown", "der": "3C68746D" + "00" * 8}),
    ],
    ids=["none", "a message", "no message", "json", "cut off", "deep", "large", "a page"],
)
def test_whatever_a_body_is_it_is_one_line(running: Trace, body: bytes, shown: Any) -> None:
    running.exchange(exchange(body, body, "text/html"))
    directory = running.directory
    assert directory is not None
    [line] = lines(directory)
    assert line["request"] == line["answer"] == shown


# Files


def test_a_file_does_not_grow_beyond_its_limit_and_the_one_before_is_kept(tmp_path: Path) -> None:
    file = BoundedFile(tmp_path / "apdu.pcap", 100, b"head")
    for n in range(50):
        file.write(bytes((n,)) * 10)
        assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
    file.close()
    assert {path.name for path in tmp_path.iterdir()} == {"apdu.pcap", "apdu.1.pcap"}
    now, before = ((tmp_path / name).read_bytes() for name in ("apdu.pcap", "apdu.1.pcap"))
    assert now[:4] == before[:4] == b"head"
    kept = before[4:] + now[4:]
    assert kept == b"".join(bytes((n,)) * 10 for n in range(50 - len(kept) // 10, 50))
    assert len(kept) >= 90


def test_the_whole_trace_has_a_bound(running: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = running.directory
    assert directory is not None
    monkeypatch.setattr(trace, "LIMIT", 20_000)
    running.start(directory)
    body = b'{"a": "' + b"x" * 900 + b'"}'
    for _ in range(100):
        running.apdu(GET_EID, Reply(bytes(256), 0x9000))
        running.exchange(exchange(body, body))
    sizes = [path.stat().st_size for path in directory.iterdir()]
    assert len(sizes) == 4
    assert max(sizes) <= 20_000
    assert all(line["answer"] for line in lines(directory))
    assert tshark(directory / "apdu.pcap", "gsm_sim.apdu.ins")[0] == ["0xe2"]


def test_only_the_daemon_s_user_reads_it(running: Trace) -> None:
    directory = running.directory
    assert directory is not None
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_a_directory_that_root_makes_is_for_the_daemon(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives directories away")
    os.chown(tmp_path, 1234, 1234)
    running = Trace()
    running.start(tmp_path / "trace")
    running.stop()
    assert (tmp_path / "trace").stat().st_uid == 1234


def test_starting_again_keeps_what_was_there_once(tmp_path: Path) -> None:
    running = Trace()
    for n in range(3):
        running.start(tmp_path)
        running.exchange(exchange(b'{"n": %d}' % n))
        assert running.stop() == tmp_path
    assert running.stop() is None
    assert [line["request"]["n"] for line in lines(tmp_path)] == [2]
    assert [line["request"]["n"] for line in lines(tmp_path, "http.1.jsonl")] == [1]


def test_what_is_not_started_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    idle = Trace()
    idle.apdu(GET_EID, Reply(b"", 0x9000))
    idle.exchange(exchange(b"\xbf\x4f\x00"))
    assert idle.directory is None
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written_the_start_is_refused(tmp_path: Path, running: Trace) -> None:
    (tmp_path / "file").touch()
    before = running.directory
    with pytest.raises(IpadError, match=r"starting the trace in .*file/below"):
        running.start(tmp_path / "file" / "below")
    assert running.directory == before
    (tmp_path / "taken" / "http.1.jsonl").mkdir(parents=True)
    (tmp_path / "taken" / "http.jsonl").touch()
    with pytest.raises(IpadError, match="taken"):
        running.start(tmp_path / "taken")


def test_a_full_disk_ends_the_trace_with_one_line_and_nothing_else(
    running: Trace, caplog: pytest.LogCaptureFixture
) -> None:
    directory = running.directory
    assert directory is not None
    caplog.set_level(logging.WARNING, "ipad")
    with full_disk(3000):
        for _ in range(20):
            running.apdu(GET_EID, Reply(bytes(200), 0x9000))
    assert running.directory is None
    assert [record.getMessage() for record in caplog.records] == [
        f"trace: stopped, writing to {directory} failed: File too large"
    ]
    # What is there is whole packets.
    packet = len(gsmtap.packet(0, GET_EID, Reply(bytes(200), 0x9000)))
    size = (directory / "apdu.pcap").stat().st_size
    assert size > packet
    assert (size - len(gsmtap.FILE_HEADER)) % packet == 0
    running.apdu(GET_EID, Reply(b"", 0x9000))
    running.exchange(exchange(b"{}"))


def test_a_directory_that_goes_away_ends_it_too(
    running: Trace, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = running.directory
    assert directory is not None
    monkeypatch.setattr(trace, "LIMIT", 1000)
    running.start(directory)
    shutil.rmtree(directory)
    for _ in range(10):
        running.apdu(GET_EID, Reply(bytes(200), 0x9000))
    assert running.directory is None
    assert sum("trace: stopped" in record.getMessage() for record in caplog.records) == 1

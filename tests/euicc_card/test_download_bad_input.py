"""Whatever comes in the place of a download's octets: the card answers, and installs nothing by it."""

from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipad.asn1 import DecodeError, value
from ipad.testbed.euicc import VirtualEuicc

from .rsp_server import CTX_PARAMS1, ICCID, Server
from .world import Terminal

BOUNDED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ANSWERED = (0x9000, 0x6A80, 0x6A88, 0x6985)


@pytest.fixture
def server(tmp_path: Path, pki_dir: Path) -> Server:
    return Server(Terminal(VirtualEuicc.open(tmp_path, pki_dir)), pki_dir)


def mutated(draw: st.DataObject, octets: bytes) -> bytes:
    """The octets cut off, lengthened, with a huge length, or with one changed; never the same."""
    kind = draw.draw(st.sampled_from(("cut", "more", "octet", "huge")))
    place = draw.draw(st.integers(0, len(octets) - 1))
    if kind == "cut":
        return octets[: max(1, place)] if place < len(octets) else octets
    if kind == "more":
        return octets + draw.draw(st.binary(min_size=1, max_size=8))
    if kind == "huge":
        return octets[:place] + b"\x84\xff\xff\xff\xff" + octets[place:]
    changed = octets[place] ^ draw.draw(st.integers(1, 255))
    return octets[:place] + bytes([changed]) + octets[place + 1 :]


@given(draw=st.data())
@BOUNDED
def test_one_bad_cut_ends_the_download_with_an_answer(server: Server, draw: st.DataObject) -> None:
    server.terminal.start()
    cuts = server.ready(segment=40).cuts()
    place = draw.draw(st.integers(0, len(cuts) - 1))
    cuts[place] = mutated(draw, cuts[place])
    for cut in cuts:
        answer = server.terminal.run(cut)
        assert server.terminal.sw in ANSWERED
        if answer or server.terminal.sw != 0x9000:
            break
    if answer.startswith(b"\xbf\x37"):
        assert server.outcome(answer)[0] == "errorResult"
    assert ICCID not in server.terminal.profiles()


@given(draw=st.data(), tag=st.sampled_from((0xBF38, 0xBF21)))
@BOUNDED
def test_a_bad_command_in_a_good_session_is_refused(server: Server, draw: st.DataObject, tag: int) -> None:
    """Everything in them is signed, but for the tag itself and what the LPA adds, CtxParams1."""
    server.terminal.start()
    answers: list[bytes] = []
    run = server.terminal.run

    def interfere(command: bytes, block: int = 255) -> bytes:
        if not command.startswith(tag.to_bytes(2, "big")):
            return run(command, block)
        end = len(command) - (len(CTX_PARAMS1) if tag == 0xBF38 else 0)
        answers.append(run(command[:2] + mutated(draw, command[2:end]) + command[end:], block))
        raise InterruptedError

    with patch.object(server.terminal, "run", interfere), pytest.raises(InterruptedError):
        server.ready()
    assert server.terminal.sw in ANSWERED
    [answer] = answers
    assert answer == b"" if server.terminal.sw != 0x9000 else value(answer)[:1] == b"\xa1"


@given(st.binary(min_size=1, max_size=300))
@BOUNDED
def test_any_octets_in_a_chain_get_an_answer(server: Server, octets: bytes) -> None:
    server.terminal.run(octets)
    assert server.terminal.sw in ANSWERED


def test_a_length_that_no_card_has_room_for_is_refused_at_once(server: Server) -> None:
    first, *_ = server.ready().cuts()
    for length in b"\x84\xff\xff\xff\xff", b"\x80", b"\x83\x00\x00\x05", b"\xff":
        server.ready()
        answer = server.terminal.run(b"\xbf\x36" + length + first[first.index(b"\xbf\x23") :])
        assert server.outcome(answer)[0] == "errorResult"
    with pytest.raises(DecodeError):
        value(b"\xbf\x36\x80")

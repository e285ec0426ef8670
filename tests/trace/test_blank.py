"""What is blanked in a trace, and what is not: in TLVs, in APDUs, in JSON."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipad import asn1
from ipad.trace import blank
from ipad.trace.blank import ApduBlanker, Blanker
from modem.errors import AtTimeout
from modem.uicc import Reply

CODE = b"1$smdp.example$SECRET-MATCHING-ID"
SECRET = b"SECRET-MATCHING-ID-AND-SO-ON-32o"
CERTIFICATE = asn1.wrap(0x30, asn1.wrap(0x30, asn1.wrap(0xA0, b"\x02\x01\x02"), asn1.wrap(0x04, b"in it")))
SIGNATURE = asn1.wrap(0x5F37, bytes(range(64)))
DEVICE_INFO = asn1.wrap(0xA1, asn1.wrap(0x80, b"\x35\x29\x06\x11"))
CONTEXT = asn1.wrap(0xA0, asn1.wrap(0x80, SECRET), DEVICE_INFO)

TRIGGER = asn1.wrap(0xBF54, asn1.wrap(0xA0, asn1.wrap(0x80, CODE)), asn1.wrap(0x82, b"\x01\x02"))
PREPARE = asn1.wrap(
    0xBF21, asn1.wrap(0x30, asn1.wrap(0x80, b"\x07")), SIGNATURE, asn1.wrap(0x04, SECRET), CERTIFICATE
)
AUTHENTICATE = asn1.wrap(
    0xBF38, asn1.wrap(0x30, asn1.wrap(0x80, b"\x07")), SIGNATURE, asn1.wrap(0x04, b"ci"), CERTIFICATE, CONTEXT
)
AUTHENTICATED = asn1.wrap(
    0xBF38,
    asn1.wrap(0xA0, asn1.wrap(0x30, asn1.wrap(0x80, b"\x07"), CONTEXT), SIGNATURE, CERTIFICATE, CERTIFICATE),
)
COMPACT = asn1.wrap(
    0xBF38,
    asn1.wrap(0xA2, asn1.wrap(0xA0, asn1.wrap(0x84, b"res"), asn1.wrap(0xA2, CONTEXT)), SIGNATURE),
)
PREPARED = asn1.wrap(
    0xBF21,
    asn1.wrap(0xA0, asn1.wrap(0x30, asn1.wrap(0x80, b"\x07"), asn1.wrap(0x04, SECRET)), SIGNATURE),
)
INDIRECT = asn1.wrap(0xBF39, asn1.wrap(0xA0, CERTIFICATE, asn1.wrap(0x0C, SECRET), asn1.wrap(0xA2, CONTEXT)))
INDIRECT_CC = asn1.wrap(0xBF3B, asn1.wrap(0xA0, SIGNATURE, CERTIFICATE, asn1.wrap(0x04, SECRET)))

WITH_SECRETS = {
    "ProfileDownloadTriggerRequest": TRIGGER,
    "GetEimPackageResponse": asn1.wrap(0xBF4F, TRIGGER),
    "PrepareDownloadRequest": PREPARE,
    "PrepareDownloadResponse": PREPARED,
    "AuthenticateServerRequest": AUTHENTICATE,
    "AuthenticateServerResponse": AUTHENTICATED,
    "CompactAuthenticateResponseOk": COMPACT,
    "AuthenticateClientRequestEsipa": asn1.wrap(0xBF3B, asn1.wrap(0x80, b"\x07"), AUTHENTICATED),
    "GetBoundProfilePackageRequestEsipa": asn1.wrap(0xBF3A, asn1.wrap(0x80, b"\x07"), PREPARED),
    "InitiateAuthenticationOkEsipa": INDIRECT,
    "AuthenticateClientOkDPEsipa": INDIRECT_CC,
    "a trigger without the CHOICE's tag": asn1.wrap(0xBF54, asn1.wrap(0x80, CODE)),
}
WITHOUT = {
    "EuiccPackageRequest": asn1.wrap(0xBF51, asn1.wrap(0x30, asn1.wrap(0x80, SECRET)), SIGNATURE),
    "ProfileDownloadTriggerResult": asn1.wrap(0xBF54, asn1.wrap(0x82, SECRET)),
    "AuthenticateResponseError": asn1.wrap(0xBF38, asn1.wrap(0xA1, asn1.wrap(0x80, SECRET))),
    "BoundProfilePackage": asn1.wrap(0xBF36, asn1.wrap(0xA3, asn1.wrap(0x86, SECRET * 9))),
    "GetEuiccDataRequest": bytes.fromhex("BF3E035C015A"),
}


def zeroed(octets: bytes) -> bytes:
    """What is to come of a message: its secrets as zeros."""
    return octets.replace(SECRET, bytes(len(SECRET))).replace(CODE, bytes(len(CODE)))


@pytest.mark.parametrize("kind", WITH_SECRETS)
def test_a_secret_is_zeros_and_nothing_else_is_touched(kind: str) -> None:
    message = WITH_SECRETS[kind]
    assert zeroed(message) != message
    assert blank.message(message) == zeroed(message)


@pytest.mark.parametrize("kind", WITHOUT)
def test_what_has_no_secret_is_not_touched(kind: str) -> None:
    assert blank.message(WITHOUT[kind]) == WITHOUT[kind]


@pytest.mark.parametrize("kind", WITH_SECRETS)
@pytest.mark.parametrize("size", [1, 2, 7, 20])
def test_a_message_may_come_in_pieces(kind: str, size: int) -> None:
    message = WITH_SECRETS[kind]
    blanker = Blanker()
    pieces = [blanker.feed(message[at : at + size]) for at in range(0, len(message), size)]
    assert b"".join(pieces) == zeroed(message)


@given(st.sampled_from(sorted(WITH_SECRETS)), st.data())
def test_a_damaged_message_keeps_its_length_and_a_cut_off_one_its_secret(kind: str, data: Any) -> None:
    message = bytearray(WITH_SECRETS[kind])
    cut = data.draw(st.integers(0, len(message)))
    assert blank.message(bytes(message[:cut])) == zeroed(bytes(message))[:cut]
    message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    assert len(blank.message(bytes(message))) == len(message)


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_octets_in_any_pieces_come_out_the_same(octets: bytes, size: int) -> None:
    blanker = Blanker()
    pieces = [blanker.feed(octets[at : at + size]) for at in range(0, len(octets), size)]
    assert b"".join(pieces) == blank.message(octets)


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x00" + SECRET,
        b"\xbf\x54\x80" + SECRET,
        b"\xbf\x54\x85\x00\x00\x00\x00\x20" + SECRET,
        b"\xbf\x54\x03\xa0\x30" + SECRET,
        b"\x9f\xff\xff\x01" + SECRET,
        b"\xbf\x54\x22\xa0\x01\x80" + SECRET,
        b"\x30\x7f" * 33 + SECRET,
    ],
    ids=["end of contents", "indefinite", "long length", "too long", "long tag", "half a header", "deep"],
)
def test_from_octets_on_that_are_no_tlv_everything_is_blanked(wrong: bytes) -> None:
    assert SECRET[1:] not in blank.message(wrong)
    assert len(blank.message(wrong)) == len(wrong)


# APDUs


def store_data(message: bytes, block: int = 20, cla: int = 0x81) -> list[bytes]:
    pieces = [message[at : at + block] for at in range(0, len(message), block)]
    return [
        bytes((cla, 0xE2, 0x91 if n == len(pieces) - 1 else 0x11, n, len(piece))) + piece
        for n, piece in enumerate(pieces)
    ]


def data_of(blanker: ApduBlanker, apdus: list[bytes], reply: Reply) -> bytes:
    """What is left of the commands' data."""
    return b"".join(blanker.apdu(apdu, reply)[0][5:] for apdu in apdus)


OK = Reply(b"", 0x9000)


def test_a_chain_of_store_data_is_blanked_across_its_blocks() -> None:
    blanker = ApduBlanker()
    for _ in range(2):
        assert data_of(blanker, store_data(PREPARE), OK) == zeroed(PREPARE)


def test_two_channels_do_not_mix() -> None:
    blanker = ApduBlanker()
    first, second = store_data(PREPARE), store_data(AUTHENTICATE, cla=0xC2)
    blanked = {0: b"", 1: b""}
    for one, other in zip(first, second, strict=False):
        blanked[0] += blanker.apdu(one, OK)[0][5:]
        blanked[1] += blanker.apdu(other, OK)[0][5:]
    assert blanked[0] == zeroed(PREPARE)[: len(blanked[0])]
    assert blanked[1] == zeroed(AUTHENTICATE)[: len(blanked[1])]


def test_a_block_that_the_card_wants_again_with_another_le_is_not_the_next_piece() -> None:
    blanker = ApduBlanker()
    first, *others = store_data(PREPARE)
    blanker.apdu(first, Reply(b"", 0x6C15))
    assert data_of(blanker, [first, *others], OK) == zeroed(PREPARE)


def test_an_answer_is_blanked_across_its_get_responses() -> None:
    blanker = ApduBlanker()
    pieces = [AUTHENTICATED[at : at + 50] for at in range(0, len(AUTHENTICATED), 50)]
    blanker.apdu(store_data(b"\xbf\x38\x00")[0], Reply(b"", 0x6132))
    got = b""
    for piece in pieces:
        _, reply = blanker.apdu(b"\x01\xc0\x00\x00\x32", Reply(piece, 0x6132))
        assert isinstance(reply, Reply)
        got += reply.data
    assert got == zeroed(AUTHENTICATED)


@pytest.mark.parametrize("ins", [0x20, 0x24, 0x26, 0x28, 0x2C])
def test_a_pin_is_blanked_and_its_le_is_not(ins: int) -> None:
    apdu = bytes((0x00, ins, 0x00, 0x01, 0x08)) + b"1234\xff\xff\xff\xff"
    assert ApduBlanker().apdu(apdu, OK) == (apdu[:5] + bytes(8), OK)
    assert ApduBlanker().apdu(apdu + b"\x10", OK) == (apdu[:5] + bytes(8) + b"\x10", OK)


@pytest.mark.parametrize("ins", [0x88, 0x89])
def test_what_authenticate_returns_is_blanked_wherever_it_comes(ins: int) -> None:
    blanker = ApduBlanker()
    apdu = bytes((0x00, ins, 0x00, 0x81, 0x04)) + b"RAND"
    assert blanker.apdu(apdu, Reply(b"CKIK", 0x9000)) == (apdu, Reply(bytes(4), 0x9000))
    assert blanker.apdu(apdu, Reply(b"", 0x6104)) == (apdu, Reply(b"", 0x6104))
    fetch = b"\x00\xc0\x00\x00\x04"
    assert blanker.apdu(fetch, Reply(b"CKIK", 0x9000)) == (fetch, Reply(bytes(4), 0x9000))


def test_what_began_before_the_trace_is_blanked_whole() -> None:
    _, *others = store_data(PREPARE)
    assert not any(data_of(ApduBlanker(), others, OK))
    fetch = b"\x01\xc0\x00\x00\x04"
    assert ApduBlanker().apdu(fetch, Reply(SECRET, 0x9000)) == (fetch, Reply(bytes(len(SECRET)), 0x9000))


@pytest.mark.parametrize(
    "apdu", ["00A4040410A0000005591010FFFFFFFF8900000100", "0070000001", "00708001", "80F2"]
)
def test_other_commands_and_their_answers_stay_as_they_are(apdu: str) -> None:
    blanker = ApduBlanker()
    octets, reply = bytes.fromhex(apdu), Reply(SECRET, 0x9000)
    assert blanker.apdu(octets, reply) == (octets, reply)
    fetch = b"\x00\xc0\x00\x00\x20"
    if len(octets) >= 4:
        assert blanker.apdu(fetch, reply) == (fetch, reply)


def test_a_command_without_an_answer_is_passed_on_with_its_error() -> None:
    error = AtTimeout("sending", "nothing")
    apdu = store_data(PREPARE, block=200)[0]
    assert ApduBlanker().apdu(apdu, error) == (zeroed(apdu), error)


# JSON


def test_json_is_blanked_by_name_and_nothing_else_is_touched() -> None:
    value = {
        "matchingId": "SECRET",
        "activationCode": None,
        "hashCc": ["SECRET"],
        "eventEntries": [{"eventId": "SECRET", "rspServerAddress": "smdp.example"}],
        "ac": "LPA:1$smdp.example$SECRET",
        "transactionId": "0102",
        "notifyStateChange": True,
        "n": [1, 2.5, None],
        "version": "v1.2.0",
        "text": "no base64!",
        "other": base64.b64encode(b"\x30\x03abc").decode(),
        "package": base64.b64encode(WITHOUT["EuiccPackageRequest"]).decode(),
    }
    assert blank.json_value(value) == {
        **value,
        "matchingId": "000000",
        "hashCc": ["000000"],
        "eventEntries": [{"eventId": "000000", "rspServerAddress": "smdp.example"}],
        "ac": "0" * len("LPA:1$smdp.example$SECRET"),
    }


@pytest.mark.parametrize("kind", WITH_SECRETS)
def test_a_secret_inside_base64_is_blanked_however_it_is_written(kind: str) -> None:
    text = base64.b64encode(WITH_SECRETS[kind]).decode()
    wanted = base64.b64encode(zeroed(WITH_SECRETS[kind])).decode()
    lines = "\r\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    url_safe = text.replace("+", "-").replace("/", "_")
    for written in (text, text.rstrip("="), lines, url_safe, f" {text}\n"):
        assert blank.json_value({"any": [written]}) == {"any": [wanted]}


def test_ctx_params_1_is_not_a_message_and_its_matching_id_is_blanked_too() -> None:
    text = base64.b64encode(CONTEXT).decode()
    assert blank.json_value({"ctxParams1": text}) == {
        "ctxParams1": base64.b64encode(zeroed(CONTEXT)).decode()
    }
    assert blank.json_value({"ctxParams1": ""}) == {"ctxParams1": ""}
    assert blank.json_value({"else": text}) == {"else": text}


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats(allow_nan=False)
        | st.text()
        | st.binary().map(lambda b: b.hex()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("matchingId"), inner),
        max_leaves=20,
    )
)
def test_any_json_is_blanked_without_a_word(value: Any) -> None:
    blank.json_value(value)

"""The card's part of a download: requests put together of what the server sent, the package cut."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipad.asn1 import encode, value, wrap
from ipad.errors import DecodeError
from ipad.euicc import bpp, es10b
from modem.bcd import iccid_octets
from modem.errors import CardRefused
from modem.uicc import Reply

from .scripted_card import ScriptedCard, isdr_on

ICCID = "89000123456789012341"
SIGNED = wrap(0x30, bytes.fromhex("8001AA 300102"))
SIGNATURE = wrap(0x5F37, bytes(range(64)))
CERTIFICATE = wrap(0x30, wrap(0x30), wrap(0x30), bytes.fromhex("030100"))
CTX_PARAMS = bytes.fromhex("A0128004 6D617463 A10A 800435290611 A1028300")
CI = b"\x04\x02\xca\xfe"

INITIALISE = wrap(0xBF23, bytes.fromhex("820101 8001AA"))
FIRST_87 = wrap(0xA0, wrap(0x87, bytes(24)))
METADATA = [wrap(0x88, bytes(1015)), wrap(0x88, b"\x01" * 70)]
SECOND_87 = wrap(0xA2, wrap(0x87, bytes(56)))
ELEMENTS = [wrap(0x86, bytes([n]) * 1016) for n in range(3)]
PACKAGE = wrap(0xBF36, INITIALISE, FIRST_87, wrap(0xA1, *METADATA), SECOND_87, wrap(0xA3, *ELEMENTS))


def head(tag: int, *contents: bytes) -> bytes:
    """Tag and length alone."""
    whole = wrap(tag, *contents)
    return whole[: len(whole) - len(b"".join(contents))]


def installed(**error: int) -> bytes:
    """A ProfileInstallationResult: a success, or an ErrorResult."""
    success = {"aid": bytes.fromhex("A0000005591010FFFFFFFF8900001100"), "simaResponse": b"\x30\x00"}
    data = {
        "transactionId": b"\xaa",
        "notificationMetadata": {
            "seqNumber": 7,
            "profileManagementOperation": (b"\x80", 1),
            "notificationAddress": "dp.example",
            "iccid": iccid_octets(ICCID),
        },
        "smdpOid": "2.999.1",
        "finalResult": ("errorResult", error) if error else ("successResult", success),
    }
    return wrap(0xBF37, encode("ProfileInstallationResultData", data), SIGNATURE)


def test_authenticate_server_passes_on_what_the_server_signed() -> None:
    answer = wrap(0xBF38, wrap(0xA0, SIGNED, SIGNATURE, CERTIFICATE, CERTIFICATE))
    card = ScriptedCard([answer])
    found = es10b.authenticate_server(isdr_on(card), SIGNED, SIGNATURE, CI, CERTIFICATE, CTX_PARAMS)
    assert found == answer
    assert card.requests == [wrap(0xBF38, SIGNED, SIGNATURE, CI, CERTIFICATE, CTX_PARAMS)]


@pytest.mark.parametrize("hash_cc", [None, bytes(range(32))])
def test_prepare_download_does_and_has_the_confirmation_code_in_its_place(hash_cc: bytes | None) -> None:
    answer = wrap(0xBF21, wrap(0xA0, SIGNED, SIGNATURE))
    card = ScriptedCard([answer])
    assert es10b.prepare_download(isdr_on(card), SIGNED, SIGNATURE, CERTIFICATE, hash_cc) == answer
    code = b"" if hash_cc is None else wrap(0x04, hash_cc)
    assert card.requests == [wrap(0xBF21, SIGNED, SIGNATURE, code, CERTIFICATE)]


@pytest.mark.parametrize(
    "wrong",
    [SIGNATURE, SIGNED[:-1], SIGNED + b"\x00", SIGNED + SIGNED, b""],
    ids=["another tag", "cut off", "an octet more", "two", "none"],
)
def test_what_is_not_the_element_it_should_be_is_not_sent(wrong: bytes) -> None:
    card = ScriptedCard()
    isdr = isdr_on(card)
    with pytest.raises(DecodeError):
        es10b.authenticate_server(isdr, wrong, SIGNATURE, CI, CERTIFICATE, CTX_PARAMS)
    with pytest.raises(DecodeError):
        es10b.prepare_download(isdr, wrong, SIGNATURE, CERTIFICATE)
    assert card.sent == []


def test_cancel_session_names_its_reason() -> None:
    answer = wrap(0xBF41, wrap(0xA0, SIGNED, SIGNATURE))
    card = ScriptedCard([answer])
    assert es10b.cancel_session(isdr_on(card), b"\xaa\xbb", "metadataMismatch") == answer
    assert card.requests == [bytes.fromhex("BF4107 8002AABB 810104")]


@pytest.mark.parametrize(
    "answer", ["", "BF38", "BF3800", "BF2100", "BF4100", "BF3802A300", "BF3802A100", "0000"]
)
def test_an_answer_of_another_kind_is_a_decode_error(answer: str) -> None:
    isdr = isdr_on(ScriptedCard([bytes.fromhex(answer)] * 3))
    with pytest.raises(DecodeError):
        es10b.authenticate_server(isdr, SIGNED, SIGNATURE, CI, CERTIFICATE, CTX_PARAMS)
    with pytest.raises(DecodeError):
        es10b.prepare_download(isdr, SIGNED, SIGNATURE, CERTIFICATE)
    with pytest.raises(DecodeError):
        es10b.cancel_session(isdr, b"\xaa", "timeout")


def test_a_package_is_cut_where_the_standard_says() -> None:
    cuts = [
        head(0xBF36, value(PACKAGE)) + INITIALISE,
        FIRST_87,
        head(0xA1, *METADATA),
        *METADATA,
        SECOND_87,
        head(0xA3, *ELEMENTS),
        *ELEMENTS,
    ]
    assert list(bpp.segments(PACKAGE)) == cuts
    assert b"".join(cuts) == PACKAGE
    card = ScriptedCard([*[b""] * (len(cuts) - 1), installed()])
    told: list[tuple[int, int]] = []
    result = es10b.load_bound_profile_package(isdr_on(card), PACKAGE, lambda *now: told.append(now))
    assert card.requests == cuts
    assert (result.der, result.seq, result.address) == (installed(), 7, "dp.example")
    assert (result.iccid, result.transaction_id) == (ICCID, b"\xaa")
    assert result.aid == bytes.fromhex("A0000005591010FFFFFFFF8900001100")
    assert result.error is None
    assert [done for done, _ in told] == [len(b"".join(cuts[: n + 1])) for n in range(len(cuts))]
    assert {whole for _, whole in told} == {len(PACKAGE)}
    # Each cut is a chain of its own: it begins at block 0 and ends with a last block.
    chains = b"".join(bytes(apdu[2:4]) for apdu in card.sent)
    assert chains.count(b"\x91") >= len(cuts)
    assert sum(apdu[3] == 0 for apdu in card.sent) == len(cuts)
    assert len(card.sent) == sum(-(-len(cut) // 255) for cut in cuts)


def test_without_second_keys_there_is_no_such_cut() -> None:
    package = wrap(0xBF36, INITIALISE, FIRST_87, wrap(0xA1, *METADATA), wrap(0xA3, *ELEMENTS))
    assert len(list(bpp.segments(package))) == len(list(bpp.segments(PACKAGE))) - 1
    assert b"".join(bpp.segments(package)) == package


@pytest.mark.parametrize("cut", range(10))
def test_any_cut_can_end_it(cut: int) -> None:
    error = installed(bppCommandId=5, errorReason=8)
    card = ScriptedCard([*[b""] * cut, error])
    result = es10b.load_bound_profile_package(isdr_on(card), PACKAGE)
    assert len(card.requests) == cut + 1
    assert (result.error, result.command, result.aid) == ("scp03tSecurityError", "loadProfileElements", None)
    assert result.der == error


def test_a_status_word_ends_it_too() -> None:
    card = ScriptedCard([b"", Reply(b"", 0x6985)])
    with pytest.raises(CardRefused, match="LoadBoundProfilePackage"):
        es10b.load_bound_profile_package(isdr_on(card), PACKAGE)
    assert len(card.requests) == 2


def test_a_card_that_takes_all_and_says_nothing_is_an_error() -> None:
    with pytest.raises(DecodeError, match="without a result"):
        es10b.load_bound_profile_package(isdr_on(ScriptedCard([b""] * 10)), PACKAGE)


def test_segments_somewhat_longer_than_the_standards_are_taken() -> None:
    longer = wrap(0xBF36, INITIALISE, FIRST_87, wrap(0xA1), wrap(0xA3, wrap(0x86, bytes(1036))))
    assert len(list(bpp.segments(longer))[-1]) == 1040
    too_long = wrap(0xBF36, INITIALISE, FIRST_87, wrap(0xA1), wrap(0xA3, wrap(0x86, bytes(1037))))
    with pytest.raises(DecodeError, match="1036"):
        bpp.segments(too_long)


@pytest.mark.parametrize(
    "package",
    [
        b"",
        PACKAGE[:-1],
        PACKAGE + b"\x00",
        b"\xbf\x37" + PACKAGE[2:],
        wrap(0xBF36),
        wrap(0xBF36, INITIALISE, FIRST_87, wrap(0xA1)),
        wrap(0xBF36, INITIALISE, wrap(0xA1), FIRST_87, wrap(0xA3)),
        wrap(0xBF36, INITIALISE, FIRST_87, wrap(0xA1), wrap(0xA3), wrap(0xA3)),
        wrap(0xBF36, INITIALISE, FIRST_87, wrap(0xA1, wrap(0x86)), wrap(0xA3)),
        wrap(0xBF36, INITIALISE, wrap(0xA0, wrap(0x88)), wrap(0xA1), wrap(0xA3)),
        wrap(0xBF36, INITIALISE, FIRST_87, wrap(0xA1), wrap(0xA3, b"\x86\x05\x00")),
    ],
)
def test_a_package_that_is_none_is_refused_before_anything_is_sent(package: bytes) -> None:
    card = ScriptedCard()
    with pytest.raises(DecodeError):
        es10b.load_bound_profile_package(isdr_on(card), package)
    assert card.sent == []


@given(
    st.lists(st.binary(max_size=300), max_size=4),
    st.lists(st.binary(max_size=1036), max_size=4),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_cuts_are_the_package(metadata: list[bytes], elements: list[bytes], second: bool) -> None:
    parts = [INITIALISE, FIRST_87, wrap(0xA1, *(wrap(0x88, m) for m in metadata))]
    parts += [SECOND_87] if second else []
    package = wrap(0xBF36, *parts, wrap(0xA3, *(wrap(0x86, e) for e in elements)))
    cuts = list(bpp.segments(package))
    assert b"".join(cuts) == package
    assert len(cuts) == 4 + second + len(metadata) + len(elements)


@given(st.integers(0, len(PACKAGE) - 1), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_a_changed_octet_is_cut_all_the_same_or_refused(where: int, octet: int) -> None:
    package = PACKAGE[:where] + bytes([octet]) + PACKAGE[where + 1 :]
    with suppress(DecodeError):
        assert b"".join(bpp.segments(package)) == package

"""Results of eUICC Packages: read in each shape, passed on as signed, and what they say happened."""

import pytest

from ipad.asn1 import member, wrap
from ipad.errors import DecodeError
from ipad.euicc import es10b
from ipad.euicc.model import PackageResult, ProfileInfo

from .scripted_card import isdr_that_says

SIGNATURE = wrap(0x5F37, bytes(64))
FRAME = bytes.fromhex("800165 810105 8202ABCD 830107")
"""eimId "e", counterValue 5, eimTransactionId, seqNumber 7."""


def signed_result(*results: str | bytes) -> bytes:
    """EuiccPackageResultSigned's contents, with these EuiccResultData."""
    listed = [bytes.fromhex(r) if isinstance(r, str) else r for r in results]
    return wrap(0x30, FRAME, wrap(0x30, *listed)) + SIGNATURE


def loaded(der: bytes) -> PackageResult:
    return es10b.load_euicc_package(isdr_that_says(der), b"package")


def result_of(*results: str | bytes) -> PackageResult:
    return loaded(wrap(0xBF51, wrap(0xA0, signed_result(*results))))


def test_a_result_is_read_and_kept_as_it_came() -> None:
    der = wrap(0xBF51, wrap(0xA0, signed_result("830100", "850103")))
    assert loaded(der) == PackageResult(
        "result",
        "e",
        5,
        b"\xab\xcd",
        7,
        (("enableResult", "ok"), ("deleteResult", "disallowedByPolicy")),
        der=der,
    )


def test_errors_are_read() -> None:
    data = wrap(0x30, bytes.fromhex("800165 810105 020104"))
    signed = wrap(0xBF51, wrap(0xA1, data, SIGNATURE))
    assert loaded(signed) == PackageResult("error", "e", 5, error="replayError", der=signed)
    unsigned = wrap(0xBF51, wrap(0xA2, bytes.fromhex("800165 8202ABCD 840109")))
    assert loaded(unsigned) == PackageResult(
        "unsigned", "e", transaction_id=b"\xab\xcd", association_token=9, der=unsigned
    )
    assert loaded(signed).failed == "replayError"
    assert "association token" in str(loaded(unsigned).failed)


@pytest.mark.parametrize(
    ("arm", "content"),
    [
        (0xA0, signed_result("830100")),
        (0xA1, wrap(0x30, bytes.fromhex("800165 810105 020104")) + SIGNATURE),
        (0xA2, bytes.fromhex("800165")),
    ],
)
def test_a_result_without_its_tag_gets_it_and_what_was_signed_stays(arm: int, content: bytes) -> None:
    standard = wrap(0xBF51, wrap(arm, content))
    seen = wrap(0xBF51, wrap(0x30, content))
    assert loaded(seen) == loaded(standard)
    assert member(loaded(seen).der, 0xBF51, arm)[-len(content) :] == content


@pytest.mark.parametrize(
    ("results", "switched"),
    [
        (["830100"], True),
        (["840100"], True),
        (["830100", "8C0100"], True),  # a rollback's, appended to the first results
        (["8C0100"], True),  # a rollback's, alone
        (["830105"], False),
        (["840102"], False),
        (["8C017F"], False),
        (["850100", "BF2D02A000"], False),
        ([], False),
    ],
)
def test_a_result_says_whether_the_enabled_profile_changed(results: list[str], switched: bool) -> None:
    assert result_of(*results).switched is switched


def test_the_first_failure_is_named() -> None:
    assert result_of("830100", "890102").failed is None  # lastEimDeleted is success
    assert result_of("850100", "840105").failed == "disableResult: catBusy"
    assert result_of("020102").failed == "processingTerminated: unknownOrDamagedCommand"
    assert result_of("8D0103").failed == "setFallbackAttributeResult: fallbackProfileEnabled"


def test_each_kind_of_outcome_is_a_simple_value() -> None:
    profile = wrap(0xE3, bytes.fromhex("5A0A98001032547698103214 9F700101"))
    results = result_of(
        wrap(0xBF2D, wrap(0xA0, profile)),
        wrap(0xBF2D, wrap(0x30, profile)),
        "BF2D03810101",
        "A600",
        "870101",
        "A803840109",
        "A803020103",
        "8A0106",
        "AB07A0053003800165",
        "AB0381017F",
        "8E0102",
        "BF6503800100",
    ).results
    (first, listed), (_, seen), *rest = results
    assert first == "listProfileInfoResult"
    assert listed == seen
    assert isinstance(listed, tuple)
    assert [p.iccid for p in listed if isinstance(p, ProfileInfo)] == ["89000123456789012341"]
    assert rest == [
        ("listProfileInfoResult", "incorrectInputValues"),
        ("getRATResult", b""),
        ("configureImmediateEnableResult", "insufficientMemory"),
        ("addEimResult", 9),
        ("addEimResult", "ciPKUnknown"),
        ("updateEimResult", "counterValueOutOfRange"),
        ("listEimResult", ("e",)),
        ("listEimResult", "undefinedError"),
        ("unsetFallbackAttributeResult", "noFallbackAttribute"),
        ("setDefaultDpAddressResult", "ok"),
    ]


def test_an_outcome_that_is_not_known_does_not_keep_the_result_from_being_read() -> None:
    later = bytes.fromhex("BF7703800100")
    result = result_of("830100", later)
    assert result.seq == 7
    assert result.results == (("enableResult", "ok"), ("unknown", later))
    assert result.switched


@pytest.mark.parametrize("der", ["BF5102A300", "BF5102A000", "BF5104A0003000", "BF5104A1023000"])
def test_what_is_no_result_is_a_decode_error(der: str) -> None:
    with pytest.raises(DecodeError):
        loaded(bytes.fromhex(der))


def test_a_rollback_returns_the_result_that_replaces_the_packages() -> None:
    result = wrap(0xBF51, wrap(0xA0, signed_result("830100", "8C0100")))
    found = es10b.profile_rollback(isdr_that_says(wrap(0xBF58, b"\x02\x01\x00", result)))
    assert found == loaded(result)


def test_the_cards_list_of_results_is_read_one_by_one() -> None:
    results = [wrap(0xBF51, wrap(0xA0, signed_result(r))) for r in ("830100", "850100")]
    found = es10b.package_results(isdr_that_says(wrap(0xBF2B, wrap(0xA2, *results))))
    assert [r.der for r in found] == results

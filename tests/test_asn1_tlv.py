"""Slicing and putting together octets, without a type."""

import pytest

from ipad import asn1

INNER = bytes.fromhex("3003020105")
SIGNATURE = bytes.fromhex("5f3702abcd")
PACKAGE = bytes.fromhex("bf510a") + INNER + SIGNATURE
MESSAGE = bytes.fromhex("bf4f0d") + PACKAGE


def test_member_walks_down_from_the_outermost_tag() -> None:
    assert asn1.member(MESSAGE, 0xBF4F) == MESSAGE
    assert asn1.member(MESSAGE, 0xBF4F, 0xBF51) == PACKAGE
    assert asn1.member(MESSAGE, 0xBF4F, 0xBF51, 0x30) == INNER
    assert asn1.member(MESSAGE, 0xBF4F, 0xBF51, 0x5F37) == SIGNATURE


def test_member_walks_through_elements_in_a_row() -> None:
    assert asn1.member(INNER + SIGNATURE, 0x5F37) == SIGNATURE
    assert asn1.member(INNER + SIGNATURE, 0x30, 0x02) == b"\x02\x01\x05"


def test_member_takes_the_first_of_several() -> None:
    assert asn1.member(bytes.fromhex("3006800101800102"), 0x30, 0x80) == b"\x80\x01\x01"


def test_what_is_not_there_is_none_for_find_and_an_error_for_member() -> None:
    assert asn1.find(MESSAGE, 0xBF4F, 0xBF52) is None
    assert asn1.find(MESSAGE, 0xBF50) is None
    assert asn1.find(b"", 0x30) is None
    with pytest.raises(asn1.DecodeError, match="no element BF4F > BF52 > 30"):
        asn1.member(MESSAGE, 0xBF4F, 0xBF52, 0x30)


@pytest.mark.parametrize("der", ["bf", "bf4f", "bf4f81", "bf4f05bf5103", "bf4f80", "30810030", "0000"])
def test_malformed_octets_are_a_decode_error_on_the_way(der: str) -> None:
    for slice_ in (asn1.find, asn1.member):
        with pytest.raises(asn1.DecodeError):
            slice_(bytes.fromhex(der), 0x77)
    with pytest.raises(asn1.DecodeError):
        asn1.value(bytes.fromhex(der))
    with pytest.raises(asn1.DecodeError):
        list(asn1.tlvs(bytes.fromhex(der)))


def test_value_is_the_contents_of_exactly_one_element() -> None:
    assert asn1.value(MESSAGE) == PACKAGE
    assert asn1.value(b"\x05\x00") == b""
    for der in (b"", MESSAGE + b"\x00", INNER + SIGNATURE):
        with pytest.raises(asn1.DecodeError):
            asn1.value(der)


def test_tlvs_gives_tags_as_they_are_written() -> None:
    assert list(asn1.tlvs(INNER + SIGNATURE + PACKAGE)) == [
        (0x30, INNER),
        (0x5F37, SIGNATURE),
        (0xBF51, PACKAGE),
    ]
    assert list(asn1.tlvs(b"")) == []


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_wrap_and_value_undo_each_other(length: int) -> None:
    content = bytes(length)
    wrapped = asn1.wrap(0xBF51, content[: length // 2], content[length // 2 :])
    assert asn1.value(wrapped) == content
    assert asn1.member(wrapped, 0xBF51) == wrapped


def test_wrap_and_member_put_a_message_together_again() -> None:
    package = asn1.wrap(0xBF51, asn1.member(PACKAGE, 0xBF51, 0x30), asn1.member(PACKAGE, 0xBF51, 0x5F37))
    assert asn1.wrap(0xBF4F, package) == MESSAGE


@pytest.mark.parametrize("tag", [0, 0xBF, 0x3030, 0xBF1E, 0xBF8051, 0xBFFFFF51])
def test_wrap_takes_no_tag_that_could_not_be_read_back(tag: int) -> None:
    with pytest.raises(ValueError, match="not a tag"):
        asn1.wrap(tag, b"")

"""Digits in octets, by the examples of the standards and back again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem import bcd


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most)


@pytest.mark.parametrize(
    ("iccid", "octets"),
    [("89000000000000000017", "98000000000000000071"), ("8900000000000000001", "980000000000000000F1")],
)
def test_an_iccid_is_swapped_and_filled(iccid: str, octets: str) -> None:
    assert bcd.iccid_octets(iccid).hex().upper() == octets
    assert bcd.iccid_digits(bytes.fromhex(octets)) == iccid


@pytest.mark.parametrize(
    ("imsi", "octets"),
    [("001010000000001", "080910100000000010"), ("26201123456789", "08219200113254769F")],
)
def test_an_imsi_has_its_length_and_parity_before_it(imsi: str, octets: str) -> None:
    if len(imsi) % 2:
        assert bcd.imsi_octets(imsi).hex().upper() == octets
    assert bcd.imsi_digits(bcd.imsi_octets(imsi)) == imsi


@pytest.mark.parametrize(("plmn", "octets"), [("00101", "00F110"), ("310410", "130014"), ("26201", "62F210")])
def test_a_plmn_has_its_third_mnc_digit_in_the_middle(plmn: str, octets: str) -> None:
    assert bcd.plmn_octets(plmn).hex().upper() == octets
    assert bcd.plmn_digits(bytes.fromhex(octets)) == plmn


@pytest.mark.parametrize(("body", "digit"), [("7992739871", "3"), ("49015420323751", "8"), ("0", "0")])
def test_the_check_digit_is_luhns(body: str, digit: str) -> None:
    assert bcd.luhn_digit(body) == digit


@given(digits(18, 20), digits(6, 15), digits(5, 6))
def test_what_was_written_is_read_again(iccid: str, imsi: str, plmn: str) -> None:
    assert bcd.iccid_digits(bcd.iccid_octets(iccid)) == iccid
    assert bcd.imsi_digits(bcd.imsi_octets(imsi)) == imsi
    assert bcd.plmn_digits(bcd.plmn_octets(plmn)) == plmn


@given(st.binary(max_size=12))
def test_octets_that_are_no_number_are_a_value_error_and_nothing_else(octets: bytes) -> None:
    for read in (bcd.imsi_digits, bcd.plmn_digits):
        try:
            assert read(octets).isdigit()
        except ValueError:
            continue


def test_an_operators_iccid_may_have_letters() -> None:
    assert bcd.iccid_digits(bcd.iccid_octets("8986AC0000000000001")) == "8986AC0000000000001"
    with pytest.raises(ValueError, match="not a number"):
        bcd.iccid_octets("8986XY")


@pytest.mark.parametrize("plmn", ["", "0010", "0010100", "0010A", "00 01"])
def test_a_plmn_that_is_none_is_refused(plmn: str) -> None:
    with pytest.raises(ValueError, match="PLMN"):
        bcd.plmn_octets(plmn)

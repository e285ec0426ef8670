"""Activation codes: SGP.22 4.1's examples, what is wrong with others, and that none is ever quoted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipad.errors import DecodeError
from ipad.rsp.activation_code import LONGEST, ActivationCode, parse

SECRET = "04386-AGYFT-A74Y8-3F815"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"1$smdp.example${SECRET}", ActivationCode("smdp.example", SECRET)),
        (f"LPA:1$smdp.example${SECRET}", ActivationCode("smdp.example", SECRET)),
        (f" lpa:1$smdp.example${SECRET}\n", ActivationCode("smdp.example", SECRET)),
        (f"1$smdp.example${SECRET}$$1", ActivationCode("smdp.example", SECRET, "", True)),
        (
            f"1$smdp.example${SECRET}$1.3.6.1.4.1.31746$1",
            ActivationCode("smdp.example", SECRET, "1.3.6.1.4.1.31746", True),
        ),
        (
            f"1$smdp.example${SECRET}$1.3.6.1.4.1.31746",
            ActivationCode("smdp.example", SECRET, "1.3.6.1.4.1.31746"),
        ),
        ("1$smdp.example$$1.3.6.1.4.1.31746", ActivationCode("smdp.example", "", "1.3.6.1.4.1.31746")),
        ("1$smdp.example$", ActivationCode("smdp.example")),
        (f"1$smdp.example${SECRET}$$", ActivationCode("smdp.example", SECRET)),
        (f"1$smdp.example:8443${SECRET}", ActivationCode("smdp.example:8443", SECRET)),
        (f"1$smdp.example${SECRET}$$1$F54172", ActivationCode("smdp.example", SECRET, "", True)),
    ],
)
def test_a_code_says_where_and_what(text: str, code: ActivationCode) -> None:
    assert parse(text) == code


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "does not begin with"),
        (f"2$smdp.example${SECRET}", "does not begin with"),
        (f"LPA1$smdp.example${SECRET}", "does not begin with"),
        (f"https://smdp.example/{SECRET}", "does not begin with"),
        ("1$smdp.example", "2 parts"),
        (f"1$smdp.example${SECRET}$$1$x$y", "7 parts"),
        (f"1$${SECRET}", "address"),
        (f"1$smdp example${SECRET}", "address"),
        (f"1$smdp.example:0${SECRET}", "address"),
        (f"1$smdp.example/x${SECRET}", "address"),
        (f"1$user@smdp.example${SECRET}", "address"),
        (f"1$smdp.exämple${SECRET}", "address"),
        (f"1$smdp.example${SECRET}!", "matching ID"),
        (f"1$smdp.example${SECRET} X", "matching ID"),
        (f"1$smdp.example${SECRET}é", "matching ID"),
        (f"1$smdp.example${SECRET}$3.1", "OID"),
        (f"1$smdp.example${SECRET}$2.999.", "OID"),
        (f"1$smdp.example${SECRET}$2.01", "OID"),
        (f"1$smdp.example${SECRET}$$2", "flag"),
        (f"1$smdp.example${SECRET}$$01", "flag"),
        (f"1$smdp.example${SECRET}" + "A" * LONGEST, "characters"),
    ],
)
def test_what_is_wrong_is_said_without_the_code(text: str, problem: str) -> None:
    with pytest.raises(DecodeError, match=problem) as refused:
        parse(text)
    assert str(refused.value).startswith("activation code: ")
    assert SECRET not in str(refused.value)
    assert "smdp" not in str(refused.value)


def test_the_matching_id_is_in_no_text_of_the_code() -> None:
    code = parse(f"1$smdp.example${SECRET}$2.999.10$1")
    for text in (repr(code), str(code), f"{code}", repr([code])):
        assert SECRET not in text
        assert "smdp.example" in text
    assert "by EID" in str(parse("1$smdp.example$"))


def test_the_longest_code_is_taken() -> None:
    start = "LPA:1$smdp.example$"
    assert parse(start + "A" * (LONGEST - len(start))).matching_id == "A" * (LONGEST - len(start))


@given(st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("1$:.-LPA"), max_size=300))
def test_any_text_is_a_code_or_refused(text: str) -> None:
    try:
        code = parse(text)
    except DecodeError:
        return
    assert code.address in text

"""Status codes as sentences (SGP.22 5.2.6)."""

import pytest

from ipad import status_codes
from ipad.errors import PeerRefused
from ipad.net.gsma_json import Failure
from ipad.rsp import status


@pytest.mark.parametrize(
    ("codes", "sentence"),
    [
        (("8.2.6", "3.8"), "matching ID: refused, 8.2.6/3.8"),
        (("8.8.5", "4.10"), "download order: time to live expired, 8.8.5/4.10"),
        (("8.2.7", "6.4"), "confirmation code: maximum number of retries exceeded, 8.2.7/6.4"),
        (("8.99", "3.8"), "an unknown subject: refused, 8.99/3.8"),
        (("8.1", "9.9"), "eUICC: an unknown reason, 8.1/9.9"),
        (("", ""), "no reason given"),
        (("", "3.8"), "an unknown subject: refused, ?/3.8"),
        (("", "", "out of stock"), 'no reason given; the server says "out of stock"'),
        (("8.1.1", "3.9", "who?\n"), 'EID: unknown, 8.1.1/3.9; the server says "who??"'),
    ],
)
def test_codes_are_said_in_words(codes: tuple[str, ...], sentence: str) -> None:
    assert status_codes.sentence(*codes) == sentence


def test_a_servers_text_is_quoted_within_bounds() -> None:
    text = status_codes.sentence("\x1b" * 5000, "9" * 5000, "x" * 5000)
    assert len(text) < 400
    assert text.isprintable()


def test_a_refusal_says_what_it_means_and_what_to_do() -> None:
    with pytest.raises(PeerRefused) as refused:
        status.refuse("ES9+.GetBoundProfilePackage", Failure("8.2.7", "3.8", "2 tries left"))
    assert str(refused.value) == (
        "ES9+.GetBoundProfilePackage: confirmationCodeRefused(3) (confirmation code: refused, 8.2.7/3.8; "
        'the server says "2 tries left"; the confirmation code is wrong)'
    )


def test_the_same_codes_mean_what_the_function_makes_of_them() -> None:
    for function, name in (
        ("ES9+.GetBoundProfilePackage", "euiccSignatureInvalid"),
        ("ES9+.CancelSession", "euiccSignatureInvalid"),
        ("ES9+.InitiateAuthentication", "undefinedError"),
        ("ES9+.HandleNotification", "undefinedError"),
    ):
        with pytest.raises(PeerRefused) as refused:
            status.refuse(function, Failure("8.1", "6.1", ""))
        assert refused.value.name == name

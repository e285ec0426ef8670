"""The agent's own comparisons: address, OID, dates; on real certificates, and on ones that are none."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from ipad.errors import DecodeError
from ipad.net.trust import EARLIEST
from ipad.rsp import server_check
from ipad.rsp.server_check import Finding
from ipad.server_answers import InitiateAuthenticationOk

OID = "2.999.10"
FIRST = datetime.datetime(2025, 6, 1, tzinfo=datetime.UTC)
LAST = datetime.datetime(2035, 6, 1, 12, 30, 15, tzinfo=datetime.UTC)
WITHIN = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC).timestamp()
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(
    names: list[x509.GeneralName] | None,
    first: datetime.datetime = FIRST,
    last: datetime.datetime = LAST,
) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(first)
        .not_valid_after(last)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def registered(*oids: str) -> list[x509.GeneralName]:
    return [x509.RegisteredID(x509.ObjectIdentifier(oid)) for oid in oids]


GOOD = certificate([x509.DNSName("smdp.example"), *registered(OID)])


def findings(
    called: str = "smdp.example",
    oid: str = OID,
    answered: str = "smdp.example",
    shown: bytes = GOOD,
    now: float = WITHIN,
) -> list[Finding]:
    answer = InitiateAuthenticationOk(b"\x01", answered, b"", b"", b"", shown)
    return server_check.server(called, oid, answer, now)


def only(found: list[Finding]) -> Finding:
    (finding,) = found
    return finding


@pytest.mark.parametrize(
    ("called", "answered"),
    [
        ("smdp.example", "smdp.example"),
        ("SMDP.example", "smdp.EXAMPLE"),
        ("smdp.example:443", "smdp.example"),
        ("smdp.example", "smdp.example:443"),
        ("smdp.example:8443", "smdp.example:8443"),
        ("smdp.example:8443", "smdp.example"),
        ("[::1]:8443", "[::1]"),
    ],
)
def test_the_server_that_was_called_is_found_to_be_it(called: str, answered: str) -> None:
    assert findings(called, answered=answered) == []


@pytest.mark.parametrize(
    ("called", "answered"),
    [
        ("smdp.example", "other.example"),
        ("smdp.example", "a.smdp.example"),
        ("smdp.example", ""),
        ("smdp.example", "https://smdp.example"),
        ("smdp.example", "smdp.example "),
        ("smdp.example", "smdp.example."),
        ("smdp.example", "smdp.example:8443"),
        ("smdp.example:8443", "smdp.example:443"),
        ("smdp.example", "smdp.example\x00.evil.example"),
        ("smdp.example", "smdp.ex\u00e4mple"),
    ],
)
def test_a_server_of_another_address_is_refused(called: str, answered: str) -> None:
    found = only(findings(called, answered=answered))
    assert (found.name, found.refuses) == ("smdpAddressMismatch", True)
    assert found.text.isprintable()
    assert called in found.text


def test_the_oid_has_to_be_among_the_certificates() -> None:
    assert findings(shown=certificate(registered("2.999.1", OID))) == []
    for shown, named in (
        (certificate(registered("2.999.11")), "2.999.11"),
        (certificate(registered("2.999.100")), "2.999.100"),
        (certificate(registered("2.999")), "2.999"),
        (certificate([x509.DNSName(OID)]), "nobody"),
        (certificate(None), "nobody"),
    ):
        found = only(findings(shown=shown))
        assert (found.name, found.refuses) == ("smdpOidMismatch", True)
        assert found.text == f"the activation code names {OID}, and the server's certificate {named}"
        assert findings(oid="", shown=shown) == []


@given(st.integers(0, 1), st.integers(0, 39), st.lists(st.integers(0, 2**64), max_size=6))
def test_any_oid_is_read_as_it_was_written(root: int, second: int, more: list[int]) -> None:
    for head in (f"{root}.{second}", f"2.{second * 1000}"):
        oid = ".".join([head, *map(str, more)])
        try:
            shown = certificate(registered(oid))
        except ValueError:  # more than the library takes
            continue
        assert server_check.registered_ids(shown) == (oid,)


def test_dates_count_to_the_second() -> None:
    assert server_check.validity(GOOD) == (FIRST.timestamp(), LAST.timestamp())
    assert findings(now=FIRST.timestamp()) == findings(now=LAST.timestamp()) == []
    early, late = only(findings(now=FIRST.timestamp() - 1)), only(findings(now=LAST.timestamp() + 1))
    assert (early.name, early.refuses) == ("certificateNotYetValid", True)
    assert (late.name, late.refuses) == ("certificateExpired", True)
    assert "2025-06-01" in early.text
    assert "2035-06-01" in late.text


def test_both_forms_of_a_date_are_read() -> None:
    far = datetime.datetime(2150, 1, 1, tzinfo=datetime.UTC)
    old = datetime.datetime(1950, 1, 1, tzinfo=datetime.UTC)
    assert server_check.validity(certificate(None, old, far)) == (old.timestamp(), far.timestamp())


@pytest.mark.parametrize("now", [0.0, 1_000_000.0, EARLIEST - 1])
def test_a_clock_that_was_never_set_is_reported_and_no_reason_to_refuse(now: float) -> None:
    found = only(findings(now=now))
    assert (found.name, found.refuses) == ("clockUnknown", False)
    refused = [finding.name for finding in findings(now=now, answered="other.example") if finding.refuses]
    assert refused == ["smdpAddressMismatch"]


def test_the_wall_clock_counts_if_no_time_is_given() -> None:
    assert [finding.name for finding in server_check.dates(certificate(None, FIRST, FIRST))] == [
        "certificateExpired"
    ]


def test_everything_that_is_wrong_is_found() -> None:
    found = findings("a.example", "2.999.1", "b.example", now=LAST.timestamp() + 1)
    assert [finding.name for finding in found] == [
        "smdpAddressMismatch",
        "smdpOidMismatch",
        "certificateExpired",
    ]


@pytest.mark.parametrize("cut", [*range(0, 270, 3), -1])  # how long it is, its signature decides
def test_a_certificate_that_is_cut_short_is_malformed(cut: int) -> None:
    with pytest.raises(DecodeError, match="the server's certificate: "):
        findings(shown=GOOD[:cut])


@pytest.mark.parametrize(
    "date", [b"250601000000+", b"25060100000Z0", b"2506010000 0Z", b"251301000000Z", b"\xff" * 13]
)
def test_a_date_that_is_none_is_malformed(date: bytes) -> None:
    shown = GOOD.replace(b"250601000000Z", date)
    assert shown != GOOD
    with pytest.raises(DecodeError, match="a date that is none"):
        findings(shown=shown)

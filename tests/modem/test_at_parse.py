"""Information lines as modems write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem import at_parse, bcd
from modem.at_parse import Registered
from modem.radio import Registration, Sim


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("+CREG: 0,1", Registered(Registration.HOME)),
        ('+CEREG: 2,5,"1A2B","01C2D3E4",7', Registered(Registration.ROAMING)),
        ("+CEREG: 3,3,,,,0,11", Registered(Registration.DENIED, 11)),
        ("+CEREG: 3,3,,,,1,11", Registered(Registration.DENIED)),  # <cause_type> 1 is the vendor's own
        ("+C5GREG: 0,9", Registered(Registration.HOME)),
        ("+CEREG: 0,8", Registered(Registration.UNKNOWN)),
        ('+CEREG: 5,"1A2B","01C2D3E4",7', None),  # unsolicited
        ("+CEREG: 3,,,,0,11", None),
    ],
)
def test_registration(line: str, seen: Registered | None) -> None:
    assert at_parse.registered([line]) == seen


def test_registered_in_one_domain_is_registered_and_denied_says_more_than_searching() -> None:
    home, denied = Registered(Registration.HOME), Registered(Registration.DENIED, 11)
    searching = Registered(Registration.SEARCHING)
    assert at_parse.best([denied, home]) == home
    assert at_parse.best([searching, denied]) == denied
    assert at_parse.best([]).stat is Registration.UNKNOWN


@pytest.mark.parametrize(
    ("line", "operator"),
    [
        ('+COPS: 0,2,"00101",7', ("00101", "E-UTRAN")),
        ('+COPS: 0,2,"310410"', ("310410", None)),
        ('+COPS: 0,0,"Nord, IoT",7', (None, None)),
        ("+COPS: 0", (None, None)),
    ],
)
def test_operator(line: str, operator: tuple[str | None, str | None]) -> None:
    assert at_parse.operator([line]) == operator


@pytest.mark.parametrize(
    ("line", "dbm"), [("+CSQ: 21,99", -71), ("+CSQ: 0,0", -113), ("+CSQ: 99,99", None), ("+CSQ:", None)]
)
def test_csq(line: str, dbm: int | None) -> None:
    assert at_parse.csq([line]) == dbm


@pytest.mark.parametrize(
    ("line", "dbm"),
    [
        ("+CESQ: 99,99,255,255,20,45", -96),
        ("+CESQ: 99,99,40,255,255,255", -81),
        ("+CESQ: 30,99,255,255,255,255", -81),
        ("+CESQ: 99,99,255,255,255,255", None),
        ("+CESQ: 1", None),
    ],
)
def test_cesq(line: str, dbm: int | None) -> None:
    assert at_parse.cesq([line]) == dbm


@pytest.mark.parametrize(
    ("line", "sim"),
    [("READY", Sim.READY), ("SIM PIN", Sim.LOCKED), ("NOT READY", Sim.NOT_READY), ("PH-NET PIN", Sim.LOCKED)],
)
def test_cpin(line: str, sim: Sim) -> None:
    assert at_parse.sim([f"+CPIN: {line}"]) is sim


@pytest.mark.parametrize(
    "line",
    [
        "+CCID: 89000000000000000017",
        '+ICCID: "89000000000000000017"',
        "+QCCID: 89000000000000000017F",
        "89000000000000000017",
        "ICCID: 89000000000000000017",
        '+CRSM: 144,0,"98000000000000000071"',
        "^ICCID: 98000000000000000071",
    ],
)
def test_iccid(line: str) -> None:
    assert at_parse.iccid([line]) == "89000000000000000017"


def test_what_is_no_iccid_is_none() -> None:
    assert at_parse.iccid(["+CCID: 8900000000000000001789", "+CCID: 1234"]) is None


def test_an_iccid_may_have_letters() -> None:
    assert at_parse.iccid(["+CCID: 8986AC0000000000001F"]) == "8986AC0000000000001"


def test_an_iccid_without_its_check_digit_is_the_same_one() -> None:
    assert bcd.same_iccid("8900000000000000001", "89000000000000000017")
    assert not bcd.same_iccid("89000000000000000017", "89000000000000000025")


def test_addresses_of_contexts_that_have_one() -> None:
    lines = ['+CGPADDR: 1,"10.64.0.2"', "+CGPADDR: 2", '+CGPADDR: 3,"0.0.0.0"', '+CGPADDR: 4,"","fe80::1"']
    assert at_parse.addresses(lines) == {"1": "10.64.0.2", "4": "fe80::1"}
    assert at_parse.active_contexts(["+CGACT: 1,1", "+CGACT: 2,0", "+CGACT:"]) == {"1"}


@given(st.text(st.characters(max_codepoint=127, exclude_characters="\r\n"), max_size=60))
def test_whatever_a_modem_says_is_read_without_a_fault(text: str) -> None:
    for lines in ([], [text], ["+X: " + text], ["+CEREG: 3,3," + text]):
        for read in (
            at_parse.sim, at_parse.registered, at_parse.operator, at_parse.csq, at_parse.cesq,
            at_parse.active_contexts, at_parse.addresses, at_parse.iccid,
        ):  # fmt: skip
            read(lines)


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("+WS46: (12,22,25,28,29)", {"GSM", "UTRAN", "E-UTRAN"}),
        ("(12,22,25)", {"GSM", "UTRAN"}),
        ("+WS46: (28)", {"E-UTRAN"}),
        ("+WS46: (28,36-37)", {"E-UTRAN", "NR"}),
        ("+WS46: (25,99)", {"GSM", "UTRAN"}),
        ("+WS46: ()", set()),
    ],
)
def test_what_a_modem_can_use_is_all_that_it_can_be_told_to_use(line: str, known: set[str]) -> None:
    assert at_parse.technologies([line]) == known

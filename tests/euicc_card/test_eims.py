"""Associated eIMs: the factory's step, the eCOs, and what the card tells of them."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ipad.asn1 import decode, encode, value, wrap
from ipad.testbed import pki
from ipad.testbed.euicc import VirtualEuicc

from .world import LIST_PROFILES, Eim, Terminal, Verifier

MAKE_A_TOKEN = bytes.fromhex("8401FF")
LIST_EIM = bytes.fromhex("AB00")


def add_initial(terminal: Terminal, *configurations: bytes) -> Any:
    return decode("AddInitialEimResponse", terminal.run(wrap(0xBF57, wrap(0xA0, *configurations))))


def configurations(terminal: Terminal, eim_id: str | None = None) -> list[dict[str, Any]]:
    criterion = [wrap(0xA0, wrap(0x80, eim_id.encode()))] if eim_id else []
    answer = decode("GetEimConfigurationDataResponse", terminal.run(wrap(0xBF55, *criterion)))
    found: list[dict[str, Any]] = answer["eimConfigurationDataList"]
    return found


def results(card: VirtualEuicc, terminal: Terminal, verifier: Verifier, eim: Eim, *ecos: bytes) -> list[Any]:
    answer = terminal.run(eim.package(card, *ecos, tag=0xA1))
    found: list[Any] = verifier.result(answer, eim)["euiccResult"]
    return found


def test_a_card_without_an_eim_says_so(terminal: Terminal) -> None:
    assert configurations(terminal) == []


def test_the_configuration_comes_back_as_it_went_in_but_for_the_counter(terminal: Terminal) -> None:
    eim = Eim()
    members = [wrap(0x81, b"eim.example:4433"), bytes.fromhex("820102"), bytes.fromhex("830107")]
    tls = wrap(0xA6, wrap(0xA0, value(value(eim.public_key_data()))))
    members += [MAKE_A_TOKEN, tls, bytes.fromhex("87020780"), bytes.fromhex("8900")]
    eim.associate(terminal, *members)
    answer = terminal.run(bytes.fromhex("BF5500"))
    token = encode("AddEimResult", ("associationToken", eim.token))
    expected = [m for m in members if m[0] not in (0x83, 0x84)] + [token]
    assert answer == wrap(0xBF55, wrap(0xA0, eim.configuration(*expected)))
    [configuration] = configurations(terminal)
    assert configuration["eimFqdn"] == "eim.example:4433"
    assert "counterValue" not in configuration


def test_the_counter_of_the_configuration_is_where_packages_begin(
    card: VirtualEuicc, terminal: Terminal, verifier: Verifier
) -> None:
    eim = Eim()
    eim.associate(terminal, bytes.fromhex("830107"))
    answer = verifier.result(terminal.run(eim.package(card, LIST_PROFILES, counter=7)), eim)
    assert answer["euiccPackageErrorCode"] == 4
    assert "euiccResult" in verifier.result(terminal.run(eim.package(card, LIST_PROFILES, counter=8)), eim)


def test_several_eims_each_get_a_token_or_none(terminal: Terminal) -> None:
    one, two, three = Eim("one"), Eim("two"), Eim("three")
    arm, answers = add_initial(
        terminal, one.configuration(MAKE_A_TOKEN), two.configuration(), three.configuration(MAKE_A_TOKEN)
    )
    assert arm == "addInitialEimOk"
    assert [name for name, _ in answers] == ["associationToken", "addOk", "associationToken"]
    assert answers[0][1] != answers[2][1]
    assert [c["eimId"] for c in configurations(terminal)] == ["one", "two", "three"]
    assert [c["eimId"] for c in configurations(terminal, "two")] == ["two"]
    assert configurations(terminal, "four") == []


def test_an_eim_certificate_serves_as_its_key(
    card: VirtualEuicc, terminal: Terminal, verifier: Verifier, pki_dir: Path
) -> None:
    where = pki.paths(pki_dir)
    eim = Eim(key=pki.read_key(where.eim_key))
    certificate = pki.read_certificate(where.eim).public_bytes(serialization.Encoding.DER)
    key_data = wrap(0xA5, wrap(0xA1, value(certificate)))
    answer = add_initial(terminal, wrap(0x30, wrap(0x80, eim.eim_id.encode()), key_data))
    assert answer == ("addInitialEimOk", [("addOk", None)])
    assert verifier.result(terminal.run(eim.package(card, LIST_PROFILES)), eim)["counterValue"] == 1


@pytest.mark.parametrize(
    ("members", "with_key", "code"),
    [
        ([bytes.fromhex("840105")], True, 5),
        ([bytes.fromhex("830400800000")], True, 6),
        ([bytes.fromhex("8301FF")], True, 6),
        ([bytes.fromhex("88020102")], True, 3),
        ([], False, 7),
        ([bytes.fromhex("A50EA00C300606042A03040503020001")], False, 7),
    ],
    ids=["own token", "counter too high", "counter negative", "CI unknown", "no key", "no usable key"],
)
def test_a_configuration_that_is_not_taken_says_why(
    terminal: Terminal, members: list[bytes], with_key: bool, code: int
) -> None:
    bad = Eim("bad").configuration(*members, with_key=with_key)
    assert add_initial(terminal, Eim("good").configuration(), bad) == ("addInitialEimError", code)
    assert configurations(terminal) == []


def test_a_key_on_another_curve_is_not_taken(terminal: Terminal) -> None:
    eim = Eim(key=ec.generate_private_key(ec.SECP384R1()))
    assert add_initial(terminal, eim.configuration()) == ("addInitialEimError", 7)


def test_an_initial_association_happens_once(terminal: Terminal, eim: Eim) -> None:
    assert add_initial(terminal, Eim("two").configuration()) == ("addInitialEimError", 2)
    assert [c["eimId"] for c in configurations(terminal)] == [eim.eim_id]


def test_the_same_eim_twice_and_too_many_eims_are_refused(terminal: Terminal) -> None:
    assert add_initial(terminal) == ("addInitialEimError", 7)
    twice = [Eim("one").configuration()] * 2
    assert add_initial(terminal, *twice) == ("addInitialEimError", 2)
    many = [Eim(f"eim.{number}").configuration() for number in range(9)]
    assert add_initial(terminal, *many) == ("addInitialEimError", 1)
    assert configurations(terminal) == []


def test_immediate_enabling_is_configured_only_before_the_association(terminal: Terminal) -> None:
    request = encode("ConfigureImmediateProfileEnablingRequest", {"immediateEnableFlag": None})
    name = "configImmediateEnableResult"
    assert decode("ConfigureImmediateProfileEnablingResponse", terminal.run(request)) == {name: 0}
    Eim().associate(terminal)
    assert decode("ConfigureImmediateProfileEnablingResponse", terminal.run(request)) == {name: 2}


def test_an_eim_adds_another_which_then_has_a_say(
    card: VirtualEuicc, terminal: Terminal, verifier: Verifier, eim: Eim
) -> None:
    two = Eim("two")
    adding = two.configuration(MAKE_A_TOKEN, tag=0xA8)
    [(name, (arm, token))] = results(card, terminal, verifier, eim, adding)
    assert (name, arm) == ("addEimResult", "associationToken")
    two.token = token
    assert results(card, terminal, verifier, two, LIST_EIM) == [
        ("listEimResult", ("eimIdList", [{"eimId": eim.eim_id}, {"eimId": "two"}]))
    ]


def test_adding_says_why_it_did_not(
    card: VirtualEuicc, terminal: Terminal, verifier: Verifier, eim: Eim
) -> None:
    own_token = bytes.fromhex("840107")
    for eco, code in (
        (eim.configuration(tag=0xA8), 2),
        (Eim("x").configuration(own_token, tag=0xA8), 5),
    ):
        assert results(card, terminal, verifier, eim, eco) == [("addEimResult", ("addEimResultCode", code))]
    without_token = Eim("y").configuration(tag=0xA8)
    assert results(card, terminal, verifier, eim, without_token) == [
        ("addEimResult", ("addEimResultCode", 0))
    ]


def test_an_eim_deletes_another_and_itself_last(
    card: VirtualEuicc, terminal: Terminal, verifier: Verifier, eim: Eim
) -> None:
    def delete(eim_id: str) -> bytes:
        return wrap(0xA9, wrap(0x80, eim_id.encode()))

    adding = Eim("two").configuration(tag=0xA8)
    assert results(card, terminal, verifier, eim, adding, delete("two"), delete("two"), LIST_EIM) == [
        ("addEimResult", ("addEimResultCode", 0)),
        ("deleteEimResult", 0),
        ("deleteEimResult", 1),
    ]
    last = results(card, terminal, verifier, eim, delete(eim.eim_id), LIST_EIM)
    assert last == [("deleteEimResult", 2), ("listEimResult", ("eimIdList", []))]
    assert configurations(terminal) == []
    stranger = decode("EuiccPackageResult", terminal.run(eim.package(card, LIST_PROFILES)))
    assert stranger == ("euiccPackageErrorUnsigned", {"eimId": eim.eim_id})


def test_an_update_changes_what_it_names_and_keeps_the_rest(
    card: VirtualEuicc, terminal: Terminal, verifier: Verifier, eim: Eim
) -> None:
    renamed = eim.configuration(wrap(0x81, b"new.example"), tag=0xAA, with_key=False)
    assert results(card, terminal, verifier, eim, renamed) == [("updateEimResult", 0)]
    [configuration] = configurations(terminal)
    assert configuration["eimFqdn"] == "new.example"
    assert configuration["associationToken"] == eim.token
    old_key, eim.key = eim.key, ec.generate_private_key(ec.SECP256R1())
    update = eim.configuration(bytes.fromhex("83016E"), tag=0xAA)
    new_key, eim.key = eim.key, old_key
    assert results(card, terminal, verifier, eim, update) == [("updateEimResult", 0)]
    eim.key, eim.counter = new_key, 110
    assert results(card, terminal, verifier, eim, LIST_EIM)[0][0] == "listEimResult"


def test_an_update_says_why_it_did_not(
    card: VirtualEuicc, terminal: Terminal, verifier: Verifier, eim: Eim
) -> None:
    def update(changed: Eim, *members: bytes) -> list[Any]:
        eco = changed.configuration(*members, tag=0xAA, with_key=False)
        return results(card, terminal, verifier, eim, eco)

    assert update(Eim("x")) == [("updateEimResult", 1)]
    assert update(eim, bytes.fromhex("88020102")) == [("updateEimResult", 3)]
    assert update(eim, bytes.fromhex("830400800000")) == [("updateEimResult", 6)]
    assert update(eim, MAKE_A_TOKEN) == [("updateEimResult", 7)]

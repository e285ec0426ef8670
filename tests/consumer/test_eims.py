"""The associations that the agent keeps for a consumer card."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ipad.asn1 import value, wrap
from ipad.errors import EuiccRefused, IpadError
from ipad.testbed import pki
from tests.euicc_card.world import GET_RAT, Eim

from .bench import TOKEN_WANTED, Bench

MakeBench = Callable[..., Bench]
LIST_EIM = bytes.fromhex("AB00")


def delete_eim(eim_id: str) -> bytes:
    return wrap(0xA9, wrap(0x80, eim_id.encode()))


def ecos(bench: Bench, *operations: bytes) -> list[Any]:
    return bench.results(*operations, tag=0xA1)


# GetEimConfigurationData


def test_what_was_given_is_told_but_for_the_counter(bench: Bench) -> None:
    other = Eim("other")
    members = (
        bytes.fromhex("820102"),  # eimIdType fqdn
        wrap(0x81, b"eim.example:8443"),
        bytes.fromhex("830107"),
        wrap(0xA6, wrap(0xA0, value(value(other.public_key_data())))),
        bytes.fromhex("87020780"),
        bytes.fromhex("8900"),
    )
    ecos(bench, other.configuration(*members, TOKEN_WANTED, tag=0xA8))
    bench.restart()
    one, told = bench.stand_in.eim_configurations()
    assert (one.eim_id, one.association_token) == (bench.eim.eim_id, bench.eim.token)
    assert (told.eim_id, told.fqdn, told.id_type) == ("other", "eim.example:8443", "fqdn")
    assert told.tls_anchor is not None
    assert told.tls_anchor.kind == "key"
    assert told.indirect_download
    assert told.supported_protocols == {"eimRetrieveHttps"}
    assert told.association_token not in (None, one.association_token)
    assert bytes.fromhex("830107") not in told.der
    assert bench.kept().eims[1].counter == 7


# AddInitialEim


def refused(bench: Bench, *configurations: bytes) -> str:
    before = bench.kept()
    with pytest.raises(EuiccRefused) as refusal:
        bench.stand_in.add_initial_eim(configurations)
    assert bench.kept() == before
    assert refusal.value.function == "AddInitialEim"
    return refusal.value.name


def test_the_first_association_is_made_only_once(bench: Bench) -> None:
    assert refused(bench, Eim("other").configuration()) == "associatedEimAlreadyExists"


def test_all_of_them_or_none(bench: Bench) -> None:
    ecos(bench, delete_eim(bench.eim.eim_id))
    good, other = Eim("good"), Eim("other")
    keyless = Eim("keyless").configuration(with_key=False)
    assert refused(bench) == "commandError"
    assert refused(bench, good.configuration(), keyless) == "commandError"
    assert refused(bench, good.configuration(), good.configuration()) == "associatedEimAlreadyExists"
    assert refused(bench, good.configuration(bytes.fromhex("840105"))) == "invalidAssociationToken"
    assert refused(bench, good.configuration(bytes.fromhex("8304FF000000"))) == "counterValueOutOfRange"
    assert refused(bench, good.configuration(bytes.fromhex("830400800000"))) == "counterValueOutOfRange"
    assert refused(bench, good.configuration(bytes.fromhex("88020102"))) == "ciPKUnknown"
    assert refused(bench, good.configuration(), b"\x30\x02\x05\x00") == "commandError"
    assert refused(bench, b"\xbf\x51\x00") == "commandError"
    many = [Eim(f"eim {n}").configuration() for n in range(9)]
    assert refused(bench, *many) == "insufficientMemory"
    tokens = bench.stand_in.add_initial_eim([good.configuration(TOKEN_WANTED), other.configuration()])
    assert tokens[0] is not None
    assert tokens[1] is None


def certificate_of_another_version(bench: Bench) -> bytes:
    der = pki.read_certificate(pki.paths(bench.pki).ci).public_bytes(Encoding.DER)
    changed = der.replace(bytes.fromhex("A003020102"), bytes.fromhex("A003020101"), 1)
    return wrap(0xA5, wrap(0xA1, value(changed)))


def test_a_certificate_of_a_version_that_is_none_is_refused(bench: Bench) -> None:
    odd = Eim("odd").configuration(certificate_of_another_version(bench), with_key=False, tag=0xA8)
    assert ecos(bench, odd) == [("addEimResult", ("addEimResultCode", 7))]


def test_a_key_that_the_agent_cannot_use_is_refused(bench: Bench) -> None:
    ecos(bench, delete_eim(bench.eim.eim_id))
    odd = Eim("odd").configuration(certificate_of_another_version(bench), with_key=False)
    assert refused(bench, odd) == "commandError"
    p384 = Eim("p384", key=ec.generate_private_key(ec.SECP384R1()))
    assert refused(bench, p384.configuration()) == "commandError"


def test_the_cards_ci_key_is_known(bench: Bench) -> None:
    ci = pki.subject_key_id(pki.read_certificate(pki.paths(bench.pki).ci))
    other = Eim("other")
    assert ecos(bench, other.configuration(wrap(0x88, ci), tag=0xA8)) == [
        ("addEimResult", ("addEimResultCode", 0))
    ]


# eCOs


def test_a_new_eim_works_at_once(bench: Bench) -> None:
    other = Eim("other")
    [(name, (kind, token))] = ecos(bench, other.configuration(TOKEN_WANTED, tag=0xA8))
    assert (name, kind) == ("addEimResult", "associationToken")
    other.token = token
    bench.eim = other
    assert bench.results(GET_RAT)[0][0] == "getRATResult"


@pytest.mark.parametrize(
    ("members", "code"), [("840105", 5), ("8304FF000000", 6), ("88020102", 3)], ids=["token", "counter", "ci"]
)
def test_what_is_wrong_with_a_new_eim_is_said_by_its_name(bench: Bench, members: str, code: int) -> None:
    wrong = Eim("other").configuration(bytes.fromhex(members), tag=0xA8)
    assert ecos(bench, wrong, LIST_EIM) == [("addEimResult", ("addEimResultCode", code))]


def test_an_eim_is_added_once_and_with_a_key(bench: Bench) -> None:
    assert ecos(bench, bench.eim.configuration(tag=0xA8)) == [("addEimResult", ("addEimResultCode", 2))]
    keyless = Eim("other").configuration(with_key=False, tag=0xA8)
    assert ecos(bench, keyless) == [("addEimResult", ("addEimResultCode", 7))]


def test_a_malformed_configuration_is_damage(bench: Bench) -> None:
    assert ecos(bench, wrap(0xA8, bytes.fromhex("0500"))) == [("processingTerminated", 2)]
    assert ecos(bench, wrap(0xAA, bytes.fromhex("0500"))) == [("processingTerminated", 2)]


def test_update_replaces_what_it_names(bench: Bench) -> None:
    [before] = bench.stand_in.eim_configurations()
    update = bench.eim.configuration(wrap(0x81, b"new.example"), with_key=False, tag=0xAA)
    assert ecos(bench, update) == [("updateEimResult", 0)]
    [after] = bench.stand_in.eim_configurations()
    assert (after.fqdn, after.public_key) == ("new.example", before.public_key)
    assert after.association_token == before.association_token


def test_an_update_can_give_another_key_and_counter(bench: Bench) -> None:
    new = Eim(bench.eim.eim_id, token=bench.eim.token)
    assert ecos(bench, new.configuration(bytes.fromhex("830132"), tag=0xAA)) == [("updateEimResult", 0)]
    assert bench.load(bench.eim.package(bench.card, GET_RAT)).kind == "unsigned"
    bench.eim = new
    assert bench.load(new.package(bench.card, GET_RAT, counter=0x32)).error == "replayError"
    assert bench.results(GET_RAT, counter=0x33)


@pytest.mark.parametrize(("members", "code"), [("8401FF", 7), ("8304FF000000", 6), ("88020102", 3)])
def test_what_is_wrong_with_an_update_is_said_by_its_name(bench: Bench, members: str, code: int) -> None:
    wrong = bench.eim.configuration(bytes.fromhex(members), tag=0xAA)
    assert ecos(bench, wrong) == [("updateEimResult", code)]


def test_unknown_eims_are_said_to_be(bench: Bench) -> None:
    assert ecos(bench, Eim("other").configuration(tag=0xAA)) == [("updateEimResult", 1)]
    assert ecos(bench, delete_eim("other")) == [("deleteEimResult", 1)]


def test_the_last_eim_may_delete_itself_and_its_result_waits(bench: Bench) -> None:
    assert ecos(bench, delete_eim(bench.eim.eim_id)) == [("deleteEimResult", 2)]
    assert bench.stand_in.eim_configurations() == ()
    assert len(bench.stand_in.package_results()) == 1
    bench.associate(bench.eim)
    assert bench.results(GET_RAT)


def test_list_names_all(bench: Bench) -> None:
    other = Eim("other")
    ecos(bench, other.configuration(bytes.fromhex("820102"), tag=0xA8))
    assert ecos(bench, LIST_EIM) == [
        ("listEimResult", ("eimIdList", [{"eimId": "eim.one"}, {"eimId": "other", "eimIdType": 2}]))
    ]


# What is kept


def test_a_token_is_another_each_time(make_bench: MakeBench) -> None:
    assert len({make_bench().eim.token for _ in range(4)}) == 4


def test_a_damaged_memory_is_not_taken_for_an_empty_one(bench: Bench) -> None:
    key = f"consumer card {bench.eid.hex()}"
    for text in ("", "[]", "{}", '{"format": 2}', '{"format": 1, "eims": 5}'):
        bench.journal.remember(**{key: text})
        with pytest.raises(IpadError, match="unreadable"):
            bench.stand_in.eim_configurations()
        assert bench.journal.recall(key) == text

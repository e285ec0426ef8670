"""LoadEuiccPackage: who may, and what the signed answer says."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ipad.asn1 import decode, wrap
from ipad.testbed.euicc import VirtualEuicc

from .world import BOOTSTRAP, LIST_PROFILES, NORD, SUED, Eim, Terminal, Verifier, enable

LIST_ICCIDS = bytes.fromhex("BF2D035C015A")


def test_an_enable_is_executed_signed_and_takes_effect_with_the_refresh(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    answer = terminal.run(eim.package(card, enable(NORD), transaction=b"\x12\x34"))
    data = verifier.result(answer, eim)
    assert data["euiccResult"] == [("enableResult", 0)]
    assert (data["eimId"], data["counterValue"], data["eimTransactionId"]) == (eim.eim_id, 1, b"\x12\x34")
    terminal.refresh()
    assert terminal.iccid() == NORD
    assert terminal.results() == [answer]


def test_an_eim_without_a_token_signs_with_the_zero_token(
    card: VirtualEuicc, terminal: Terminal, verifier: Verifier
) -> None:
    eim = Eim()
    eim.associate(terminal)
    assert eim.token is None
    assert eim.token_tlv() == b"\x84\x01\x00"
    assert verifier.result(terminal.run(eim.package(card, LIST_PROFILES)), eim)["counterValue"] == 1


def test_a_signature_in_der_is_taken_too(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    answer = terminal.run(eim.package(card, LIST_PROFILES, der=True))
    assert verifier.result(answer, eim)["seqNumber"] > 0


def test_an_eim_with_a_brainpool_key_is_understood(
    card: VirtualEuicc, terminal: Terminal, verifier: Verifier
) -> None:
    eim = Eim(key=ec.generate_private_key(ec.BrainpoolP256R1()))
    eim.associate(terminal)
    assert verifier.result(terminal.run(eim.package(card, LIST_PROFILES)), eim)


@pytest.mark.usefixtures("eim")
def test_an_unknown_eim_gets_an_unsigned_error(card: VirtualEuicc, terminal: Terminal) -> None:
    stranger = Eim(eim_id="eim.other")
    answer = decode(
        "EuiccPackageResult", terminal.run(stranger.package(card, enable(NORD), transaction=b"x"))
    )
    assert answer == ("euiccPackageErrorUnsigned", {"eimId": "eim.other", "eimTransactionId": b"x"})
    assert terminal.sw == 0x9000


def test_a_wrong_signature_gets_an_unsigned_error_and_changes_nothing(
    card: VirtualEuicc, terminal: Terminal, eim: Eim
) -> None:
    package = bytearray(eim.package(card, enable(NORD)))
    package[-1] ^= 1
    answer = decode("EuiccPackageResult", terminal.run(bytes(package)))
    assert answer == ("euiccPackageErrorUnsigned", {"eimId": eim.eim_id, "associationToken": eim.token})
    assert terminal.profiles()[BOOTSTRAP]["profileState"] == 1
    # and its counter is not used up
    assert decode("EuiccPackageResult", terminal.run(eim.package(card, LIST_PROFILES, counter=1)))[0] == (
        "euiccPackageResultSigned"
    )


def test_a_signature_over_another_token_is_wrong(card: VirtualEuicc, terminal: Terminal, eim: Eim) -> None:
    right, eim.token = eim.token, 77
    answer = decode("EuiccPackageResult", terminal.run(eim.package(card, enable(NORD))))
    assert answer[1]["associationToken"] == right


@pytest.mark.parametrize(
    ("counter", "eid", "code"),
    [
        (6, "89049044" + "0" * 24, 3),
        (5, None, 4),
        (4, None, 4),
        (0x800000, None, 6),
    ],
    ids=["invalidEid", "replay of the last", "replay of an older one", "counterValueOutOfRange"],
)
def test_a_package_that_is_not_for_now_gets_a_signed_error(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier, counter: int, eid: str, code: int
) -> None:
    terminal.run(eim.package(card, LIST_PROFILES, counter=5))
    kept = terminal.results()
    package = eim.package(card, enable(NORD), counter=counter, eid=eid, transaction=b"T")
    data = verifier.result(terminal.run(package), eim)
    assert data == {
        "eimId": eim.eim_id,
        "counterValue": counter,
        "eimTransactionId": b"T",
        "euiccPackageErrorCode": code,
    }
    assert terminal.results() == kept
    assert terminal.profiles()[NORD]["profileState"] == 0


def test_the_highest_counter_is_accepted(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    answer = terminal.run(eim.package(card, LIST_PROFILES, counter=0x7FFFFF))
    assert verifier.result(answer, eim)["counterValue"] == 0x7FFFFF


def test_a_package_that_is_too_large_gets_size_overflow(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    answer = terminal.run(eim.package(card, *[LIST_PROFILES] * 3000))
    assert verifier.result(answer, eim)["euiccPackageErrorCode"] == 15


def test_a_package_stops_at_its_first_failing_operation(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    answer = terminal.run(eim.package(card, enable(BOOTSTRAP), enable(NORD)))
    assert verifier.result(answer, eim)["euiccResult"] == [("enableResult", 2)]
    assert terminal.profiles()[BOOTSTRAP]["profileState"] == 1


def test_a_second_enable_in_a_package_is_damage(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    answer = terminal.run(eim.package(card, enable(NORD), enable(SUED)))
    assert verifier.result(answer, eim)["euiccResult"] == [("enableResult", 0), ("processingTerminated", 2)]
    terminal.refresh()
    assert terminal.iccid() == NORD


@pytest.mark.parametrize("operation", [wrap(0xBF7E, b""), wrap(0xA3), b"\xa3\x7f"])
def test_an_unknown_or_damaged_operation_terminates_the_package(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier, operation: bytes
) -> None:
    answer = terminal.run(eim.package(card, LIST_ICCIDS, operation, enable(NORD)))
    results = verifier.result(answer, eim)["euiccResult"]
    assert [name for name, _ in results] == ["listProfileInfoResult", "processingTerminated"]
    assert results[-1] == ("processingTerminated", 2)
    assert terminal.profiles()[BOOTSTRAP]["profileState"] == 1


def test_results_that_the_card_cannot_keep_terminate_the_package(
    card: VirtualEuicc, terminal: Terminal, eim: Eim, verifier: Verifier
) -> None:
    answer = terminal.run(eim.package(card, *[LIST_PROFILES] * 40))
    assert verifier.result(answer, eim)["euiccResult"][-1] == ("processingTerminated", 1)


def test_octets_behind_a_package_are_wrong_data(card: VirtualEuicc, terminal: Terminal, eim: Eim) -> None:
    terminal.run(eim.package(card, enable(NORD)) + b"\x05\x00")
    assert terminal.sw == 0x6A80
    assert terminal.profiles()[BOOTSTRAP]["profileState"] == 1


@pytest.mark.parametrize(
    "command",
    ["BF5100", "BF51023000", "BF5103300130", "BF2D00FF", "BF5108300680010081010130", "30"],
)
def test_what_is_no_package_is_wrong_data(terminal: Terminal, command: str) -> None:
    assert terminal.run(bytes.fromhex(command)) == b""
    assert terminal.sw == 0x6A80

"""LoadBoundProfilePackage: a profile is installed, or why not, and what is left of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ipad.asn1 import decode, member, tlvs, value, wrap
from ipad.testbed import pki, scp03t
from ipad.testbed.euicc import VirtualEuicc, show
from ipad.testbed.euicc import state as memory
from ipad.testbed.euicc.metadata import allowed
from ipad.testbed.scp03t import SessionKeys

from .rsp_server import ADDRESS, END, ICCID, IMSI, Package, Server, filler, header, metadata, upp, usim
from .world import BOOTSTRAP, SUED, Eim, Terminal, Verifier, delete, enable, swapped

INITIALISE, CONFIGURE, METADATA, REPLACE, ELEMENTS = 0, 1, 2, 4, 5
"""BppCommandId."""
INCORRECT_INPUT, INVALID_SIGNATURE, INVALID_TRANSACTION_ID, UNSUPPORTED_CRT, UNSUPPORTED_OPERATION = range(
    1, 6
)
UNSUPPORTED_CLASS, STRUCTURE, SECURITY, ICCID_EXISTS, NO_MEMORY = range(6, 11)
PE_PROCESSING, DATA_MISMATCH, PPR_NOT_ALLOWED = 12, 13, 15
"""ErrorReason."""

Order = Callable[[list[bytes]], list[bytes]]
"""What becomes of the cuts of a package."""
PPK = SessionKeys(bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48)))
OTHER_ADDRESS = "other.example"
NOTIFY = wrap(
    0xB6,
    *(
        wrap(0x30, wrap(0x80, bits), wrap(0x81, address.encode()))
        for bits, address in (
            (b"\x04\xf0", ADDRESS),
            (b"\x07\x80", OTHER_ADDRESS),
            (b"\x04\x10", "deleted.example"),
        )
    ),
)


@pytest.fixture
def server(terminal: Terminal, pki_dir: Path) -> Server:
    return Server(terminal, pki_dir)


def notifications(server: Server) -> list[bytes]:
    """What RetrieveNotificationsList returns."""
    answer = server.terminal.run(b"\xbf\x2b\x00")
    return [tlv for _, tlv in tlvs(value(member(answer, 0xBF2B, 0xA0)))]


def test_a_profile_is_installed_disabled(server: Server, tmp_path: Path) -> None:
    package = server.ready()
    name, result = server.outcome(server.load(package.cuts()))
    assert name == "successResult"
    assert result["simaResponse"] == bytes.fromhex("3007A00530038001 00")
    info = server.terminal.profiles()[ICCID]
    assert (info["profileState"], info["fallbackAllowed"]) == (0, False)
    [profile] = [p for p in memory.load(tmp_path).profiles if p.iccid == ICCID]
    assert (profile.imsi, profile.name, profile.provider) == (IMSI, "Name", "Provider")
    assert profile.aid == result["aid"].hex().upper()
    assert profile.size == len(upp())


def test_nothing_is_answered_before_the_last_cut(server: Server) -> None:
    cuts = server.ready().cuts()
    assert len(cuts) > 5
    assert server.load(cuts[:-1]) == b""
    assert notifications(server) == []
    assert ICCID not in server.terminal.profiles()
    assert server.load(cuts[-1:]) != b""
    assert ICCID in server.terminal.profiles()


@pytest.mark.parametrize("block", [255, 100, 1])
def test_a_cut_comes_in_blocks_of_any_size(server: Server, block: int) -> None:
    answer = b""
    for cut in server.ready(segment=200).cuts():
        assert answer == b""
        answer = server.terminal.run(cut, block)
    assert server.outcome(answer)[0] == "successResult"


@pytest.mark.parametrize("segment", [17, 1007, 1023])
def test_segments_of_any_size_with_elements_across_them(server: Server, segment: int) -> None:
    package = server.ready(segment=segment, upp=upp(header(), usim(), filler(5000), filler(100), END))
    assert server.outcome(server.load(package.cuts()))[0] == "successResult"


def test_a_profile_under_keys_of_its_own(server: Server) -> None:
    package = server.ready(replaced=PPK, segment=40)
    assert server.outcome(server.load(package.cuts()))[0] == "successResult"


def test_a_server_on_brainpools_curve(server: Server) -> None:
    brainpool = pki.make_rsp_server(server.ci, pki.ROLE_DP_PB, curve=ec.BrainpoolP256R1())
    server.authenticate()
    _, answer = server.prepare(signer=brainpool)
    otpk = answer["euiccSigned2"]["euiccOtpk"]
    package = Package(server.transaction_id, brainpool, otpk, server.eid, ec.BrainpoolP256R1())
    assert server.outcome(server.load(package.cuts()))[0] == "successResult"


def test_the_metadata_is_the_profiles(server: Server, tmp_path: Path) -> None:
    members = (
        wrap(0x95, b"\x01"),
        NOTIFY,
        wrap(0xB7, wrap(0x80, bytes.fromhex("00F110"))),
        wrap(0x99, b"\x05\x60"),
        wrap(0x9F7B, b"\xff"),
        wrap(0x9F67, b"\xff"),
    )
    package = server.ready(
        metadata=metadata(ICCID, *members), upp=upp(header(ICCID, 3, wrap(0x87, b"\x01\x02")), END)
    )
    assert server.outcome(server.load(package.cuts()))[0] == "successResult"
    [profile] = [p for p in memory.load(tmp_path).profiles if p.iccid == ICCID]
    assert (profile.profile_class, profile.owner, profile.policy_rules) == (1, "00101", [1, 2])
    assert (profile.ecall, profile.fallback_allowed, profile.http_params) == (True, True, "0102")
    assert [(n.events, n.address) for n in profile.notify] == [
        ([0, 1, 2, 3], ADDRESS),
        ([0], OTHER_ADDRESS),
        ([3], "deleted.example"),
    ]
    assert profile.imsi is None


def test_the_result_is_the_servers_install_notification_the_others_get_one_of_their_own(
    server: Server, verifier: Verifier
) -> None:
    package = server.ready(metadata=metadata(ICCID, NOTIFY))
    answer = server.load(package.cuts())
    result, other = notifications(server)
    assert result == answer
    told = decode("OtherSignedNotification", other)["tbsOtherNotification"]
    assert told["notificationAddress"] == OTHER_ADDRESS
    assert told["profileManagementOperation"] == (b"\x80", 1)
    verifier.check(member(other, 0x30, 0xBF2F), value(member(other, 0x30, 0x5F37)))
    listed = server.terminal.notifications()
    assert [n["notificationAddress"] for n in listed] == [ADDRESS, OTHER_ADDRESS]
    assert [n["iccid"] for n in listed] == [swapped(ICCID)] * 2


def test_the_result_stays_until_it_is_removed_and_outlives_a_power_cut(
    server: Server, tmp_path: Path, pki_dir: Path
) -> None:
    answer = server.load(server.ready().cuts())
    terminal = Terminal(VirtualEuicc.open(tmp_path, pki_dir))
    again = Server(terminal, pki_dir)
    assert notifications(again) == [answer]
    [listed] = terminal.notifications()
    by_number = wrap(0xBF2B, wrap(0xA0, wrap(0x80, bytes([listed["seqNumber"]]))))
    assert terminal.run(by_number) == wrap(0xBF2B, wrap(0xA0, answer))
    by_event = terminal.run(bytes.fromhex("BF2B06A00481020780"))
    assert by_event == wrap(0xBF2B, wrap(0xA0, answer))
    sent = wrap(0xBF30, wrap(0x80, bytes([listed["seqNumber"]])))
    assert terminal.run(sent) == bytes.fromhex("BF3003800100")
    assert notifications(again) == []
    assert show(tmp_path)["profiles"][-1]["iccid"] == ICCID


def test_the_new_profile_works_like_the_others(
    server: Server, card: VirtualEuicc, eim: Eim, verifier: Verifier
) -> None:
    server.outcome(server.load(server.ready().cuts()))
    verifier.result(server.terminal.run(eim.package(card, enable(ICCID))), eim)
    server.terminal.refresh()
    assert server.terminal.iccid() == ICCID
    verifier.result(server.terminal.run(eim.package(card, enable(BOOTSTRAP))), eim)
    server.terminal.refresh()
    verifier.result(server.terminal.run(eim.package(card, delete(ICCID))), eim)
    assert ICCID not in server.terminal.profiles()
    server.transaction_id = b"again"
    assert server.outcome(server.load(server.ready().cuts()))[0] == "successResult"


def test_memory_is_taken_and_given_back(server: Server, card: VirtualEuicc, eim: Eim) -> None:
    def free() -> int:
        resources = member(server.terminal.run(b"\xbf\x22\x00"), 0xBF22, 0x84)
        return int.from_bytes(value(member(value(resources), 0x82)), "big")

    before = free()
    package = server.ready(upp=upp(header(), filler(4000), END))
    server.load(package.cuts())
    assert before - free() == len(package.upp)
    server.terminal.run(eim.package(card, delete(ICCID)))
    assert free() == before


# What is wrong with a package: the command and reason that the card gives


def changed(cut: bytes, position: int = -1) -> bytes:
    octets = bytearray(cut)
    octets[position] ^= 1
    return bytes(octets)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"remote_op": 2}, UNSUPPORTED_OPERATION),
        ({"transaction_id": b"other"}, INVALID_TRANSACTION_ID),
        ({"key_type": b"\x89"}, UNSUPPORTED_CRT),
        ({"key_length": b"\x20"}, UNSUPPORTED_CRT),
        ({"signed_otpk": b"\x04" + bytes(64)}, INVALID_SIGNATURE),
        ({"otpk": b"\x04" + bytes(64)}, INCORRECT_INPUT),
    ],
)
def test_a_secure_channel_that_is_not_opened(server: Server, changes: dict[str, Any], reason: int) -> None:
    assert server.error(server.ready(**changes).cuts()) == (INITIALISE, reason)


def test_a_package_that_somebody_else_signed(server: Server) -> None:
    assert server.error(server.ready(signer=server.auth).cuts()) == (INITIALISE, INVALID_SIGNATURE)


def test_the_beginning_of_a_package_that_cannot_be_read(server: Server) -> None:
    for first in (
        b"\xbf\x36",
        b"\xbf\x36\x80" + wrap(0xBF23),
        b"\xbf\x36\x05" + wrap(0xBF23),
        b"\xbf\x36\x05" + wrap(0xBF22, b"\x00"),
    ):
        server.ready()
        assert server.error([first]) == (INITIALISE, INCORRECT_INPUT)


def test_a_package_that_begins_in_the_middle(server: Server) -> None:
    for number in range(1, 5):
        assert server.error(server.ready().cuts()[number:]) == (INITIALISE, INCORRECT_INPUT)


def test_a_package_for_another_card(server: Server) -> None:
    assert server.error(server.ready(eid=bytes(16)).cuts()) == (CONFIGURE, SECURITY)


def test_a_package_for_another_one_time_key(server: Server) -> None:
    other = scp03t.public_point(scp03t.generate(ec.SECP256R1()))
    package = server.ready()
    cuts = replace(package, signed_otpk=package.euicc_otpk, euicc_otpk=other).cuts()
    assert server.error(cuts) == (CONFIGURE, SECURITY)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda cut: changed(cut), SECURITY),
        (lambda cut: changed(cut, 5), SECURITY),
        (lambda _cut: wrap(0xA0, wrap(0x87, bytes(7))), STRUCTURE),
        (lambda cut: wrap(0xA0, wrap(0x88, value(value(cut)))), STRUCTURE),
        (lambda cut: cut[:-1], STRUCTURE),
        (lambda cut: cut + b"\x00", STRUCTURE),
        (lambda cut: wrap(0xA2, value(cut)), STRUCTURE),
        (lambda _cut: wrap(0xA0), INCORRECT_INPUT),
    ],
)
def test_a_broken_first_sequence(server: Server, change: Callable[[bytes], bytes], reason: int) -> None:
    first, second, *rest = server.ready().cuts()
    assert server.error([first, change(second), *rest]) == (CONFIGURE, reason)


def test_a_configuration_that_is_none_or_another_servers(server: Server) -> None:
    foreign = wrap(0xBF24, wrap(0xB8, wrap(0x80, bytes.fromhex("883701"))))
    own = wrap(0xBF24, wrap(0xB8, wrap(0x80, bytes.fromhex("88370A"))))
    for configure in wrap(0xBF25), b"\x00", foreign:
        assert server.error(server.ready(configure=configure).cuts()) == (CONFIGURE, INCORRECT_INPUT)
    assert server.outcome(server.load(server.ready(configure=own).cuts()))[0] == "successResult"


PPR = wrap(0x99, b"\x05\x60")
OWNER = wrap(0xB7, wrap(0x80, bytes.fromhex("00F110")))


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        (metadata(BOOTSTRAP), ICCID_EXISTS),
        (metadata(ICCID, wrap(0x95, b"\x00")), UNSUPPORTED_CLASS),
        (metadata(ICCID, wrap(0x95, b"\x07")), UNSUPPORTED_CLASS),
        (metadata(ICCID, PPR), PPR_NOT_ALLOWED),
        (metadata(ICCID, OWNER, wrap(0x99, b"\x04\x10")), PPR_NOT_ALLOWED),
        (metadata(ICCID)[:-1], INCORRECT_INPUT),
        (wrap(0xBF25, wrap(0x5A, swapped(ICCID))), INCORRECT_INPUT),
        (metadata(ICCID, wrap(0xB7, wrap(0x80, b"\xee\xee\xee"))), INCORRECT_INPUT),
        (wrap(0xBF24), INCORRECT_INPUT),
    ],
)
def test_metadata_that_the_card_does_not_take(server: Server, described: bytes, reason: int) -> None:
    cuts = server.ready(metadata=described).cuts()
    answer = server.load(cuts)
    name, result = server.outcome(answer)
    assert name == "errorResult"
    assert (result["bppCommandId"], result["errorReason"]) == (METADATA, reason)
    told = decode("ProfileInstallationResult", answer)["profileInstallationResultData"]
    assert ("iccid" in told["notificationMetadata"]) == (reason != INCORRECT_INPUT)


def test_metadata_without_end(server: Server) -> None:
    package = server.ready(metadata=metadata() + bytes(5000), segment=1000)
    assert server.error(package.cuts()) == (METADATA, STRUCTURE)


def test_broken_metadata_segments(server: Server) -> None:
    orders: list[tuple[Order, int]] = [
        (lambda c: [*c[:3], changed(c[3])], SECURITY),
        (lambda c: [*c[:3], c[4]], SECURITY),
        (lambda c: [*c[:4], c[3]], SECURITY),
        (lambda c: [*c[:3], wrap(0x86, value(c[3]))], STRUCTURE),
        (lambda c: [*c[:2], c[2] + c[3]], STRUCTURE),
        (lambda c: [*c[:2], c[2][:1]], STRUCTURE),
        (lambda c: [*c[:2], c[3]], STRUCTURE),
        (lambda c: [*c[:2], b"\xa1\x05", c[3]], STRUCTURE),
        (lambda c: [*c[:2], c[1]], STRUCTURE),
    ]
    for order, reason in orders:
        assert server.error(order(server.ready(segment=20).cuts())) == (METADATA, reason)


def test_session_keys_that_are_none(server: Server) -> None:
    for request in wrap(0xBF26), wrap(0xBF26, wrap(0x80), wrap(0x81), wrap(0x82)), wrap(0xBF25):
        cuts = server.ready(replaced=PPK, replace_request=request).cuts()
        assert server.error(cuts) == (REPLACE, INCORRECT_INPUT)


def test_broken_session_keys(server: Server) -> None:
    cuts = server.ready(replaced=PPK).cuts()
    place = next(number for number, cut in enumerate(cuts) if cut[0] == 0xA2)
    assert server.error([*cuts[:place], changed(cuts[place])]) == (REPLACE, SECURITY)
    cuts = server.ready(replaced=PPK).cuts()
    assert server.error([*cuts[:place], wrap(0xA2, wrap(0x88))]) == (REPLACE, STRUCTURE)


def test_broken_profile_segments(server: Server) -> None:
    long = {"segment": 40, "upp": upp(header(), usim(), filler(100), END)}
    cuts = server.ready(**long).cuts()
    a3 = next(number for number, cut in enumerate(cuts) if cut[0] == 0xA3)
    orders: list[tuple[Order, int]] = [
        (lambda c: [*c[: a3 + 1], changed(c[a3 + 1])], SECURITY),
        (lambda c: [*c[: a3 + 1], c[a3 + 2]], SECURITY),
        (lambda c: [*c[: a3 + 2], c[a3 + 1]], SECURITY),
        (lambda c: [*c[: a3 + 1], wrap(0x87, value(c[a3 + 1]))], STRUCTURE),
        (lambda c: [*c[: a3 + 1], c[a3 + 1][:-1]], STRUCTURE),
        (lambda c: [*c[:a3], changed(c[a3])], STRUCTURE),
        (lambda c: [*c[:a3], c[a3 + 1]], STRUCTURE),
        (lambda c: [*c[:a3], c[0]], STRUCTURE),
    ]
    for order, reason in orders:
        assert server.error(order(server.ready(**long).cuts())) == (ELEMENTS, reason)


def test_more_segments_than_were_announced(server: Server) -> None:
    cuts = server.ready(segment=40).cuts()
    a3 = next(number for number, cut in enumerate(cuts) if cut[0] == 0xA3)
    assert server.load([*cuts[: a3 + 1], *cuts[a3 + 1 : -1]]) == b""
    long = cuts[-1] + cuts[-1]
    assert server.error([long]) == (ELEMENTS, STRUCTURE)


@pytest.mark.parametrize(
    ("elements", "status"),
    [
        (upp(usim(), END), 5),
        (upp(header(), header(), END), 5),
        (upp(header(), usim()), 5),
        (upp(header(), END, usim()), 5),
        (upp(header(), END) + b"\xaa", 5),
        (upp(header(ICCID, 4), END), 31),
        (upp(wrap(0xA0), END), 5),
        (upp(header("89"), END), 3),
        (upp(header(), wrap(0xB3, wrap(0xA3)), END), 3),
        (upp(header(), usim(), usim(), END), 3),
        (upp(header(), wrap(0xB3, wrap(0xA3, wrap(0x83, bytes(9)))), END), 5),
        (upp(header(), b"\x1f\x00", END), 5),
        (upp(header(), b"\xa9\x80", END), 5),
        (upp(header(), b"\xa9\x84\x00\x00\x00\x01", END), 5),
        (upp(header()) + b"\xa9\x83\xff\xff\xff", 5),
    ],
)
def test_profile_elements_that_cannot_be_processed(server: Server, elements: bytes, status: int) -> None:
    name, result = server.outcome(server.load(server.ready(upp=elements).cuts()))
    assert name == "errorResult"
    assert (result["bppCommandId"], result["errorReason"]) == (ELEMENTS, PE_PROCESSING)
    response = result["simaResponse"]
    assert value(member(response, 0x30, 0xA0, 0x30, 0x80)) == bytes([status])
    assert member(response, 0x30, 0x81) == b"\x81\x00"
    assert ICCID not in server.terminal.profiles()


def test_a_profile_with_another_iccid_than_its_metadata(server: Server) -> None:
    package = server.ready(upp=upp(header("8900101000000000001"), END))
    assert server.error(package.cuts()) == (ELEMENTS, DATA_MISMATCH)


def test_a_profile_that_the_card_has_no_room_for(tmp_path: Path, pki_dir: Path) -> None:
    VirtualEuicc.open(tmp_path, pki_dir)
    state = memory.load(tmp_path)
    state.profiles[0].size = memory.MEMORY - len(upp()) - 100
    memory.store(tmp_path, state)
    server = Server(Terminal(VirtualEuicc.open(tmp_path, pki_dir)), pki_dir)
    full = server.ready(upp=upp(header(), usim(), filler(100), END))
    assert server.error(full.cuts()) == (ELEMENTS, NO_MEMORY)
    fits = server.ready()
    assert server.outcome(server.load(fits.cuts()))[0] == "successResult"


def test_a_failure_is_kept_as_a_notification_and_ends_the_session(server: Server) -> None:
    cuts = server.ready(metadata=metadata(BOOTSTRAP)).cuts()
    answer = server.load(cuts)
    assert notifications(server) == [answer]
    server.terminal.run(cuts[-1])
    assert server.terminal.sw == 0x6985
    server.terminal.run(cuts[0])
    assert server.terminal.sw == 0x6985
    server.ready()
    assert server.outcome(server.load(server.ready().cuts()))[0] == "successResult"
    assert len(notifications(server)) == 2


def test_a_used_key_is_not_found_again(server: Server) -> None:
    package = server.ready()
    server.load(package.cuts())
    server.authenticate()
    _, answer = server.prepare(otpk=package.euicc_otpk)
    assert answer["euiccSigned2"]["euiccOtpk"] != package.euicc_otpk


def test_no_package_without_a_prepared_download(server: Server) -> None:
    cuts = server.ready().cuts()
    server.terminal.start()
    for cut in cuts[0], cuts[1], cuts[-1]:
        server.terminal.run(cut)
        assert server.terminal.sw == 0x6985
    server.authenticate()
    server.terminal.run(cuts[0])
    assert server.terminal.sw == 0x6985


def test_a_cancelled_session_takes_no_more(server: Server) -> None:
    cuts = server.ready().cuts()
    assert server.load(cuts[:4]) == b""
    member(server.cancel(5), 0xBF41, 0xA0)
    server.terminal.run(cuts[4])
    assert server.terminal.sw == 0x6985
    assert notifications(server) == []


def test_other_functions_may_be_called_between_the_cuts(server: Server) -> None:
    *most, last = server.ready().cuts()
    for cut in most:
        assert server.load([cut]) == b""
        assert SUED in server.terminal.profiles()
    assert server.outcome(server.load([last]))[0] == "successResult"


def test_a_power_cut_after_any_cut_leaves_nothing_or_all(
    card: VirtualEuicc, terminal: Terminal, tmp_path: Path, pki_dir: Path
) -> None:
    server = Server(terminal, pki_dir)
    count = len(server.ready(segment=40).cuts())
    for sent in range(count):
        terminal.start()
        cuts = server.ready(segment=40).cuts()
        kept = (tmp_path / memory.FILE_NAME).read_bytes()
        assert server.load(cuts[:sent]) == b""
        assert (tmp_path / memory.FILE_NAME).read_bytes() == kept
        terminal = Terminal(VirtualEuicc.open(tmp_path, pki_dir))
        server = Server(terminal, pki_dir)
        assert ICCID not in terminal.profiles()
        assert notifications(server) == []
        terminal.run(cuts[sent])
        assert terminal.sw == 0x6985
    assert card.eid
    server.load(server.ready(segment=40).cuts())
    stored = json.loads((tmp_path / memory.FILE_NAME).read_text())
    assert [p["iccid"] for p in stored["profiles"]][-1] == ICCID
    assert len(stored["notifications"]) == 1


def test_the_state_of_a_session_is_never_on_disk(server: Server, tmp_path: Path) -> None:
    server.ready()
    stored = (tmp_path / memory.FILE_NAME).read_text()
    assert server.transaction_id.hex() not in stored.lower()


def test_the_rules_authorisation_table_decides_by_rule_and_operator() -> None:
    nord, sued = ({"mccMnc": bytes.fromhex(plmn)} for plmn in ("00F110", "00F120"))
    for_nord = [{"pprIds": (b"\x40", 2), "allowedOperators": [nord]}]
    assert allowed(for_nord, [1], nord)
    assert not allowed(for_nord, [1], sued)
    assert not allowed(for_nord, [2], nord)
    assert not allowed(for_nord, [1, 2], nord)
    assert not allowed(for_nord, [1], None)
    assert allowed([], [], None)
    any_mnc = [{"pprIds": (b"\x40", 2), "allowedOperators": [{"mccMnc": bytes.fromhex("00FEEE")}]}]
    assert not allowed(any_mnc, [1], {"mccMnc": bytes.fromhex("01F110")})
    with_gid = [{"pprIds": (b"\x40", 2), "allowedOperators": [{**nord, "gid1": b"\x01", "gid2": b""}]}]
    assert allowed(with_gid, [1], {**nord, "gid1": b"\x01", "gid2": b"\x09"})
    assert not allowed(with_gid, [1], {**nord, "gid1": b"\x02"})
    assert not allowed(with_gid, [1], nord)

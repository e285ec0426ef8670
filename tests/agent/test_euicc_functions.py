"""ES10 functions: what goes to the card, and what comes back of its answers and of its refusals."""

from collections.abc import Callable

import pytest

from ipad.asn1 import value, wrap
from ipad.eim import TlsAnchor
from ipad.errors import DecodeError, EuiccRefused
from ipad.euicc import es10a, es10b, es10c
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import Addresses, NotificationMetadata, ProfileInfo
from modem.errors import CardRefused
from modem.uicc import Reply

from .https_peer import Identity, make_identity
from .scripted_card import ScriptedCard, isdr_on, isdr_that_says

ICCID = bytes.fromhex("5A0A98001032547698103214")
ICCID_DIGITS = "89000123456789012341"


def test_get_eid_asks_for_tag_5a() -> None:
    card = ScriptedCard([bytes.fromhex("BF3E125A1089049032123451234512345678901235")])
    assert es10c.eid(isdr_on(card)).hex() == "89049032123451234512345678901235"
    assert card.requests == [bytes.fromhex("BF3E035C015A")]


@pytest.mark.parametrize("list_tag", [0xA0, 0x30])
def test_profiles_are_read_in_both_shapes(list_tag: int) -> None:
    told = bytes.fromhex("4F06A00000055910 9F700101 9F2601FF 9F6701FF 950102 99020640")
    later = bytes.fromhex("BF6403800101")  # a member of SGP.32 v1.3
    isdr = isdr_that_says(wrap(0xBF2D, wrap(list_tag, wrap(0xE3, ICCID, told, later))))
    assert es10c.profiles(isdr) == (
        ProfileInfo(
            "89000123456789012341",
            bytes.fromhex("A00000055910"),
            enabled=True,
            profile_class="operational",
            fallback=True,
            fallback_allowed=True,
            policy=("ppr1",),
        ),
    )


@pytest.mark.parametrize("bad", ["9204 54E96CE9", "9121" + 33 * "41", "9001E9"])
def test_a_name_that_can_not_be_read_hides_neither_its_profile_nor_the_others(bad: str) -> None:
    told = ICCID + bytes.fromhex("4F06A00000055910 9F700101 9F2601FF")
    odd, plain = wrap(0xE3, told, bytes.fromhex(bad)), wrap(0xE3, ICCID, wrap(0x92, b"Nord"))
    first, second = es10c.profiles(isdr_that_says(wrap(0xBF2D, wrap(0xA0, odd, plain))))
    assert (first.iccid, first.enabled, first.fallback, first.name) == (ICCID_DIGITS, True, True, None)
    assert (second.iccid, second.name) == (ICCID_DIGITS, "Nord")


@pytest.mark.parametrize("answer", ["BF2D03 81010B", "BF2D03 02010B"])
def test_a_profile_list_that_is_refused_says_why_in_both_shapes(answer: str) -> None:
    with pytest.raises(EuiccRefused, match=r"profileChangeOngoing\(11\)"):
        es10c.profiles(isdr_that_says(answer))


@pytest.mark.parametrize("refusal", [Reply(b"", 0x6A80), bytes.fromhex("BF2D03810101")])
def test_a_card_that_refuses_the_tag_list_is_asked_without_and_remembered(refusal: Reply | bytes) -> None:
    card = ScriptedCard([refusal, bytes.fromhex("BF2D02A000"), bytes.fromhex("BF2D02A000")])
    isdr = isdr_on(card)
    assert es10c.profiles(isdr) == ()
    assert es10c.profiles(isdr) == ()
    with_tags, *without = card.requests
    assert with_tags == wrap(0xBF2D, wrap(0x5C, es10c.TAGS))
    assert without == [bytes.fromhex("BF2D00")] * 2


def test_a_refusal_that_is_not_about_the_tag_list_is_not_remembered_as_one() -> None:
    isdr = isdr_that_says(Reply(b"", 0x6A80), Reply(b"", 0x6A80))
    with pytest.raises(CardRefused):
        es10c.profiles(isdr)
    assert not isdr.refuses_tag_list


def test_profiles_can_be_searched() -> None:
    card = ScriptedCard([bytes.fromhex("BF2D02A000")] * 3)
    isdr = isdr_on(card)
    es10c.profiles(isdr, tags=None, iccid="89000123456789012341")
    es10c.profiles(isdr, tags=None, aid=b"\xa0\x00\x00\x05\x59")
    es10c.profiles(isdr, tags=None, profile_class="operational")
    assert card.requests == [
        bytes.fromhex("BF2D0EA00C") + ICCID,
        bytes.fromhex("BF2D09A0074F05A000000559"),
        bytes.fromhex("BF2D05A003950102"),
    ]


Call = Callable[[Isdr], object]

REFUSALS: list[tuple[str, Call, str, str]] = [
    ("BF5D03800106", es10b.execute_fallback, "ExecuteFallbackMechanism", "fallbackNotAvailable"),
    ("BF5D03800102", es10b.execute_fallback, "ExecuteFallbackMechanism", "profileNotInDisabledState"),
    ("BF5D03800168", es10b.execute_fallback, "ExecuteFallbackMechanism", "ecallActive"),
    ("BF5D03800163", es10b.execute_fallback, "ExecuteFallbackMechanism", "unknown"),
    ("BF5E03800107", es10b.return_from_fallback, "ReturnFromFallback", "commandError"),
    ("BF5803020101", es10b.profile_rollback, "ProfileRollback", "rollbackNotAllowed"),
    ("BF5703810102", lambda i: es10b.add_initial_eim(i, []), "AddInitialEim", "associatedEimAlreadyExists"),
    (
        "BF5903800102",
        lambda i: es10b.configure_immediate_enabling(i, True),
        "ConfigureImmediateProfileEnabling",
        "associatedEimAlreadyExists",
    ),
    ("BF5603810101", es10b.certs, "GetCerts", "invalidCiPKId"),
    ("BF2B0381017F", es10b.notifications, "RetrieveNotificationsList", "undefinedError"),
    ("BF280381017F", es10b.list_notifications, "ListNotification", "undefinedError"),
    (
        "BF300380017F",
        lambda i: es10b.remove_notification(i, 1),
        "RemoveNotificationFromList",
        "undefinedError",
    ),
    ("BF650380017F", lambda i: es10a.set_default_dp_address(i, "x"), "SetDefaultDpAddress", "undefinedError"),
]


@pytest.mark.parametrize(("answer", "call", "function", "name"), REFUSALS)
def test_each_refusal_has_the_standards_name(answer: str, call: Call, function: str, name: str) -> None:
    with pytest.raises(EuiccRefused) as caught:
        call(isdr_that_says(answer))
    assert (caught.value.function, caught.value.name) == (function, name)
    assert caught.value.code == int(answer[-2:], 16)


@pytest.mark.parametrize(
    "call",
    [
        es10b.challenge,
        es10b.info1,
        es10b.info2,
        es10b.certs,
        es10b.notifications,
        es10b.package_results,
        es10b.list_notifications,
        es10b.eim_configurations,
        es10b.execute_fallback,
        es10b.profile_rollback,
        es10b.get_rat,
        es10c.eid,
        es10c.profiles,
        es10a.configured_addresses,
        lambda isdr: es10b.load_euicc_package(isdr, b""),
    ],
)
@pytest.mark.parametrize("answer", ["", "BF", "BF5103A0", "0000", "BF7F00", "BF5100"])
def test_an_answer_that_is_none_is_a_decode_error(call: Call, answer: str) -> None:
    with pytest.raises(DecodeError):
        call(isdr_that_says(answer))


def test_fallback_return_and_rollback_ask_for_a_refresh() -> None:
    card = ScriptedCard([bytes.fromhex(a) for a in ("BF5D03800100", "BF5E03800100", "BF5803020100")])
    isdr = isdr_on(card)
    es10b.execute_fallback(isdr)
    es10b.return_from_fallback(isdr, refresh=False)
    assert es10b.profile_rollback(isdr) is None
    assert [r.hex().upper() for r in card.requests] == ["BF5D038001FF", "BF5E03800100", "BF58038001FF"]


def test_a_busy_card_is_asked_for_the_fallback_again() -> None:
    card = ScriptedCard([bytes.fromhex("BF5D03800105"), Reply(bytes.fromhex("BF5D03800100"), 0x910B)])
    es10b.execute_fallback(isdr_on(card))
    assert len(card.requests) == 2


def test_removing_what_is_not_there_is_no_error() -> None:
    card = ScriptedCard([bytes.fromhex("BF3003800100"), bytes.fromhex("BF3003800101")])
    isdr = isdr_on(card)
    assert es10b.remove_notification(isdr, 200)
    assert not es10b.remove_notification(isdr, 200)
    assert card.requests[0] == bytes.fromhex("BF3004800200C8")


def test_package_results_and_notifications_are_asked_for_apart() -> None:
    card = ScriptedCard(
        [bytes.fromhex("BF2B02A200"), bytes.fromhex("BF2B02A000"), bytes.fromhex("BF2B02A000")]
    )
    isdr = isdr_on(card)
    assert es10b.package_results(isdr) == ()
    assert es10b.notifications(isdr) == ()
    assert es10b.package_results(isdr, seq=7) == ()  # the number is a notification's
    assert [r.hex().upper() for r in card.requests] == ["BF2B04A0028200", "BF2B00", "BF2B05A003800107"]


def test_notifications_come_with_their_octets_as_signed() -> None:
    metadata = wrap(0xBF2F, bytes.fromhex("800107 81020640 0C05612E622E63"), ICCID)
    other = wrap(0x30, metadata, wrap(0x5F37, bytes(64)), b"\x30\x00", b"\x30\x00")
    install = wrap(
        0xBF37,
        wrap(0xBF27, b"\x80\x01\x01", metadata, b"\x06\x01\x2a", bytes.fromhex("A204A1020000")),
        wrap(0x5F37, bytes(64)),
    )
    compact = wrap(0xA1, metadata, wrap(0x5F37, bytes(64)))
    smallest = wrap(0xA0, wrap(0xA0, bytes.fromhex("800101 020109 A202A000")), b"\x5f\x37\x00")
    answer = wrap(0xBF2B, wrap(0xA0, other, install, compact, smallest))
    found = es10b.notifications(isdr_that_says(answer))
    assert [n.der for n in found] == [other, install, compact, smallest]
    assert {(n.seq, n.event, n.address, n.iccid) for n in found[:3]} == {
        (7, "enable", "a.b.c", "89000123456789012341")
    }
    assert (found[3].seq, found[3].address) == (9, "")
    listed = es10b.list_notifications(isdr_that_says(wrap(0xBF28, wrap(0xA0, metadata))))
    assert listed == (NotificationMetadata(7, "enable", "a.b.c", "89000123456789012341"),)


@pytest.mark.parametrize("odd", ["800107 81020640", "800107 81020640 0C01E9"])
def test_a_notification_with_odd_metadata_has_its_number(odd: str) -> None:
    other = wrap(0x30, wrap(0xBF2F, bytes.fromhex(odd)), wrap(0x5F37, bytes(64)), b"\x30\x00", b"\x30\x00")
    [found] = es10b.notifications(isdr_that_says(wrap(0xBF2B, wrap(0xA0, other))))
    assert (found.seq, found.der) == (7, other)


def test_addresses_are_read() -> None:
    isdr = isdr_that_says("BF3C0C 800464702E78 810464732E78", "BF3C06 810464732E78")
    assert es10a.configured_addresses(isdr) == Addresses("dp.x", "ds.x")
    assert es10a.configured_addresses(isdr) == Addresses(None, "ds.x")


@pytest.mark.parametrize("answer", ["BF5500", "BF5502A000"])
def test_a_card_without_an_eim_says_so_in_two_ways(answer: str) -> None:
    assert es10b.eim_configurations(isdr_that_says(answer)) == ()


def test_add_initial_eim_gives_back_the_tokens() -> None:
    card = ScriptedCard([bytes.fromhex("BF5707A005 840107 0500")])
    configuration = bytes.fromhex("3003800165")
    assert es10b.add_initial_eim(isdr_on(card), [configuration, configuration]) == (7, None)
    assert card.requests == [bytes.fromhex("BF570CA00A") + configuration * 2]


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("anchor"), "eim")


@pytest.mark.parametrize("shape", ["the standard's", "a whole element under the tag", "without the tag"])
@pytest.mark.parametrize("kind", ["certificate", "key"])
def test_the_tls_anchor_is_read_in_each_shape(identity: Identity, kind: str, shape: str) -> None:
    whole = identity.der if kind == "certificate" else identity.spki
    tag = 0xA1 if kind == "certificate" else 0xA0
    arm = {
        "the standard's": wrap(tag, value(whole)),
        "a whole element under the tag": wrap(tag, whole),
        "without the tag": whole,
    }[shape]
    configuration = wrap(0x30, wrap(0x80, b"e"), wrap(0x81, b"eim.x"), wrap(0xA6, arm), b"\x87\x02\x07\x80")
    [eim] = es10b.eim_configurations(isdr_that_says(wrap(0xBF55, wrap(0xA0, configuration))))
    assert eim.tls_anchor == TlsAnchor("certificate" if kind == "certificate" else "key", whole)
    assert (eim.eim_id, eim.fqdn, eim.der) == ("e", "eim.x", configuration)
    assert eim.supported_protocols == {"eimRetrieveHttps"}


def test_an_anchor_that_can_not_be_read_does_not_hide_the_other_eims() -> None:
    bad = wrap(0x30, wrap(0x80, b"bad"), wrap(0xA6, b"\x04\x01\x00"))
    good = wrap(0x30, wrap(0x80, b"good"))
    found = es10b.eim_configurations(isdr_that_says(wrap(0xBF55, wrap(0xA0, bad, good))))
    assert [eim.eim_id for eim in found] == ["bad", "good"]
    assert found[0].tls_anchor is not None  # never taken for "no anchor"


def test_an_eim_with_an_address_that_is_no_text_is_there_and_not_polled() -> None:
    bad = wrap(0x30, wrap(0x80, b"bad"), b"\x81\x01\xe9", b"\x84\x01\x07")
    good = wrap(0x30, wrap(0x80, b"good"), wrap(0x81, b"eim.x"))
    found = es10b.eim_configurations(isdr_that_says(wrap(0xBF55, wrap(0xA0, bad, good))))
    assert [(e.eim_id, e.fqdn, e.association_token) for e in found] == [
        ("bad", None, 7),
        ("good", "eim.x", None),
    ]


def test_certificates_are_made_whole_again(identity: Identity) -> None:
    der = identity.der
    standard = wrap(0xBF56, wrap(0xA0, wrap(0xA5, value(der)), wrap(0xA6, der)))
    assert es10b.certs(isdr_that_says(standard)) == (der, der)


REQUESTS: list[tuple[Call, str, str]] = [
    (lambda i: es10a.set_default_dp_address(i, "x"), "BF6503 800178", "BF6503800100"),
    (lambda i: es10a.set_default_dp_address(i, "x", consumer=True), "BF3F03 800178", "BF3F03800100"),
    (es10b.immediate_enable, "BF5A03 8001FF", "BF5A03800100"),
    (lambda i: es10b.immediate_enable(i, refresh=False), "BF5A03 800100", "BF5A03800100"),
    (es10b.enable_emergency_profile, "BF5B03 8001FF", "BF5B03800100"),
    (es10b.disable_emergency_profile, "BF5C03 8001FF", "BF5C03800100"),
    (es10b.connectivity_parameters, "BF5F00", "BF5F02A000"),
    (lambda i: es10b.list_notifications(i, event="delete"), "BF2804 81020410", "BF2802A000"),
    (lambda i: es10b.memory_reset(i, ["resetEimConfigData"]), "BF6404 82020204", "BF6403800100"),
    (lambda i: es10b.memory_reset(i, es10b.RESET_OPTIONS), "BF6404 820201FE", "BF6403800100"),
    (
        lambda i: es10b.memory_reset(i, es10b.RESET_OPTIONS[:3], consumer=True),
        "BF3404 820205E0",
        "BF3403800100",
    ),
    (lambda i: es10c.enable_profile(i, ICCID_DIGITS), "BF3111 A00C" + ICCID.hex() + "8101FF", "BF3103800100"),
    (
        lambda i: es10c.enable_profile(i, b"\xa0\x00\x00\x05\x59", refresh=False),
        "BF310C A0074F05A000000559 810100",
        "BF3103800100",
    ),
    (
        lambda i: es10c.disable_profile(i, ICCID_DIGITS),
        "BF3211 A00C" + ICCID.hex() + "8101FF",
        "BF3203800100",
    ),
    (lambda i: es10c.delete_profile(i, ICCID_DIGITS), "BF330C" + ICCID.hex(), "BF3303800100"),
    (lambda i: es10c.delete_profile(i, b"\xa0\x00\x00\x05\x59"), "BF3307 4F05A000000559", "BF3303800100"),
    (
        lambda i: es10c.set_nickname(i, ICCID_DIGITS, "ö"),
        "BF2910" + ICCID.hex() + "9002C3B6",
        "BF2903800100",
    ),
]


@pytest.mark.parametrize(("call", "request_", "answer"), REQUESTS)
def test_requests_are_these_octets(call: Call, request_: str, answer: str) -> None:
    card = ScriptedCard([bytes.fromhex(answer)])
    call(isdr_on(card))
    assert [r.hex() for r in card.requests] == [bytes.fromhex(request_).hex()]


def test_what_a_card_can_not_reset_is_not_asked_for() -> None:
    card = ScriptedCard()
    with pytest.raises(ValueError, match="resetEverything"):
        es10b.memory_reset(isdr_on(card), ["resetEverything"])
    with pytest.raises(ValueError, match="resetEimConfigData"):
        es10b.memory_reset(isdr_on(card), ["resetEimConfigData"], consumer=True)
    assert card.sent == []


def test_a_result_inside_a_result_is_the_one_inside() -> None:
    unsigned = bytes.fromhex("BF5105A203800165")
    answer = wrap(0xBF58, b"\x02\x01\x00", wrap(0xBF51, unsigned))
    result = es10b.profile_rollback(isdr_that_says(answer))
    assert result is not None
    assert (result.kind, result.der) == ("unsigned", unsigned)

"""Servers that are not what they should be, and cards that fail: each ends with an error to whom it belongs,
the card as it was, and the next download working.
"""

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pytest_mock import MockerFixture

from ipad.connectivity.state import Download
from ipad.procedures import cancellation, download
from ipad.testbed import pki
from modem.uicc import Reply
from tests.euicc_card.world import BOOTSTRAP, NORD, SUED
from tests.procedures import polled
from tests.procedures.harm import APDU, Harm
from tests.procedures.market import ICCID, Market
from tests.procedures.site import MakeSite, Site
from tests.procedures.test_download import ask_once, iccids, stall, trigger

OTHER = "8900101000000000439"
BEFORE = [BOOTSTRAP, NORD, SUED]

INITIATE, CLIENT, PACKAGE = "InitiateAuthentication", "AuthenticateClient", "GetBoundProfilePackage"
FUNCTIONS = (INITIATE, CLIENT, PACKAGE)
UNDEFINED, LOAD_ERROR, METADATA_MISMATCH = 127, 5, 4
"""CancelSessionReason."""

FROM_ANYBODY = [
    (kind, function, None if function == INITIATE else UNDEFINED, words)
    for kind, words in [
        ("redirect", "Temporary Redirect"),
        ("http-404", "Not Found"),
        ("http-501", "Not Implemented"),
        ("html", "an answer of type 'text/html'"),
        ("content-type", "an answer of type 'text/html'"),
        ("garbage", "not JSON"),
        ("oversize", "is larger than"),
    ]
    for function in FUNCTIONS
]
OF_A_FALSE_SERVER = [
    ("wrong-address", INITIATE, None, "smdpAddressMismatch"),
    ("wrong-challenge", INITIATE, None, "euiccChallengeMismatch"),
    ("wrong-signature", INITIATE, None, "invalidSignature"),
    ("wrong-signature", CLIENT, None, "invalidSignature"),
    ("wrong-transaction", INITIATE, None, "transactionId is not the one"),
    ("wrong-transaction", CLIENT, UNDEFINED, "transactionId is not the one"),
    ("wrong-certificate", INITIATE, None, "invalidCertificate"),
    ("wrong-certificate", CLIENT, None, "invalidCertificate"),
    ("wrong-oid", INITIATE, None, "invalidCertificate"),
    ("wrong-oid", CLIENT, None, "invalidCertificate"),
    ("expired-certificate", INITIATE, None, "certificateExpired"),
    ("expired-certificate", CLIENT, UNDEFINED, "certificateExpired"),
]
OF_A_PACKAGE = [
    ("wrong-metadata", CLIENT, METADATA_MISMATCH, "other metadata than were announced"),
    ("bpp-cut", PACKAGE, UNDEFINED, "cut off"),
    ("bpp-oversize", PACKAGE, UNDEFINED, "[rsp] limit"),
    ("bpp-garbage", PACKAGE, LOAD_ERROR, "a tag that is cut off"),
    ("bpp-short", PACKAGE, None, "installFailedDueToPEProcessingError (loadProfileElements)"),
    ("bpp-order", PACKAGE, None, "scp03tSecurityError (loadProfileElements)"),
    ("bpp-mac", PACKAGE, None, "scp03tSecurityError (loadProfileElements)"),
]
"""Kind of fault, in which function, the reason with which the session is cancelled, and what is said."""

LARGER = {"oversize": 4_000_000, "bpp-oversize": 3_000_000}


@pytest.fixture
def site(make_site: MakeSite, market: Market) -> Site:
    return make_site(stall=market.open_stall)


def cancelled(market: Market, before: int) -> list[int]:
    """The reasons that the SM-DP+ was given and accepted."""
    log = [x for x in market.log()[before:] if x["function"] == "CancelSession"]
    return [x["summary"]["cancelSessionReason"] for x in log if x["summary"]["answer"] == "ok"]


def error_of(package: dict[str, Any]) -> str:
    """Which arm of profileDownloadTriggerResult the eIM got."""
    [result] = package["results"]
    arm = result["content"]["profileDownloadTriggerResultData"]
    if "profileDownloadError" in arm:
        return "profileDownloadError"
    return str(next(iter(arm["profileInstallationResult"]["profileInstallationResultData"]["finalResult"])))


def the_next_one_works(site: Site) -> None:
    site.desk.order(download={"activationCode": stall(site).order(OTHER)})
    site.run()
    assert iccids(site)[-1] == OTHER
    assert site.desk.packages()[-1]["state"] == "done"
    assert site.memory().notifications == []


@pytest.mark.parametrize(
    ("kind", "function", "reason", "words"), [*FROM_ANYBODY, *OF_A_FALSE_SERVER, *OF_A_PACKAGE]
)
def test_a_false_answer_ends_the_download(
    site: Site, market: Market, kind: str, function: str, reason: int | None, words: str
) -> None:
    number = site.desk.order(download={"activationCode": stall(site).order(size=2500)})
    before = len(market.log())
    stall(site).spoil(kind, function, **({"size": LARGER[kind]} if kind in LARGER else {}))
    site.run()
    package = site.desk.package(number)
    assert package["state"] == "failed"
    said = next(line for line in site.told() if "not installed" in line)
    assert words in said
    by_card = "(loadProfileElements)" in words
    assert error_of(package) == ("errorResult" if by_card else "profileDownloadError")
    assert len(stall(site).results()) == int(by_card)
    known = kind not in ("redirect", "http-404", "http-501") or function != CLIENT
    assert cancelled(market, before) == ([reason] if reason is not None and known else [])
    assert iccids(site) == BEFORE
    assert site.journal_left == (None, [])
    the_next_one_works(site)


THROUGH_THE_EIM = [
    ("wrong-address", INITIATE, "smdpAddressMismatch(50)"),
    ("wrong-challenge", INITIATE, "euiccChallengeMismatch"),
    ("wrong-signature", CLIENT, "invalidSignature"),
    ("wrong-certificate", INITIATE, "undefinedError(127)"),
    ("expired-certificate", CLIENT, "certificateExpired"),
    ("http-500", PACKAGE, "undefinedError(127)"),
    ("bpp-cut", PACKAGE, "Bad Request(400)"),
    ("bpp-oversize", PACKAGE, "[rsp] limit"),
    ("bpp-garbage", PACKAGE, "a tag that is cut off"),
    ("bpp-mac", PACKAGE, "scp03tSecurityError (loadProfileElements)"),
]


@pytest.mark.parametrize(("kind", "function", "words"), THROUGH_THE_EIM)
def test_it_does_so_through_the_eim(site: Site, kind: str, function: str, words: str) -> None:
    matching_id = stall(site).order(size=2500).split("$")[2]
    number = site.desk.order(download={"eim": True, "matchingId": matching_id})
    stall(site).spoil(kind, function, **({"size": LARGER[kind]} if kind in LARGER else {}))
    site.run()
    assert site.desk.package(number)["state"] == "failed"
    assert words in next(line for line in site.told() if "not installed" in line)
    assert iccids(site) == BEFORE
    the_next_one_works(site)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("kind", ["http-500", "http-503", "truncate", "drop"])
def test_a_network_that_fails_is_tried_again(site: Site, kind: str, function: str) -> None:
    number = site.desk.order(download={"activationCode": stall(site).order(size=2500)})
    stall(site).spoil(kind, function)
    site.run()
    assert site.desk.package(number)["state"] == "done"
    assert len(site.desk.package(number)["results"]) == 1
    assert iccids(site) == [*BEFORE, ICCID]
    assert "broken off" in "\n".join(site.told())


def test_a_network_that_goes_on_failing_is_given_up_on(site: Site) -> None:
    number = site.desk.order(download={"activationCode": stall(site).order()})
    stall(site).spoil("http-500", INITIATE, count=100)
    site.run()
    assert error_of(site.desk.package(number)) == "profileDownloadError"
    assert sum("broken off" in line for line in site.told()) == 7
    assert "given up after 8 tries" in "\n".join(site.told())
    stall(site).faults.clear()
    the_next_one_works(site)


def test_a_server_that_asks_for_patience_gets_it(site: Site) -> None:
    site.desk.order(download={"activationCode": stall(site).order()})
    stall(site).spoil("http-503", INITIATE, retry_after=5000)
    begun = site.now
    site.run()
    assert iccids(site) == [*BEFORE, ICCID]
    assert site.now - begun >= 5000


def test_a_server_that_stays_away_is_not_in_the_way_of_another(site: Site, market: Market) -> None:
    """Its session was cancelled on the card, and it never hears of it."""
    site.desk.order(download={"activationCode": stall(site).order()})
    stall(site).spoil("http-500", PACKAGE)
    stall(site).spoil("http-500", "CancelSession", count=100)
    site.run()
    the_next_one_works(site)
    tried = [line for line in market.log() if line["function"] == "CancelSession" and line["status"] == 500]
    assert 0 < len(tried) <= cancellation.MOST_TRIES


# What the activation code, the order and the rules say


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("1$smdp.example", "2 parts"),
        ("2$smdp.example$X", "does not begin with 1$"),
        ("1$smdp example$X", "no host name"),
        ("", "does not begin with 1$"),
    ],
)
def test_an_activation_code_that_is_none(site: Site, code: str, words: str) -> None:
    number = site.desk.order(download={"activationCode": code})
    site.run()
    assert site.desk.package(number)["state"] == "failed"
    assert words in "\n".join(site.told())
    the_next_one_works(site)


def test_a_server_that_is_not_the_one_of_the_activation_code(site: Site, market: Market) -> None:
    code = stall(site).order() + "$2.999.7"
    site.desk.order(download={"activationCode": code})
    before = len(market.log())
    site.run()
    assert "smdpOidMismatch" in "\n".join(site.told())
    assert CLIENT not in [line["function"] for line in market.log()[before:]]
    the_next_one_works(site)


def test_a_card_without_a_default_smdp(site: Site) -> None:
    number = site.desk.order(download={"defaultSmdp": True})
    site.run()
    assert site.desk.package(number)["state"] == "failed"
    assert "no default SM-DP+ address" in "\n".join(site.told())


def test_nothing_waits_at_the_smds(site: Site, market: Market) -> None:
    number = site.desk.order(download={"smds": market.smds_address})
    site.run()
    assert site.desk.package(number)["state"] == "failed"
    assert "nothing waits for this card" in "\n".join(site.told())


def test_a_confirmation_code_that_an_eim_cannot_give(site: Site, market: Market) -> None:
    number = site.desk.order(download={"activationCode": stall(site).order(confirmation_code="4711")})
    before = len(market.log())
    site.run()
    assert site.desk.package(number)["state"] == "failed"
    assert cancelled(market, before) == [1]  # postponed: the order stays
    assert stall(site).states() == ["released"]
    assert "--confirmation-code" in "\n".join(site.told())


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ({"policy_rules": (1,)}, "must not be disabled (PPR1): only where no other"),
        ({"policy_rules": (2,), "owner": None}, "must not be deleted (PPR2)"),
    ],
)
def test_a_profile_that_the_rules_do_not_allow(
    site: Site, market: Market, profile: dict[str, Any], words: str
) -> None:
    number = site.desk.order(download={"activationCode": stall(site).order(**profile)})
    before = len(market.log())
    site.run()
    assert site.desk.package(number)["state"] == "failed"
    assert words in "\n".join(site.told())
    assert cancelled(market, before) == [3]  # pprNotAllowed
    assert PACKAGE not in [line["function"] for line in market.log()[before:]]
    the_next_one_works(site)


def test_a_profile_that_is_on_the_card_already(site: Site) -> None:
    number = site.desk.order(download={"activationCode": stall(site).order(NORD)})
    site.run()
    assert error_of(site.desk.package(number)) == "errorResult"
    assert "installFailedDueToIccidAlreadyExistsOnEuicc" in "\n".join(site.told())
    the_next_one_works(site)


def test_a_profile_that_is_too_large_for_the_card(site: Site) -> None:
    number = site.desk.order(download={"activationCode": stall(site).order(size=600_000)})
    site.run()
    assert site.desk.package(number)["state"] == "failed"
    assert "insufficientMemory" in "\n".join(site.told())
    the_next_one_works(site)


def test_no_download_while_an_emergency_profile_is_enabled(make_site: MakeSite, market: Market) -> None:
    def emergency(card: Any) -> None:
        card.profiles[0].ecall = True
        card.profiles[0].fallback_attribute = False

    site = make_site(stall=market.open_stall, prepare=emergency)
    number = site.desk.order(download={"activationCode": stall(site).order()})
    before = len(market.log())
    process = polled.started(site)
    polled.run(process)
    download.run(process.gateway, Download())  # which deciding would put off until the emergency is over
    polled.run(process)
    [result] = site.desk.package(number)["results"]
    error = result["content"]["profileDownloadTriggerResultData"]["profileDownloadError"]
    assert error["profileDownloadErrorReason"] == 104
    assert market.log()[before:] == []


def test_a_server_without_a_trusted_certificate(site: Site, market: Market) -> None:
    [ci] = stall(site).ci.iterdir()
    ci.rename(ci.with_suffix(".none"))
    code = stall(site).order()
    ask_once(site, Download(trigger(code)))
    before = len(market.log())
    site.run()
    [answer] = site.answers
    assert "no certificate issuer is trusted" in answer["problem"]
    assert market.log()[before:] == []


def test_a_server_of_another_issuer(site: Site, market: Market) -> None:
    """Already in TLS: nothing is said to it."""
    [ci] = stall(site).ci.iterdir()
    ours = ci.read_bytes()
    ci.write_bytes(pki.make_ci().certificate.public_bytes(Encoding.PEM))
    number = site.desk.order(download={"activationCode": stall(site).order()})
    before = len(market.log())
    site.run()
    assert error_of(site.desk.package(number)) == "profileDownloadError"
    assert [line["function"] for line in market.log()[before:]] == ["TLS"]
    ci.write_bytes(ours)
    the_next_one_works(site)


def test_a_clock_that_was_never_set_is_told_and_allowed(site: Site, mocker: MockerFixture) -> None:
    """The card has verified the chain; the dates are the agent's to check, if it can."""
    mocker.patch("time.time", return_value=1000.0)
    number = site.desk.order(download={"activationCode": stall(site).order()})
    site.run()
    assert site.desk.package(number)["state"] == "done"
    assert "the clock of this gateway was never set" in "\n".join(site.told())


# A card that fails


class Refusing(Harm):
    """The card answers an APDU of the download with a status word, and has done nothing."""

    kinds = (APDU,)
    in_step = True
    sw = 0x6A80

    def strike(self, _do: Any) -> Any:
        return Reply(b"", self.sw)


class Failing(Refusing):
    """The same, with one that may pass."""

    sw = 0x6F00


@pytest.mark.parametrize("kind", [Refusing, Failing])
def test_the_card_may_fail_at_any_segment(make_site: MakeSite, market: Market, kind: type[Refusing]) -> None:
    def play(harm: Harm) -> Site:
        site = make_site(stall=market.open_stall, harm=harm)
        site.desk.order(download={"activationCode": stall(site).order(size=2500)})
        site.run()
        return site

    unharmed = kind()
    play(unharmed)
    assert len(unharmed.points) > 20
    ends = set()
    for at in range(1, len(unharmed.points) + 1):
        site = play(kind(at))
        [package] = site.desk.packages()
        ends.add(package["state"])
        assert iccids(site) == (BEFORE if package["state"] == "failed" else [*BEFORE, ICCID]), (
            site.harm.struck
        )
        assert len(package["results"]) == 1
        assert site.journal_left == (None, [])
    assert "done" in ends
    site.harm = Harm()
    the_next_one_works(site)

"""The agent's functions on the virtual eUICC: real chaining, channels, signatures and switches."""

from pathlib import Path

import pytest

from ipad.asn1 import wrap
from ipad.eim import TlsAnchor
from ipad.errors import EuiccRefused
from ipad.euicc import es10a, es10b, es10c
from ipad.euicc.isdr import Isdr
from ipad.testbed import pki
from ipad.testbed.euicc import VirtualEuicc
from ipad.waits import Waits
from modem.card import UiccCard
from modem.errors import CardRefused, ChannelLost
from modem.uicc import Reply
from tests.euicc_card.world import BOOTSTRAP, NORD, SUED, Eim, certificate, delete, enable

from .https_peer import Identity


@pytest.fixture(scope="module")
def pki_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pki")
    pki.make_pki(directory)
    return directory


@pytest.fixture
def euicc(tmp_path: Path, pki_dir: Path) -> VirtualEuicc:
    return VirtualEuicc.open(tmp_path, pki_dir)


class Modem:
    """Counts the card's resets, and resets it after a REFRESH as a modem does."""

    def __init__(self, euicc: VirtualEuicc) -> None:
        self.euicc = euicc
        self.epoch = 0
        self.start()

    def start(self) -> None:
        self.epoch += 1
        self.euicc.reset()
        self.euicc.transmit(bytes.fromhex("8010000002FFFF"))

    def reset(self) -> bytes:
        return self.euicc.reset()

    def transmit(self, apdu: bytes) -> Reply:
        return self.euicc.transmit(apdu)


@pytest.fixture
def modem(euicc: VirtualEuicc) -> Modem:
    return Modem(euicc)


@pytest.fixture
def isdr(modem: Modem) -> Isdr:
    return Isdr(UiccCard(modem, lambda: modem.epoch), Waits(), sleep=lambda _: None)


@pytest.fixture
def eim(isdr: Isdr) -> Eim:
    eim = Eim()
    [eim.token] = es10b.add_initial_eim(isdr, [eim.configuration(bytes.fromhex("8401FF"))])
    return eim


def enabled(isdr: Isdr) -> list[str]:
    return [p.iccid for p in es10c.profiles(isdr) if p.enabled]


def test_the_card_tells_who_it_is(isdr: Isdr, euicc: VirtualEuicc) -> None:
    assert es10c.eid(isdr).hex() == euicc.eid
    assert len(es10b.challenge(isdr)) == 16
    assert es10b.challenge(isdr) != es10b.challenge(isdr)


def test_the_card_tells_what_it_can(isdr: Isdr) -> None:
    info = es10b.info2(isdr)
    assert info.fallback_supported
    assert info.iot_versions
    assert info.ci_pk_ids_signing
    assert info.der[:2] == b"\xbf\x22"
    assert es10b.info1(isdr)[:2] == b"\xbf\x20"
    assert es10b.get_rat(isdr)[:1] == b"\xa0"
    es10a.set_default_dp_address(isdr, "smdp.example")
    assert es10a.configured_addresses(isdr).default_smdp == "smdp.example"


def test_the_cards_certificates_are_whole_ones(isdr: Isdr) -> None:
    eum, own = (certificate(der) for der in es10b.certs(isdr))
    own.public_key()
    assert own.issuer == eum.subject
    with pytest.raises(EuiccRefused, match="invalidCiPKId"):
        es10b.certs(isdr, b"another")


def test_profiles_are_listed_with_what_only_a_tag_list_brings(isdr: Isdr) -> None:
    found = {p.iccid: p for p in es10c.profiles(isdr)}
    assert list(found) == [BOOTSTRAP, NORD, SUED]
    bootstrap = found[BOOTSTRAP]
    assert (bootstrap.enabled, bootstrap.fallback, bootstrap.fallback_allowed) == (True, True, True)
    assert (bootstrap.profile_class, found[NORD].profile_class) == ("provisioning", "operational")
    assert found[NORD].fallback_allowed is not None
    assert [p.iccid for p in es10c.profiles(isdr, iccid=SUED)] == [SUED]
    assert [p.iccid for p in es10c.profiles(isdr, aid=found[NORD].aid)] == [NORD]
    assert [p.iccid for p in es10c.profiles(isdr, profile_class="provisioning")] == [BOOTSTRAP]


def test_an_associated_eim_is_found_with_its_anchor(isdr: Isdr, stranger: Identity) -> None:
    eim = Eim("eim.example")
    anchor = wrap(0xA6, wrap(0xA0, stranger.spki[2:]))  # the tag takes the place of the key's 30
    configuration = eim.configuration(wrap(0x81, b"eim.example:4433"), anchor)
    assert es10b.add_initial_eim(isdr, [configuration]) == (None,)
    [found] = es10b.eim_configurations(isdr)
    assert (found.eim_id, found.fqdn) == ("eim.example", "eim.example:4433")
    assert found.tls_anchor == TlsAnchor("key", stranger.spki)
    assert found.public_key == eim.public_key_data()
    assert es10b.eim_configurations(isdr, "eim.example") == (found,)
    assert es10b.eim_configurations(isdr, "another") == ()
    with pytest.raises(EuiccRefused, match="associatedEimAlreadyExists"):
        es10b.add_initial_eim(isdr, [configuration])


@pytest.mark.parametrize("block", [255, 100, 1])
def test_a_package_is_executed_and_its_result_kept_until_removed(
    modem: Modem, euicc: VirtualEuicc, eim: Eim, block: int
) -> None:
    isdr = Isdr(UiccCard(modem), Waits(), sleep=lambda _: None, block=block)
    result = es10b.load_euicc_package(isdr, eim.package(euicc, delete(SUED), transaction=b"\x01\x02"))
    assert (result.kind, result.eim_id, result.counter) == ("result", eim.eim_id, 1)
    assert result.transaction_id == b"\x01\x02"
    assert (result.results, result.failed, result.switched) == ((("deleteResult", "ok"),), None, False)
    assert result.seq is not None
    assert es10b.package_results(isdr) == (result,)
    assert es10b.package_results(isdr, seq=result.seq) == (result,)
    assert es10b.package_results(isdr, seq=result.seq + 100) == ()
    [notification] = es10b.notifications(isdr)
    assert (notification.event, notification.iccid) == ("delete", SUED)
    assert es10b.notifications(isdr, event="delete") == es10b.notifications(isdr, seq=notification.seq)
    assert es10b.notifications(isdr, event="enable") == ()
    assert [n.seq for n in es10b.list_notifications(isdr)] == [notification.seq]
    assert es10b.remove_notification(isdr, result.seq)
    assert es10b.remove_notification(isdr, notification.seq)
    assert es10b.package_results(isdr) == ()
    assert es10b.notifications(isdr) == ()
    assert not es10b.remove_notification(isdr, result.seq)


def test_the_cards_own_refusals_are_results_too(isdr: Isdr, euicc: VirtualEuicc, eim: Eim) -> None:
    replay = eim.package(euicc, delete(SUED))
    es10b.load_euicc_package(isdr, replay)
    assert es10b.load_euicc_package(isdr, replay).error == "replayError"
    assert (
        es10b.load_euicc_package(isdr, eim.package(euicc, delete(NORD), eid="00" * 16)).error == "invalidEid"
    )
    *start, last = eim.package(euicc, delete(NORD))
    forged = bytes([*start, last ^ 1])
    assert es10b.load_euicc_package(isdr, forged).kind == "unsigned"
    assert NORD in {p.iccid for p in es10c.profiles(isdr)}


def test_an_enable_is_a_switch_and_its_rollback_returns_the_result_that_replaces_it(
    isdr: Isdr, modem: Modem, euicc: VirtualEuicc, eim: Eim
) -> None:
    result = es10b.load_euicc_package(isdr, eim.package(euicc, enable(NORD, rollback=True)))
    assert result.switched
    modem.start()
    with pytest.raises(ChannelLost):
        es10c.eid(isdr)
    assert enabled(isdr) == [NORD]
    rolled_back = es10b.profile_rollback(isdr)
    assert rolled_back is not None
    assert (rolled_back.counter, rolled_back.switched) == (result.counter, True)
    assert ("rollbackResult", "ok") in rolled_back.results
    modem.start()
    isdr.reset()
    assert enabled(isdr) == [BOOTSTRAP]
    assert [r.der for r in es10b.package_results(isdr)] == [rolled_back.der]
    with pytest.raises(EuiccRefused, match="rollbackNotAllowed"):
        es10b.profile_rollback(isdr)


def test_fallback_and_return(isdr: Isdr, modem: Modem, euicc: VirtualEuicc, eim: Eim) -> None:
    with pytest.raises(EuiccRefused, match="profileNotInDisabledState"):
        es10b.execute_fallback(isdr)
    es10b.load_euicc_package(isdr, eim.package(euicc, enable(NORD)))
    modem.start()
    isdr.reset()
    es10b.execute_fallback(isdr)
    modem.start()
    isdr.reset()
    assert enabled(isdr) == [BOOTSTRAP]
    es10b.return_from_fallback(isdr)
    modem.start()
    isdr.reset()
    assert enabled(isdr) == [NORD]


def test_a_busy_card_is_waited_for_and_given_up_on(
    modem: Modem, euicc: VirtualEuicc, eim: Eim, isdr: Isdr
) -> None:
    es10b.load_euicc_package(isdr, eim.package(euicc, enable(NORD)))
    modem.start()
    waited: list[float] = []
    patient = Isdr(UiccCard(modem), Waits(cat_busy=0.5), sleep=waited.append)
    euicc.busy_answers = 100
    with pytest.raises(EuiccRefused, match="catBusy"):
        es10b.execute_fallback(patient)
    assert waited == [0.5] * 4
    euicc.busy_answers = 2
    es10b.execute_fallback(patient)
    assert waited == [0.5] * 6


def test_immediate_enabling_is_configured_before_the_first_eim_only(isdr: Isdr) -> None:
    es10b.configure_immediate_enabling(isdr, True, smdp_oid="2.999.1", smdp_address="smdp.example")
    es10b.add_initial_eim(isdr, [Eim().configuration()])
    with pytest.raises(EuiccRefused, match="associatedEimAlreadyExists"):
        es10b.configure_immediate_enabling(isdr, False)


def test_a_card_without_that_application_is_refused(modem: Modem) -> None:
    isdr = Isdr(UiccCard(modem), Waits(), aid=bytes.fromhex("A000000559AA"), sleep=lambda _: None)
    with pytest.raises(CardRefused, match="6A82"):
        es10c.eid(isdr)

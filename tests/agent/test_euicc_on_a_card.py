"""The agent's ES10 functions on the virtual eUICC, by way of a modem: AT engine, CSIM, pty, mock modem.

Real chaining, channels, signatures, switches and REFRESHes; the card is the testbed's, in all its shapes.
"""

from pathlib import Path

import pytest

from ipad.asn1 import value, wrap
from ipad.eim import TlsAnchor
from ipad.errors import EuiccRefused
from ipad.euicc import es10a, es10b, es10c
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import MemoryReset
from ipad.testbed.euicc.shapes import SHAPES
from modem.errors import CardRefused, ChannelLost
from tests.euicc_card.world import BOOTSTRAP, NORD, SUED, Eim, Verifier, certificate, delete, enable
from tests.modem.mocked import radio_of

from .card_site import EMERGENCY, WAITS, Build, Site, associated
from .https_peer import Identity


@pytest.fixture
def consumer(build: Build) -> Site:
    return build(consumer=True)


@pytest.fixture
def isdr(site: Site) -> Isdr:
    return site.isdr


@pytest.fixture
def eim(site: Site) -> Eim:
    return associated(site)


# What the card tells of itself


def test_the_card_tells_who_it_is(site: Site) -> None:
    assert es10c.eid(site.isdr).hex() == site.euicc.eid
    assert len(es10b.challenge(site.isdr)) == 16
    assert es10b.challenge(site.isdr) != es10b.challenge(site.isdr)


def test_the_card_tells_what_it_can(isdr: Isdr) -> None:
    info = es10b.info2(isdr)
    assert (info.fallback_supported, info.ecall_supported, info.ipa_mode) == (True, True, "ipad")
    assert info.iot_versions
    assert info.ci_pk_ids_signing
    assert info.der[:2] == b"\xbf\x22"
    assert es10b.info1(isdr)[:2] == b"\xbf\x20"
    assert es10b.get_rat(isdr)[:1] == b"\xa0"


def test_the_default_smdp_address_is_set_and_removed(isdr: Isdr) -> None:
    es10a.set_default_dp_address(isdr, "smdp.example")
    assert es10a.configured_addresses(isdr).default_smdp == "smdp.example"
    assert es10a.configured_addresses(isdr).root_smds
    es10a.set_default_dp_address(isdr, "")
    assert es10a.configured_addresses(isdr).default_smdp is None


def test_the_cards_certificates_are_whole_ones(isdr: Isdr) -> None:
    eum, own = (certificate(der) for der in es10b.certs(isdr))
    own.public_key()
    assert own.issuer == eum.subject
    [ci] = es10b.info2(isdr).ci_pk_ids_signing
    assert es10b.certs(isdr, ci) == es10b.certs(isdr)
    with pytest.raises(EuiccRefused, match="invalidCiPKId"):
        es10b.certs(isdr, b"another")


def test_profiles_are_listed_with_what_only_a_tag_list_brings(isdr: Isdr) -> None:
    found = {p.iccid: p for p in es10c.profiles(isdr)}
    assert list(found) == [BOOTSTRAP, NORD, SUED, EMERGENCY]
    bootstrap = found[BOOTSTRAP]
    assert (bootstrap.enabled, bootstrap.fallback, bootstrap.fallback_allowed) == (True, True, True)
    assert (bootstrap.profile_class, found[NORD].profile_class) == ("provisioning", "operational")
    assert found[NORD].fallback_allowed is not None
    assert (found[NORD].ecall, found[EMERGENCY].ecall) == (False, True)
    assert [p.iccid for p in es10c.profiles(isdr, iccid=SUED)] == [SUED]
    assert [p.iccid for p in es10c.profiles(isdr, aid=found[NORD].aid)] == [NORD]
    assert [p.iccid for p in es10c.profiles(isdr, profile_class="provisioning")] == [BOOTSTRAP]
    [short] = es10c.profiles(isdr, tags=bytes.fromhex("5A9F70"), iccid=BOOTSTRAP)
    assert (short.iccid, short.enabled, short.name) == (BOOTSTRAP, True, None)
    assert not isdr.refuses_tag_list


def test_connectivity_parameters_are_the_enabled_profiles(site: Site, eim: Eim) -> None:
    assert es10b.connectivity_parameters(site.isdr) is None
    site.switch_to(eim, NORD)
    found = es10b.connectivity_parameters(site.isdr)
    assert found is not None
    assert b"\x04nord" in found


# eIMs and their packages


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


@pytest.mark.parametrize("block", [255, 100, 20])
def test_a_package_is_executed_and_its_result_kept_until_removed(site: Site, eim: Eim, block: int) -> None:
    isdr = site.isdr_with(block=block)
    result = es10b.load_euicc_package(isdr, eim.package(site.euicc, delete(SUED), transaction=b"\x01\x02"))
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
    assert [n.seq for n in es10b.list_notifications(isdr, event="delete")] == [notification.seq]
    assert es10b.list_notifications(isdr, event="install") == ()
    assert es10b.remove_notification(isdr, result.seq)
    assert es10b.remove_notification(isdr, notification.seq)
    assert es10b.package_results(isdr) == ()
    assert es10b.notifications(isdr) == ()
    assert not es10b.remove_notification(isdr, result.seq)


def test_the_cards_own_refusals_are_results_too(site: Site, eim: Eim) -> None:
    replay = eim.package(site.euicc, delete(SUED))
    es10b.load_euicc_package(site.isdr, replay)
    assert es10b.load_euicc_package(site.isdr, replay).error == "replayError"
    for_another = eim.package(site.euicc, delete(NORD), eid="00" * 16)
    assert es10b.load_euicc_package(site.isdr, for_another).error == "invalidEid"
    *start, last = eim.package(site.euicc, delete(NORD))
    forged = bytes([*start, last ^ 1])
    assert es10b.load_euicc_package(site.isdr, forged).kind == "unsigned"
    assert NORD in {p.iccid for p in es10c.profiles(site.isdr)}


def test_immediate_enabling_is_configured_before_the_first_eim_only(site: Site) -> None:
    with pytest.raises(EuiccRefused, match="immediateEnableNotAvailable"):
        es10b.immediate_enable(site.isdr)
    es10b.configure_immediate_enabling(site.isdr, True, smdp_oid="2.999.1", smdp_address="smdp.example")
    with pytest.raises(EuiccRefused, match="noSessionContext"):
        es10b.immediate_enable(site.isdr)
    associated(site)
    with pytest.raises(EuiccRefused, match="associatedEimAlreadyExists"):
        es10b.configure_immediate_enabling(site.isdr, False)


# Switches


def test_an_enable_is_a_switch_and_its_rollback_returns_the_result_that_replaces_it(
    site: Site, eim: Eim
) -> None:
    isdr = site.isdr
    result = es10b.load_euicc_package(isdr, eim.package(site.euicc, enable(NORD, rollback=True)))
    assert result.switched
    radio_of(site.modem).take_profile(NORD)
    with pytest.raises(ChannelLost):
        es10c.eid(isdr)
    assert site.enabled() == NORD
    rolled_back = es10b.profile_rollback(isdr)
    assert rolled_back is not None
    assert (rolled_back.counter, rolled_back.switched) == (result.counter, True)
    assert ("rollbackResult", "ok") in rolled_back.results
    site.take(BOOTSTRAP)
    assert site.enabled() == BOOTSTRAP
    assert [r.der for r in es10b.package_results(isdr)] == [rolled_back.der]
    with pytest.raises(EuiccRefused, match="rollbackNotAllowed"):
        es10b.profile_rollback(isdr)


def test_fallback_and_return(site: Site, eim: Eim) -> None:
    with pytest.raises(EuiccRefused, match="profileNotInDisabledState"):
        es10b.execute_fallback(site.isdr)
    with pytest.raises(EuiccRefused, match="fallbackNotAvailable"):
        es10b.return_from_fallback(site.isdr)
    site.switch_to(eim, NORD)
    es10b.execute_fallback(site.isdr)
    site.take(BOOTSTRAP)
    assert site.enabled() == BOOTSTRAP
    es10b.return_from_fallback(site.isdr)
    site.take(NORD)
    assert site.enabled() == NORD


def test_an_emergency_and_after(site: Site, eim: Eim) -> None:
    with pytest.raises(EuiccRefused, match="profileNotInEnabledState"):
        es10b.disable_emergency_profile(site.isdr)
    es10b.enable_emergency_profile(site.isdr)
    site.take(EMERGENCY)
    with pytest.raises(EuiccRefused, match="profileNotInDisabledState"):
        es10b.enable_emergency_profile(site.isdr)
    with pytest.raises(EuiccRefused, match="ecallActive"):
        es10b.execute_fallback(site.isdr)
    with pytest.raises(EuiccRefused, match="ecallActive"):
        es10b.memory_reset(site.isdr, ["resetEimConfigData"])
    package = eim.package(site.euicc, delete(SUED))
    assert es10b.load_euicc_package(site.isdr, package).error == "ecallActive"
    es10b.disable_emergency_profile(site.isdr)
    site.take(BOOTSTRAP)
    assert es10b.load_euicc_package(site.isdr, package).failed is None


def test_a_busy_card_is_waited_for_and_given_up_on(site: Site, eim: Eim) -> None:
    site.switch_to(eim, NORD)
    site.euicc.busy_answers = 100
    with pytest.raises(EuiccRefused, match="catBusy"):
        es10b.execute_fallback(site.isdr)
    assert site.waited == [WAITS.cat_busy] * 4
    site.euicc.busy_answers = 2
    es10b.execute_fallback(site.isdr)
    assert site.waited == [WAITS.cat_busy] * 6


# Memory reset


@pytest.mark.usefixtures("eim")
def test_a_memory_reset_tells_of_each_part(site: Site) -> None:
    options = ["deleteOperationalProfiles", "resetEimConfigData", "resetImmediateEnableConfig"]
    assert es10b.memory_reset(site.isdr, options) == MemoryReset("ok", "ok", "ok")
    assert [p.iccid for p in es10c.profiles(site.isdr)] == [BOOTSTRAP]
    assert es10b.eim_configurations(site.isdr) == ()
    again = es10b.memory_reset(site.isdr, options)
    assert again == MemoryReset("nothingToDelete", "nothingToDelete", "ok")
    es10a.set_default_dp_address(site.isdr, "dp.example")
    assert es10b.memory_reset(site.isdr, ["resetDefaultSmdpAddress"]) == MemoryReset("ok")
    assert es10a.configured_addresses(site.isdr).default_smdp is None
    es10b.memory_reset(site.isdr, ["deleteProvisioningProfiles"])
    site.take(None)
    assert es10c.profiles(site.isdr) == ()


# A consumer card


def test_a_consumer_card_does_not_know_what_the_iot_functions_are(consumer: Site) -> None:
    for function in (
        es10b.eim_configurations,
        es10b.execute_fallback,
        es10b.connectivity_parameters,
        es10b.certs,
    ):
        with pytest.raises(CardRefused):
            function(consumer.isdr)
    with pytest.raises(CardRefused):
        es10a.set_default_dp_address(consumer.isdr, "dp.example")
    assert es10b.info2(consumer.isdr).iot_versions == ()


@pytest.mark.parametrize("by", ["iccid", "aid"])
def test_its_profiles_are_enabled_disabled_and_deleted(consumer: Site, by: str) -> None:
    isdr = consumer.isdr
    found = {p.iccid: p for p in es10c.profiles(isdr)}
    assert isdr.refuses_tag_list

    def named(iccid: str) -> str | bytes:
        aid = found[iccid].aid
        assert aid is not None
        return iccid if by == "iccid" else aid

    es10c.enable_profile(isdr, named(NORD))
    consumer.take(NORD)
    assert consumer.enabled() == NORD
    with pytest.raises(EuiccRefused, match="profileNotInDisabledState"):
        es10c.enable_profile(isdr, named(NORD))
    with pytest.raises(EuiccRefused, match="profileNotInEnabledState"):
        es10c.disable_profile(isdr, named(SUED))
    with pytest.raises(EuiccRefused, match="profileNotInDisabledState"):
        es10c.delete_profile(isdr, named(NORD))
    es10c.disable_profile(isdr, named(NORD), refresh=False)
    consumer.isdr.reset()
    assert consumer.enabled() is None
    es10c.delete_profile(isdr, named(NORD))
    with pytest.raises(EuiccRefused, match="iccidOrAidNotFound"):
        es10c.delete_profile(isdr, named(NORD))
    assert [n.event for n in es10b.list_notifications(isdr)] == ["disable", "enable", "disable", "delete"]


def test_its_nicknames_address_and_memory(consumer: Site) -> None:
    isdr = consumer.isdr
    es10c.set_nickname(isdr, NORD, "Käfer")
    assert [p.nickname for p in es10c.profiles(isdr, iccid=NORD)] == ["Käfer"]
    es10c.set_nickname(isdr, NORD, "")
    assert [p.nickname for p in es10c.profiles(isdr, iccid=NORD)] == [None]
    with pytest.raises(EuiccRefused, match="iccidNotFound"):
        es10c.set_nickname(isdr, "8900000000000000000", "x")
    es10a.set_default_dp_address(isdr, "dp.example", consumer=True)
    assert es10a.configured_addresses(isdr).default_smdp == "dp.example"
    options = ["deleteOperationalProfiles", "resetDefaultSmdpAddress"]
    assert es10b.memory_reset(isdr, options, consumer=True) == MemoryReset("ok")
    assert es10a.configured_addresses(isdr).default_smdp is None
    assert NORD not in {p.iccid for p in es10c.profiles(isdr)}
    assert es10b.memory_reset(isdr, options, consumer=True) == MemoryReset("nothingToDelete")


# Cards of the field


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_a_card_of_the_field_is_read_like_the_standards(build: Build, pki_dir: Path, shape: str) -> None:
    site = build(shapes=[shape])
    isdr, eim, verifier = site.isdr, associated(site), Verifier(pki_dir)
    eum, own = (certificate(der) for der in es10b.certs(isdr))
    assert own.issuer == eum.subject
    [found] = es10b.eim_configurations(isdr)
    assert found.tls_anchor == TlsAnchor("key", wrap(0x30, value(value(eim.public_key_data()))))
    assert [p.iccid for p in es10c.profiles(isdr) if p.enabled] == [BOOTSTRAP]
    assert isdr.refuses_tag_list is (shape == "no-tag-lists")
    # A list that no card takes: its error is understood, and the card is asked without one.
    assert len(es10c.profiles(isdr, tags=b"\x9f")) == 4
    assert isdr.refuses_tag_list
    isdr.refuses_tag_list = False
    package = eim.package(site.euicc, enable(NORD, rollback=True))
    result = es10b.load_euicc_package(isdr, package)
    assert verifier.result(result.der, eim)["euiccResult"] == [("enableResult", 0)]
    site.take(NORD)
    assert es10b.package_results(isdr) == (result,)
    replayed = es10b.load_euicc_package(isdr, package)
    assert verifier.result(replayed.der, eim)["euiccPackageErrorCode"] == 4
    unknown = es10b.load_euicc_package(isdr, Eim("another").package(site.euicc, delete(SUED)))
    assert (unknown.kind, unknown.eim_id) == ("unsigned", "another")
    rolled_back = es10b.profile_rollback(isdr)
    assert rolled_back is not None
    assert rolled_back.switched
    assert verifier.result(rolled_back.der, eim)["euiccResult"][-1] == ("rollbackResult", 0)
    site.take(BOOTSTRAP)
    assert es10b.package_results(isdr) == (rolled_back,)


def test_a_card_without_that_application_is_refused(site: Site) -> None:
    with pytest.raises(CardRefused, match="6A82"):
        es10c.eid(site.isdr_with(aid=bytes.fromhex("A000000559AA")))

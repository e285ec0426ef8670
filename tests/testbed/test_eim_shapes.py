"""Odd shapes that the eIM sends when it is told to."""

from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import decode, find, member, tlvs, value, wrap
from ipad.errors import ConfigError
from ipad.testbed import cli
from ipad.testbed.eim.odd import bare_configuration, configuration
from ipad.testbed.eim.serve import Settings, running
from ipad.testbed.eim.shapes import SHAPES, chosen
from tests.euicc_card.world import SUED
from tests.testbed.eim_world import HEADERS, JSON_HEADERS, Admin, JsonIpa, World, octets, world
from tests.testbed.test_eim_results import notifications

LIST: dict[str, object] = {"listProfileInfo": {}}


def ask(here: World, function: str, **request: Any) -> Any:
    assert isinstance(here.ipa, JsonIpa)
    return here.ipa.ask(function, **request)


def test_no_package_may_be_a_header_of_failure(tmp_path: Path, pki_dir: Path) -> None:
    with world(tmp_path, pki_dir, binding="json", shapes=frozenset({"no-package-header"})) as here:
        assert ask(here, "getEimPackage", eidValue=here.eid) == ("8.1.1", "3.7")


def test_an_error_of_zero_may_stand_beside_a_package(tmp_path: Path, pki_dir: Path) -> None:
    with world(tmp_path, pki_dir, binding="json", shapes=frozenset({"error-zero"})) as here:
        here.order(LIST)
        answered = ask(here, "getEimPackage", eidValue=here.eid)
        assert answered["eimPackageError"] == 0
        result = here.load(octets(answered["euiccPackageRequest"]))
        assert here.provide(result)[0] == "eimAcknowledgements"
        assert ask(here, "getEimPackage", eidValue=here.eid) == {"eimPackageError": 1}


@pytest.mark.parametrize("binding", ["asn1", "json"])
def test_a_notification_may_be_answered_with_an_empty_200(
    tmp_path: Path, pki_dir: Path, binding: str
) -> None:
    with world(tmp_path, pki_dir, binding=binding, shapes=frozenset({"empty-200"})) as here:
        here.order({"enable": SUED})
        here.load(here.fetch())
        here.terminal.refresh()
        one, _ = notifications(here.terminal)
        assert here.ipa.handle_notification(wrap(0xA0, one)) == 200
        assert here.ipa.handle_notification(wrap(0xA0, one[:-1] + bytes([one[-1] ^ 1]))) != 200


@pytest.mark.parametrize("binding", ["asn1", "json"])
def test_the_eim_may_acknowledge_a_number_of_its_own(tmp_path: Path, pki_dir: Path, binding: str) -> None:
    with world(tmp_path, pki_dir, binding=binding, shapes=frozenset({"own-numbers"})) as here:
        here.order(LIST)
        result = here.load(here.fetch())
        seq = decode("EuiccPackageResult", result)[1]["euiccPackageResultDataSigned"]["seqNumber"]
        assert here.provide(result) == ("eimAcknowledgements", [seq, 4711])


def test_the_eim_may_want_another_version_of_the_protocol(tmp_path: Path, pki_dir: Path) -> None:
    with world(tmp_path, pki_dir, shapes=frozenset({"protocol-2.1.0"})) as here:
        poll = wrap(0xBF4F, wrap(0x5A, bytes.fromhex(here.eid)))
        assert here.ipa.request(poll)[0] == 400
        headers = {**HEADERS, "X-Admin-Protocol": "gsma/rsp/v2.1.0"}
        assert here.ipa.request(poll, headers=headers)[0] == 200
        headers["Content-Type"] = JSON_HEADERS["Content-Type"]
        body = b'{"eidValue": "%s"}' % here.eid.encode()
        assert here.ipa.request(body, "/gsma/rsp2/esipa/getEimPackage", headers=headers)[0] == 200


@pytest.mark.parametrize(
    ("anchor", "key", "arms"), [("ca", None, (0xA1, 0xA1)), ("key", "bare", (0xA0, 0xA0))]
)
def test_keys_and_certificates_may_stand_bare(
    tmp_path: Path, pki_dir: Path, anchor: str, key: str | None, arms: tuple[int, int]
) -> None:
    with world(tmp_path, pki_dir, anchor=anchor) as here:
        whole = bytes.fromhex(here.admin.get("/config", key=key)["eimConfigurationData"])
    bare = bare_configuration(whole)
    for tag, arm in zip((0xA5, 0xA6), arms, strict=True):
        assert find(bare, 0x30, tag, 0x30) is not None
        assert value(member(bare, 0x30, tag, 0x30)) == value(member(whole, 0x30, tag, arm))
    assert configuration(bare) == whole
    assert configuration(whole) == whole


def test_an_eim_offers_and_adds_bare_configurations(tmp_path: Path, pki_dir: Path) -> None:
    with world(tmp_path, pki_dir) as here:
        bare = bare_configuration(bytes.fromhex(here.admin.get("/config")["eimConfigurationData"]))
        here.order({"addEim": bare.hex()})
        package = here.fetch()
        eco = member(package, 0xBF51, 0x30, 0xA1, 0xA8)
        assert value(eco) == value(bare)
    # No card needs to take it: what the eIM offers is looked at, not loaded.
    with running(Settings(tmp_path / "odd", pki=pki_dir, shapes=frozenset({"bare-key-data"}))) as eim:
        offered = bytes.fromhex(Admin(eim.admin).get("/config")["eimConfigurationData"])
    assert [tag for tag, _ in tlvs(value(member(offered, 0x30, 0xA5)))] == [0x30]
    assert [tag for tag, _ in tlvs(value(member(offered, 0x30, 0xA6)))] == [0x30]


def test_a_shape_that_there_is_not_is_refused_with_the_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chosen(SHAPES) == set(SHAPES)
    with pytest.raises(ConfigError, match="no shape round"):
        chosen(["round"])
    assert cli.main(["eim", "--state", str(tmp_path), "--shape", "round", "--port", "0"]) == 1
    told = capsys.readouterr().err
    assert all(name in told for name in SHAPES)

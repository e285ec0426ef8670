"""`ipad provision` over the real AT path to the virtual eUICC: once, twice, half, and another's."""

import json
import os
from pathlib import Path

import pytest

from ipad.errors import EuiccRefused
from ipad.euicc import es10a, es10b
from tests.agent_parts.workbench import EIM_ID, FQDN, Workbench, workbench

SMDP = "smdp.example"
IMMEDIATE = {"immediateEnable": True, "defaultSmdpAddress": SMDP, "defaultSmdpOid": "2.999.10"}


def test_a_new_card_is_provisioned_and_the_record_says_what_the_card_says(bench: Workbench) -> None:
    record = bench.answer("provision", "--eim", str(bench.eim_file(factory=IMMEDIATE)))
    card = bench.card()
    [eim] = card["eims"]
    assert record["eid"] == card["eid"]
    assert record["iccids"] == [p["iccid"] for p in card["profiles"]]
    assert record["eims"] == [{"eim_id": EIM_ID, "fqdn": FQDN, "association_token": eim["associationToken"]}]
    assert eim["associationToken"] > 0
    assert record["default_smdp"] == SMDP
    assert len(record["imei"]) == 15
    assert record["changed"] is True
    assert len(record["did"]) == 3
    assert record["not_read_back"] == ["counterValue", "immediate enabling"]


def test_the_record_is_exactly_one_line_of_json_and_the_last_line_for_people(bench: Workbench) -> None:
    file = str(bench.eim_file())
    status, out, _ = bench.ipad("provision", "--eim", file, "--json")
    assert status == 0
    assert len(out.splitlines()) == 1
    status, out, _ = bench.ipad("provision", "--eim", file)
    assert status == 0
    *words, last = out.splitlines()
    assert json.loads(last)["eid"] == bench.card()["eid"]
    assert "everything is as it should be: nothing was changed" in words
    assert any("cannot be read back" in line for line in words)


def test_a_second_run_changes_nothing_and_says_so(bench: Workbench) -> None:
    file = str(bench.eim_file(factory=IMMEDIATE))
    first = bench.answer("provision", "--eim", file)
    before = bench.card()
    second = bench.answer("provision", "--eim", file)
    assert bench.card() == before
    assert (second["changed"], second["did"]) == (False, [])
    assert second["eims"] == first["eims"]
    assert any("was not set now" in note for note in second["notes"])


def test_der_is_taken_as_well(bench: Workbench) -> None:
    from ipad import eim_file

    [der] = eim_file.load(bench.eim_file(associationToken=None)).eims
    file = bench.directory / "eim.der"
    file.write_bytes(der)
    record = bench.answer("provision", "--eim", str(file), "--smdp", SMDP, "--immediate-enable")
    assert record["default_smdp"] == SMDP
    assert record["eims"] == [{"eim_id": EIM_ID, "fqdn": FQDN, "association_token": None}]
    assert "immediate enabling switched on" in record["did"]
    assert bench.card()["defaultDpAddress"] == SMDP


def test_several_eims_are_associated_at_once(bench: Workbench) -> None:
    one = bench.eim_file().read_text("utf-8")
    file = bench.directory / "two.toml"
    file.write_text(f"[[eim]]\n{one}\n[[eim]]\n{one.replace(EIM_ID, 'second.example')}", "utf-8")
    record = bench.answer("provision", "--eim", str(file))
    assert [e["eim_id"] for e in record["eims"]] == [EIM_ID, "second.example"]
    assert [e["eimId"] for e in bench.card()["eims"]] == [EIM_ID, "second.example"]
    # The first of them alone is there as it should be.
    assert bench.answer("provision", "--eim", str(bench.eim_file()))["changed"] is False


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"eimId": "other.example"}, "other.example is not associated"),
        ({"eimFqdn": "other.example"}, f"has eimFqdn {FQDN}, not other.example"),
        ({"eimCertificate": "eim-tls.pem"}, "has another public key"),
        ({"trustedCertificateTls": "eim-tls.pem"}, "has another trustedPublicKeyDataTls"),
        ({"trustedCertificateTls": None}, "has another trustedPublicKeyDataTls"),
        ({"associationToken": 5}, "not 5"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_card_of_another_eim_is_refused_with_what_to_do(
    bench: Workbench, members: dict[str, str | int | None], said: str
) -> None:
    bench.answer("provision", "--eim", str(bench.eim_file()))
    before = bench.card()
    where = {k: str(bench.pki / str(v)) if str(v).endswith(".pem") else v for k, v in members.items()}
    file = bench.eim_file("other.toml", **where, factory={"defaultSmdpAddress": SMDP})
    err = bench.refused("provision", "--eim", str(file))
    assert said in err
    assert "Nothing was changed" in err
    assert "resetEimConfigData" in err
    assert bench.card() == before


def test_a_key_is_the_same_as_the_certificate_s(bench: Workbench) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    certificate = x509.load_pem_x509_certificate((bench.pki / "eim.pem").read_bytes())
    key = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    bench.answer("provision", "--eim", str(bench.eim_file()))
    file = bench.eim_file("key.toml", eimCertificate=None, eimPublicKey=key.decode())
    assert bench.answer("provision", "--eim", str(file))["changed"] is False


def test_the_default_address_is_set_later_too(bench: Workbench) -> None:
    bench.answer("provision", "--eim", str(bench.eim_file()))
    record = bench.answer("provision", "--eim", str(bench.eim_file()), "--smdp", SMDP)
    assert record["did"] == [f"default SM-DP+ address: {SMDP} (was: none)"]
    assert bench.card()["defaultDpAddress"] == SMDP


@pytest.mark.parametrize(
    "step", ["configure_immediate_enabling", "set_default_dp_address", "add_initial_eim"]
)
def test_a_run_that_broke_off_is_completed_by_the_next(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    module = es10a if step == "set_default_dp_address" else es10b
    real = getattr(module, step)

    def done_and_lost(*arguments: object, **more: object) -> None:
        real(*arguments, **more)
        raise EuiccRefused(step, "the answer got lost", 0)

    file = str(bench.eim_file(factory=IMMEDIATE))
    with monkeypatch.context() as broken:
        broken.setattr(module, step, done_and_lost)
        assert "the answer got lost" in bench.refused("provision", "--eim", file)
    record = bench.answer("provision", "--eim", file)
    assert record["default_smdp"] == SMDP
    assert [e["eim_id"] for e in record["eims"]] == [EIM_ID]
    assert bench.answer("provision", "--eim", file)["changed"] is False


def test_a_wrong_address_on_the_command_line_changes_nothing(bench: Workbench) -> None:
    before = bench.card()
    for wrong in ("", "https://smdp.example", "smdp.example/path", "x" * 300):
        assert "--smdp" in bench.refused("provision", "--eim", str(bench.eim_file()), "--smdp", wrong)
    assert bench.card() == before


def test_a_consumer_card_is_provisioned_by_the_agent_in_its_place_and_says_what_it_lacks(
    tmp_path: Path, pki_dir: Path, capsys: "pytest.CaptureFixture[str]"
) -> None:
    with workbench(tmp_path, pki_dir, capsys, consumer=True) as bench:
        file = str(bench.eim_file(factory=IMMEDIATE))
        record = bench.answer("provision", "--eim", file)
        assert record["eid"] == bench.card()["eid"]
        assert [e["eim_id"] for e in record["eims"]] == [EIM_ID]
        assert record["default_smdp"] == SMDP == bench.card()["defaultDpAddress"]
        said = " ".join(record["notes"])
        assert "device key" in said
        assert "immediate enabling was not set: this card has no such function" in said
        assert not any("immediate" in line for line in record["did"])
        assert not bench.card()["eims"], "such a card cannot keep them"
        again = bench.answer("provision", "--eim", file)
        assert again["changed"] is False
        assert again["eims"] == record["eims"]
        other = bench.eim_file("other.toml", eimFqdn="other.example")
        assert "Nothing was changed" in bench.refused("provision", "--eim", str(other))


def test_what_root_makes_for_a_consumer_card_is_the_daemon_s(
    tmp_path: Path, pki_dir: Path, capsys: "pytest.CaptureFixture[str]"
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 1234, 1234)
    with workbench(tmp_path, pki_dir, capsys, consumer=True) as bench:
        bench.answer("provision", "--eim", str(bench.eim_file()))
    assert {path.name: path.stat().st_uid for path in state.iterdir()} == {"journal.db": 1234}

"""What the card tells of itself."""

from pathlib import Path

from ipad.asn1 import decode, encode, member, value, wrap
from ipad.testbed import pki
from ipad.testbed.euicc import VirtualEuicc

from .world import NORD, Eim, Terminal, certificate, disable, enable


def run(terminal: Terminal, name: str, command: str) -> dict[str, object]:
    found: dict[str, object] = decode(name, terminal.run(bytes.fromhex(command)))
    return found


def test_euicc_info2_says_that_this_is_an_iot_card_with_fallback(terminal: Terminal) -> None:
    info = run(terminal, "EUICCInfo2", "BF2200")
    assert info["iotSpecificInfo"] == {"iotVersion": [b"\x01\x02\x00"], "fallbackSupported": None}
    assert info["ipaMode"] == 0


def test_both_infos_name_the_ci_whose_key_the_chain_hangs_on(terminal: Terminal, pki_dir: Path) -> None:
    ci = pki.subject_key_id(pki.read_certificate(pki.paths(pki_dir).ci))
    for name, command in ("EUICCInfo1", "BF2000"), ("EUICCInfo2", "BF2200"):
        info = run(terminal, name, command)
        assert info["euiccCiPKIdListForVerification"] == [ci]
        assert info["euiccCiPKIdListForSigning"] == [ci]


def test_get_certs_returns_the_chain_under_implicit_tags(
    card: VirtualEuicc, terminal: Terminal, pki_dir: Path
) -> None:
    ci = pki.subject_key_id(pki.read_certificate(pki.paths(pki_dir).ci))
    answer = terminal.run(wrap(0xBF56, wrap(0x80, ci)))
    euicc = certificate(wrap(0x30, value(member(answer, 0xBF56, 0xA0, 0xA6))))
    eum = certificate(wrap(0x30, value(member(answer, 0xBF56, 0xA0, 0xA5))))
    assert pki.eid_of(euicc) == card.eid
    assert euicc.issuer == eum.subject


def test_get_certs_knows_no_other_ci(terminal: Terminal) -> None:
    assert terminal.run(bytes.fromhex("BF5604 80020102")) == bytes.fromhex("BF5603810101")


def test_the_default_dp_address_is_kept_and_can_be_emptied(terminal: Terminal) -> None:
    assert "defaultDpAddress" not in run(terminal, "EuiccConfiguredAddressesResponse", "BF3C00")
    for address in "dp.example", "":
        request = encode("SetDefaultDpAddressRequest", {"defaultDpAddress": address})
        assert terminal.run(request) == bytes.fromhex("BF6503800100")
        addresses = run(terminal, "EuiccConfiguredAddressesResponse", "BF3C00")
        assert addresses.get("defaultDpAddress", "") == address
    assert addresses["rootDsAddress"]


def test_a_challenge_is_another_each_time(terminal: Terminal) -> None:
    challenges = {bytes(terminal.run(bytes.fromhex("BF2E00"))) for _ in range(4)}
    assert {len(challenge) for challenge in challenges} == {21}
    assert len(challenges) == 4


def test_the_rules_authorisation_table_allows_any_operator(terminal: Terminal) -> None:
    rat = run(terminal, "GetRatResponse", "BF4300")["rat"]
    assert rat == [
        {
            "pprIds": (b"\x60", 3),
            "allowedOperators": [{"mccMnc": b"\xee\xee\xee"}],
            "pprFlags": (b"", 0),
        }
    ]


def test_the_enabled_profile_may_bring_connectivity_parameters(
    card: VirtualEuicc, terminal: Terminal, eim: Eim
) -> None:
    name = "GetConnectivityParametersResponse"
    command = bytes.fromhex("BF5F00")
    assert decode(name, terminal.run(command)) == ("connectivityParametersError", 1)
    terminal.run(eim.package(card, enable(NORD)))
    terminal.refresh()
    kind, parameters = decode(name, terminal.run(command))
    assert kind == "connectivityParameters"
    assert value(member(parameters["httpParams"], 0x47)) == b"\x03iot\x04nord\x07example"
    terminal.run(eim.package(card, disable(NORD)))
    terminal.refresh()
    assert decode(name, terminal.run(command)) == ("connectivityParametersError", 1)

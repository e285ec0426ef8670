"""The shapes of cards in the field: another frame around the same signed octets."""

from pathlib import Path

import pytest

from ipad.asn1 import decode, encode, find, member, tlvs, value, wrap
from ipad.errors import ConfigError
from ipad.testbed.euicc import VirtualEuicc
from ipad.testbed.euicc.shapes import SHAPES

from .world import LIST_PROFILES, NORD, Eim, Terminal, Verifier, certificate, enable


class Odd:
    """A card with a shape, and an eIM that is associated with it."""

    def __init__(self, directory: Path, pki_dir: Path, *shapes: str) -> None:
        self.card = VirtualEuicc.open(directory, pki_dir, shapes=shapes)
        self.terminal = Terminal(self.card)
        self.eim = Eim()
        key = wrap(0xA6, wrap(0xA0, value(value(self.eim.public_key_data()))))
        self.eim.associate(self.terminal, bytes.fromhex("8401FF"), key)


@pytest.fixture
def odd(tmp_path: Path, pki_dir: Path, request: pytest.FixtureRequest) -> Odd:
    return Odd(tmp_path, pki_dir, request.param)


def shape(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("odd", [name], indirect=True)


@shape("bare-package-result")
def test_a_bare_package_result_has_the_same_signature(odd: Odd, verifier: Verifier) -> None:
    loaded = odd.terminal.run(odd.eim.package(odd.card, LIST_PROFILES))
    standard = wrap(0xBF51, wrap(0xA0, value(member(loaded, 0xBF51, 0x30))))
    assert verifier.result(standard, odd.eim)["counterValue"] == 1
    listed = odd.terminal.run(bytes.fromhex("BF2B04A0028200"))
    assert member(listed, 0xBF2B, 0xA2, 0xBF51) == loaded
    error = odd.terminal.run(odd.eim.package(odd.card, LIST_PROFILES, counter=1))
    standard = wrap(0xBF51, wrap(0xA1, value(member(error, 0xBF51, 0x30))))
    assert verifier.result(standard, odd.eim)["euiccPackageErrorCode"] == 4
    unsigned = odd.terminal.run(Eim("another").package(odd.card, LIST_PROFILES))
    assert value(member(unsigned, 0xBF51, 0x30, 0x80)) == b"another"


@shape("bare-package-result")
def test_so_has_a_bare_rollback(odd: Odd, verifier: Verifier) -> None:
    odd.terminal.run(odd.eim.package(odd.card, enable(NORD, rollback=True)))
    odd.terminal.refresh()
    answer = odd.terminal.run(encode("ProfileRollbackRequest", {"refreshFlag": True}))
    assert member(answer, 0xBF58, 0x02) == b"\x02\x01\x00"
    standard = wrap(0xBF51, wrap(0xA0, value(member(answer, 0xBF58, 0xBF51, 0x30))))
    assert ("rollbackResult", 0) in verifier.result(standard, odd.eim)["euiccResult"]


@shape("rollback-alone")
def test_a_rollback_alone_is_signed_and_kept_so(odd: Odd, verifier: Verifier) -> None:
    odd.terminal.run(odd.eim.package(odd.card, enable(NORD, rollback=True)))
    odd.terminal.refresh()
    answer = odd.terminal.run(encode("ProfileRollbackRequest", {"refreshFlag": True}))
    result = member(answer, 0xBF58, 0xBF51)
    assert verifier.result(result, odd.eim)["euiccResult"] == [("rollbackResult", 0)]
    assert odd.terminal.results() == [result]


@shape("bare-profile-list")
def test_a_bare_profile_list(odd: Odd) -> None:
    answer = odd.terminal.run(bytes.fromhex("BF2D00"))
    assert [tag for tag, _ in tlvs(value(member(answer, 0xBF2D, 0x30)))] == [0xE3] * 3


@shape("bare-list-error")
def test_a_bare_list_error(odd: Odd) -> None:
    assert odd.terminal.run(bytes.fromhex("BF2D035C019F")) == bytes.fromhex("BF2D03020101")
    assert find(odd.terminal.run(bytes.fromhex("BF2D00")), 0xBF2D, 0xA0) is not None


@shape("whole-certificates")
def test_whole_certificates(odd: Odd) -> None:
    answer = odd.terminal.run(bytes.fromhex("BF5600"))
    eum, own = (certificate(value(member(answer, 0xBF56, 0xA0, tag))) for tag in (0xA5, 0xA6))
    assert own.issuer == eum.subject
    assert odd.terminal.run(bytes.fromhex("BF5604 80020102")) == bytes.fromhex("BF5603810101")


@shape("bare-key-data")
def test_bare_keys(odd: Odd) -> None:
    answer = odd.terminal.run(bytes.fromhex("BF5500"))
    configuration = member(answer, 0xBF55, 0xA0, 0x30)
    key = wrap(0x30, value(value(odd.eim.public_key_data())))
    assert member(configuration, 0x30, 0xA5) == wrap(0xA5, key)
    assert member(configuration, 0x30, 0xA6) == wrap(0xA6, key)
    assert member(configuration, 0x30, 0x84) == wrap(0x84, bytes([odd.eim.token or 0]))


@shape("no-tag-lists")
def test_no_tag_lists(odd: Odd) -> None:
    assert odd.terminal.run(bytes.fromhex("BF2D035C015A")) == b""
    assert odd.terminal.sw == 0x6A80
    for malformed in ("BF2D055C", "BF2DFF", "BF36820100"):
        assert odd.terminal.run(bytes.fromhex(malformed)) == b""
    assert (
        decode("ProfileInfoListResponse", odd.terminal.run(bytes.fromhex("BF2D00")))[0] == "profileInfoListOk"
    )


def test_a_shape_that_is_not_known_is_refused_with_those_that_are(tmp_path: Path, pki_dir: Path) -> None:
    with pytest.raises(ConfigError, match="'round'") as caught:
        VirtualEuicc.open(tmp_path, pki_dir, shapes=["round"])
    assert all(f"{name}: {what}" in str(caught.value) for name, what in SHAPES.items())
    assert not list(tmp_path.iterdir())

"""`ipad inject`: what is taken from a file, what is written, and what is said. No daemon here."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipad import asn1, inject
from ipad.connectivity.state import PACKAGE_LIMIT
from ipad.errors import IpadError

PACKAGE = bytes.fromhex("BF4E05BF53028001")


@pytest.mark.parametrize(
    "content",
    [PACKAGE, PACKAGE.hex().encode(), b" BF4E\n05 bf53\r\n028001\n"],
    ids=["DER", "hex", "hex in lines"],
)
def test_a_package_is_der_or_hex(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "package"
    file.write_bytes(content)
    assert inject.package(file) == PACKAGE


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), (b"\xbf" * (PACKAGE_LIMIT + 1), "octets"), (b"BF" * 70_000, "octets")],
)
def test_what_cannot_be_a_package_is_not_sent(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "package"
    file.write_bytes(content)
    with pytest.raises(IpadError, match=f"{file}: .*{said}"):
        inject.package(file)
    with pytest.raises(IpadError, match="No such file"):
        inject.package(tmp_path / "missing")


def test_that_the_result_can_be_written_is_known_before(tmp_path: Path) -> None:
    with (
        pytest.raises(IpadError, match="nothing was done"),
        inject.result_file(tmp_path / "missing" / "package.result"),
    ):
        pytest.fail("it was done all the same")


def test_the_result_is_whole_or_not_there(tmp_path: Path) -> None:
    out = tmp_path / "package.result"
    out.write_bytes(b"before")

    def broken() -> None:
        with inject.result_file(out):
            raise IpadError("the daemon stopped")

    with pytest.raises(IpadError, match="the daemon stopped"):
        broken()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"package.result": b"before"}
    with inject.result_file(out) as write:
        write(PACKAGE)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"package.result": PACKAGE}


RESULT = asn1.wrap(
    0xBF51,
    asn1.wrap(
        0xA0,
        asn1.wrap(
            0x30,
            asn1.wrap(0x80, b"eim.example"),
            bytes.fromhex("810107 830105"),
            asn1.wrap(0x30, bytes.fromhex("830100 850104")),
        ),
        asn1.wrap(0x5F37, bytes(64)),
    ),
)


@pytest.mark.parametrize(
    ("arm", "well", "said"),
    [
        (RESULT, False, ["the card executed the package of eim.example, counter 7", "enableResult: ok"]),
        (
            asn1.wrap(0x30, RESULT, asn1.wrap(0xA0, b"\x30\x00")),
            False,
            ["1 notifications are in the result too"],
        ),
        (b"\x05\x00", True, ["received"]),
        (b"\x02\x01\x01", False, ["not a package that can be worked on: invalidPackageFormat"]),
        (b"\x02\x01\x02", False, ["not a package that can be worked on: unknownPackage"]),
        (bytes.fromhex("BF5202A000"), True, ["what was asked of the eUICC and the IPA is in the result"]),
        (bytes.fromhex("BF5203810101"), False, ["refused; the reason is in the result"]),
    ],
    ids=["result", "with notifications", "received", "malformed", "unknown", "data", "no data"],
)
def test_what_happened_in_words(arm: bytes, well: bool, said: list[str]) -> None:
    told_well, told = inject.told(asn1.wrap(0xBF4E, arm))
    assert told_well is well
    assert set(said) <= set(told)


@pytest.mark.parametrize("response", [b"", b"\x30\x00", b"\xbf\x4e\x00", b"\xbf\x4e\x02\xbf\x51"])
def test_a_response_that_is_none_is_said_to_be(response: bytes) -> None:
    well, [said] = inject.told(response)
    assert not well
    assert "cannot be read here" in said


@given(st.integers(0, len(RESULT) + 3), st.integers(0, 255))
def test_a_response_that_is_damaged_never_ends_in_a_traceback(at: int, octet: int) -> None:
    damaged = bytearray(asn1.wrap(0xBF4E, RESULT))
    damaged[min(at, len(damaged) - 1)] = octet
    assert inject.told(bytes(damaged))[1]
    assert inject.told(bytes(damaged[:at]))[1]

"""The APN that a profile brings reaches the modem, and what is none does not."""

import pytest

from ipad.procedures import apn
from tests.euicc_card.world import NORD
from tests.procedures.polled import run
from tests.procedures.site import Process, Site


def nan(*labels: str) -> bytes:
    value = b"".join(bytes((len(label),)) + label.encode() for label in labels)
    return bytes((0x47, len(value))) + value


@pytest.mark.parametrize(
    ("params", "name"),
    [
        (nan("iot", "nord", "example"), "iot.nord.example"),
        (b"\xc7" + nan("iot")[1:], "iot"),
        (bytes.fromhex("3502FFFF") + nan("iot") + b"\x0d\x02\x04x", "iot"),
        (b"\x84" + bytes((len(nan("iot")),)) + nan("iot"), ""),
        (b"\xa4" + bytes((len(nan("iot")),)) + nan("iot"), "iot"),
        (b"\xa4\x81" + bytes((len(nan("iot")),)) + nan("iot"), "iot"),
        (b"", ""),
        (nan("iot")[:-1], ""),
        (b"\x47\x03\x05io", ""),
        (b"\x47\x02\x00\x00", ""),
        (nan('x"'), ""),
        (nan("a\r\nAT"), ""),
        (nan(*("a" * 60,) * 2), ""),
        (b"\xa4\x82\xff\xff", ""),
        (b"\xa4" * 200, ""),
    ],
)
def test_the_network_access_name_is_read_from_whatever_the_profile_brings(params: bytes, name: str) -> None:
    assert apn.network_access_name(params) == name


def test_after_a_switch_the_modem_is_told_what_the_new_profile_brings(site: Site, process: Process) -> None:
    site.desk.order({"enable": NORD})
    run(process)
    assert site.modem.apns == [(NORD, "iot.nord.example")]

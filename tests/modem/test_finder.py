"""Which tty is the modem's, by USB ids, by path, and after it came back under another name."""

from contextlib import closing
from pathlib import Path

import pytest
import serial

from modem import models, sysfs, udev_rules
from modem.at import At
from modem.errors import ModemError, PortGone
from modem.finder import WANTED, Finder
from modem.quirks import DEFAULT
from tests.modem.fake_sys import FakeSys
from tests.modem.scripted import WAITS, ScriptedModem, answers

EC25 = "2c7c:0125"
OTHER = "0403:6001"


@pytest.fixture
def fake(tmp_path: Path) -> FakeSys:
    return FakeSys(tmp_path)


def finder(fake: FakeSys, wanted: str) -> Finder:
    return Finder(wanted, sys=fake.sys, dev=fake.dev)


def all_ports(fake: FakeSys, usb: str = EC25, first: int = 0, **more: str) -> list[Path]:
    return [fake.plug(f"ttyUSB{first + n}", usb, n, **more) for n in range(4)]


def modem_with(imei: str) -> ScriptedModem:
    return ScriptedModem(answers({"AT+CGSN": [f"\r\n{imei}\r\n\r\nOK\r\n".encode()]}))


def test_ttys_are_told_with_their_usb_ids_interface_and_place(fake: FakeSys) -> None:
    all_ports(fake, serial="0123")
    fake.plug("ttyACM0", OTHER, 0, place="1-1.2")
    (fake.sys / "class" / "tty" / "tty0").mkdir()
    found = sysfs.usb_ttys(fake.sys, fake.dev)
    assert [tty.path.name for tty in found] == ["ttyACM0", "ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"]
    assert (found[3].usb, found[3].interface, found[3].place, found[3].serial) == (EC25, 2, "1-1.4", "0123")
    assert found[3].wanted == "usb:2c7c:0125:02"


def test_a_machine_without_sysfs_has_no_usb_ttys(tmp_path: Path) -> None:
    assert sysfs.usb_ttys(tmp_path / "none", tmp_path) == ()


def test_what_sysfs_says_in_garbage_is_passed_over(fake: FakeSys) -> None:
    all_ports(fake)
    for file in fake.sys.rglob("bInterfaceNumber"):
        file.write_bytes(b"\xff\xfe\n")
    assert sysfs.usb_ttys(fake.sys, fake.dev) == ()


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("auto", ["ttyUSB2"]),
        (f"usb:{EC25}", ["ttyUSB2"]),
        (f"usb:{EC25}:03", ["ttyUSB3"]),
        (f"usb:{OTHER}", ["ttyACM0", "ttyACM1"]),
        ("usb:ffff:ffff", []),
    ],
)
def test_a_port_is_found_by_usb_ids_and_interface(fake: FakeSys, wanted: str, names: list[str]) -> None:
    assert WANTED.fullmatch(wanted)
    all_ports(fake)
    fake.plug("ttyACM0", OTHER, 0, place="1-1.2")
    fake.plug("ttyACM1", OTHER, 2, place="1-1.2")
    assert [Path(path).name for path in finder(fake, wanted).candidates()] == names


@pytest.mark.parametrize("wanted", ["", "ttyUSB2", "usb:2c7c", "usb:2C7C:0125", "usb:2c7c:0125:2", "AUTO"])
def test_what_is_no_port_is_refused(wanted: str) -> None:
    assert not WANTED.fullmatch(wanted)


def test_no_modem_is_a_port_that_is_gone_with_advice(fake: FakeSys) -> None:
    with pytest.raises(PortGone, match="ipad doctor"):
        finder(fake, "auto").open()


def test_the_next_candidate_is_opened_after_one_was_rejected_and_all_again_in_the_end(fake: FakeSys) -> None:
    opened: list[str] = []

    def opener(path: str, _baudrate: int, _rtscts: bool) -> serial.Serial:
        opened.append(Path(path).name)
        return serial.Serial()

    for number in range(2):
        fake.plug(f"ttyACM{number}", OTHER, number)
    found = Finder(f"usb:{OTHER}", sys=fake.sys, dev=fake.dev, opener=opener)
    for _ in range(3):
        found.open()
        found.reject()
    assert opened == ["ttyACM0", "ttyACM1", "ttyACM0"]


def test_a_candidate_that_cannot_be_opened_is_passed_over(fake: FakeSys) -> None:
    def opener(path: str, _baudrate: int, _rtscts: bool) -> serial.Serial:
        if path.endswith("0"):
            raise ModemError("opening", "no")
        return serial.Serial()

    for number in range(2):
        fake.plug(f"ttyACM{number}", OTHER, number)
    found = Finder(f"usb:{OTHER}", sys=fake.sys, dev=fake.dev, opener=opener)
    found.open()
    assert found.path.endswith("ttyACM1")


def at_of(found: Finder) -> At:
    def is_right(right: bool) -> bool:
        if not right:
            return found.reject()
        found.accept()
        return False

    return At(found.open, WAITS, facts_of=lambda *_: DEFAULT, is_right=is_right)


@pytest.mark.parametrize("by_path", [True, False])
def test_a_modem_that_comes_back_under_another_number_is_found_again(fake: FakeSys, by_path: bool) -> None:
    with modem_with("001017000000011") as before, modem_with("001017000000011") as after:
        path = fake.plug("ttyUSB2", EC25, 2, path=before.path)
        with closing(at_of(finder(fake, str(path) if by_path else "auto"))) as at:
            at.command("AT")
            fake.unplug("ttyUSB2")
            fake.plug("ttyUSB6", EC25, 2, path=after.path)
            at.hang_up()
            at.command("AT")
            assert after.heard[-1] == "AT"


def test_another_modem_under_the_same_name_is_not_taken_for_ours(fake: FakeSys) -> None:
    with (
        modem_with("001017000000011") as ours,
        modem_with("001017000000029") as other,
        modem_with("001017000000011") as back,
    ):
        path = fake.plug("ttyUSB2", EC25, 2, place="1-1", path=ours.path)
        with closing(at_of(finder(fake, str(path)))) as at:
            at.command("AT")
            fake.unplug("ttyUSB2")
            fake.plug("ttyUSB2", EC25, 2, place="1-2", path=other.path)
            fake.plug("ttyUSB6", EC25, 2, place="1-1", path=back.path)
            at.hang_up()
            with pytest.raises(PortGone, match="another modem") as e:
                at.command("AT+CFUN=0")
            assert e.value.executed is False
            assert "AT+CFUN=0" not in other.heard
            at.command("AT")
            assert back.heard[-1] == "AT"


def test_a_port_that_does_not_speak_at_is_left_for_the_next(fake: FakeSys) -> None:
    with ScriptedModem(lambda _line: []) as mute, modem_with("001017000000011") as speaking:
        fake.plug("ttyACM0", OTHER, 0, path=mute.path)
        fake.plug("ttyACM1", OTHER, 1, path=speaking.path)
        waits = type(WAITS)(at_command=0.5, at_sync=0.1)
        found = finder(fake, f"usb:{OTHER}")
        at = At(found.open, waits, is_right=lambda right: not right and found.reject())
        with closing(at):
            with pytest.raises(ModemError, match="does not answer"):
                at.command("AT")
            at.command("AT")
            assert speaking.heard[-1] == "AT"


def test_the_udev_rules_are_those_of_the_table() -> None:
    file = Path(__file__).parents[2] / "udev" / "79-ipad-modemmanager.rules"
    assert file.read_text("utf-8") == udev_rules.rules()
    assert file.read_text("utf-8").count("ID_MM_PORT_IGNORE") == len(models.AT_INTERFACES)

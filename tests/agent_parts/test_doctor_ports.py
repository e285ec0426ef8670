"""What `ipad doctor` says of the ports: which there are, what speaks on each, and who holds one."""

import subprocess
import sys
from pathlib import Path

from ipad.config import ModemConfig
from ipad.doctor_ports import ports
from ipad.finding import Finding
from tests.modem.fake_sys import FakeSys
from tests.modem.scripted import ScriptedModem, answers

EC25 = "2c7c:0125"


def looked(fake: FakeSys, port: str = "auto", way: str = "") -> dict[str, Finding]:
    settings = ModemConfig(port=port, way=way)
    return {finding.name: finding for finding in ports(settings, fake.sys, fake.dev)}


def test_every_tty_of_a_modem_is_listed_with_what_speaks_on_it(tmp_path: Path) -> None:
    fake = FakeSys(tmp_path)
    said = answers({"AT+CGMM": [b"\r\nEC25\r\n\r\nOK\r\n"]})
    with ScriptedModem(said) as speaking, ScriptedModem(lambda _line: []) as mute:
        fake.plug("ttyUSB0", EC25, 0, path=mute.path)
        fake.plug("ttyUSB2", EC25, 2, path=speaking.path)
        fake.plug("ttyACM0", "2341:0043", 0, place="1-1.2", path=mute.path)
        found = looked(fake)
        assert mute.heard.count("AT+CGMM") == 0
    assert found["port"].ok
    assert "auto is" in found["port"].said
    assert (found["tty ttyUSB2"].ok, found["tty ttyUSB0"].ok) == (True, None)
    assert 'AT, EC25; modem.port = "usb:2c7c:0125:02"' in found["tty ttyUSB2"].said
    assert "no AT" in found["tty ttyUSB0"].said
    assert "tty ttyACM0" not in found, "what is no modem is not spoken to"


def test_no_modem_is_a_fault_with_advice(tmp_path: Path) -> None:
    found = looked(FakeSys(tmp_path))
    assert found["port"].ok is False
    assert "lsusb" in found["port"].advice


def test_a_card_reader_needs_no_port(tmp_path: Path) -> None:
    assert looked(FakeSys(tmp_path), way="pcsc") == {}


def test_somebody_else_on_the_port_is_a_fault_that_says_what_to_do(tmp_path: Path) -> None:
    fake = FakeSys(tmp_path)
    with ScriptedModem() as modem:
        path = fake.plug("ttyUSB2", EC25, 2, path=modem.path)
        hold = "import sys, time; f = open(sys.argv[1]); print(flush=True); time.sleep(60)"
        name = tmp_path / "ModemManager"
        name.symlink_to(sys.executable)
        with subprocess.Popen([name, "-c", hold, modem.path], stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            other.stdout.readline()
            found = looked(fake, str(path))
            other.kill()
        assert found["port"].ok is False
        assert f"ModemManager ({other.pid}) has" in found["port"].said
        assert "79-ipad-modemmanager.rules" in found["port"].advice
        assert "holds it" in found["tty ttyUSB2"].said
        assert modem.heard == []

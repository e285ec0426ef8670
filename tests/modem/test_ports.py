"""The tty is opened for one process alone, and who has it is said."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modem import ports
from modem.errors import ModemError, PortGone
from tests.needs_root import needs_root


@pytest.fixture
def tty(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A pty that is taken for a real tty: for the lock file, and TIOCEXCL, which does not bind root."""
    monkeypatch.setattr(ports, "_is_pty", lambda _path: False)
    master, slave = pty.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_a_tty_is_locked_while_it_is_open(tty: str, tmp_path: Path) -> None:
    port = ports.open_port(tty, locks=tmp_path)
    file = ports.lock_file(tty, tmp_path)
    assert file.read_text("ascii") == f"{os.getpid():10}\n"
    port.close()
    port.close()
    assert not file.exists()


def test_a_link_has_the_lock_of_what_it_points_to(tty: str, tmp_path: Path) -> None:
    link = tmp_path / "usb-Quectel_EC25-if02"
    link.symlink_to(tty)
    with ports.open_port(str(link), locks=tmp_path):
        assert ports.lock_file(tty, tmp_path).exists()


def test_the_lock_of_a_process_that_lives_is_honoured_and_it_is_told(tty: str, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        file = ports.lock_file(tty, tmp_path)
        file.write_text(f"{other.pid:10}\n", "ascii")
        with pytest.raises(ModemError, match=rf"\({other.pid}\) holds it.*ModemManager") as e:
            ports.open_port(tty, locks=tmp_path)
        assert not isinstance(e.value, PortGone)
        assert file.exists()
        other.kill()


@pytest.mark.parametrize("said", ["4194305\n", "", "garbage", "-1\n", "99999999999999999999\n"])
def test_a_lock_that_nobody_has_any_more_is_taken_over(tty: str, tmp_path: Path, said: str) -> None:
    file = ports.lock_file(tty, tmp_path)
    file.write_text(said, "ascii")
    with ports.open_port(tty, locks=tmp_path):
        assert file.read_text("ascii") == f"{os.getpid():10}\n"


def test_a_directory_that_may_not_be_written_is_no_reason_not_to_open(tty: str, tmp_path: Path) -> None:
    with ports.open_port(tty, locks=tmp_path / "none"):
        assert not (tmp_path / "none").exists()


def test_a_port_that_cannot_be_opened_leaves_no_lock(tmp_path: Path) -> None:
    plain = tmp_path / "file"
    plain.touch()
    with pytest.raises(ModemError):
        ports.open_port(str(plain), locks=tmp_path)
    assert not ports.lock_file(str(plain), tmp_path).exists()


def test_a_pty_gets_no_lock(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    with ports.open_port(os.ttyname(slave), locks=tmp_path):
        assert list(tmp_path.iterdir()) == []
    os.close(master)
    os.close(slave)


def test_whoever_has_it_open_is_named(tty: str) -> None:
    command = "import sys, time; f = open(sys.argv[1]); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", command, tty], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert f"({other.pid})" in ports.holder(tty)
        other.kill()
    assert f"({other.pid})" not in ports.holder(tty)


def test_what_is_not_there_is_gone(tmp_path: Path) -> None:
    with pytest.raises(PortGone):
        ports.open_port(str(tmp_path / "ttyUSB2"), locks=tmp_path)
    assert ports.holder(str(tmp_path / "ttyUSB2")) == ""


_A_PTY_OF_THIS_NUMBER = """
import fcntl, os, struct, sys, time  # TIOCGPTN, TIOCSPTLCK below
instance, wanted, number, kept = sys.argv[1], int(sys.argv[2]), -1, []
while number != wanted:
    kept.append(os.open(f"{instance}/ptmx", os.O_RDWR | os.O_NOCTTY))
    number = struct.unpack("I", fcntl.ioctl(kept[-1], 0x80045430, bytes(4)))[0]
    fcntl.ioctl(kept[-1], 0x40045431, struct.pack("i", 0))
kept.append(os.open(f"{instance}/{number}", os.O_RDWR | os.O_NOCTTY))
print(flush=True)
time.sleep(60)
"""


@needs_root
def test_a_containers_pty_of_the_same_number_is_another_one(tmp_path: Path) -> None:
    ours, tty = os.openpty()
    try:
        path = os.ttyname(tty)
        number = path.rpartition("/")[2]
        mount = f'mount -t devpts -o newinstance,ptmxmode=666 devpts {tmp_path} && exec "$@"'
        hold = [sys.executable, "-c", _A_PTY_OF_THIS_NUMBER, str(tmp_path), number]
        command = ["unshare", "-m", "sh", "-c", mount, "sh", *hold]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            if other.stdout.readline() != "\n":
                pytest.skip("no mount namespace may be made here")
            holder = ports.holder(path)
            other.kill()
        assert f"({other.pid})" not in holder
    finally:
        os.close(ours)
        os.close(tty)

"""A real pcscd with vsmartcard's reader, for these tests alone.

It runs in a mount namespace of its own where there may be one, so that it is in nobody's way.
"""

import importlib
import os
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

_DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
_CONFIGURATION = """FRIENDLYNAME "Virtual PCD"
DEVICENAME   /dev/null:0x{0:04X}
LIBPATH      {1}
CHANNELID    0x{0:04X}
"""
_SOCKETS = Path("/run/pcscd")
READER = "Virtual PCD 00 00"
_WITHIN = 20.0


def missing() -> str:
    """What is not there of all that is needed; empty if nothing."""
    try:
        importlib.import_module("smartcard.scard")
    except ImportError:
        return "pyscard is not installed"
    if not _DRIVER.exists() or not Path("/usr/sbin/pcscd").exists():
        return "pcscd and vsmartcard-vpcd are not installed"
    return "" if os.geteuid() == 0 else "only root can start a pcscd"


@contextmanager
def running(directory: Path) -> Iterator[int]:
    """A pcscd; the port on which its reader waits for a card. PCSCLITE_CSOCK_NAME names its socket."""
    lacking = missing()
    if lacking:
        if os.environ.get("IPAD_CI"):
            pytest.fail(lacking)
        pytest.skip(lacking)
    port = _free_port()
    configuration = directory / "reader.conf.d"
    configuration.mkdir()
    (configuration / "vpcd").write_text(_CONFIGURATION.format(port, _DRIVER))
    _SOCKETS.mkdir(exist_ok=True)
    command = ["pcscd", "--foreground", "--config", str(configuration)]
    private = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs tmpfs {_SOCKETS} && exec "$@"', "sh"]
    alone = subprocess.run([*private, "true"], capture_output=True, check=False).returncode == 0
    daemon = subprocess.Popen(
        [*private, *command] if alone else command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        root = Path(f"/proc/{daemon.pid}/root" if alone else "/")
        name = root / _SOCKETS.relative_to("/") / "pcscd.comm"
        end = time.monotonic() + _WITHIN
        while not name.exists() or not _listens(port):
            assert daemon.poll() is None, "pcscd has ended"
            assert time.monotonic() < end, "pcscd does not start"
            time.sleep(0.05)
        os.environ["PCSCLITE_CSOCK_NAME"] = str(name)
        yield port
    finally:
        os.environ.pop("PCSCLITE_CSOCK_NAME", None)
        daemon.terminate()
        daemon.wait(_WITHIN)


def _free_port() -> int:
    """Two in a row, for the driver has two readers; below those that Linux gives to whoever asks for any."""
    while True:
        port = random.randrange(20000, 32000, 2)
        with closing(socket.socket()) as first, closing(socket.socket()) as second:
            try:
                first.bind(("", port))
                second.bind(("", port + 1))
            except OSError:
                continue
        return port


def _listens(port: int) -> bool:
    """Looked up, not tried: who connects is a card."""
    wanted = f":{port:04X}"
    return any(
        line.split()[1].endswith(wanted) and line.split()[3] == "0A"
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for line in Path(table).read_text("ascii").splitlines()[1:]
    )

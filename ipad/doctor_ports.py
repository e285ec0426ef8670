"""The ports, as `ipad doctor` sees them: is the modem's there, and what speaks on each."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ipad.config import ModemConfig
from ipad.finding import Finding, group, user
from modem import ports as opening
from modem.at import At
from modem.errors import ModemError
from modem.finder import Finder
from modem.models import AT_INTERFACES
from modem.sysfs import DEV, SYS, Tty, usb_ttys
from modem.waits import Waits

_OURS = ("ipad", "python")
"""What the daemon's process is called."""
_QUICK = Waits(at_command=1.5, at_sync=0.3)


def ports(settings: ModemConfig, sys: Path = SYS, dev: Path = DEV) -> Iterator[Finding]:
    """The modem's port, and every other tty of a modem. sys, dev: see modem.sysfs."""
    if settings.way == "pcsc":
        return
    if settings.port.startswith("/"):
        yield port(Path(settings.port))
    else:
        yield _found(settings.port, sys, dev)
    for tty in usb_ttys(sys, dev):
        if tty.usb[:4] in {known[:4] for known in AT_INTERFACES}:
            yield spoken(tty)


def spoken(tty: Tty) -> Finding:
    """What speaks on a tty of a modem. It is asked, unless somebody holds it."""
    said = f"{tty.usb} interface {tty.interface:02x} at {tty.place}{', ' + tty.name if tty.name else ''}: "
    holder = opening.holder(str(tty.path))
    if holder:
        return Finding(f"tty {tty.path.name}", None, f"{said}{holder} holds it")
    at = At(lambda: opening.open_port(str(tty.path)), _QUICK)
    with closing(at):
        try:
            model = " ".join(at.command("AT+CGMM"))
        except ModemError as error:
            return Finding(f"tty {tty.path.name}", None, f"{said}no AT: {error.got}")
    return Finding(f"tty {tty.path.name}", True, f'{said}AT, {model}; modem.port = "{tty.wanted}"')


def port(path: Path) -> Finding:
    """Whether the modem's tty is there, and this user may open it."""
    try:
        found = path.stat()
    except OSError as error:
        return Finding(
            "port",
            False,
            f"{path}: {error.strerror}",
            "is the modem plugged in? `ls -l /dev/serial/by-id` names its ports; set modem.port",
        )
    if not stat.S_ISCHR(found.st_mode):
        return Finding("port", False, f"{path} is no tty", "set modem.port")
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        owner = group(found.st_gid)
        return Finding(
            "port",
            False,
            f"{user()} may not read and write {path}",
            f"it belongs to the group {owner}: sudo usermod -aG {owner} {user()}, and log in again",
        )
    others = [who for who in opening.holder(str(path)).split(", ") if who and not who.startswith(_OURS)]
    if others:
        return Finding("port", False, f"{', '.join(others)} has {path} open too", opening.LEAVE_IT)
    return Finding("port", True, str(path))


def _found(wanted: str, sys: Path, dev: Path) -> Finding:
    finder = Finder(wanted, sys=sys, dev=dev)
    paths = finder.candidates()
    if not paths:
        return Finding(
            "port",
            False,
            f"{wanted}: no such modem is plugged in",
            "`lsusb` names what is; a modem that the table does not know wants modem.port = "
            '"usb:VVVV:PPPP:II" or a path in /dev/serial/by-id',
        )
    first = port(Path(paths[0]))
    return Finding(
        first.name, first.ok, f"{wanted} is {first.said}" if first.ok else first.said, first.advice
    )

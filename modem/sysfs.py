"""The ttys of this machine as the kernel describes them: USB ids, interface number, place."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SYS = Path("/sys")
DEV = Path("/dev")
_TEXT_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Tty:
    """A tty of a USB device."""

    path: Path
    """Where it is now: "/dev/ttyUSB2"."""
    usb: str
    """Vendor and product: "2c7c:0125"."""
    interface: int
    """The number of the USB interface that it belongs to."""
    place: str
    """Where the device is plugged in: "1-1.4". It stays when the tty gets another number."""
    serial: str = ""
    name: str = ""
    """What the device calls itself."""

    @property
    def wanted(self) -> str:
        """As modem.port names it."""
        return f"usb:{self.usb}:{self.interface:02x}"


def usb_ttys(sys: Path = SYS, dev: Path = DEV) -> tuple[Tty, ...]:
    """All ttys of USB devices, by device and interface."""
    found = [tty for entry in _entries(sys / "class" / "tty") if (tty := _usb_tty(entry, dev)) is not None]
    return tuple(sorted(found, key=lambda tty: (tty.place, tty.interface, str(tty.path))))


def _usb_tty(entry: Path, dev: Path) -> Tty | None:
    device = entry.resolve()
    interface = next((up for up in device.parents if (up / "bInterfaceNumber").is_file()), None)
    if interface is None:
        return None
    usb = next((up for up in interface.parents if (up / "idVendor").is_file()), None)
    if usb is None:
        return None
    try:
        number = int(_text(interface / "bInterfaceNumber"), 16)
    except ValueError:
        return None
    ids = f"{_text(usb / 'idVendor')}:{_text(usb / 'idProduct')}"
    name = f"{_text(usb / 'manufacturer')} {_text(usb / 'product')}".strip()
    return Tty(dev / entry.name, ids, number, usb.name, _text(usb / "serial"), name)


def _entries(directory: Path) -> Iterator[Path]:
    try:
        yield from sorted(directory.iterdir())
    except OSError:
        return


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_TEXT_LIMIT).decode("utf-8", "replace").strip()
    except OSError:
        return ""

"""A /sys tree of USB modems, and a /dev whose ttys are ptys or nothing."""

from pathlib import Path


class FakeSys:
    """sys and dev as modem.sysfs and modem.finder take them."""

    def __init__(self, directory: Path) -> None:
        self.sys = directory / "sys"
        self.dev = directory / "dev"
        (self.sys / "class" / "tty").mkdir(parents=True)
        self.dev.mkdir()

    def plug(
        self, tty: str, usb: str, interface: int, *, place: str = "1-1.4", serial: str = "", path: str = ""
    ) -> Path:
        """A tty of a USB device; path: the pty behind it. Returns its name in dev."""
        device = self.sys / "devices" / "platform" / "usb1" / place
        function = device / f"{place}:1.{interface}"
        real = function / tty / "tty" / tty
        real.mkdir(parents=True)
        vendor, product = usb.split(":")
        for name, text in (("idVendor", vendor), ("idProduct", product), ("serial", serial)):
            (device / name).write_text(text + "\n", "ascii")
        (device / "product").write_text("Modem\n", "ascii")
        (function / "bInterfaceNumber").write_text(f"{interface:02x}\n", "ascii")
        (self.sys / "class" / "tty" / tty).symlink_to(real)
        (self.dev / tty).symlink_to(path or "/dev/null")
        return self.dev / tty

    def unplug(self, tty: str) -> None:
        (self.sys / "class" / "tty" / tty).unlink()
        (self.dev / tty).unlink()

"""udev/79-ipad-modemmanager.rules, from the table of models: python -m modem.udev_rules > udev/79-..."""

from modem.models import AT_INTERFACES

_HEAD = """\
# Leaves every port of a modem to ModemManager but the one that ipad talks AT on. Made by `make docs`.
#
# The Debian package has it in /lib/udev/rules.d. Elsewhere:
# cp 79-ipad-modemmanager.rules /etc/udev/rules.d
# Then, once:
# udevadm control --reload && udevadm trigger --subsystem-match=tty && systemctl restart ModemManager
#
# A modem that is not here: `ipad doctor` tells its USB ids and interface; add a line like those below.

ACTION!="add|change|move|bind", GOTO="ipad_end"
SUBSYSTEM!="tty", GOTO="ipad_end"
SUBSYSTEMS=="usb", ATTRS{bInterfaceNumber}=="?*", ENV{.IPAD_IF}="$attr{bInterfaceNumber}"
"""
_LINE = (
    'SUBSYSTEMS=="usb", ATTRS{{idVendor}}=="{}", ATTRS{{idProduct}}=="{}", ENV{{.IPAD_IF}}=="{:02x}", '
    'ENV{{ID_MM_PORT_IGNORE}}="1"'
)
_TAIL = 'LABEL="ipad_end"\n'


def rules() -> str:
    """The file."""
    lines = [_LINE.format(*usb.split(":"), number) for usb, number in sorted(AT_INTERFACES.items())]
    return "\n".join((_HEAD, *lines, "", _TAIL))


if __name__ == "__main__":
    print(rules(), end="")

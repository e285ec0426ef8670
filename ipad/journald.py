"""Log lines as entries of the systemd journal, with fields to filter by (systemd.journal-fields(7)).

The journal's native protocol is one datagram an entry, of lines FIELD=value; a value with a line feed in it
goes with its length instead.
"""

import logging
import os
import socket
import struct
import sys

SOCKET = "/run/systemd/journal/socket"
_IDENTIFIER = "ipad"
_LONGEST = 16 * 1024
"""Characters of a message. A datagram has to fit into the socket's buffer."""
NOTICE = 25
"""Between INFO and WARNING: nothing is wrong, and somebody may want to know."""
_LEVELS = ((logging.ERROR, 3), (logging.WARNING, 4), (NOTICE, 5), (logging.INFO, 6))
_DEBUG = 7


def is_connected() -> bool:
    """Whether standard error goes to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        stream = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(stream.st_dev), str(stream.st_ino))


def priority(record: logging.LogRecord) -> int:
    """syslog(3)'s number."""
    return next((number for level, number in _LEVELS if record.levelno >= level), _DEBUG)


class JournalHandler(logging.Handler):
    """Sends each record as an entry. What the journal does not take goes to standard error."""

    def __init__(self, path: str = SOCKET) -> None:
        super().__init__()
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.context: dict[str, str] = {}
        """Fields of every entry. Replaced whole, never changed."""

    def emit(self, record: logging.LogRecord) -> None:
        message = self.format(record)[:_LONGEST]
        fields = {
            "MESSAGE": message,
            "PRIORITY": str(priority(record)),
            "SYSLOG_IDENTIFIER": _IDENTIFIER,
            **self.context,
        }
        what = getattr(record, "what", None)
        if what is not None:
            fields["IPAD_WHAT"] = what
        try:
            self._socket.sendto(b"".join(_field(*field) for field in fields.items()), self._path)
        except OSError:
            print(f"<{priority(record)}>{message}", file=sys.stderr, flush=True)

    def close(self) -> None:
        self._socket.close()
        super().close()


def _field(name: str, value: str) -> bytes:
    octets = value.encode("utf-8", "replace")
    if b"\n" not in octets:
        return name.encode("ascii") + b"=" + octets + b"\n"
    return name.encode("ascii") + b"\n" + struct.pack("<Q", len(octets)) + octets + b"\n"

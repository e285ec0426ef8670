"""Starting, stopping and writing the trace."""

import json
import logging
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ipad.errors import IpadError
from ipad.net.http import Exchange
from ipad.trace import blank, gsmtap
from ipad.trace.blank import ApduBlanker
from ipad.trace.bounded import BoundedFile
from modem.errors import ModemError
from modem.uicc import Reply

LIMIT = 4 * 1024 * 1024
"""Octets of one file; there are two of each kind at most, so 16 MiB in all."""
BODY_LIMIT = 256 * 1024
"""A body that is larger is told by its size only."""

log = logging.getLogger("ipad")


class Trace:
    """Writes while it is started. What it observes may come from one thread, the orders from another.

    A disk that is full or a directory that is gone ends the trace with a line in the log, and nothing else.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writer: _Writer | None = None

    @property
    def directory(self) -> Path | None:
        """Where it writes; None: it does not."""
        writer = self._writer
        return writer.directory if writer else None

    def start(self, directory: Path) -> None:
        """Begins new files in `directory`, which is made if it is not there. Raises IpadError.

        What a former trace left there is kept once (`apdu.1.pcap`, `http.1.jsonl`).
        """
        try:
            _make(directory)
            writer = _Writer(directory)
        except OSError as error:
            raise IpadError(
                f"starting the trace in {directory}: {error.strerror} (it is written by the daemon's user)"
            ) from error
        with self._lock:
            before, self._writer = self._writer, writer
        if before is not None:
            before.close()
        log.info("trace: everything that is said to card and servers is written to %s", directory)

    def stop(self) -> Path | None:
        """Ends it; returns where it was, None if there was none."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is None:
            return None
        writer.close()
        log.info("trace: stopped")
        return writer.directory

    def apdu(self, apdu: bytes, reply: Reply | ModemError) -> None:
        """A modem.tap.Observer."""
        if self._writer is not None:
            with self._lock:
                self._write(lambda writer: writer.apdu(apdu, reply))

    def exchange(self, exchange: Exchange) -> None:
        """For ipad.net.http.Uplink.observe."""
        if self._writer is not None:
            with self._lock:
                self._write(lambda writer: writer.exchange(exchange))

    def _write(self, write: Any) -> None:
        writer = self._writer
        if writer is None:
            return
        try:
            write(writer)
        except OSError as error:
            self._writer = None
            writer.close()
            log.warning("trace: stopped, writing to %s failed: %s", writer.directory, error.strerror)


def _make(directory: Path) -> None:
    """Makes it, if it is not there; root makes it for whom the one above belongs to: the daemon."""
    if directory.is_dir():
        return
    directory.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:
        owner = directory.parent.stat()
        os.chown(directory, owner.st_uid, owner.st_gid)


class _Writer:
    """The two files. Everything raises OSError."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._blanker = ApduBlanker()
        self._apdus = BoundedFile(directory / "apdu.pcap", LIMIT, gsmtap.FILE_HEADER)
        try:
            self._http = BoundedFile(directory / "http.jsonl", LIMIT)
        except OSError:
            self._apdus.close()
            raise

    def close(self) -> None:
        self._apdus.close()
        self._http.close()

    def apdu(self, apdu: bytes, reply: Reply | ModemError) -> None:
        sent, got = self._blanker.apdu(apdu, reply)
        if isinstance(got, Reply):
            self._apdus.write(gsmtap.packet(time.time(), sent, got))
        else:
            self._line({"apdu": sent[:5].hex().upper(), "failed": _failure(got)})

    def exchange(self, exchange: Exchange) -> None:
        self._line(
            {
                "host": exchange.host,
                "path": exchange.path,
                "function": exchange.function,
                "status": exchange.status,
                "request": body(exchange.request),
                "answer": body(exchange.answer),
            }
        )

    def _line(self, members: dict[str, Any]) -> None:
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._http.write(json.dumps({"time": when, **members}).encode() + b"\n")


def _failure(error: ModemError) -> str:
    # An answer that is none is quoted in its error, and nobody has blanked that.
    return f"{error.doing}: an answer that is none" if type(error) is ModemError else str(error)


def body(octets: bytes) -> Any:
    """A body as a value for JSON: JSON as it is, ASN.1 in hex under the name of its message."""
    if not octets:
        return None
    if len(octets) > BODY_LIMIT:
        return {"octets": len(octets)}
    if octets.lstrip()[:1] not in (b"{", b"["):  # no message of the standard in DER begins like that
        return {"message": name(octets), "der": blank.message(octets).hex().upper()}
    try:
        return blank.json_value(json.loads(octets))
    except (ValueError, RecursionError):
        return {"octets": len(octets), "problem": "not JSON"}


_NAMES = {
    0xBF39: "InitiateAuthentication",
    0xBF3A: "GetBoundProfilePackage",
    0xBF3B: "AuthenticateClient",
    0xBF3D: "HandleNotification",
    0xBF41: "CancelSession",
    0xBF4E: "TransferEimPackage",
    0xBF4F: "GetEimPackage",
    0xBF50: "ProvideEimPackageResult",
}


def name(octets: bytes) -> str:
    """The message of ESipa (SGP.32 6.4.2) that starts with this tag; "unknown" if none does."""
    return _NAMES.get(int.from_bytes(octets[:2], "big"), "unknown")

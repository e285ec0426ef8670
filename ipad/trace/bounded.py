"""A file of records that cannot grow beyond a limit: the one before is kept, what is older goes."""

import os
from contextlib import suppress
from io import FileIO
from pathlib import Path


class BoundedFile:
    """Appends records to a new file at `path`. Everything here raises OSError.

    Before it got larger than `limit` octets, it becomes `NAME.1.SUFFIX` in place of the one that was there,
    and a new one is begun. header: what each file starts with. What is written is whole: of a record that
    the disk has no room for, nothing stays.
    """

    def __init__(self, path: Path, limit: int, header: bytes = b"") -> None:
        self._path = path
        self._limit = limit
        self._header = header
        self._begin()

    def write(self, record: bytes) -> None:
        if self._size + len(record) > self._limit and self._size > len(self._header):
            self._file.close()
            self._begin()
        self._append(record)

    def close(self) -> None:
        self._file.close()

    def _begin(self) -> None:
        with suppress(FileNotFoundError):
            self._path.replace(self._path.with_suffix(f".1{self._path.suffix}"))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = FileIO(os.open(self._path, flags, 0o600), "wb")
        self._size = 0
        self._append(self._header)

    def _append(self, octets: bytes) -> None:
        left = octets
        try:
            while left:  # a write that is cut short is followed by one that says why
                left = left[self._file.write(left) :]
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._size)
            raise
        self._size += len(octets)

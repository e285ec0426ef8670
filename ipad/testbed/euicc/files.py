"""The file system that the enabled profile shows (TS 102 221 8 and 13, TS 31.102 4.2.2).

Only what a modem reads to learn who it is. Without an enabled profile there is an MF and nothing in it.
"""

from dataclasses import dataclass

from ipad.asn1 import wrap
from modem.bcd import iccid_octets, imsi_octets

MF = 0x3F00
EF_DIR = 0x2F00
EF_ICCID = 0x2FE2
CURRENT_ADF = 0x7FFF
EF_IMSI = 0x6F07

USIM_AID = bytes.fromhex("A0000000871002FFFFFFFF8907090000")

Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A directory (neither content nor records), a transparent EF, or a linear fixed EF."""

    path: Path
    content: bytes | None = None
    records: tuple[bytes, ...] = ()
    aid: bytes | None = None

    @property
    def is_directory(self) -> bool:
        return self.content is None and not self.records


FileSystem = dict[Path, File]


def file_system(iccid: str | None, imsi: str | None) -> FileSystem:
    """The files of a profile; `iccid` None: no profile is enabled. `imsi` None: it has no USIM."""
    files = [File((MF,))]
    if iccid is not None:
        files.append(File((MF, EF_ICCID), content=iccid_octets(iccid)))
    if iccid is not None and imsi is not None:
        application = wrap(0x61, wrap(0x4F, USIM_AID), wrap(0x50, b"USIM"))
        adf = (MF, CURRENT_ADF)
        files += [
            File((MF, EF_DIR), records=(application.ljust(32, b"\xff"),)),
            File(adf, aid=USIM_AID),
            File((*adf, EF_IMSI), content=imsi_octets(imsi)),
        ]
    return {file.path: file for file in files}


def by_aid(files: FileSystem, aid: bytes) -> File | None:
    """The application whose AID begins with `aid` (TS 102 221 8.5.1.2: partial DF names)."""
    return next((f for f in files.values() if f.aid is not None and f.aid.startswith(aid)), None)


def by_fid(files: FileSystem, current: Path, fid: int) -> File | None:
    """What SELECT by file identifier finds from `current` (TS 102 221 8.4.1)."""
    if fid == MF:
        return files[(MF,)]
    if fid == CURRENT_ADF:
        return files[current[:2]] if current[1:2] == (CURRENT_ADF,) else None
    directory = current if files[current].is_directory else current[:-1]
    child, sibling = files.get((*directory, fid)), files.get((*directory[:-1], fid))
    return child or (sibling if sibling is not None and sibling.is_directory else None)


def fcp(file: File) -> bytes:
    """File control parameters (TS 102 221 11.1.1.3)."""
    if file.is_directory:
        members = [wrap(0x82, b"\x78\x21"), wrap(0x83, file.path[-1].to_bytes(2))]
    elif file.records:
        descriptor = b"\x42\x21" + len(file.records[0]).to_bytes(2) + len(file.records).to_bytes(1)
        members = [wrap(0x82, descriptor), wrap(0x83, file.path[-1].to_bytes(2))]
    else:
        members = [wrap(0x82, b"\x41\x21"), wrap(0x83, file.path[-1].to_bytes(2))]
    if file.aid is not None:
        members.append(wrap(0x84, file.aid))
    members.append(wrap(0x8A, b"\x05"))
    if file.content is not None:
        members.append(wrap(0x80, len(file.content).to_bytes(2)))
    return wrap(0x62, *members)

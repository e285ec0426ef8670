"""The commands of the card, by class and instruction (TS 102 221 10.1.2 and 11, SGP.22 5.7.2)."""

from collections.abc import Callable
from dataclasses import dataclass

from ipad.asn1 import DecodeError, tlvs, wrap

from . import functions, shapes
from .apdu import Command, Refused, Sw, wrong_le
from .channels import Channel, Channels
from .es10_info import SVN
from .files import MF, File, FileSystem, by_aid, by_fid, fcp, file_system
from .isdr import Isdr

ISDR_AID = bytes.fromhex("A0000005591010FFFFFFFF8900000100")

SELECT, READ_BINARY, READ_RECORD, MANAGE_CHANNEL = 0xA4, 0xB0, 0xB2, 0x70
TERMINAL_PROFILE, FETCH, TERMINAL_RESPONSE = 0x10, 0x12, 0x14
TERMINAL_CAPABILITY, STATUS, STORE_DATA = 0xAA, 0xF2, 0xE2


@dataclass(frozen=True, slots=True)
class Context:
    """What a command works on."""

    isdr: Isdr
    channels: Channels
    channel: Channel
    files: FileSystem


def execute(isdr: Isdr, channels: Channels, command: Command) -> bytes:
    """Runs a command on an open channel and returns its data; Refused: its status word."""
    channel = channels.get(command.channel)
    table = _PROPRIETARY if command.proprietary else _INTERINDUSTRY
    if not (command.proprietary and command.ins == STORE_DATA):
        channel.chain.abort()
    if command.ins not in table:
        other = _INTERINDUSTRY if command.proprietary else _PROPRIETARY
        raise Refused(Sw.CLA_NOT_SUPPORTED if command.ins in other else Sw.INS_NOT_SUPPORTED)
    running = isdr.running
    files = file_system(running.iccid, running.imsi) if running else file_system(None, None)
    return table[command.ins](Context(isdr, channels, channel, files), command)


def _select(context: Context, command: Command) -> bytes:
    """SELECT (TS 102 221 11.1.1)."""
    if command.p2 not in (0x00, 0x04, 0x0C):
        raise Refused(Sw.WRONG_P1_P2)
    if command.p1 == 0x04:
        if ISDR_AID.startswith(command.data) and len(command.data) >= 5 and command.channel:
            context.channel.isdr = True
            return b"" if command.p2 == 0x0C else _isdr_fci(context.isdr)
        file = by_aid(context.files, command.data) if len(command.data) >= 5 else None
    elif command.p1 == 0x00:
        file = _by_fid(context, command.data)
    elif command.p1 in (0x08, 0x09):
        file = _by_path(context, command)
    else:
        raise Refused(Sw.WRONG_P1_P2)
    if file is None:
        raise Refused(Sw.FILE_NOT_FOUND)
    context.channel.isdr = False
    context.channel.path = file.path
    return b"" if command.p2 == 0x0C else fcp(file)


def _by_fid(context: Context, data: bytes) -> File | None:
    if len(data) not in (0, 2):
        raise Refused(Sw.WRONG_LENGTH)
    return by_fid(context.files, context.channel.path, int.from_bytes(data) if data else MF)


def _by_path(context: Context, command: Command) -> File | None:
    """Path from the MF (P1 08) or from the current DF (P1 09); 7FFF may begin the former."""
    if not command.data or len(command.data) % 2:
        raise Refused(Sw.WRONG_LENGTH)
    steps = tuple(int.from_bytes(command.data[i : i + 2]) for i in range(0, len(command.data), 2))
    current = context.channel.path
    start = (MF,) if command.p1 == 0x08 else current
    if command.p1 == 0x09 and not context.files[current].is_directory:
        start = current[:-1]
    return context.files.get((*start, *steps))


def _isdr_fci(isdr: Isdr) -> bytes:
    """FCI of the ISD-R with ISDRProprietaryApplicationTemplateIoT, or the consumer's (SGP.22 5.7.1)."""
    if isdr.state.kind == "consumer":
        template = wrap(0xE0, wrap(0x82, SVN))
        return wrap(0x6F, wrap(0x84, ISDR_AID), wrap(0xA5, wrap(0x9F65, b"\xff")), template)
    # euiccConfiguration: ipaeSupported(0) is not set, enabledProfile(1) if one is; DER trims the rest.
    configuration = wrap(0x80, b"\x06\x40") if isdr.state.enabled() else wrap(0x80, b"\x00")
    proprietary = wrap(0xA5, wrap(0x9F65, b"\xff"))
    return wrap(0x6F, wrap(0x84, ISDR_AID), proprietary, wrap(0xE1, configuration))


def _read_binary(context: Context, command: Command) -> bytes:
    """READ BINARY of the selected EF (TS 102 221 11.1.3); no short file identifiers."""
    file = _selected_ef(context)
    if file.content is None:
        raise Refused(Sw.WRONG_FILE_STRUCTURE)
    if command.p1 & 0x80:
        raise Refused(Sw.WRONG_P1_P2)
    offset = command.p1 << 8 | command.p2
    if offset >= len(file.content):
        raise Refused(Sw.WRONG_OFFSET)
    return _exactly(file.content[offset:], command, at_most=True)


def _read_record(context: Context, command: Command) -> bytes:
    """READ RECORD of the selected EF, by absolute number (TS 102 221 11.1.5)."""
    file = _selected_ef(context)
    if not file.records:
        raise Refused(Sw.WRONG_FILE_STRUCTURE)
    if command.p2 != 0x04:
        raise Refused(Sw.WRONG_P1_P2)
    if not 1 <= command.p1 <= len(file.records):
        raise Refused(Sw.RECORD_NOT_FOUND)
    return _exactly(file.records[command.p1 - 1], command)


def _selected_ef(context: Context) -> File:
    file = context.files[context.channel.path]
    if context.channel.isdr or file.is_directory:
        raise Refused(Sw.NO_EF_SELECTED)
    return file


def _exactly(data: bytes, command: Command, at_most: bool = False) -> bytes:
    """`data` if Le asks for so much, or for less where that is allowed."""
    if command.data:
        raise Refused(Sw.WRONG_LENGTH)
    wanted = 256 if command.le is None else command.le
    if wanted > len(data) or (wanted < len(data) and not at_most):
        raise Refused(wrong_le(len(data)))
    return data[:wanted]


def _manage_channel(context: Context, command: Command) -> bytes:
    """MANAGE CHANNEL open and close (TS 102 221 11.1.17)."""
    if command.data:
        raise Refused(Sw.WRONG_LENGTH)
    if command.p1 == 0x80:
        context.channels.close(command.p2)
        return b""
    if command.p1 != 0x00:
        raise Refused(Sw.WRONG_P1_P2)
    number = context.channels.open(command.p2)
    return b"" if command.p2 else bytes([number])


def _status(context: Context, command: Command) -> bytes:
    """STATUS (TS 102 221 11.1.2): the FCP of the current directory, or nothing."""
    if command.p1 > 0x02 or command.p2 not in (0x00, 0x0C):
        raise Refused(Sw.WRONG_P1_P2)
    if command.p2 == 0x0C:
        return b""
    path = context.channel.path
    directory = path if context.files[path].is_directory else path[:-1]
    return _exactly(fcp(context.files[directory]), command)


def _terminal_profile(context: Context, command: Command) -> bytes:
    """TERMINAL PROFILE (TS 102 221 11.2.1): from now on there may be proactive commands."""
    if not command.data:
        raise Refused(Sw.WRONG_LENGTH)
    context.isdr.proactive.terminal_profile()
    return b""


def _terminal_capability(_context: Context, command: Command) -> bytes:
    """TERMINAL CAPABILITY (TS 102 221 11.1.19, SGP.32 3.8.2): template A9."""
    try:
        [(tag, _)] = tlvs(command.data)
    except (DecodeError, ValueError) as error:
        raise Refused(Sw.WRONG_DATA) from error
    if tag != 0xA9:
        raise Refused(Sw.WRONG_DATA)
    return b""


def _fetch(context: Context, command: Command) -> bytes:
    return context.isdr.proactive.fetch(command.le)


def _terminal_response(context: Context, command: Command) -> bytes:
    context.isdr.proactive.response(command.data)
    return b""


def _store_data(context: Context, command: Command) -> bytes:
    """STORE DATA to the ISD-R: one block of an ES10 command."""
    if not context.channel.isdr:
        raise Refused(Sw.INS_NOT_SUPPORTED)
    whole = context.channel.chain.block(command)
    if whole is None:
        return b""
    shapes.refuse(context.isdr.shapes, whole)
    return shapes.shaped(context.isdr.shapes, functions.call(context.isdr, whole))


_INTERINDUSTRY: dict[int, Callable[[Context, Command], bytes]] = {
    SELECT: _select,
    READ_BINARY: _read_binary,
    READ_RECORD: _read_record,
    MANAGE_CHANNEL: _manage_channel,
}

_PROPRIETARY: dict[int, Callable[[Context, Command], bytes]] = {
    STATUS: _status,
    STORE_DATA: _store_data,
    TERMINAL_PROFILE: _terminal_profile,
    TERMINAL_CAPABILITY: _terminal_capability,
    FETCH: _fetch,
    TERMINAL_RESPONSE: _terminal_response,
}

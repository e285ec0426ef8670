"""LoadBoundProfilePackage (SGP.22 5.7.6): a profile comes in, cut after cut (2.5.5), and is installed.

`_load` reads as the standard's list of cuts: it takes the next one at each `yield`. What goes wrong is a
Failure, which ends the session with a signed ProfileInstallationResult as the answer to that very cut.
The memory is touched only at the end, in one go: a reset before leaves no trace but the session's end.
"""

from collections.abc import Generator

from ipad.asn1 import DecodeError, decode, encode, member, tlvs, value, wrap
from ipad.testbed import scp03t
from ipad.testbed.scp03t import SecureChannel, SecurityError, SessionKeys, StructureError
from modem.bcd import iccid_octets

from . import keys, metadata, pending
from .apdu import Refused, Sw
from .isdr import Installed, Isdr
from .profile_elements import INVALID_REQUEST_FORMAT, OK, Interpreter, Unacceptable, euicc_response
from .session import Loading, Session
from .state import INSTALL, Notification, Profile

INITIALISE_SECURE_CHANNEL, CONFIGURE_ISDP, STORE_METADATA, REPLACE_SESSION_KEYS = 0, 1, 2, 4
LOAD_PROFILE_ELEMENTS = 5
"""BppCommandId."""

INCORRECT_INPUT_VALUES, INVALID_SIGNATURE, INVALID_TRANSACTION_ID, UNSUPPORTED_CRT_VALUES = 1, 2, 3, 4
UNSUPPORTED_REMOTE_OPERATION_TYPE, SCP03T_STRUCTURE_ERROR, SCP03T_SECURITY_ERROR = 5, 7, 8
INSUFFICIENT_MEMORY, PE_PROCESSING_ERROR, DATA_MISMATCH = 10, 12, 13
"""ErrorReason. Not given: installFailedDueToInterruption, since a reset leaves nothing behind, and
testProfileInstallFailedDueToInvalidNaaKey, since test profiles are an unsupported class."""

INSTALL_BOUND_PROFILE_PACKAGE = 1
"""RemoteOpId."""

_FIRST = b"\xbf\x36"
_OTHERS = frozenset((0xA0, 0xA1, 0xA2, 0xA3, 0x86, 0x87, 0x88))

MAX_METADATA = 4 * 1024
"""Octets of a StoreMetadataRequest that the card has room for."""


class Failure(Exception):
    """The installation ends here: a BppCommandId, an ErrorReason, and what the interpreter said."""

    def __init__(
        self, command: int, reason: int, iccid: str | None = None, response: bytes | None = None
    ) -> None:
        self.command = command
        self.reason = reason
        self.iccid = iccid
        self.response = response
        super().__init__(f"{reason} in {command}")


def is_cut(command: bytes) -> bool:
    """Whether a STORE DATA chain has a part of a BoundProfilePackage: the only ones that are no function."""
    return command.startswith(_FIRST) or command[0] in _OTHERS


def load_bound_profile_package(isdr: Isdr, cut: bytes) -> bytes:
    """Takes one cut: nothing, or the ProfileInstallationResult (BF37) if it was the last or a bad one.

    Refused 6985: no PrepareDownload, or an Emergency Profile is enabled.
    """
    session = isdr.session
    if session is None or session.one_time_key is None or isdr.state.ecall_active():
        raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
    if session.loading is None:
        session.loading = _install(isdr, session)
        next(session.loading)
    try:
        session.loading.send(cut)
    except StopIteration as end:
        isdr.session = None
        isdr.state.one_time_key = None
        result: bytes = end.value
        return result
    return b""


def _install(isdr: Isdr, session: Session) -> Loading:
    try:
        profile = yield from _load(isdr, session)
    except Failure as failure:
        error: dict[str, object] = {"bppCommandId": failure.command, "errorReason": failure.reason}
        if failure.response is not None:
            error["simaResponse"] = failure.response
        return _result(isdr, session, failure.iccid, ("errorResult", error))
    isdr.state.profiles.append(profile)
    success: dict[str, object] = {"aid": bytes.fromhex(profile.aid), "simaResponse": euicc_response(OK)}
    result = _result(isdr, session, profile.iccid, ("successResult", success))
    pending.notify(isdr, profile, INSTALL, but=session.server_address)
    isdr.installed = Installed(profile.iccid, session.server.oid, session.server_address)
    return result


def _load(isdr: Isdr, session: Session) -> Generator[None, bytes, Profile]:
    cut = yield
    left, initialise = _first(cut)
    channel = SecureChannel(_session_keys(isdr, session, initialise))

    cut = yield
    left -= len(cut)
    _configure_isdp(session, _commands(channel, CONFIGURE_ISDP, 0xA0, cut))

    cut = yield
    left -= len(cut)
    length = _announced(STORE_METADATA, 0xA1, cut)
    left -= length
    described = b""
    while length > 0:
        cut = yield
        length -= len(cut)
        described += _opened(channel, STORE_METADATA, scp03t.METADATA, cut)
        if length < 0 or len(described) > MAX_METADATA:
            raise Failure(STORE_METADATA, SCP03T_STRUCTURE_ERROR)
    profile = _described(isdr, described)

    cut = yield
    left -= len(cut)
    if cut[0] == 0xA2:
        channel = SecureChannel(_replaced(_commands(channel, REPLACE_SESSION_KEYS, 0xA2, cut), profile))
        cut = yield
        left -= len(cut)

    length = _announced(LOAD_PROFILE_ELEMENTS, 0xA3, cut, profile.iccid)
    if length != left:
        raise Failure(LOAD_PROFILE_ELEMENTS, SCP03T_STRUCTURE_ERROR, profile.iccid)
    interpreter = Interpreter()
    while length > 0:
        cut = yield
        length -= len(cut)
        if length < 0:
            raise Failure(LOAD_PROFILE_ELEMENTS, SCP03T_STRUCTURE_ERROR, profile.iccid)
        piece = _opened(channel, LOAD_PROFILE_ELEMENTS, scp03t.PROFILE_ELEMENTS, cut, profile.iccid)
        _interpret(isdr, interpreter, piece, profile)
    if not interpreter.complete:
        response = euicc_response(INVALID_REQUEST_FORMAT)
        raise Failure(LOAD_PROFILE_ELEMENTS, PE_PROCESSING_ERROR, profile.iccid, response)
    profile.imsi = interpreter.imsi
    profile.http_params = interpreter.http_params.hex()
    profile.size = interpreter.size
    return profile


def _first(cut: bytes) -> tuple[int, bytes]:
    """BF36's tag and length, and BF23 whole: how many octets are still to come, and the BF23."""
    try:
        if not cut.startswith(_FIRST):
            raise DecodeError("not the beginning of a BoundProfilePackage")
        length, start = _length(cut, len(_FIRST))
        initialise = cut[start:]
        member(initialise, 0xBF23)
        value(initialise)
    except DecodeError as error:
        raise Failure(INITIALISE_SECURE_CHANNEL, INCORRECT_INPUT_VALUES) from error
    return length - len(initialise), initialise


def _length(octets: bytes, offset: int) -> tuple[int, int]:
    """The DER length at the offset, and where the contents would begin."""
    if offset >= len(octets):
        raise DecodeError("cut off before its length")
    first = octets[offset]
    if first < 0x80:
        return first, offset + 1
    start = offset + 1 + (first & 0x7F)
    length = int.from_bytes(octets[offset + 1 : start])
    if first == 0x80 or first > 0x83 or start > len(octets) or length < 0x80 or not octets[offset + 1]:
        raise DecodeError("a length that is none")
    return length, start


def _session_keys(isdr: Isdr, session: Session, initialise: bytes) -> SessionKeys:
    """InitialiseSecureChannel (SGP.22 5.5.1)."""
    assert session.binding is not None
    assert session.one_time_key is not None
    try:
        request = decode("InitialiseSecureChannelRequest", initialise)
    except DecodeError as error:
        raise Failure(INITIALISE_SECURE_CHANNEL, INCORRECT_INPUT_VALUES) from error
    own = wrap(0x5F49, scp03t.public_point(session.one_time_key))
    signed = b"".join(member(initialise, 0xBF23, tag) for tag in (0x82, 0x80, 0xA6, 0x5F49)) + own
    if request["remoteOpId"] != INSTALL_BOUND_PROFILE_PACKAGE:
        raise Failure(INITIALISE_SECURE_CHANNEL, UNSUPPORTED_REMOTE_OPERATION_TYPE)
    if request["transactionId"] != session.transaction_id:
        raise Failure(INITIALISE_SECURE_CHANNEL, INVALID_TRANSACTION_ID)
    if not keys.verify(session.binding.key, request["smdpSign"], signed):
        raise Failure(INITIALISE_SECURE_CHANNEL, INVALID_SIGNATURE)
    template = request["controlRefTemplate"]
    if (template["keyType"], template["keyLen"]) != (
        bytes([scp03t.KEY_TYPE_AES]),
        bytes([scp03t.KEY_OCTETS]),
    ):
        raise Failure(INITIALISE_SECURE_CHANNEL, UNSUPPORTED_CRT_VALUES)
    try:
        secret = scp03t.agree(session.one_time_key, request["smdpOtpk"])
    except ValueError as error:
        raise Failure(INITIALISE_SECURE_CHANNEL, INCORRECT_INPUT_VALUES) from error
    return scp03t.derive(secret, template["hostId"], bytes.fromhex(isdr.state.eid))


def _commands(channel: SecureChannel, command: int, tag: int, cut: bytes) -> bytes:
    """The command in a whole sequence of 87s (A0 or A2), its pieces put together."""
    try:
        segments = [tlv for _, tlv in tlvs(value(member(cut, tag)))]
        value(cut)
    except DecodeError as error:
        raise Failure(command, SCP03T_STRUCTURE_ERROR) from error
    return b"".join(_opened(channel, command, scp03t.COMMAND, segment) for segment in segments)


def _opened(
    channel: SecureChannel, command: int, tag: int, segment: bytes, iccid: str | None = None
) -> bytes:
    try:
        return channel.unprotect(tag, segment)
    except StructureError as error:
        raise Failure(command, SCP03T_STRUCTURE_ERROR, iccid) from error
    except SecurityError as error:
        raise Failure(command, SCP03T_SECURITY_ERROR, iccid) from error


def _announced(command: int, tag: int, cut: bytes, iccid: str | None = None) -> int:
    """The length in a sequence's bare header."""
    try:
        length, end = _length(cut, 1)
    except DecodeError as error:
        raise Failure(command, SCP03T_STRUCTURE_ERROR, iccid) from error
    if cut[0] != tag or end != len(cut):
        raise Failure(command, SCP03T_STRUCTURE_ERROR, iccid)
    return length


def _configure_isdp(session: Session, command: bytes) -> None:
    """ConfigureISDP (SGP.22 5.5.2): the proprietary data of an SM-DP+ must be its own."""
    try:
        proprietary = decode("ConfigureISDPRequest", command).get("dpProprietaryData")
    except DecodeError as error:
        raise Failure(CONFIGURE_ISDP, INCORRECT_INPUT_VALUES) from error
    if proprietary is not None and proprietary["dpOid"] != session.server.oid:
        raise Failure(CONFIGURE_ISDP, INCORRECT_INPUT_VALUES)


def _described(isdr: Isdr, described: bytes) -> Profile:
    try:
        return metadata.new_profile(isdr.state, described)
    except metadata.NotAcceptable as error:
        raise Failure(STORE_METADATA, error.reason, error.iccid) from error


def _replaced(command: bytes, profile: Profile) -> SessionKeys:
    """ReplaceSessionKeys (SGP.22 5.5.4): the profile was protected before anybody knew for whom."""
    try:
        request = decode("ReplaceSessionKeysRequest", command)
    except DecodeError as error:
        raise Failure(REPLACE_SESSION_KEYS, INCORRECT_INPUT_VALUES, profile.iccid) from error
    found = request["initialMacChainingValue"], request["ppkEnc"], request["ppkCmac"]
    if any(len(key) != scp03t.KEY_OCTETS for key in found):
        raise Failure(REPLACE_SESSION_KEYS, INCORRECT_INPUT_VALUES, profile.iccid)
    return SessionKeys(*found)


def _interpret(isdr: Isdr, interpreter: Interpreter, piece: bytes, profile: Profile) -> None:
    try:
        interpreter.feed(piece)
    except Unacceptable as error:
        raise Failure(LOAD_PROFILE_ELEMENTS, PE_PROCESSING_ERROR, profile.iccid, error.response) from error
    if interpreter.iccid not in (None, profile.iccid):
        raise Failure(LOAD_PROFILE_ELEMENTS, DATA_MISMATCH, profile.iccid)
    if interpreter.size > isdr.state.free_memory():
        raise Failure(LOAD_PROFILE_ELEMENTS, INSUFFICIENT_MEMORY, profile.iccid)


def _result(isdr: Isdr, session: Session, iccid: str | None, final: tuple[str, dict[str, object]]) -> bytes:
    """A signed ProfileInstallationResult (SGP.22 2.5.6), kept as the SM-DP+'s install notification."""
    seq = isdr.state.take_seq()
    told: dict[str, object] = {
        "seqNumber": seq,
        "profileManagementOperation": pending.event_bits(INSTALL),
        "notificationAddress": session.server_address,
    }
    if iccid is not None:
        told["iccid"] = iccid_octets(iccid)
    data = encode(
        "ProfileInstallationResultData",
        {
            "transactionId": session.transaction_id,
            "notificationMetadata": told,
            "smdpOid": session.server.oid,
            "finalResult": final,
        },
    )
    result = wrap(0xBF37, data, isdr.keys.sign(data))
    metadata_tlv = member(data, 0xBF27, 0xBF2F)
    isdr.state.notifications.append(Notification(seq, INSTALL, iccid or "", metadata_tlv.hex(), result.hex()))
    return result

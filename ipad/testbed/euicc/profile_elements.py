"""The Profile Package Interpreter: the part of a TCA profile package that this card acts on.

A package is a row of ProfileElements (TCA "eUICC Profile Package: Interoperable Format", AUTOMATIC TAGS).
What is read, and nothing else:

  A0 header    first and once. 80 major-version (2 or 3; others: unsupported-profile-version),
               81 minor-version, 83 iccid (digits in order, filled with F), 87 connectivityParameters
               (taken for the httpParams of GetConnectivityParameters)
  B3 usim      at most once. A0 { 81 identification }, A3 ef-imsi: the last 83 (fillFileContent) in it is
               the content of EF_IMSI
  AA end       last. A0 { 81 identification }

Every other element is skipped, as are the other members of these: a file that they describe is not made.
"""

from dataclasses import dataclass

from ipad.asn1 import DecodeError, find, member, tlvs, value, wrap
from modem.bcd import imsi_digits

HEADER, USIM, END = 0xA0, 0xB3, 0xAA

OK, BAD_VALUES, INVALID_REQUEST_FORMAT, UNSUPPORTED_PROFILE_VERSION = 0, 3, 5, 31
"""PEStatus."""

_VERSIONS = (2, 3)


class Unacceptable(Exception):
    """An element that cannot be processed; its PEStatus and, where it has one, its number."""

    def __init__(self, status: int, identification: int | None = None) -> None:
        self.response = euicc_response(status, identification)
        super().__init__(status)


@dataclass
class Interpreter:
    """Takes a package in pieces of any size."""

    iccid: str | None = None
    """Digits, of the header; None before it has come."""
    imsi: str | None = None
    http_params: bytes = b""
    size: int = 0
    ended: bool = False
    _rest: bytes = b""

    def feed(self, piece: bytes) -> None:
        """Processes the elements that are complete by now. Unacceptable."""
        self.size += len(piece)
        self._rest += piece
        while self._rest:
            end = _end(self._rest)
            if end is None or end > len(self._rest):
                return
            element, self._rest = self._rest[:end], self._rest[end:]
            try:
                self._element(element)
            except (DecodeError, ValueError) as error:
                raise Unacceptable(INVALID_REQUEST_FORMAT, _identification(element)) from error

    @property
    def complete(self) -> bool:
        """Whether the package has come to its end, and nothing after that."""
        return self.ended and not self._rest

    def _element(self, element: bytes) -> None:
        [(tag, _)] = tlvs(element)
        if self.ended or (tag == HEADER) != (self.iccid is None):
            raise Unacceptable(INVALID_REQUEST_FORMAT, _identification(element))
        if tag == HEADER:
            self._header(element)
        elif tag == USIM:
            self._usim(element)
        elif tag == END:
            self.ended = True

    def _usim(self, element: bytes) -> None:
        ef_imsi = tlvs(value(member(element, USIM, 0xA3)))
        contents = [value(tlv) for tag, tlv in ef_imsi if tag == 0x83]
        if self.imsi is not None or not contents:
            raise Unacceptable(BAD_VALUES, _identification(element))
        self.imsi = imsi_digits(contents[-1])

    def _header(self, element: bytes) -> None:
        if int.from_bytes(value(member(element, HEADER, 0x80))) not in _VERSIONS:
            raise Unacceptable(UNSUPPORTED_PROFILE_VERSION)
        value(member(element, HEADER, 0x81))
        digits = value(member(element, HEADER, 0x83)).hex().upper().rstrip("F")
        if not 18 <= len(digits) <= 20:
            raise Unacceptable(BAD_VALUES)
        self.iccid = digits
        parameters = find(element, HEADER, 0x87)
        self.http_params = b"" if parameters is None else value(parameters)


def euicc_response(status: int, identification: int | None = None) -> bytes:
    """A simaResponse: EUICCResponse with one PEStatus; aborted unless that is ok."""
    members = [wrap(0x80, bytes([status]))]
    if identification is not None:
        members.append(wrap(0x81, identification.to_bytes(identification.bit_length() // 8 + 1)))
    aborted = [] if status == OK else [wrap(0x81)]
    return wrap(0x30, wrap(0xA0, wrap(0x30, *members)), *aborted)


def _end(octets: bytes) -> int | None:
    """Where the first element ends; None if its header is not there yet. Tags of one octet only."""
    if octets[0] & 0x1F == 0x1F or not octets[0] & 0x20:
        raise Unacceptable(INVALID_REQUEST_FORMAT)
    if len(octets) < 2:
        return None
    count = octets[1] & 0x7F if octets[1] & 0x80 else 0
    if octets[1] == 0x80 or count > 3:
        raise Unacceptable(INVALID_REQUEST_FORMAT)
    if len(octets) < 2 + count:
        return None
    return 2 + count + (int.from_bytes(octets[2 : 2 + count]) if count else octets[1])


def _identification(element: bytes) -> int | None:
    """The number in the element's PEHeader, if there is one that can be read."""
    try:
        [(tag, _)] = tlvs(element)
        number = None if tag == HEADER else find(element, tag, 0xA0, 0x81)
        return None if number is None else int.from_bytes(value(number)) & 0x7FFF
    except (DecodeError, ValueError):
        return None

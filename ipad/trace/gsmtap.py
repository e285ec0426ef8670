"""APDUs as a pcap file that Wireshark opens: GSMTAP (type SIM) in UDP in IPv4, as its dissector expects it.

One packet holds a C-APDU and its R-APDU in a row, the data before the status word.
"""

import struct

from modem.uicc import Reply

_MAGIC = 0xA1B2C3D4  # pcap with microseconds
_LINKTYPE_IPV4 = 228
_SNAPLEN = 65535
FILE_HEADER = struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, _SNAPLEN, _LINKTYPE_IPV4)

# Version 2, 4 words long, type SIM; the rest (ARFCN, signal, frame number, sub-type 0: an APDU) is zero.
_GSMTAP = bytes((2, 4, 4)) + bytes(13)
_PORT = 4729
_LOOPBACK = bytes((127, 0, 0, 1))
_UDP = 17
_IP_HEADER, _UDP_HEADER = 20, 8


def packet(time: float, apdu: bytes, reply: Reply) -> bytes:
    """One APDU as a record of the file. time: seconds since the epoch."""
    payload = _GSMTAP + apdu + reply.data + reply.sw.to_bytes(2, "big")
    length = _UDP_HEADER + len(payload)
    udp = struct.pack(">HHHH", _PORT, _PORT, length, 0)  # checksum 0: none
    address = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, _IP_HEADER + length, 0, 0, 64, _UDP, 0, _LOOPBACK, _LOOPBACK
    )
    octets = address[:10] + _checksum(address) + address[12:] + udp + payload
    microseconds = int(time * 1_000_000)
    head = struct.pack("<IIII", *divmod(microseconds, 1_000_000), len(octets), len(octets))
    return head + octets


def _checksum(header: bytes) -> bytes:
    """Of an IPv4 header (RFC 1071)."""
    total: int = sum(struct.unpack(">10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return (~(total + (total >> 16)) & 0xFFFF).to_bytes(2, "big")
